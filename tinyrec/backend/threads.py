"""The number of threads that compute on the CPU."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinyrec.backend import get_backend
from tinyrec.errors import BackendError


def threads() -> int:
    """The number of threads that the CPU kernels use."""
    if get_backend("numpy").name == "numpy":
        return importlib.import_module("tinyrec.backend.cpu").THREADS
    return 1


def use_threads(count: int) -> None:
    """Set the number of threads of the CPU kernels and of BLAS, which multiplies dense matrices."""
    _blas().limit(limits=count)
    if get_backend("numpy").name == "numpy":
        importlib.import_module("tinyrec.backend.cpu").use_threads(count)


@contextmanager
def deterministic(enabled: bool = True) -> Iterator[None]:
    """In this context, results are bitwise identical for any number of threads, on the same CPU and versions.

    The kernels need nothing for it. BLAS, which multiplies dense matrices, adds in another order with more threads, so
    the whole process gives it one, until the context ends.

    BackendError: none of the libraries whose threads can be limited, such as OpenBLAS, MKL and BLIS, is in use
    """
    if not enabled:
        yield
        return
    blas = _blas()
    if not blas.lib_controllers:
        cause = "the BLAS that NumPy uses here cannot be limited to one thread, which deterministic needs"
        raise BackendError(f"{cause}; install a NumPy with OpenBLAS, or leave deterministic out")
    with blas.limit(limits=1):
        yield


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """In this context BLAS has one thread, where the work is shared out over threads already."""
    with _blas().limit(limits=1):
        yield


def _blas() -> Any:
    """The BLAS libraries that are loaded: NumPy's, and SciPy's own, which is only found once it is loaded."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
