"""Right and wrong answers to a5."""

from tests.teach.harness import Wrong

START = """
import numpy as np
from numba import njit, prange

"""
SDDMM = (
    START
    + """
@njit(parallel=True)
def sddmm(indptr, cols, H, W):
    out = np.empty(len(cols), H.dtype)
    for i in prange(len(indptr) - 1):
        for j in range(indptr[i], indptr[i + 1]):
            total = 0.0
            for f in range(H.shape[1]):
                total += H[i, f] * W[cols[j], f]
            out[j] = total
    return out
"""
)
SDDMM_OUT = """
import numba as nb
import numpy as np

@nb.njit(parallel=True, fastmath=True)
def fill(indptr, cols, H, W, out):
    for i in nb.prange(len(indptr) - 1):
        h = H[i]
        for j in range(indptr[i], indptr[i + 1]):
            w = W[cols[j]]
            s = h[0] * w[0]
            for f in range(1, len(h)):
                s += h[f] * w[f]
            out[j] = s

def sddmm(indptr, cols, H, W):
    out = np.empty_like(W, shape=len(cols))
    fill(indptr, cols, H, W, out)
    return out
"""
SDDMM_CELLS = (
    START
    + """
@njit
def dot(x, y):
    s = x.dtype.type(0)
    for f in range(len(x)):
        s += x[f] * y[f]
    return s

@njit(parallel=True)
def of_cells(rows, cols, H, W):
    out = np.zeros(len(cols), H.dtype)
    for j in prange(len(cols)):
        out[j] = dot(H[rows[j]], W[cols[j]])
    return out

def sddmm(indptr, cols, H, W):
    return of_cells(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), cols, H, W)
"""
)
SDDMM_OURS = (
    START
    + """
from tinyrec.backend import cpu

@njit(parallel=True)
def run(bounds, indptr, cols, H, W, out, block_rows):
    for t in prange(len(bounds) - 1):
        cpu._sddmm_rows(bounds[t], bounds[t + 1], indptr, cols, H, W, out, block_rows)

def sddmm(indptr, cols, H, W):
    out = np.empty(len(cols), np.result_type(H, W))
    run(cpu._equal_cells(indptr, W.shape[1]), indptr, cols, H, W, out, cpu._block_rows(indptr, W))
    return out
"""
)

SPMM = (
    START
    + """
@njit(parallel=True)
def spmm(indptr, cols, values, X):
    n, k = len(indptr) - 1, X.shape[1]
    out = np.zeros((n, k), X.dtype)
    for i in prange(n):
        for j in range(indptr[i], indptr[i + 1]):
            for f in range(k):
                out[i, f] += values[j] * X[cols[j], f]
    return out
"""
)
SPMM_OUT = """
import numba as nb
import numpy as np

@nb.njit(parallel=True)
def fill(indptr, cols, values, X, out):
    for i in nb.prange(len(indptr) - 1):
        row = np.zeros(X.shape[1], X.dtype)
        for j in range(indptr[i], indptr[i + 1]):
            for f in range(len(row)):
                row[f] += values[j] * X[cols[j], f]
        for f in range(len(row)):
            out[i, f] = row[f]

def spmm(indptr, cols, values, X):
    out = np.empty((len(indptr) - 1, X.shape[1]), X.dtype)
    fill(indptr, cols, values, X, out)
    return out
"""
SPMM_UNITS = (
    START
    + """
@njit(parallel=True, fastmath=True)
def spmm(indptr, cols, values, X):
    out = np.empty((len(indptr) - 1, X.shape[1]), X.dtype)
    for i in prange(len(indptr) - 1):
        out[i] = 0
        first, stop = indptr[i], indptr[i + 1]
        for j in range(first, stop):
            v, x = values[j], X[cols[j]]
            for f in range(len(x)):
                out[i, f] += v * x[f]
    return out
"""
)
SPMM_OURS = (
    START
    + """
from tinyrec.backend import cpu

@njit(parallel=True)
def run(bounds, indptr, cols, values, X, out, block_rows):
    for t in prange(len(bounds) - 1):
        cpu._spmm_rows(bounds[t], bounds[t + 1], indptr, cols, values, X, out, block_rows)

def spmm(indptr, cols, values, X):
    out = np.empty((len(indptr) - 1, X.shape[1]), np.result_type(values, X))
    run(cpu._equal_cells(indptr, X.shape[1]), indptr, cols, values, X, out, cpu._block_rows(indptr, X))
    return out
"""
)

TRANSPOSED = (
    START
    + """
@njit(parallel=True)
def gather(starts, order, rows, values, X):
    d, k = len(starts) - 1, X.shape[1]
    out = np.zeros((d, k), X.dtype)
    for c in prange(d):
        for at in range(starts[c], starts[c + 1]):
            j = order[at]
            for f in range(k):
                out[c, f] += values[j] * X[rows[j], f]
    return out

def spmm_transposed(indptr, cols, values, X, d):
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    starts = np.append(0, np.cumsum(np.bincount(cols, minlength=d)))
    return gather(starts, np.argsort(cols, kind="stable"), rows, values, X)
"""
)
TRANSPOSED_UNITS = (
    START
    + """
@njit(parallel=True)
def spmm_transposed(indptr, cols, values, X, d):
    out = np.zeros((d, X.shape[1]), X.dtype)
    for f in prange(X.shape[1]):
        for i in range(len(indptr) - 1):
            for j in range(indptr[i], indptr[i + 1]):
                out[cols[j], f] += values[j] * X[i, f]
    return out
"""
)
TRANSPOSED_COUNTED = (
    START
    + """
@njit
def transposed(indptr, cols, values, d):
    starts, rows, moved = np.zeros(d + 1, np.int64), np.zeros(len(cols), np.int64), np.zeros_like(values)
    for c in cols:
        starts[c + 1] += 1
    for c in range(d):
        starts[c + 1] += starts[c]
    free = starts[:-1].copy()
    for i in range(len(indptr) - 1):
        for j in range(indptr[i], indptr[i + 1]):
            at = free[cols[j]]
            rows[at], moved[at] = i, values[j]
            free[cols[j]] += 1
    return starts, rows, moved

@njit(parallel=True)
def product(starts, rows, values, X):
    out = np.empty((len(starts) - 1, X.shape[1]), X.dtype)
    for c in prange(len(starts) - 1):
        for f in range(X.shape[1]):
            out[c, f] = 0
            for j in range(starts[c], starts[c + 1]):
                out[c, f] += values[j] * X[rows[j], f]
    return out

def spmm_transposed(indptr, cols, values, X, d):
    return product(*transposed(indptr, cols, values, d), X)
"""
)
TRANSPOSED_OURS = (
    SPMM_OURS.replace("def spmm", "def forward")
    + """
from tinyrec.sparse import Pattern

def spmm_transposed(indptr, cols, values, X, d):
    pattern = Pattern((len(indptr) - 1, d), indptr, cols)
    return forward(pattern.T.indptr, pattern.T.cols, cpu.take(values, pattern.order), X)
"""
)

RIGHT = {
    1: {"tinyrec": SDDMM_OURS, "short": SDDMM, "out": SDDMM_OUT, "by cells": SDDMM_CELLS},
    2: {"tinyrec": SPMM_OURS, "short": SPMM, "out": SPMM_OUT, "fast": SPMM_UNITS},
    3: {
        "tinyrec": TRANSPOSED_OURS,
        "short": TRANSPOSED,
        "units": TRANSPOSED_UNITS,
        "counted": TRANSPOSED_COUNTED,
    },
}
MEAN_OF_ROW = """    for i in range(n):
        for f in range(k):
            out[i, f] /= max(1, indptr[i + 1] - indptr[i])
    return out"""
NEXT_ROW = """    for i in range(1, n):
        for f in range(k):
            out[i, f] += out[i - 1, f]
    return out"""
MEAN_OF_COLUMN = """    for c in range(d):
        for f in range(k):
            out[c, f] /= max(1, starts[c + 1] - starts[c])
    return out

def"""
NEXT_COLUMN = """    for c in range(1, d):
        for f in range(k):
            out[c, f] += out[c - 1, f]
    return out

def"""
WRONG = {
    1: {
        "mixed up": Wrong("H[i, f] * W[cols[j], f]", "H[cols[j], f] * W[i, f]", "rows and columns are mixed up"),
        "not all units": Wrong("range(H.shape[1])", "range(H.shape[1] - 1)", "last unit is left out"),
        "replaced": Wrong("total += H", "total = H", "only the last unit"),
        "runs on": Wrong("            total = 0.0\n", "", "not set back to 0").also(
            "        for j in range(indptr", "        total = 0.0\n        for j in range(indptr"
        ),
        "last cell": Wrong(
            "range(indptr[i], indptr[i + 1])", "range(indptr[i], indptr[i + 1] - 1)", "last cell of each row"
        ),
        "last row": Wrong("prange(len(indptr) - 1)", "prange(len(indptr) - 2)", "cells of the last row"),
        "first row": Wrong("H[i, f]", "H[0, f]", "row of H of the first row"),
        "mean": Wrong("out[j] = total", "out[j] = total / H.shape[1]", "number of units"),
        "squared": Wrong("out[j] = total", "out[j] = total * total", "squared"),
        "always float64": Wrong("np.empty(len(cols), H.dtype)", "np.empty(len(cols))", "always float64"),
        "always float32": Wrong("np.empty(len(cols), H.dtype)", "np.empty(len(cols), np.float32)"),
        "float32 sums": Wrong("total = 0.0", "total = np.float32(0)").also(
            "total += H[i, f] * W[cols[j], f]", "total += np.float32(H[i, f] * W[cols[j], f])"
        ),
        "serial": Wrong("@njit(parallel=True)", "@njit", "no loop runs in parallel"),
        "range": Wrong("in prange(", "in range(", "no loop runs in parallel").also("parallel=True", "fastmath=True"),
        "a row a cell": Wrong(
            "        for j in range(indptr[i], indptr[i + 1]):\n",
            "        for j in range(len(cols)):\n"
            "            if j < indptr[i] or j >= indptr[i + 1]:\n                continue\n",
        ),
        "dense": Wrong(
            "    return out",
            "    D = np.zeros((len(H), len(W)))\n    for i in range(len(H)):\n        for c in range(len(W)):\n"
            "            for f in range(H.shape[1]):\n                D[i, c] += H[i, f] * W[c, f]\n"
            "    for i in range(len(H)):\n        for j in range(indptr[i], indptr[i + 1]):\n"
            "            out[j] = D[i, cols[j]]\n    return out",
        ),
        "numpy": Wrong(
            "@njit(parallel=True)\ndef sddmm(indptr, cols, H, W):\n",
            "def sddmm(indptr, cols, H, W):\n    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))\n"
            "    return (H[rows] * W[cols]).sum(axis=1)\n\n\ndef other(indptr, cols, H, W):\n",
            "no loop runs in parallel",
        ),
    },
    2: {
        "no values": Wrong("values[j] * X", "X", "values are not used"),
        "rows left": Wrong(
            "        row =",
            "        if indptr[i] == indptr[i + 1]:\n            continue\n        row =",
            "left as it was",
            of="out",
        ),
        "from memory": Wrong("np.zeros((n, k)", "np.empty((n, k)", "happens to be in memory"),
        "replaced": Wrong("+= values", "= values", "only the last cell"),
        "last cell": Wrong(
            "range(indptr[i], indptr[i + 1])", "range(indptr[i], indptr[i + 1] - 1)", "last cell of each row"
        ),
        "last row": Wrong("nb.prange(len(indptr) - 1)", "nb.prange(len(indptr) - 2)", "last row is never", of="out"),
        "own rows": Wrong("X[cols[j], f]", "X[i, f]", "rows of X are those of the rows"),
        "mean": Wrong(
            "    return out",
            MEAN_OF_ROW,
            "mean over",
        ),
        "runs on": Wrong(
            "    return out",
            NEXT_ROW,
            "run on",
        ),
        "last unit": Wrong("range(len(x))", "range(len(x) - 1)", "last unit is never", of="fast").also(
            "out[i] = 0", "out[i, : X.shape[1] - 1] = 0"
        ),
        "always float64": Wrong("np.zeros((n, k), X.dtype)", "np.zeros((n, k))", "always float64"),
        "serial": Wrong("@njit(parallel=True)", "@njit", "no loop runs in parallel"),
        "a sum of all": Wrong(
            "    for i in prange(n):\n",
            "    for j in prange(len(cols)):\n        i = np.searchsorted(indptr, j, side='right') - 1\n"
            "        for f in range(k):\n            out[i, f] += values[j] * X[cols[j], f]\n    for i in range(0):\n",
            "depend on the order",
        ),
        "rows searched": Wrong(
            "        for j in range(indptr[i], indptr[i + 1]):\n",
            "        for j in range(len(cols)):\n"
            "            if j < indptr[i] or j >= indptr[i + 1]:\n                continue\n",
        ),
        "flat": Wrong("    return out", "    return out.ravel()"),
    },
    3: {
        "no values": Wrong("values[j] * X", "X", "values are not used"),
        "columns left": Wrong(
            "            out[c, f] = 0\n",
            "            if starts[c] < starts[c + 1]:\n                out[c, f] = 0\n",
            "left as it was",
            of="counted",
        ),
        "from memory": Wrong("np.zeros((d, k)", "np.empty((d, k)", "happens to be in memory"),
        "replaced": Wrong("+= values", "= values", "only the last cell"),
        "last row": Wrong(
            "for i in range(len(indptr) - 1)", "for i in range(len(indptr) - 2)", "last row are left", of="units"
        ),
        "last cell": Wrong(
            "range(indptr[i], indptr[i + 1])",
            "range(indptr[i], indptr[i + 1] - 1)",
            "last cell of each row",
            of="units",
        ),
        "runs on": Wrong(
            "    return out\n\ndef",
            NEXT_COLUMN,
            "run on",
        ),
        "mean": Wrong(
            "    return out\n\ndef",
            MEAN_OF_COLUMN,
            "mean over",
        ),
        "values of others": Wrong("values[j] *", "values[at] *", "belong to other cells"),
        "last column": Wrong(
            "prange(len(starts) - 1)", "prange(len(starts) - 2)", "last column is never", of="counted"
        ),
        "always float64": Wrong("np.zeros((d, k), X.dtype)", "np.zeros((d, k))", "always float64"),
        "serial": Wrong("@njit(parallel=True)", "@njit", "no loop runs in parallel"),
        "race": Wrong(
            "for f in prange(X.shape[1])", "for i in prange(len(indptr) - 1)", "depend on the order", of="units"
        ).also("for i in range(len(indptr) - 1)", "for f in range(X.shape[1])"),
        "own sums": Wrong(
            "    for f in prange(X.shape[1]):\n        for i in range(len(indptr) - 1):\n",
            "    threads = get_num_threads()\n    parts = np.zeros((threads, d, X.shape[1]), X.dtype)\n"
            "    for t in prange(threads):\n        for i in range(t, len(indptr) - 1, threads):\n",
            "depend on the order",
            of="units",
        )
        .also(
            "                out[cols[j], f] += values[j] * X[i, f]",
            "                for f in range(X.shape[1]):\n"
            "                    parts[t, cols[j], f] += values[j] * X[i, f]",
        )
        .also(
            "    return out",
            "    for t in range(threads):\n        for c in range(d):\n            for f in range(X.shape[1]):\n"
            "                out[c, f] += parts[t, c, f]\n    return out",
        )
        .also("import njit, prange", "import get_num_threads, njit, prange"),
        "not transposed": Wrong(
            "out[cols[j], f] += values[j] * X[i, f]", "out[i, f] += values[j] * X[cols[j], f]", of="units"
        ),
    },
}
VARIANTS = {
    "storage": {
        "by columns": {
            1: [
                ("indptr, cols, H", "indptr, rows, H"),
                ("len(cols)", "len(rows)"),
                ("H[i, f] * W[cols[j], f]", "H[rows[j], f] * W[i, f]"),
            ]
        }
    },
    "values": {"times values": {1: [("cols, H, W", "cols, values, H, W"), ("= total", "= values[j] * total")]}},
    "row": {
        "mean": {
            2: [
                (
                    "    return out",
                    MEAN_OF_ROW,
                )
            ]
        }
    },
    "dense": {
        "units x rows": {
            3: [
                ("rows, values, X)\n", "rows, values, np.ascontiguousarray(X.T)).T\n"),
            ]
        }
    },
}
