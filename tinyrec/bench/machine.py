"""What this machine can do at best, which no kernel can beat, and what it is."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import metadata
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from tinyrec.backend import Backend, get_backend, threads, use_threads

GEMM_SIZE = 2048
MEMORY_SIZE = 2**26  # numbers: far more than any cache holds
TRIES = 7


def ceilings(name: str) -> dict[str, float]:
    """The rates of a large matrix product and of memory, each the best of a few tries, on the backend `name`."""
    backend = get_backend(name)
    return {"gemm_gflops": gemm_gflops(backend), "memory_gb_per_s": memory_gb_per_s(backend)}


def gemm_gflops(backend: Backend) -> float:
    """10⁹ additions and multiplications of float32 numbers a second, in the product of two square matrices."""
    xp, size = backend.xp, GEMM_SIZE
    A, B, C = (xp.ones((size, size), np.float32) for _ in range(3))
    return 2 * size**3 / best_seconds(lambda: xp.matmul(A, B, out=C), backend) / 1e9


def memory_gb_per_s(backend: Backend) -> float:
    """10⁹ bytes read and written a second, when all threads pass over a large array and change it in place.

    A copy into another array would have that one read, too, before it is written, and so show half as much.
    """
    xp, step = backend.xp, MEMORY_SIZE // threads()
    array = xp.ones(MEMORY_SIZE, np.float32)
    parts = [array[start : start + step] for start in range(0, MEMORY_SIZE, step)]

    def change(part):
        xp.negative(part, out=part)

    with ThreadPoolExecutor(threads()) as pool:
        return 2 * array.nbytes / best_seconds(lambda: list(pool.map(change, parts)), backend) / 1e9


def best_seconds(work: Callable[[], Any], backend: Backend) -> float:
    return min(seconds(work, backend)[0] for _ in range(TRIES))


def seconds(work: Callable[[], Any], backend: Backend) -> tuple[float, Any]:
    """How long `work` takes until its result is there, and the result."""
    started = time.perf_counter()
    result = work()
    if hasattr(backend.xp, "cuda"):  # a GPU answers before it is done
        backend.xp.cuda.Device().synchronize()
    return time.perf_counter() - started, result


def in_own_process(function: Callable[..., Any], *args: Any) -> Any:
    """function(*args) in a new process, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn"), _begin, (threads(),)) as pool:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool:  # Linux kills who asks for too much
            raise MemoryError("a process was killed") from None


def _begin(count: int) -> None:
    use_threads(count)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that a signal ended cannot tell its child, which would wait for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def description() -> dict[str, Any]:
    """What a reader of the figures wants to know about where they come from."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "numba", "torch")},
    }


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
