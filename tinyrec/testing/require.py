"""Requirements of a check: each raises an AssertionError that says what was found instead."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyrec.backend import Array


def that(is_met: Any, found: str) -> None:
    """found: the rest of the sentence "But ...", for the message"""
    if not is_met:
        raise AssertionError(found)


def close(ours: Any, expected: Any, what: str = "the predictions") -> None:
    """The same shape, and numbers as close as float32 sums in another order."""
    ours, expected = np.asarray(ours, float), np.asarray(expected, float)
    that(ours.shape == expected.shape, f"{what} have shape {ours.shape}, not {expected.shape}")
    tolerance, difference = 1e-5 * np.abs(expected).max(initial=1e-6), np.abs(ours - expected).max(initial=0)
    that(np.allclose(ours, expected, 1e-4, tolerance), f"{what} differ by up to {difference:.3g}")


def same(ours: Array, expected: Array, what: str = "the predictions") -> None:
    """The same dtype, shape and bits."""
    close(ours, expected, what)
    that(ours.dtype == expected.dtype, f"{what} have dtype {ours.dtype}, not {expected.dtype}")
    that(ours.tobytes() == expected.tobytes(), f"{what} differ in the last bits")


def finite(ours: Any, shape: tuple[int, ...]) -> None:
    """An array of this shape of finite floating-point numbers."""
    that(isinstance(ours, np.ndarray) and ours.dtype.kind == "f", f"{ours!r} is no array of floats")
    that(ours.shape == shape, f"the predictions have shape {ours.shape}, not {shape}")
    that(np.isfinite(ours).all(), "the predictions are not all finite")


def error(kind: type[Exception], function: Callable[..., Any], *args: Any) -> None:
    """function(*args) must raise this error, in one line."""
    call = f"{function.__name__}({', '.join(map(repr, args))})"
    try:
        function(*args)
    except kind as problem:
        that("\n" not in str(problem), f"{call} raised an error of several lines")
    else:
        raise AssertionError(f"{call} raised no {kind.__name__}")
