"""The peak rates of this machine, which no kernel can exceed, and its description."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
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

GEMM_SIZE = {"cpu": 2048, "gpu": 4096}
MEMORY_SIZE = {"cpu": 2**28, "gpu": 2**30}  # bytes of a large array, far more than fit into any cache
REPEATS = {"cpu": 7, "gpu": 50}  # a GPU needs a moment to raise its clock rate
SPILL = 2**28  # bytes; several times a GPU's L2 cache


def ceilings(name: str) -> dict[str, float]:
    """Measure peak GFLOP/s of a float32 matrix product, and peak memory GB/s, on the backend `name`.

    CPU: the bytes are those that all threads read and write when they change a large array in place. Copying to a
    second array would show less, because the hardware reads that array before it is written.

    GPU: the higher rate of a copy, which reads as much as it writes, and of A += B, which reads twice as much. CuPy's
    loops move an element a thread, so that only elements of 16 bytes keep the memory busy. The product is without TF32.
    """
    backend = get_backend(name)
    kind, xp, seconds_of = ("gpu" if on_gpu(backend) else "cpu"), backend.xp, stopwatch(backend)

    def best(work):
        return min(seconds_of(work) for _ in range(REPEATS[kind]))

    n, size, rng = GEMM_SIZE[kind], MEMORY_SIZE[kind], np.random.default_rng(0)
    A, B = (backend.asarray(rng.random((n, n), np.float32)) for _ in range(2))
    C = xp.empty((n, n), np.float32)
    flops = 2 * n**3 / best(lambda: xp.matmul(A, B, out=C))
    if on_gpu(backend):
        a, b = (xp.ones(size // 16, np.complex128) for _ in range(2))
        rate = max(2 * size / best(a.copy), 3 * size / best(lambda: xp.add(a, b, out=a)))
    else:
        parts = xp.array_split(xp.ones(size // 4, np.float32), threads())
        with ThreadPoolExecutor(threads()) as pool:
            rate = 2 * size / best(lambda: list(pool.map(lambda part: xp.negative(part, out=part), parts)))
    return {"gemm_gflops": flops / 1e9, "memory_gb_per_s": rate / 1e9}


def on_gpu(backend: Backend) -> bool:
    return backend.name == "cupy"


def timed(work: Callable[[], Any], backend: Backend) -> tuple[float, Any]:
    """Run `work` and return the seconds until its result is ready, and the result."""
    wait_for(backend)
    started = time.perf_counter()
    result = work()
    wait_for(backend)
    return time.perf_counter() - started, result


def wait_for(backend: Backend) -> None:
    """Wait until the GPU has done its work, if there is one: calls return before that. Of PyTorch, too."""
    if on_gpu(backend):
        backend.xp.cuda.Device().synchronize()


def stopwatch(backend: Backend) -> Callable[[Callable[[], Any]], float]:
    """A function that runs some work, and returns its seconds: on a GPU, those of the GPU alone.

    There, a large array is filled before the work. Meanwhile, Python launches the kernels of the work, and the L2 cache
    is left with nothing that they could read faster than from memory.
    """
    if not on_gpu(backend):
        return lambda work: timed(work, backend)[0]
    cuda, spill = backend.xp.cuda, backend.xp.empty(SPILL // 4, np.float32)

    def seconds_of(work):
        start, end = cuda.Event(), cuda.Event()
        for _ in range(5):
            spill.fill(0)
        start.record()
        work()
        end.record()
        end.synchronize()
        return cuda.get_elapsed_time(start, end) / 1000

    return seconds_of


def free_cached(backend: Backend) -> None:
    """Free the GPU memory that CuPy and PyTorch have no use for now, so that each can have that of the other."""
    if on_gpu(backend):
        backend.xp.get_default_memory_pool().free_all_blocks()
        if torch := sys.modules.get("torch"):
            torch.cuda.empty_cache()


def gpu_peak_mb(backend: Backend) -> float | None:
    """The most GPU memory that CuPy has held since `free_cached`, in MB of 2²⁰ bytes; None without a GPU."""
    return backend.xp.get_default_memory_pool().total_bytes() / 2**20 if on_gpu(backend) else None


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


def description(backend: str = "numpy") -> dict[str, Any]:
    """Describe the machine and the software versions, to report beside measurements; for "cupy", the GPU as well."""
    machine = {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "numba", "torch")},
    }
    return machine | {"gpu": gpu(get_backend(backend))} if backend == "cupy" else machine


def gpu(backend: Backend) -> dict[str, Any]:
    """Describe the GPU; driver: the version of NVIDIA's driver, or None if nvidia-smi does not tell it."""
    runtime = backend.xp.cuda.runtime
    properties = runtime.getDeviceProperties(backend.xp.cuda.Device().id)
    return {
        "name": properties["name"].decode(),
        "memory_gb": properties["totalGlobalMem"] / 1e9,
        "driver": driver_version(),
        "cuda_of_driver": cuda_version(runtime.driverGetVersion()),
        "cuda": cuda_version(runtime.runtimeGetVersion()),
        "cupy": backend.xp.__version__,
    }


def in_words(gpu: dict[str, Any]) -> str:
    """The GPU that `gpu` describes, with its versions, on one line."""
    driver = f"driver {gpu['driver'] or 'for CUDA ' + gpu['cuda_of_driver']}"
    return f"{gpu['name']} ({gpu['memory_gb']:.0f} GB, {driver}, CUDA {gpu['cuda']}, CuPy {gpu['cupy']})"


def cuda_version(number: int) -> str:
    """13000 -> 13.0"""
    return f"{number // 1000}.{number % 1000 // 10}"


def driver_version() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().partition("\n")[0] or None


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:(.*)", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1].strip() if found else platform.processor()


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
