"""Backends: where the arrays live and who multiplies the sparse matrices.

Dense mathematics is written once against `xp`; only what stands in `Backend` differs.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tinyrec.errors import UsageError

Array = Any  # a numpy.ndarray, or the array type of another backend's `xp`
Params = dict[str, Array]

BACKENDS = ("reference", "numpy")


@dataclass(frozen=True)
class Backend:
    """What a backend must bring; `reference.py` is the specification of each function."""

    name: str
    xp: ModuleType
    spmm: Callable[..., Array]
    sddmm: Callable[..., Array]
    rprop: Callable[..., None]


@functools.cache
def get_backend(name: str) -> Backend:
    """Return the backend called `name`: "reference", "numpy", or "auto" (the fastest that works).

    Without a working numba, `reference` serves for "numpy", and a line on stderr says so.
    """
    if name == "auto":
        name = "numpy"
    if name not in BACKENDS:
        raise UsageError(f"unknown backend {name!r}; choose one of {', '.join(BACKENDS)} or auto")
    if name == "numpy":
        try:
            return _backend("numpy", "cpu")
        except Exception as problem:  # a broken numba fails in many ways, not only by ImportError
            print(f"tinyrec: numba cannot be used ({problem}); the slower reference backend serves", file=sys.stderr)
    return _backend("reference", "reference")


def _backend(name: str, module_name: str) -> Backend:
    module = importlib.import_module(f"tinyrec.backend.{module_name}")
    return Backend(name, module.xp, module.spmm, module.sddmm, module.rprop)
