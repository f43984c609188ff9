"""The number of threads that compute on the CPU."""

from __future__ import annotations

import importlib

from tinyrec.backend import get_backend


def threads() -> int:
    """The number of threads that the CPU kernels use."""
    if get_backend("numpy").name == "numpy":
        return importlib.import_module("tinyrec.backend.cpu").THREADS
    return 1


def use_threads(count: int) -> None:
    """Set the number of threads of the CPU kernels and of BLAS, which multiplies dense matrices."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    if get_backend("numpy").name == "numpy":
        importlib.import_module("tinyrec.backend.cpu").use_threads(count)
