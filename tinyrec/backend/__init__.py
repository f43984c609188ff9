"""Backends: where the arrays live, who multiplies the sparse matrices, and who updates the parameters.

Dense mathematics is written once, against `xp`; only what stands in `Backend` differs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

from tinyrec.errors import BackendError, UsageError

Array = Any  # a numpy.ndarray, or the array type of another backend's `xp`
Params = dict[str, Array]

MODULES = {"reference": "reference", "numpy": "cpu", "cupy": "gpu"}
BACKENDS = tuple(MODULES)


@dataclass(frozen=True)
class Backend:
    """What a backend must bring; `reference.py` is the specification of each function."""

    name: str
    xp: ModuleType
    asarray: Callable[[Array], Array]  # from the host's memory to where the backend's arrays live
    spmm: Callable[..., Array]
    sddmm: Callable[..., Array]
    take: Callable[..., Array]
    rprop: Callable[..., None]
    sgd: Callable[..., None]
    rmsprop: Callable[..., None]
    adam: Callable[..., None]
    add_l2: Callable[..., Array]


@functools.cache
def get_backend(name: str) -> Backend:
    """Return the backend called `name`: "reference", "numpy", "cupy", or "auto" (the fastest that works).

    Without a working numba, `reference` serves for "numpy", and a line on stderr says so.
    BackendError: "cupy" without CuPy or without a card
    """
    if name not in (*BACKENDS, "auto"):
        raise UsageError(f"unknown backend {name!r}; choose one of {', '.join(BACKENDS)} or auto")
    if name == "cupy" or (name == "auto" and importlib.util.find_spec("cupy")):
        try:
            return _backend("cupy")
        except Exception as problem:  # a missing driver or library shows in many ways, not only by ImportError
            if name == "cupy":
                cure = 'pip install "tinyrec[cuda12]" (or cuda13) on a machine with an NVIDIA card, or --backend numpy'
                raise BackendError(f"CuPy cannot be used here ({_first_line(problem)}); {cure}") from None
    if name in ("numpy", "auto"):
        try:
            return _backend("numpy")
        except Exception as problem:  # a broken numba fails in as many ways
            print(f"tinyrec: numba cannot be used ({problem}); the slower reference backend serves", file=sys.stderr)
    return _backend("reference")


def on_host(name: str) -> str:
    """The name of the backend that predicts, on the host, where the ids are: one forward pass is no work for a card."""
    name = get_backend("numpy" if name == "auto" else name).name  # "auto" would wake a card for nothing
    return "numpy" if name == "cupy" else name


def _backend(name: str) -> Backend:
    module = importlib.import_module(f"tinyrec.backend.{MODULES[name]}")
    return Backend(name, *(getattr(module, field.name) for field in fields(Backend)[1:]))


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0] or type(problem).__name__


def to_host(array: Array) -> Array:
    """The numpy array of an array of any backend: a copy if it lies on a card, else itself."""
    return array.get() if hasattr(array, "get") else array


def threads() -> int:
    """How many threads the kernels of the CPU use."""
    if get_backend("numpy").name == "numpy":
        return importlib.import_module("tinyrec.backend.cpu").THREADS
    return 1


def use_threads(count: int) -> None:
    """Let the kernels and the BLAS that multiplies dense matrices use so many threads of the CPU."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    if get_backend("numpy").name == "numpy":
        importlib.import_module("tinyrec.backend.cpu").use_threads(count)
