"""The GPU backend: checks the arrays and launches the kernels of `kernels.cu`. Only this file imports cupy.

All arrays are on the GPU. Nothing here synchronizes or copies to the host, so launches are queued asynchronously; only
the function that `sums` returns waits and copies.
Indices are not checked here: the matrix checks them once, when it is created.
"""

import functools
import math
from pathlib import Path

import cupy
import numpy as np

if not cupy.cuda.is_available():
    raise RuntimeError("no NVIDIA GPU with a working driver was found")

xp = cupy
asarray = cupy.asarray
to_host = cupy.asnumpy

C_NAMES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}  # the values of REAL in kernels.cu
WARP = 32
TILE = 64  # columns of X per block of spmm: few enough that these columns of all rows can fit the cache
BLOCK = 256  # threads per block in the other kernels
THREADS = 2**21  # upper bound for the threads of a product; a large GPU runs about 2**17 at a time
MIN_STEPS = 32  # steps per chunk at least, to amortize the binary search for its first row
ARRAYS = 8  # that one launch can sum
SUM_BLOCKS = 1024  # of a sum over all elements, at most
DRAWS = 8  # of 64 bits per thread, to amortize the jump to the first


def spmm(indptr, cols, values, X):
    n, p, k, real = len(indptr) - 1, len(cols), X.shape[1], np.result_type(values.dtype, X.dtype)
    out = xp.empty((n, k), real)
    if not out.size:
        return out
    indptr, cols, values, X = _cast(np.int64, indptr), _cast(np.int32, cols), _cast(real, values), _cast(real, X)
    if k == 1:
        _launch("spmv", real, 1, (_ceil_div(n * WARP, BLOCK),), BLOCK, indptr, cols, values, X, out, np.int32(n))
        return out
    width = 2 if k % 2 == 0 else 1
    length, chunks = _split(n + p, max(k // width, WARP))
    partial = xp.empty((chunks, k), real)
    sizes = np.int32(n), np.int64(p), np.int32(k), np.int64(length)
    grid, block = (chunks, _ceil_div(k, TILE)), TILE // width
    _launch("spmm", real, width, grid, block, indptr, cols, values, X, out, partial, *sizes)
    _launch("add_partial", real, width, (chunks, _ceil_div(k, TILE)), TILE, indptr, out, partial, *sizes)
    return out


def sddmm(indptr, cols, H, W):
    n, p, k, real = len(indptr) - 1, len(cols), H.shape[1], np.result_type(H.dtype, W.dtype)
    out = xp.empty(p, real)
    if out.size:
        length, chunks = _split(n + p, WARP)
        indptr, cols, H, W = _cast(np.int64, indptr), _cast(np.int32, cols), _cast(real, H), _cast(real, W)
        sizes = np.int32(n), np.int64(p), np.int32(k), np.int64(length)
        width = 4 if k % 4 == 0 else 1
        _launch("sddmm", real, width, (_ceil_div(chunks * WARP, BLOCK),), BLOCK, indptr, cols, H, W, out, *sizes)
    return out


def take(values, indices):
    return values.take(indices)


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
    assert (g.shape, g.dtype) == (w.shape, w.dtype), "shapes or dtypes differ"
    assert g.flags.c_contiguous, "the kernel changes g in place"
    penalty, (grid, partial) = xp.empty((), w.dtype), _sum_blocks(w.size)
    size, l2 = np.int64(w.size), w.dtype.type(l2)
    _launch("add_l2", w.dtype, 1, grid, BLOCK, _cast(w.dtype, w), g, partial, penalty, size, l2)
    return penalty


def sums(arrays):
    """A second stream reads the sums, and waits for them alone, not for what is queued after them."""
    real = np.result_type(*(x.dtype for x in arrays))
    arrays = [_cast(real, x) for x in arrays]
    out, nothing = xp.empty(_ceil_div(len(arrays), ARRAYS) * ARRAYS, np.float64), arrays[0]
    for first in range(0, len(arrays), ARRAYS):
        some = arrays[first : first + ARRAYS]
        (blocks,), partial = _sum_blocks(max(x.size for x in some), len(some))
        sizes = [np.int64(x.size) for x in some] + [np.int64(0)] * (ARRAYS - len(some))
        pointers = some + [nothing] * (ARRAYS - len(some))
        _launch("sum", real, 1, (blocks, len(some)), BLOCK, *pointers, *sizes, partial, out[first:])
    done = cupy.cuda.Event(disable_timing=True)
    done.record()

    def read():
        stream = _reading_stream()
        stream.wait_event(done)
        return out.get(stream=stream)[: len(arrays)]

    return read


def _sum_blocks(size, arrays=1):
    """The grid of sums over so many elements of each of `arrays` arrays, and the array for the sums of its blocks."""
    blocks = min(max(1, _ceil_div(size, BLOCK)), SUM_BLOCKS)
    return (blocks,), xp.empty(arrays * blocks, np.float64)


@functools.cache
def _reading_stream():
    return cupy.cuda.Stream(non_blocking=True)


def uniform(rng, shape):
    bits = rng.bit_generator
    if bits.state["bit_generator"] != "PCG64":  # it is not NumPy's default
        return asarray(rng.random(shape, dtype=np.float32))
    out, size = xp.empty(shape, np.float32), math.prod(np.atleast_1d(shape).tolist())
    if size:
        left = bits.state["has_uint32"]  # a draw of 64 bits gives two numbers, and the second one may be left
        first = rng.random(dtype=np.float32) if left else 0
        halves = (np.uint64(part) for name in ("state", "inc") for part in divmod(bits.state["state"][name], 2**64))
        grid = (_ceil_div(size, 2 * DRAWS * BLOCK),)
        numbers = np.int64(size - left), *halves, np.float32(first), np.int32(left), np.int32(DRAWS)
        _launch("uniform", out.dtype, 1, grid, BLOCK, out, *numbers)
        bits.advance((size - left) // 2)
        if (size - left) % 2:
            rng.random(dtype=np.float32)  # so that the second number of the last draw is left
    return out


def _update(name, w, g, state, constants, *flags):
    arrays = w, _cast(w.dtype, g), *state
    assert all(array.flags.c_contiguous for array in arrays), "the kernel needs C order"
    assert all((array.shape, array.dtype) == (w.shape, w.dtype) for array in arrays), "shapes or dtypes differ"
    if w.size:
        constants = (w.dtype.type(constant) for constant in constants)
        _launch(name, w.dtype, 1, (_ceil_div(w.size, BLOCK),), BLOCK, *arrays, np.int64(w.size), *constants, *flags)


def _ceil_div(number, divisor):
    return -(-number // divisor)


def _cast(dtype, array):
    return xp.ascontiguousarray(array, dtype)  # in C order; no copy where none is needed


def _launch(name, real, width, grid, block, *arguments):
    """Launch a kernel. CuPy does not check arguments: each must have exactly the type in the kernel's signature."""
    _kernel(name, C_NAMES[real], width)(grid, (block,), arguments)


@functools.cache
def _kernel(name, real, width):
    return _module(real, width).get_function(name)


@functools.cache
def _module(real, width):
    """kernels.cu compiled for "float" or "double" and a width, at first use; CuPy caches the result on disk."""
    source = Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")
    return cupy.RawModule(code=source, options=(f"-DREAL={real}", f"-DWIDTH={width}"))
