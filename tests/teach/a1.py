"""Right and wrong answers to a1."""

from tests.teach.harness import Wrong

ROWS = """
import numpy as np

def to_rows(rows, cols, values, shape):
    order = np.lexsort((cols, rows))
    rows, cols, values = rows[order], cols[order], values[order]
    if ((rows[1:] == rows[:-1]) & (cols[1:] == cols[:-1])).any():
        raise ValueError("a cell is given twice")
    indptr = np.zeros(shape[0] + 1, int)
    indptr[1:] = np.cumsum(np.bincount(rows, minlength=shape[0]))
    return indptr, cols, values
"""
ROWS_LISTS = """
import numpy as np

def to_rows(rows, cols, values, shape):
    cells = {}
    for i, j, value in zip(rows, cols, values):
        if (i, j) in cells:
            raise ValueError("twice")
        cells[i, j] = value
    indptr = [0] * (shape[0] + 1)
    for i, j in cells:
        indptr[i + 1] += 1
    for i in range(shape[0]):
        indptr[i + 1] += indptr[i]
    them = sorted(cells)
    return np.array(indptr), np.array([j for i, j in them]), np.array([cells[its] for its in them], float)
"""
ROWS_KEYS = """
import numpy as np

def to_rows(rows, cols, values, shape):
    n, d = shape
    keys = rows.astype(np.int64) * d + cols
    found, first = np.unique(keys, return_index=True)
    if len(found) < len(keys):
        raise ValueError("twice")
    return np.searchsorted(found, np.arange(n + 1) * d), cols[first], values[first]
"""
ROWS_STABLE = """
import numpy as np

def to_rows(rows, cols, values, shape):
    by_col = np.argsort(cols, kind="stable")
    order = by_col[np.argsort(rows[by_col], kind="stable")]
    if len({(i, j) for i, j in zip(rows.tolist(), cols.tolist())}) != len(rows):
        raise ValueError("twice")
    indptr = np.r_[0, np.cumsum(np.bincount(rows, minlength=shape[0]))]
    return indptr, cols[order], values[order]
"""

OBJECTIVE = """
import numpy as np

def objective(H, V, W, b, indptr, cols, r, lam):
    rows = np.repeat(np.arange(len(H)), np.diff(indptr))
    y = (H[rows] * W[cols]).sum(axis=1) + b[cols]
    return ((y - r) ** 2).sum() + lam / 2 * ((W * W).sum() + (V * V).sum()), y
"""
OBJECTIVE_LOOPS = """
import numpy as np

def objective(H, V, W, b, indptr, cols, r, lam):
    y, loss = np.zeros(len(r)), 0.0
    for i in range(len(indptr) - 1):
        for at in range(indptr[i], indptr[i + 1]):
            j = cols[at]
            y[at] = H[i] @ W[j] + b[j]
            loss += (y[at] - r[at]) ** 2
    for w in (V, W):
        for its in w.ravel():
            loss += lam / 2 * its ** 2
    return loss, y
"""
OBJECTIVE_ROWS = """
import numpy as np

def objective(H, V, W, b, indptr, cols, r, lam):
    y = np.empty(r.shape)
    for i, h in enumerate(H):
        here = slice(indptr[i], indptr[i + 1])
        y[here] = W[cols[here]] @ h + b[cols[here]]
    e = r - y
    return e @ e + lam * (np.linalg.norm(V) ** 2 + np.linalg.norm(W) ** 2) / 2, y
"""
OBJECTIVE_UNITS = """
import numpy as np

def objective(H, V, W, b, indptr, cols, r, lam):
    rows = np.searchsorted(indptr, np.arange(len(r)), side="right") - 1
    y = b[cols].copy()
    for unit in range(H.shape[1]):
        y += H[rows, unit] * W[cols, unit]
    return np.sum(np.square(y - r)) + 0.5 * lam * (np.vdot(W, W) + np.vdot(V, V)), y
"""

SCORE = """
import numpy as np

def score(y, r, low, high, known):
    default = np.clip(3, low, high)
    y = np.where(known, np.clip(y, low, high), default)
    return np.sqrt(((y - r) ** 2).mean())
"""
SCORE_LOOPS = """
def score(y, r, low, high, known):
    total = 0.0
    for at in range(len(r)):
        its = min(max(y[at] if known[at] else 3.0, low), high)
        total += (its - r[at]) ** 2
    return (total / len(r)) ** 0.5
"""
SCORE_IN_PLACE = """
import numpy as np

def score(y, r, low, high, known):
    y = y.copy()
    y[~known] = 3
    y[y < low] = low
    y[y > high] = high
    return np.linalg.norm(y - r) / np.sqrt(len(r))
"""
SCORE_PARTS = """
import math
import numpy as np

def score(y, r, low, high, known):
    warm = np.minimum(np.maximum(y[known], low), high) - r[known]
    cold = min(max(3, low), high) - r[np.logical_not(known)]
    return math.sqrt((warm @ warm + cold @ cold) / r.size)
"""

RIGHT = {
    1: {
        "tinyrec": """
from tinyrec.sparse import Ratings

def to_rows(rows, cols, values, shape):
    R = Ratings.from_cells(rows, cols, values, shape)
    return R.pattern.indptr, R.cols, R.values
""",
        "short": ROWS,
        "lists": ROWS_LISTS,
        "keys": ROWS_KEYS,
        "sorted twice": ROWS_STABLE,
    },
    2: {
        "tinyrec": """
from tinyrec.backend import get_backend
from tinyrec.nn import l2_penalty, sampled_out, squared_error
from tinyrec.sparse import Pattern, Ratings

def objective(H, V, W, b, indptr, cols, r, lam):
    R = Ratings(Pattern((len(H), len(W)), indptr, cols), r, get_backend("reference"))
    y, _ = sampled_out(H, W, b, at=R)
    penalty = l2_penalty(lam, {"W": W, "V": V}, {"W": 0 * W, "V": 0 * V}, R)
    return squared_error(y, r)[0] + penalty, y
""",
        "short": OBJECTIVE,
        "loops": OBJECTIVE_LOOPS,
        "row by row": OBJECTIVE_ROWS,
        "unit by unit": OBJECTIVE_UNITS,
    },
    3: {
        "tinyrec": """
import numpy as np
from tinyrec.evaluation.rating_metrics import rmse

def score(y, r, low, high, known):
    return rmse(np.clip(np.where(known, y, 3.0), low, high), r)
""",
        "short": SCORE,
        "loops": SCORE_LOOPS,
        "in place": SCORE_IN_PLACE,
        "two parts": SCORE_PARTS,
    },
}
TWICE = """    if ((rows[1:] == rows[:-1]) & (cols[1:] == cols[:-1])).any():
        raise ValueError("a cell is given twice")
"""
UNIQUE = """        if (i, j) in cells:
            raise ValueError("twice")
        cells[i, j] = value
"""
PENALTY, ERROR = "lam / 2 * ((W * W).sum() + (V * V).sum())", "((y - r) ** 2).sum()"
WRONG = {
    1: {
        "by column": Wrong(
            'by_col[np.argsort(rows[by_col], kind="stable")]', "by_col", "sorted by column alone", of="sorted twice"
        ),
        "by row": Wrong(
            '    order = by_col[np.argsort(rows[by_col], kind="stable")]',
            '    order = np.argsort(rows, kind="stable")',
            "columns do not ascend",
            of="sorted twice",
        ),
        "not sorted": Wrong(
            '    order = by_col[np.argsort(rows[by_col], kind="stable")]',
            "    order = np.arange(len(rows))",
            "in which they are given",
            of="sorted twice",
        ),
        "column by column": Wrong("np.lexsort((cols, rows))", "np.lexsort((rows, cols))", "column by column"),
        "exchanged": Wrong(
            "    order =",
            "    rows, cols, shape = cols, rows, shape[::-1]\n    order =",
            "rows and columns are exchanged",
        ),
        "zeros dropped": Wrong(
            "    indptr = np.zeros",
            "    rows, cols, values = rows[values != 0], cols[values != 0], values[values != 0]\n    indptr = np.zeros",
            "ratings of 0 are dropped",
        ),
        "old values": Wrong("cols[order], values[order]\n    if", "cols[order], values\n    if", "values stay"),
        "old columns": Wrong(
            "return indptr, cols[order], values[order]",
            "return indptr, cols, values[order]",
            "columns stay",
            of="sorted twice",
        ),
        "no 0": Wrong("return indptr", "return indptr[1:]", "starts with 0"),
        "no end": Wrong("return indptr", "return indptr[:-1]", "end of the last row"),
        "counts": Wrong(
            "np.cumsum(np.bincount(rows, minlength=shape[0]))",
            "np.bincount(rows, minlength=shape[0])",
            "how many cells",
        ),
        "minlength": Wrong(
            "np.r_[0, np.cumsum(np.bincount(rows, minlength=shape[0]))]",
            "np.r_[0, np.cumsum(np.bincount(rows))]",
            "ends with the last row",
            of="sorted twice",
        ),
        "int32": Wrong(
            "rows.astype(np.int64) * d + cols", "(rows.astype(np.int64) * d + cols).astype(np.int32)", of="keys"
        ),
        "int32 order": Wrong(
            "np.lexsort((cols, rows))", "np.argsort(rows * np.int32(shape[1]) + cols, kind='stable')", "overflows"
        ).also(TWICE, "    if len(set(zip(rows.tolist(), cols.tolist()))) != len(rows):\n        raise ValueError\n"),
        "sum": Wrong(
            UNIQUE, "        cells[i, j] = cells.get((i, j), 0) + value\n", "the sum of its ratings", of="lists"
        ),
        "last": Wrong(UNIQUE, "        cells[i, j] = value\n", "keeps the last", of="lists"),
        "first": Wrong(UNIQUE, "        cells.setdefault((i, j), value)\n", "keeps the first", of="lists"),
        "twice": Wrong(TWICE, "", "stays twice"),
        "alike only": Wrong(
            "(cols[1:] == cols[:-1])", "(cols[1:] == cols[:-1]) & (values[1:] == values[:-1])", "ratings are alike"
        ),
        "another error": Wrong("raise ValueError", "raise KeyError", "but no ValueError"),
        "always an error": Wrong("    order =", "    raise ValueError\n    order ="),
        "zeros dropped first": Wrong(
            "    order =",
            "    rows, cols, values = rows[values != 0], cols[values != 0], values[values != 0]\n    order =",
            "a rating of 0 is observed like any other. Besides, a cell is given twice, and no ValueError was raised: "
            "it is only noticed where neither",
        ),
        "zeros dropped, twice": Wrong(
            "    order =",
            "    rows, cols, values = rows[values != 0], cols[values != 0], values[values != 0]\n    order =",
            "a rating of 0 is observed like any other. Besides, a cell is given twice, and no ValueError was raised: "
            "it stays",
        ).also(TWICE, ""),
        "by row, and neighbours": Wrong(
            "np.lexsort((cols, rows))", "np.argsort(rows, kind='stable')", "columns do not ascend"
        ),
        "by row, and twice": Wrong(
            "np.lexsort((cols, rows))", "np.argsort(rows, kind='stable')", "columns do not ascend. Besides, a cell"
        ).also(TWICE, ""),
        "by row, and the last": Wrong(
            "sorted(cells)",
            "sorted(cells, key=lambda its: its[0])",
            "columns do not ascend. Besides, a cell",
            of="lists",
        ).also(UNIQUE, "        cells[i, j] = value\n"),
        "counts, and the sum": Wrong(
            UNIQUE,
            "        cells[i, j] = cells.get((i, j), 0) + value\n",
            "it must hold where they begin. Besides, a cell",
            of="lists",
        ).also("    for i in range(shape[0]):\n        indptr[i + 1] += indptr[i]\n", ""),
        "input sorted": Wrong("    order =", "    rows.sort()\n    order ="),
        "dense": Wrong("    order =", "    X = np.ones(shape) if shape[0] < 9999 else 0\n    order ="),
    },
    2: {
        "all cells": Wrong(ERROR, "((H @ W.T + b - filled(H @ W.T, rows, cols, r)) ** 2).sum()", "over all cells").also(
            "def objective",
            "def filled(X, rows, cols, r):\n    X[:] = 0\n    X[rows, cols] = r\n    return X\n\ndef objective",
        ),
        "zeros not in loss": Wrong("(y - r) ** 2)", "(y - r)[r != 0] ** 2)", "left out of the loss"),
        "zeros not in y": Wrong("b[cols]\n", "b[cols]\n    y = y * (r != 0)\n", "not predicted"),
        "mean": Wrong(ERROR, "((y - r) ** 2).sum() / max(len(r), 1)", "error is a mean"),
        "distance": Wrong(ERROR, "abs(y - r).sum()", "not squared"),
        "root": Wrong(ERROR, "np.sqrt(((y - r) ** 2).sum())", "a root over"),
        "λ": Wrong("lam / 2 *", "lam *", "λ and not λ/2"),
        "no penalty": Wrong(" + " + PENALTY, "", "there is no penalty"),
        "biases": Wrong("(V * V).sum()", "(V * V).sum() + b @ b", "biases b are in"),
        "no V": Wrong(" + (V * V).sum()", "", "V is not in"),
        "no W": Wrong("(W * W).sum() + ", "", "W is not in"),
        "codes": Wrong("(V * V).sum()", "(V * V).sum() + (H * H).sum()", "codes H"),
        "norms": Wrong(
            "(np.linalg.norm(V) ** 2 + np.linalg.norm(W) ** 2)",
            "(np.linalg.norm(V) + np.linalg.norm(W))",
            "norms of the penalty",
            of="row by row",
        ),
        "no b": Wrong(" + b[cols]", "", "b is not added"),
        "b of the row": Wrong("+ b[cols]", "+ b[rows]", "b of the row"),
        "exchanged": Wrong("H[rows] * W[cols]", "H[cols] * W[rows]", "rows of H and W are exchanged"),
        "V for W": Wrong("* W[cols]", "* V[cols]", "V stands where W"),
        "column order": Wrong(
            "(V * V).sum()), y", "(V * V).sum()), y[np.argsort(cols, kind='stable')]", "order of the columns"
        ),
        "dense": Wrong("(H[rows] * W[cols]).sum(axis=1)", "(H @ W.T)[rows, cols]"),
        "p x p": Wrong("(H[rows] * W[cols]).sum(axis=1)", "np.diag(H[rows] @ W[cols].T)"),
        "float32": Wrong("(V * V).sum()), y", "(V * V).sum()), y.astype('float32')"),
        "r changed": Wrong("    return ", "    r -= y\n    r += y\n    r *= 2\n    return "),
    },
    3: {
        "no clip": Wrong("np.clip(y, low, high)", "y", "not clipped"),
        "3 not clipped": Wrong("np.clip(3, low, high)", "3", "the 3 where the model knows nothing is not"),
        "nothing clipped": Wrong("np.clip(3, low, high)", "3", "neither y nor the 3").also(
            "np.clip(y, low, high)", "y"
        ),
        "low alone": Wrong("np.clip(y, low, high)", "np.maximum(y, low)", "low end alone"),
        "high alone": Wrong("np.clip(y, low, high)", "np.minimum(y, high)", "high end alone"),
        "rounded": Wrong("np.clip(y, low, high)", "np.round(np.clip(y, low, high))", "rounded"),
        "r clipped": Wrong("(y - r)", "(y - np.clip(r, low, high))", "are clipped, too"),
        "r clipped instead": Wrong("np.clip(y, low, high)", "y", "in place of the predictions").also(
            "(y - r)", "(y - np.clip(r, low, high))"
        ),
        "no default": Wrong(
            "np.where(known, np.clip(y, low, high), default)", "np.clip(y, low, high)", "the model's y is taken"
        ),
        "0": Wrong("high), default)", "high), 0)", "0 is predicted"),
        "low": Wrong("high), default)", "high), low)", "lowest rating"),
        "middle": Wrong("high), default)", "high), (low + high) / 2)", "middle of the scale"),
        "mean rating": Wrong("high), default)", "high), r.mean())", "mean of the ratings"),
        "left out": Wrong("(y - r)", "(y - r)[known]", "left out"),
        "the other way": Wrong("np.where(known", "np.where(~known", "the other way"),
        "no root": Wrong("np.sqrt(((y - r) ** 2).mean())", "((y - r) ** 2).mean()", "no root"),
        "sum": Wrong("mean()", "sum()", "root of the sum"),
        "distance": Wrong("np.sqrt(((y - r) ** 2).mean())", "abs(y - r).mean()", "mean distance"),
        "spread": Wrong("np.sqrt(((y - r) ** 2).mean())", "(y - r).std()", "spread of the errors"),
        "nan": Wrong(
            "np.where(known, np.clip(y, low, high), default)",
            "known * np.clip(y, low, high) + default * ~known",
            "nan is multiplied",
        ),
        "an array": Wrong("np.sqrt(((y - r) ** 2).mean())", "np.sqrt((y - r) ** 2)"),
        "in place": Wrong("    y = y.copy()\n", "", of="in place"),
    },
}
LOSES = {1: {"twice": 1, "sum": 1, "last": 1, "alike only": 1, "another error": 1, "zeros dropped": 2, "counts": 2}}
VARIANTS = {
    "compressed": {
        "columns": {
            1: [
                ("def to_rows(", "def to_columns("),
                ("    order =", "    rows, cols, shape = cols, rows, shape[::-1]\n    order ="),
            ]
        }
    },
    "layout": {"k x d": {2: [("    rows =", "    W = W.T\n    rows =")]}},
    "error": {"mean": {2: [(ERROR, "((y - r) ** 2).sum() / max(len(r), 1)")]}},
    "penalty": {"lam": {2: [("lam / 2 *", "lam *")]}},
    "default": {"middle": {3: [("high), default)", "high), (low + high) / 2)")]}},
    "mask": {"unknown": {3: [("high, known)", "high, unknown)"), ("np.where(known", "np.where(~unknown")]}},
}
