"""Requirements of a check: each raises an AssertionError that says what was found instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyrec.backend import Array

TOLERANCE = 1e-4  # relative: sums in float32, added in another order


def require(is_met: Any, found: str) -> None:
    """found: the rest of the sentence "But ...", for the message"""
    if not is_met:
        raise AssertionError(found)


def require_same(ours: Array, expected: Array, what: str = "the predictions") -> None:
    """The same dtype, shape and bits."""
    ours, expected = np.asarray(ours), np.asarray(expected)
    _require_shape(ours, expected, what)
    require(ours.dtype == expected.dtype, f"{what} have dtype {ours.dtype}, not {expected.dtype}")
    require(ours.tobytes() == expected.tobytes(), f"{what} differ by up to {_difference(ours, expected):.3g}")


def require_close(ours: Any, expected: Any, what: str = "the predictions") -> None:
    """The same shape, and numbers as close as sums in another order."""
    ours, expected = np.asarray(ours, float), np.asarray(expected, float)
    _require_shape(ours, expected, what)
    limit = TOLERANCE * np.abs(expected) + 1e-5 * np.abs(expected).max(initial=1e-6)
    require((np.abs(ours - expected) <= limit).all(), f"{what} differ by up to {_difference(ours, expected):.3g}")


def require_finite(ours: Any, shape: tuple[int, ...], what: str = "the predictions") -> None:
    require(isinstance(ours, np.ndarray), f"{what} are a {type(ours).__name__} and no array")
    require(ours.shape == shape, f"{what} have shape {ours.shape}, not {shape}")
    require(ours.dtype.kind == "f", f"{what} have dtype {ours.dtype}")
    require(np.isfinite(ours).all(), f"{what} are not all finite")


def require_error(error: type[Exception], function: Callable[..., Any], *args: Any, **options: Any) -> None:
    """function(*args, **options) must raise this error, in one line."""
    shown = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in options.items())])
    call = f"{getattr(function, '__name__', function)}({shown if len(shown) < 80 else '...'})"
    try:
        function(*args, **options)
    except error as problem:
        require("\n" not in str(problem), f"{call} raised an error of several lines")
        return
    except Exception as problem:
        raise AssertionError(f"{call} raised a {type(problem).__name__} ({problem})") from problem
    raise AssertionError(f"{call} raised no {error.__name__}")


def _require_shape(ours: Array, expected: Array, what: str) -> None:
    require(ours.shape == expected.shape, f"{what} have shape {ours.shape}, not {expected.shape}")


def _difference(ours: Array, expected: Array) -> float:
    return float(np.abs(ours.astype(float) - expected.astype(float)).max(initial=0))
