"""The parts of cupy.cuda for device properties, synchronization and timing."""

import time
from types import SimpleNamespace

GIB = 2**30


def is_available():
    return True


class Device:
    compute_capability = "90"
    mem_info = (8 * GIB, 8 * GIB)  # (free, total)

    def __init__(self, device=0):
        self.id = device

    def synchronize(self):
        pass


class Stream:
    def __init__(self, null=False, non_blocking=False):
        pass

    def synchronize(self):
        pass

    def wait_event(self, event):
        event.time  # noqa: B018  an event that was not recorded is no event to wait for


Stream.null = Stream()


def get_current_stream():
    return Stream.null


class Event:
    def __init__(self, block=False, disable_timing=False):
        pass

    def record(self, stream=None):
        self.time = time.perf_counter()

    def synchronize(self):
        pass


def get_elapsed_time(start, end):
    """Milliseconds."""
    return 1000 * (end.time - start.time)


class OutOfMemoryError(MemoryError):
    def __init__(self, size, total, limit=0):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes).")


class CompileException(Exception):
    """The source does not compile; str() is the compiler's log."""


def _properties(device):
    return {"name": b"Fake GPU", "totalGlobalMem": 8 * GIB, "major": 9, "minor": 0, "multiProcessorCount": 1}


runtime = SimpleNamespace(
    CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {}),
    driverGetVersion=lambda: 13020,  # CUDA 13.2
    getDeviceCount=lambda: 1,
    getDeviceProperties=_properties,
    runtimeGetVersion=lambda: 13000,
)
memory = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
compiler = SimpleNamespace(CompileException=CompileException)
