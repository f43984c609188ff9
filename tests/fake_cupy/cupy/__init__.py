"""A strict fake of CuPy 14: the GPU backend runs on it unmodified, on a machine without a GPU.

With the parent folder on sys.path, `import cupy` finds this package. It defines only names that are known to exist in
CuPy; check CuPy before adding one. Where CuPy would silently synchronize with the GPU, the fake raises or counts, and
where CuPy's behaviour is undefined, the fake does something unexpected, so that tests fail. Where the versions since
14.0 differ, it raises.
"""

from types import SimpleNamespace

import numpy as np

from . import cuda
from .array import ndarray
from .counts import fake_counts
from .kernel import RawModule
from .rules import FUNCTIONS

__all__ = ["RawModule", "cuda", "fake_counts", "get_default_memory_pool", "is_available", "ndarray"]
__version__ = "14.2.0+fake"

FROM_NUMPY = """
    bool_ complex64 complex128 dtype finfo float16 float32 float64 iinfo inf int8 int16 int32 int64 nan newaxis pi
    uint8 uint16 uint32 uint64
"""
globals().update(FUNCTIONS)
globals().update({name: getattr(np, name) for name in FROM_NUMPY.split()})


def is_available():
    return cuda.is_available()


def get_default_memory_pool():
    """An empty pool: the fake does not cache memory."""
    return SimpleNamespace(used_bytes=lambda: 0, total_bytes=lambda: 0, free_all_blocks=lambda: None)
