"""The peak rates of this machine, which no kernel can exceed, and its description."""

from __future__ import annotations

import os
import platform
import re
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

from tinyrec.backend import Backend, get_backend
from tinyrec.backend.threads import threads, use_threads

GEMM_SIZE = 2048
MEMORY_SIZE = 2**26  # float32 numbers, far more than fit into any cache
REPEATS = 7


def ceilings(name: str) -> dict[str, float]:
    """Measure peak GFLOP/s of a float32 matrix product, and peak memory GB/s, on the backend `name`.

    The bytes are those that all threads read and write when they change a large array in place. Copying to a second
    array would show less, because the hardware reads that array before it is written.
    """
    backend = get_backend(name)
    xp = backend.xp

    def best_seconds(work):
        return min(timed(work, backend)[0] for _ in range(REPEATS))

    A, B, C = (xp.ones((GEMM_SIZE, GEMM_SIZE), np.float32) for _ in range(3))
    flops = 2 * GEMM_SIZE**3 / best_seconds(lambda: xp.matmul(A, B, out=C))
    array = xp.ones(MEMORY_SIZE, np.float32)
    parts = xp.array_split(array, threads())
    with ThreadPoolExecutor(threads()) as pool:
        seconds = best_seconds(lambda: list(pool.map(lambda part: xp.negative(part, out=part), parts)))
    return {"gemm_gflops": flops / 1e9, "memory_gb_per_s": 2 * array.nbytes / seconds / 1e9}


def timed(work: Callable[[], Any], backend: Backend) -> tuple[float, Any]:
    """Run `work` and return the seconds until its result is ready, and the result."""
    started = time.perf_counter()
    result = work()
    if hasattr(backend.xp, "cuda"):  # GPU calls return before the kernels finish
        backend.xp.cuda.Device().synchronize()
    return time.perf_counter() - started, result


def in_own_process(function: Callable[..., Any], *args: Any) -> Any:
    """Return function(*args), run in a new process to measure its own peak memory.  MemoryError: it was killed"""
    with ProcessPoolExecutor(1, get_context("spawn"), _start_worker, (threads(),)) as pool:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool:  # such as by Linux, when memory runs out
            raise MemoryError("a process was killed") from None


def _start_worker(count: int) -> None:
    use_threads(count)
    Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exit when the parent process has ended; otherwise, a parent killed by a signal leaves this process behind."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def description() -> dict[str, Any]:
    """Describe the machine and the software versions, to report beside measurements."""
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
    found = re.search(r"^model name\s*:(.*)", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1].strip() if found else platform.processor()


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
