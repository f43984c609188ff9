"""The kernels in numba: the loops of `reference.py`, compiled. The only file that imports numba.

To step through them in a debugger, set NUMBA_DISABLE_JIT=1. A kernel writes the rows start to stop of its output and
nothing else, so the rows are shared out to threads without locks, and the bits are the same for any number of threads.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import config, njit

xp = np

# Sums may be reordered and fused, so that they run in vector registers; NaN and infinity stay visible (no nnan, ninf).
FASTMATH = {"reassoc", "contract", "nsz"}
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
CHUNKS = 8 * THREADS  # more than threads, so that one slow chunk does not hold the others up


def jit(kernel):
    """Compile at first use, without the interpreter lock; kept on disk where there is a place to write."""
    try:
        return njit(nogil=True, fastmath=FASTMATH, cache=True)(kernel)
    except RuntimeError:  # numba found no place for its cache
        return njit(nogil=True, fastmath=FASTMATH)(kernel)


def spmm(indptr, cols, values, X):
    out = np.empty((len(indptr) - 1, X.shape[1]), np.result_type(values, X))
    run_in_threads(_equal_cells(indptr), _spmm_rows, indptr, cols, values, X, out)
    return out


@jit
def _spmm_rows(start, stop, indptr, cols, values, X, out):
    k = X.shape[1]
    for i in range(start, stop):
        out[i] = 0
        j, end = indptr[i], indptr[i + 1]
        while j + 4 <= end:  # four cells a pass: `out` is read and written a quarter as often
            v0, v1, v2, v3 = values[j], values[j + 1], values[j + 2], values[j + 3]
            x0, x1, x2, x3 = X[cols[j]], X[cols[j + 1]], X[cols[j + 2]], X[cols[j + 3]]
            for c in range(k):
                out[i, c] += v0 * x0[c] + v1 * x1[c] + v2 * x2[c] + v3 * x3[c]
            j += 4
        for last in range(j, end):
            v, x = values[last], X[cols[last]]
            for c in range(k):
                out[i, c] += v * x[c]


def sddmm(indptr, cols, H, W):
    out = np.empty(len(cols), np.result_type(H, W))
    run_in_threads(_equal_cells(indptr), _sddmm_rows, indptr, cols, H, W, out)
    return out


@jit
def _sddmm_rows(start, stop, indptr, cols, H, W, out):
    zero = out.dtype.type(0)
    for i in range(start, stop):
        h = H[i]
        for j in range(indptr[i], indptr[i + 1]):
            w = W[cols[j]]
            total = zero
            for c in range(len(h)):
                total += h[c] * w[c]
            out[j] = total


def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
    numbers = (w.dtype.type(number) for number in (grow, shrink, smallest, largest))  # so that float32 stays float32
    arrays = [array.reshape(-1) for array in (w, g, previous, step)]
    assert all(array.flags.c_contiguous for array in (w, previous, step)), "copies would be updated"
    bounds = np.linspace(0, w.size, THREADS + 1).astype(np.int64)
    run_in_threads(bounds, _rprop_cells, *arrays, *numbers, forget, undo)


@jit
def _rprop_cells(start, stop, w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
    for i in range(start, stop):
        change = g[i] * previous[i]
        last_step = step[i]
        if change > 0:
            step[i] = min(last_step * grow, largest)
        elif change < 0:
            step[i] = max(last_step * shrink, smallest)
        if change < 0 and undo:
            w[i] += np.sign(previous[i]) * last_step
            previous[i] = 0 if forget else g[i]
        else:
            previous[i] = 0 if change < 0 and forget else g[i]
            w[i] -= np.sign(previous[i]) * step[i]


def run_in_threads(bounds, kernel, *args):
    """Run kernel(start, stop, *args) between each two neighbouring bounds, on all threads."""
    if config.DISABLE_JIT:  # somebody steps through it
        kernel(bounds[0], bounds[-1], *args)
        return
    list(_pool().map(lambda start, stop: kernel(start, stop, *args), bounds[:-1], bounds[1:]))


def _equal_cells(indptr):
    """Bounds of chunks of rows with about the same number of cells each, however unequal the rows are."""
    bounds = np.searchsorted(indptr, np.linspace(0, indptr[-1], CHUNKS + 1))
    bounds[0], bounds[-1] = 0, len(indptr) - 1
    return bounds


@functools.cache
def _pool():
    return ThreadPoolExecutor(THREADS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
