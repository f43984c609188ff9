"""The kernels on an NVIDIA card: checks the arrays and launches `kernels.cu`. The only file that imports cupy.

All arrays are on the card. Nothing here waits for the card or reads from it, so launches queue up while it works.
Indices are not checked here, but once, when the matrix is made.
"""

import functools
from pathlib import Path

import cupy
import numpy as np

if not cupy.cuda.is_available():
    raise RuntimeError("no NVIDIA card with a working driver was found")

xp = cupy
asarray = cupy.asarray

C_NAMES = {"float32": "float", "float64": "double"}  # what REAL may be in kernels.cu
WARP = 32
TILE = 64  # columns of X that a block of spmm takes: so few that all rows of them may fit the cache
BLOCK = 256  # threads a block elsewhere
THREADS = 2**21  # that a product is shared out to: a large card runs some 2**17 of them at a time
SHORTEST = 32  # steps a piece has at least, as the search for its first row has to pay


def spmm(indptr, cols, values, X):
    n, p, k, real = len(indptr) - 1, len(cols), X.shape[1], np.result_type(values.dtype, X.dtype)
    out = xp.empty((n, k), real)
    if out.size:
        length, pieces = _cut(n + p, max(k, WARP))
        partial = xp.empty((pieces, k), real)
        indptr, cols, values, X = _as(np.int64, indptr), _as(np.int32, cols), _as(real, values), _as(real, X)
        sizes = np.int32(n), np.int64(p), np.int32(k), np.int64(length)
        block = TILE if k > WARP else WARP
        _launch("spmm", real, (pieces, _ceil(k, block)), block, indptr, cols, values, X, out, partial, *sizes)
        _launch("add_partial", real, (pieces,), block, indptr, out, partial, *sizes)
    return out


def sddmm(indptr, cols, H, W):
    n, p, k, real = len(indptr) - 1, len(cols), H.shape[1], np.result_type(H.dtype, W.dtype)
    out = xp.empty(p, real)
    if out.size:
        length, pieces = _cut(n + p, WARP)
        indptr, cols, H, W = _as(np.int64, indptr), _as(np.int32, cols), _as(real, H), _as(real, W)
        sizes = np.int32(n), np.int64(p), np.int32(k), np.int64(length)
        _launch("sddmm", real, (_ceil(pieces * WARP, BLOCK),), BLOCK, indptr, cols, H, W, out, *sizes)
    return out


def take(values, numbers):
    return values[numbers]


def _cut(steps, threads):
    """The length and the number of pieces of so many threads each; from the shapes alone, so that the bits repeat."""
    length = max(SHORTEST, _ceil(steps * threads, THREADS))
    return length, _ceil(steps, length)


def rprop(w, g, previous, step, eta_plus, eta_minus, step_min, step_max, forget, undo):
    _update(
        "rprop", w, g, (previous, step), (eta_plus, eta_minus, step_min, step_max), np.int32(forget), np.int32(undo)
    )


def sgd(w, g, m, rate, momentum):
    _update("sgd", w, g, (m,), (rate, momentum))


def rmsprop(w, g, v, rate, decay, epsilon):
    _update("rmsprop", w, g, (v,), (rate, decay, 1 - decay, epsilon))


def adam(w, g, m, v, rate, beta1, beta2, epsilon, m_part, v_part):
    _update("adam", w, g, (m, v), (rate / m_part, beta1, 1 - beta1, beta2, 1 - beta2, epsilon, v_part))


def add_l2(w, g, l2):
    l2 = w.dtype.type(l2)  # so that float32 stays float32
    g += l2 * w
    return l2 / 2 * (w * w).sum()


def _update(name, w, g, state, numbers, *flags):
    arrays = w, _as(w.dtype, g), *state
    assert all(array.flags.c_contiguous for array in arrays), "copies would be updated"
    assert all((array.shape, array.dtype) == (w.shape, w.dtype) for array in arrays), "the kernel would go astray"
    if w.size:
        numbers = (w.dtype.type(number) for number in numbers)
        _launch(name, w.dtype, (_ceil(w.size, BLOCK),), BLOCK, *arrays, np.int64(w.size), *numbers, *flags)


def _ceil(number, divisor):
    return -(-number // divisor)


def _as(dtype, array):
    return xp.ascontiguousarray(array, dtype)  # the array itself where it is so already


def _launch(name, real, grid, block, *arguments):
    """Queue a kernel. CuPy checks no argument: each must have exactly the type that stands in the prototype."""
    _kernel(name, C_NAMES[real.name])(grid, (block,), arguments)


@functools.cache
def _kernel(name, real):
    return _module(real).get_function(name)


@functools.cache
def _module(real):
    """kernels.cu compiled for "float" or "double", when first needed; CuPy keeps the outcome on disk."""
    source = Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")
    return cupy.RawModule(code=source, options=(f"-DREAL={real}",))
