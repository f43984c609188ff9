"""The GPU backend: checks the arrays and launches the kernels of `kernels.cu`. Only this file imports cupy.

All arrays are on the GPU. Nothing here synchronizes or copies to the host, so launches are queued asynchronously.
Indices are not checked here: the matrix checks them once, when it is created.
"""

import functools
from pathlib import Path

import cupy
import numpy as np

if not cupy.cuda.is_available():
    raise RuntimeError("no NVIDIA GPU with a working driver was found")

xp = cupy
asarray = cupy.asarray
to_host = cupy.asnumpy

C_NAMES = {"float32": "float", "float64": "double"}  # the values of REAL in kernels.cu
WARP = 32
TILE = 64  # columns of X per block of spmm: few enough that these columns of all rows can fit the cache
BLOCK = 256  # threads per block in the other kernels
THREADS = 2**21  # upper bound for the threads of a product; a large GPU runs about 2**17 at a time
MIN_STEPS = 32  # steps per chunk at least, to amortize the binary search for its first row


def spmm(indptr, cols, values, X):
    n, p, k, real = len(indptr) - 1, len(cols), X.shape[1], np.result_type(values.dtype, X.dtype)
    out = xp.empty((n, k), real)
    if out.size:
        length, chunks = _split(n + p, max(k, WARP))
        partial = xp.empty((chunks, k), real)
        indptr, cols, values, X = _cast(np.int64, indptr), _cast(np.int32, cols), _cast(real, values), _cast(real, X)
        sizes = np.int32(n), np.int64(p), np.int32(k), np.int64(length)
        block = TILE if k > WARP else WARP
        _launch("spmm", real, (chunks, _ceil_div(k, block)), block, indptr, cols, values, X, out, partial, *sizes)
        _launch("add_partial", real, (chunks,), block, indptr, out, partial, *sizes)
    return out


def sddmm(indptr, cols, H, W):
    n, p, k, real = len(indptr) - 1, len(cols), H.shape[1], np.result_type(H.dtype, W.dtype)
    out = xp.empty(p, real)
    if out.size:
        length, chunks = _split(n + p, WARP)
        indptr, cols, H, W = _cast(np.int64, indptr), _cast(np.int32, cols), _cast(real, H), _cast(real, W)
        sizes = np.int32(n), np.int64(p), np.int32(k), np.int64(length)
        _launch("sddmm", real, (_ceil_div(chunks * WARP, BLOCK),), BLOCK, indptr, cols, H, W, out, *sizes)
    return out


def take(values, indices):
    return values[indices]


def _split(steps, threads):
    """(steps per chunk, number of chunks), with `threads` threads per chunk; depends on shapes only: reproducible."""
    length = max(MIN_STEPS, _ceil_div(steps * threads, THREADS))
    return length, _ceil_div(steps, length)


def rprop(w, g, previous, step, eta_plus, eta_minus, step_min, step_max, forget, undo):
    _update(
        "rprop", w, g, (previous, step), (eta_plus, eta_minus, step_min, step_max), np.int32(forget), np.int32(undo)
    )


def sgd(w, g, m, rate, momentum):
    _update("sgd", w, g, (m,), (rate, momentum))


def rmsprop(w, g, v, rate, decay, epsilon):
    _update("rmsprop", w, g, (v,), (rate, decay, 1 - decay, epsilon))


def adam(w, g, m, v, rate, beta1, beta2, epsilon, correction1, correction2):
    _update("adam", w, g, (m, v), (rate / correction1, beta1, 1 - beta1, beta2, 1 - beta2, epsilon, correction2))


def add_l2(w, g, l2):
    l2 = w.dtype.type(l2)  # so that float32 stays float32
    g += l2 * w
    return l2 / 2 * (w * w).sum()


def _update(name, w, g, state, constants, *flags):
    arrays = w, _cast(w.dtype, g), *state
    assert all(array.flags.c_contiguous for array in arrays), "the kernel needs C order"
    assert all((array.shape, array.dtype) == (w.shape, w.dtype) for array in arrays), "shapes or dtypes differ"
    if w.size:
        constants = (w.dtype.type(constant) for constant in constants)
        _launch(name, w.dtype, (_ceil_div(w.size, BLOCK),), BLOCK, *arrays, np.int64(w.size), *constants, *flags)


def _ceil_div(number, divisor):
    return -(-number // divisor)


def _cast(dtype, array):
    return xp.ascontiguousarray(array, dtype)  # in C order; no copy where none is needed


def _launch(name, real, grid, block, *arguments):
    """Launch a kernel. CuPy does not check arguments: each must have exactly the type in the kernel's signature."""
    _kernel(name, C_NAMES[real.name])(grid, (block,), arguments)


@functools.cache
def _kernel(name, real):
    return _module(real).get_function(name)


@functools.cache
def _module(real):
    """kernels.cu compiled for "float" or "double" at first use; CuPy caches the result on disk."""
    source = Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")
    return cupy.RawModule(code=source, options=(f"-DREAL={real}",))
