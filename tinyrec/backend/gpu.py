"""The GPU backend: checks the arrays and launches the kernels of `kernels.cu`. Only this file imports cupy.

All arrays are on the GPU. Nothing here synchronizes or copies to the host, so launches are queued asynchronously; only
the function that `sums` returns waits and copies.
Indices are not checked here: the matrix checks them once, when it is created.
"""

import functools
import math
import threading
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
BLOCK = 256  # threads per block in the other kernels; a power of 2
THREADS = 2**21  # upper bound for the threads of a product; a large GPU runs about 2**17 at a time
MIN_STEPS = 32  # steps per chunk at least, to amortize the binary search for its first row
ARRAYS = 8  # of a kind in one launch, at most
STRUCT = np.dtype([("x", np.uint64, (4, ARRAYS)), ("size", np.int64, ARRAYS)])  # struct Arrays of kernels.cu
SIZES = 4 * ARRAYS  # where the sizes begin in it, counted in numbers
MOST_BLOCKS = 1024  # for each of them: a thread then has several elements
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
    width = _width(2, k, X)
    length, chunks = _split(n + p, max(k // width, WARP))
    partial, unfinished = _scratch("partial", chunks * k, real), _scratch("unfinished", chunks, np.dtype(np.int32))
    k, length, sizes = np.int32(k), np.int64(length), (np.int32(n), np.int64(p))
    grid, block = (chunks, _ceil_div(X.shape[1], TILE)), TILE // width
    _launch("spmm", real, width, grid, block, indptr, cols, values, X, out, partial, unfinished, *sizes, k, length)
    _launch("add_partial", real, width, (chunks,), BLOCK, indptr, out, partial, unfinished, k, length)
    return out


def sddmm(indptr, cols, H, W):
    n, p, k, real = len(indptr) - 1, len(cols), H.shape[1], np.result_type(H.dtype, W.dtype)
    out = xp.empty(p, real)
    if out.size:
        length, chunks = _split(n + p, WARP)
        indptr, cols, H, W = _cast(np.int64, indptr), _cast(np.int32, cols), _cast(real, H), _cast(real, W)
        sizes = np.int32(n), np.int64(p), np.int32(k), np.int64(length)
        width = _width(4, k, H, W)
        _launch("sddmm", real, width, (_ceil_div(chunks * WARP, BLOCK),), BLOCK, indptr, cols, H, W, out, *sizes)
    return out


def take(values, indices):
    if values.dtype not in C_NAMES or indices.dtype != np.int32:
        return values.take(indices)
    out = xp.empty(indices.shape, values.dtype)
    if out.size:
        values, indices = _cast(values.dtype, values), _cast(np.int32, indices)
        _launch("take", out.dtype, 1, (_ceil_div(out.size, BLOCK),), BLOCK, out, values, indices, np.int64(out.size))
    return out


def elementwise(name, *arrays):
    real, shape = np.result_type(*(x.dtype for x in arrays)), arrays[0].shape
    if real not in C_NAMES or any(x.shape != shape for x in arrays):
        return NotImplemented
    out, arrays = xp.empty(shape, real), [_cast(real, x) for x in arrays]
    if out.size:
        _launch(name, real, 1, (_ceil_div(out.size, BLOCK),), BLOCK, out, *arrays, np.int64(out.size))
    return out


def _split(steps, threads):
    """(steps per chunk, number of chunks), with `threads` threads per chunk; depends on shapes only: reproducible."""
    length = max(MIN_STEPS, _ceil_div(steps * threads, THREADS))
    return length, _ceil_div(steps, length)


def rprop(arrays, eta_plus, eta_minus, step_min, step_max, forget, undo):
    _update("rprop", arrays, (eta_plus, eta_minus, step_min, step_max), np.int32(forget), np.int32(undo))


def sgd(arrays, rate, momentum):
    _update("sgd", arrays, (rate, momentum))


def rmsprop(arrays, rate, decay, epsilon):
    _update("rmsprop", arrays, (rate, decay, 1 - decay, epsilon))


def adam(arrays, rate, beta1, beta2, epsilon, correction1, correction2):
    _update("adam", arrays, (rate / correction1, beta1, 1 - beta1, beta2, 1 - beta2, epsilon, correction2))


def _update(name, arrays, constants, *flags):
    arrays = [(w, _cast(w.dtype, g), *state) for w, g, *state in arrays]
    for some in _parts(arrays):
        struct, blocks, real = _struct(some)
        _launch(name, real, 1, (blocks, len(some)), BLOCK, struct, *map(real.type, constants), *flags)


def add_l2(arrays, l2):
    assert all(g.flags.c_contiguous for _, g in arrays), "the kernel changes g in place"
    arrays, penalties = [(_cast(g.dtype, w), g) for w, g in arrays], []
    for some in _parts(arrays):
        struct, blocks, real = _struct(some)
        penalties.append(xp.empty((), real))
        partial = _scratch("sums", blocks, np.dtype(np.float64))
        _launch("add_l2", real, 1, (blocks,), BLOCK, struct, real.type(l2), partial, penalties[-1])
    return penalties[0] if len(penalties) == 1 else sum(penalties)


def sums(arrays):
    """A second stream reads the sums, and waits for them alone, not for what is queued after them."""
    real = np.result_type(*{x.dtype for x in arrays})
    arrays, out = [(_cast(real, x),) for x in arrays], xp.empty(len(arrays), np.float64)
    for number, some in enumerate(_parts(arrays)):
        struct, blocks, real = _struct(some)
        partial = _scratch("sums", len(some) * blocks, np.dtype(np.float64))
        _launch("sum", real, 1, (blocks, len(some)), BLOCK, struct, partial, out[number * ARRAYS :])
    done = cupy.cuda.Event(disable_timing=True)
    done.record()

    def read():
        stream = _reading_stream()
        stream.wait_event(done)
        return out.get(stream=stream)

    return read


def _struct(arrays):
    """The struct Arrays of tuples of arrays, each of one shape; the blocks for the largest of them; and their dtype.

    The struct has addresses, and keeps no array: it is to be launched while the caller has them.
    """
    dtype, numbers = arrays[0][0].dtype, [0] * (SIZES + ARRAYS)
    for which, kinds in enumerate(arrays):
        shape = kinds[0].shape
        for kind, x in enumerate(kinds):
            assert x.flags.c_contiguous, "the kernel needs C order"
            assert x.shape == shape and x.dtype == dtype, "shapes or dtypes differ"
            numbers[kind * ARRAYS + which] = x.data.ptr
        numbers[SIZES + which] = kinds[0].size
    blocks = min(max(1, _ceil_div(max(numbers[SIZES:]), BLOCK)), MOST_BLOCKS)
    return np.array(numbers, np.uint64).view(STRUCT), blocks, dtype


@functools.cache
def _reading_stream():
    return cupy.cuda.Stream(non_blocking=True)


def uniform(rng, shape):
    bits, state = rng.bit_generator, rng.bit_generator.state
    if state["bit_generator"] != "PCG64":  # it is not NumPy's default
        return asarray(rng.random(shape, dtype=np.float32))
    out, size = xp.empty(shape, np.float32), math.prod(np.atleast_1d(shape).tolist())
    if size:
        left = state["has_uint32"]  # a draw of 64 bits gives two numbers, and the second one may be left
        first = rng.random(dtype=np.float32) if left else 0
        halves = (np.uint64(part) for name in ("state", "inc") for part in divmod(state["state"][name], 2**64))
        grid = (_ceil_div(size, 2 * DRAWS * BLOCK),)
        numbers = np.int64(size - left), *halves, np.float32(first), np.int32(left), np.int32(DRAWS)
        _launch("uniform", out.dtype, 1, grid, BLOCK, out, *numbers)
        bits.advance((size - left) // 2)
        if (size - left) % 2:
            rng.random(dtype=np.float32)  # so that the second number of the last draw is left
    return out


def _scratch(use, size, dtype):
    """An array of at least this size, for what the kernels of a call pass on to each other.

    The next call of this thread reuses it, on the same stream: all threads queue their launches on CuPy's default one.
    """
    mine = vars(_scratches)
    if (use, dtype) not in mine or mine[use, dtype].size < size:
        mine[use, dtype] = xp.empty(size, dtype)
    return mine[use, dtype]


_scratches = threading.local()


def _parts(arrays):
    """As many at a time as a launch takes, all of one dtype."""
    by_dtype = {}
    for its in arrays:
        by_dtype.setdefault(its[0].dtype, []).append(its)
    return [its[first : first + ARRAYS] for its in by_dtype.values() for first in range(0, len(its), ARRAYS)]


def _width(most, k, *arrays):
    """How many columns of these (_, k) arrays a thread can read at once: each read must be aligned."""
    is_aligned = all(x.data.ptr % min(most * x.itemsize, 16) == 0 for x in arrays)  # as CuPy aligns all new arrays
    return most if k % most == 0 and is_aligned else 1


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
    constants = {"REAL": real, "WIDTH": width, "BLOCK": BLOCK, "ARRAYS": ARRAYS}
    return cupy.RawModule(code=source, options=tuple(f"-D{name}={value}" for name, value in constants.items()))
