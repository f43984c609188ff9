"""Backends: where arrays are stored, and the kernels for sparse products and parameter updates.

Dense mathematics is written once, in terms of `xp`; only the fields of `Backend` differ.
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

import numpy as np

from tinyrec.errors import BackendError, UsageError

Array = Any  # a numpy.ndarray, or the array type of another backend's `xp`
Params = dict[str, Array]

MODULES = {"reference": "reference", "numpy": "cpu", "cupy": "gpu"}
BACKENDS = tuple(MODULES)


@dataclass(frozen=True)
class Backend:
    """What a backend must provide; `reference.py` specifies each function."""

    name: str
    xp: ModuleType  # numpy or cupy
    asarray: Callable[[Array], Array]  # copies from host memory to the device where needed
    to_host: Callable[[Array], Array]  # and back
    spmm: Callable[..., Array]
    sddmm: Callable[..., Array]
    take: Callable[..., Array]
    rprop: Callable[..., None]
    sgd: Callable[..., None]
    rmsprop: Callable[..., None]
    adam: Callable[..., None]
    add_l2: Callable[..., Array]
    sums: Callable[..., Callable[[], Array]]
    uniform: Callable[..., Array]


@functools.cache
def get_backend(name: str) -> Backend:
    """Return the backend called `name`: "reference", "numpy", "cupy", or "auto" (the fastest that works).

    Without a working numba, "numpy" falls back to `reference` and prints one line to stderr.
    BackendError: "cupy" without CuPy or without a GPU
    """
    if name not in (*BACKENDS, "auto"):
        raise UsageError(f"unknown backend {name!r}; choose one of {', '.join(BACKENDS)} or auto")
    if name == "cupy" or (name == "auto" and importlib.util.find_spec("cupy")):
        try:
            return _backend("cupy")
        except Exception as problem:  # a missing driver or library does not always raise ImportError
            if name == "cupy":
                cure = 'pip install "tinyrec[cuda12]" (or cuda13) on a machine with an NVIDIA GPU, or --backend numpy'
                raise BackendError(f"CuPy cannot be used here ({_first_line(problem)}); {cure}") from None
    if name in ("numpy", "auto"):
        try:
            return _backend("numpy")
        except Exception as problem:  # the same holds for a broken numba
            print(f"tinyrec: numba cannot be used ({problem}); using the slower reference backend", file=sys.stderr)
    return _backend("reference")


def host_backend(name: str) -> str:
    """The name of the backend for prediction, always on the CPU: one forward pass is too little work for a GPU."""
    name = get_backend("numpy" if name == "auto" else name).name  # get_backend("auto") would initialize the GPU
    return "numpy" if name == "cupy" else name


def _backend(name: str) -> Backend:
    module = importlib.import_module(f"tinyrec.backend.{MODULES[name]}")
    return Backend(name, *(getattr(module, field.name) for field in fields(Backend)[1:]))


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0] or type(problem).__name__


def elementwise(function: Callable[..., Array]) -> Callable[..., Array]:
    """A function that computes element by element: from arrays of one shape on a GPU, the kernel of the same name."""

    @functools.wraps(function)
    def on_any(*arrays: Array) -> Array:
        gpu = sys.modules.get("tinyrec.backend.gpu")
        done = NotImplemented
        if gpu and all(isinstance(x, gpu.xp.ndarray) for x in arrays):
            done = gpu.elementwise(function.__name__, *arrays)
        return function(*arrays) if done is NotImplemented else done

    return on_any


def tanh(X: Array) -> Array:
    """np.tanh(X) on all CPU threads: it takes ten times as long as a multiplication. On a GPU, CuPy computes it."""
    cpu = sys.modules.get("tinyrec.backend.cpu")
    return cpu.tanh(X) if cpu and isinstance(X, np.ndarray) else np.tanh(X)


def to_host(array: Array) -> Array:
    """An array of any backend as a NumPy array: copied if it is on the GPU, otherwise the same object."""
    return array.get() if hasattr(array, "get") else array
