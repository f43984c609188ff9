"""The CPU kernels: the loops of `reference.py`, compiled by numba. Only this file imports numba.

To step through them in a debugger, set NUMBA_DISABLE_JIT=1. A call writes only the rows start:stop of its output, so
threads need no locks, and the results are bitwise identical for any number of threads.
"""

import ctypes
import functools
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numba import config, njit

from tinyrec.backend import reference

xp = np
asarray = to_host = np.asarray
uniform = reference.uniform  # NumPy's own is fast

# Sums may be reordered and fused, so that they vectorize; NaN and infinity still propagate (no nnan, no ninf).
FASTMATH = {"reassoc", "contract", "nsz"}
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
CHUNKS_PER_THREAD = 3  # more than one, for load balancing
SMALL = 2**16  # operations that take less time than handing half of them to a second thread
L2_CHUNKS = 8  # their sums are added in a fixed order: bitwise identical for any number of threads
# Cache blocking: the products process the dense matrix, whose rows they gather, in blocks of rows that fit the cache.
# A block has enough rows for a sparse row to have about 20 cells in it, within these limits in bytes.
CELLS_PER_BLOCK, MIN_BYTES, MAX_BYTES = 20, 2**19, 3 * 2**20


def jit(kernel):
    """Compile at the first call; release the GIL; cache on disk where the cache directory is writable."""
    options = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}  # 1 / 0 is inf, without a branch
    try:
        return njit(cache=True, **options)(kernel)
    except RuntimeError:  # numba found no writable cache directory
        return njit(**options)(kernel)


def spmm(indptr, cols, values, X):
    out = np.empty((len(indptr) - 1, X.shape[1]), np.result_type(values, X))
    if X.shape[1] == 1:
        run_in_threads(_equal_cells(indptr, 1), _spmv_rows, indptr, cols, values, X[:, 0], out[:, 0])
    else:
        bounds = _equal_cells(indptr, X.shape[1])
        run_in_threads(bounds, _spmm_rows, indptr, cols, values, X, out, _block_rows(indptr, X))
    return out


@jit
def _spmm_rows(start, stop, indptr, cols, values, X, out, block_rows):
    next_cell = indptr[start:stop].copy()  # of each row: the first cell that is not yet added
    for block_end in range(block_rows, max(1, len(X)) + block_rows, block_rows):  # a block of X, cached
        for i in range(start, stop):
            if block_end == block_rows:
                out[i] = 0
            j = next_cell[i - start]
            end = next_cell[i - start] = _first_cell_from(block_end, j, indptr[i + 1], cols)
            while j + 4 <= end:  # unrolled by four: `out` is read and written a fourth as often
                v0, v1, v2, v3 = values[j], values[j + 1], values[j + 2], values[j + 3]
                x0, x1, x2, x3 = X[cols[j]], X[cols[j + 1]], X[cols[j + 2]], X[cols[j + 3]]
                for c in range(X.shape[1]):
                    out[i, c] += v0 * x0[c] + v1 * x1[c] + v2 * x2[c] + v3 * x3[c]
                j += 4
            while j < end:
                v0, x0 = values[j], X[cols[j]]
                for c in range(X.shape[1]):
                    out[i, c] += v0 * x0[c]
                j += 1


@jit
def _spmv_rows(start, stop, indptr, cols, values, x, out):
    for i in range(start, stop):
        total = out.dtype.type(0)
        for j in range(indptr[i], indptr[i + 1]):
            total += values[j] * x[cols[j]]
        out[i] = total


def sddmm(indptr, cols, H, W):
    out = np.empty(len(cols), np.result_type(H, W))
    bounds = _equal_cells(indptr, W.shape[1])
    run_in_threads(bounds, _sddmm_rows, indptr, cols, H, W, out, _block_rows(indptr, W))
    return out


@jit
def _sddmm_rows(start, stop, indptr, cols, H, W, out, block_rows):
    zero = out.dtype.type(0)
    next_cell = indptr[start:stop].copy()
    for block_end in range(block_rows, len(W) + block_rows, block_rows):
        for i in range(start, stop):
            h = H[i]
            j = next_cell[i - start]
            end = next_cell[i - start] = _first_cell_from(block_end, j, indptr[i + 1], cols)
            while j + 4 <= end:  # unrolled by four: `h` is read a fourth as often
                w0, w1, w2, w3 = W[cols[j]], W[cols[j + 1]], W[cols[j + 2]], W[cols[j + 3]]
                y0 = y1 = y2 = y3 = zero
                for c in range(len(h)):
                    y0 += h[c] * w0[c]
                    y1 += h[c] * w1[c]
                    y2 += h[c] * w2[c]
                    y3 += h[c] * w3[c]
                out[j], out[j + 1], out[j + 2], out[j + 3] = y0, y1, y2, y3
                j += 4
            while j < end:
                w0, y0 = W[cols[j]], zero
                for c in range(len(h)):
                    y0 += h[c] * w0[c]
                out[j] = y0
                j += 1


@jit
def _first_cell_from(col, j, end, cols):
    """The first cell of j:end whose column is at least `col`, or `end`; the columns are sorted."""
    while j < end and cols[j] < col:
        j += 1
    return j


def take(values, indices):
    out = np.empty(len(indices), values.dtype)
    run_in_threads(_equal_parts(len(indices)), _take_cells, values, indices, out)
    return out


@jit
def _take_cells(start, stop, values, indices, out):
    for j in range(start, stop):
        out[j] = values[indices[j]]


def _block_rows(indptr, X):
    row_bytes = max(1, X.itemsize * X.shape[1])
    target = CELLS_PER_BLOCK * len(X) * (len(indptr) - 1) / max(1, indptr[-1]) * row_bytes
    return max(1, int(min(max(target, MIN_BYTES), MAX_BYTES)) // row_bytes)


def rprop(arrays, eta_plus, eta_minus, step_min, step_max, forget, undo):
    _update(_rprop_cells, arrays, (eta_plus, eta_minus, step_min, step_max), forget, undo)


@jit
def _rprop_cells(start, stop, w, g, previous, step, eta_plus, eta_minus, step_min, step_max, forget, undo):
    # Views that start at index 0, one conditional per statement, and `&` instead of `and`: this form vectorizes without
    # branches, which is ten times as fast, as the signs are too irregular for branch prediction.
    w, g, previous, step = w[start:stop], g[start:stop], previous[start:stop], step[start:stop]
    one, zero = w.dtype.type(1), w.dtype.type(0)
    for i in range(len(w)):
        change = g[i] * previous[i]
        revert = _sign(previous[i], one) * step[i]
        factor = eta_plus if change > 0 else one
        factor = eta_minus if change < 0 else factor
        new_step = step[i] * factor
        new_step = step_min if new_step < step_min else new_step
        new_step = step_max if new_step > step_max else new_step
        kept_g = zero if (change < 0) & forget else g[i]
        move = -_sign(kept_g, one) * new_step
        w[i] += revert if (change < 0) & undo else move
        previous[i] = kept_g
        step[i] = new_step


@jit
def _sign(x, one):
    s = one if x > 0 else x  # 0 and NaN are returned as they are
    return -one if x < 0 else s


def sgd(arrays, rate, momentum):
    _update(_sgd_cells, arrays, (rate, momentum))


@jit
def _sgd_cells(start, stop, w, g, m, rate, momentum):
    w, g, m = w[start:stop], g[start:stop], m[start:stop]
    for i in range(len(w)):
        m[i] = momentum * m[i] - rate * g[i]
        w[i] += m[i]


def rmsprop(arrays, rate, decay, epsilon):
    _update(_rmsprop_cells, arrays, (rate, decay, 1 - decay, epsilon))


@jit
def _rmsprop_cells(start, stop, w, g, v, rate, decay, one_minus_decay, epsilon):
    w, g, v = w[start:stop], g[start:stop], v[start:stop]
    for i in range(len(w)):
        v[i] = decay * v[i] + one_minus_decay * g[i] * g[i]
        w[i] -= rate * g[i] / (np.sqrt(v[i]) + epsilon)


def adam(arrays, rate, beta1, beta2, epsilon, correction1, correction2):
    _update(_adam_cells, arrays, (rate / correction1, beta1, 1 - beta1, beta2, 1 - beta2, epsilon, correction2))


@jit
def _adam_cells(start, stop, w, g, m, v, rate, beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon, correction2):
    w, g, m, v = w[start:stop], g[start:stop], m[start:stop], v[start:stop]
    for i in range(len(w)):
        m[i] = beta1 * m[i] + one_minus_beta1 * g[i]
        v[i] = beta2 * v[i] + one_minus_beta2 * g[i] * g[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i] / correction2) + epsilon)


def add_l2(arrays, l2):
    return sum(_add_l2(w, g, l2) for w, g in arrays)


def _add_l2(w, g, l2):
    assert w.flags.c_contiguous and g.flags.c_contiguous, "reshape would update a copy"
    length = max(1, -(-w.size // L2_CHUNKS))
    bounds = np.minimum(np.arange(L2_CHUNKS + 1) * length, w.size)
    sums = np.zeros(L2_CHUNKS)
    run_in_threads(bounds, _l2_cells, w.reshape(-1), g.reshape(-1), w.dtype.type(l2), sums, length)
    return w.dtype.type(l2 / 2 * sums.sum())


@jit
def _l2_cells(start, stop, w, g, l2, sums, length):
    if start == stop:  # an empty chunk at the end must not overwrite the sum of another
        return
    w, g, total = w[start:stop], g[start:stop], 0.0
    for i in range(len(w)):
        g[i] += l2 * w[i]
        total += np.float64(w[i]) * np.float64(w[i])
    sums[start // length] = total


def sums(arrays):
    its = np.array([np.einsum("i->", x.reshape(-1)) for x in arrays], np.float64)  # takes half the time of x.sum()
    return lambda: its


def tanh(X):
    out = np.empty(X.shape, X.dtype)
    run_in_threads(_equal_parts(X.size), _tanh_cells, X.reshape(-1), out.reshape(-1))
    return out


def _tanh_cells(start, stop, x, out):
    np.tanh(x[start:stop], out=out[start:stop])


def _update(kernel, arrays, constants, *flags):
    """Run an optimizer's kernel over all elements: one pass over memory, where NumPy would need ten."""
    for w, g, *state in arrays:
        assert all(array.flags.c_contiguous for array in (w, *state)), "reshape would update a copy"
        flat = [array.reshape(-1) for array in (w, g, *state)]
        numbers = [w.dtype.type(constant) for constant in constants]  # so that float32 stays float32
        run_in_threads(_equal_parts(w.size), kernel, *flat, *numbers, *flags)


def run_in_threads(bounds, kernel, *args):
    """Run kernel(start, stop, *args) for each pair of consecutive bounds, on all threads including the calling one."""
    if config.DISABLE_JIT:  # one call, for stepping through it in a debugger
        kernel(bounds[0], bounds[-1], *args)
        return
    chunks = iter(list(pairwise(bounds)))

    def work():
        for start, stop in chunks:  # each thread takes the next chunk from the shared iterator
            kernel(start, stop, *args)

    others = [_pool().submit(work) for _ in range(min(THREADS, len(bounds) - 1) - 1)]
    work()
    for other in others:
        if not other.cancel():  # it has begun; a thread that took too long to wake up has nothing left to do
            other.result()


def _equal_parts(size, operations=1):
    """Bounds of parts of about the same size, each element of which takes this many operations."""
    parts = CHUNKS_PER_THREAD * THREADS if size * operations >= SMALL else 1
    return np.arange(parts + 1) * size // parts


def _equal_cells(indptr, width):
    """Bounds of chunks of rows, with about the same number of cells, each of `width` operations, in each chunk."""
    bounds = np.searchsorted(indptr, _equal_parts(indptr[-1], width))
    bounds[0], bounds[-1] = 0, len(indptr) - 1
    return bounds


def use_threads(count):
    """Use `count` threads from now on."""
    global THREADS
    THREADS = count
    _pool.cache_clear()


@functools.cache
def _pool():
    return ThreadPoolExecutor(THREADS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def keep_freed_memory():
    """Let malloc reuse freed memory; by default, each epoch returns its arrays to the OS and gets new, zeroed pages."""
    limit = 2**31 - 1
    ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, limit)
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, limit)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):  # musl has no mallopt
    keep_freed_memory()
