"""Right and wrong answers to a8."""

from tests.teach.harness import Wrong

OURS = """
import numpy as np
from tinyrec.models import AutoRec
from tinyrec.recommenders import fold_in
from tinyrec.sparse import Ratings
"""

ROW_OURS = (
    OURS
    + """
def new_row(V, mu, W, b, r_cols, r):
    model, params = AutoRec(center=False), {"V": V, "mu": mu, "W": W, "b": b}
    R = Ratings.from_cells(np.zeros_like(r_cols), r_cols, r, (1, len(b)))
    bias, H = fold_in.new_row(model, params, R)
    return bias + model.decode(model.decoder(params), H, np.arange(len(b)))[0]
"""
)
ROW = """
import numpy as np

def new_row(V, mu, W, b, r_cols, r):
    z = r @ V[r_cols] + mu
    h = 1 / (1 + np.exp(-z))
    return W @ h + b
"""
ROW_LOOPS = """
import math
import numpy as np

def new_row(V, mu, W, b, r_cols, r):
    d, k = V.shape
    y = np.zeros(d)
    for j in range(d):
        y[j] = b[j]
    for unit in range(k):
        z = mu[unit]
        for value, col in zip(r, r_cols):
            z += value * V[col, unit]
        for j in range(d):
            y[j] += W[j, unit] / (1 + math.exp(-z))
    return y
"""
ROW_DENSE = """
import numpy as np

def new_row(V, mu, W, b, r_cols, r):
    x = np.zeros(len(b))
    x[r_cols] = r
    h = (1 + np.tanh((V.T @ x + mu) / 2)) / 2
    return (h[None] @ W.T + b)[0]
"""

COLUMN_OURS = (
    OURS
    + """
from unittest.mock import patch

def new_column(codes, mean, l2, damping, rows, x):
    R = Ratings.from_cells(np.zeros_like(rows), rows, x, (1, len(codes)))
    with patch.object(fold_in, "DAMPING", damping):
        W, b = fold_in.new_columns(codes, mean, l2, R)
    return mean + codes @ W[0] + b[0]
"""
)
COLUMN = """
import numpy as np

def new_column(codes, mean, l2, damping, rows, x):
    average = codes.mean(axis=0)
    Z = codes[rows] - average
    penalty = l2 / 2
    K = Z @ Z.T / penalty + 1 / damping
    e = x - mean[rows]
    a = np.linalg.solve(K + np.eye(len(x)), e)
    w, c = Z.T @ a / penalty, a.sum() / damping
    return mean + (codes - average) @ w + c
"""
COLUMN_KERNEL = """
import numpy as np

def new_column(codes, mean, l2, damping, rows, x):
    Z = codes - codes.mean(axis=0)
    K = 2 / l2 * Z @ Z[rows].T + 1 / damping
    return mean + K @ np.linalg.solve(K[rows] + np.identity(len(rows)), x - mean[rows])
"""
COLUMN_SVD = """
import numpy as np

def new_column(codes, mean, l2, damping, rows, x):
    scale = (damping * 2 / l2) ** 0.5
    Z = np.hstack([codes - codes.mean(axis=0), np.full((len(codes), 1), (l2 / 2 / damping) ** 0.5)])
    U, s, Vt = np.linalg.svd(Z[rows], full_matrices=False)
    v = Vt.T @ (s / (s * s + l2 / 2) * (U.T @ (x - mean[rows])))
    return mean + Z @ v
"""
COLUMN_STEPS = """
import numpy as np

def new_column(codes, mean, l2, damping, rows, x):
    center = codes.mean(axis=0)
    Z = np.column_stack([(codes[rows] - center) * (2 / l2) ** 0.5, np.full(len(rows), damping ** -0.5)])
    A, target = Z @ Z.T + np.eye(len(rows)), x - mean[rows]
    a, left = np.zeros(len(rows)), target.copy()
    step, size = left.copy(), left @ left
    for _ in range(10 * len(rows)):
        if size < 1e-28:
            break
        moved = A @ step
        far = size / (step @ moved)
        a, left = a + far * step, left - far * moved
        size, before = left @ left, size
        step = left + size / before * step
    v = Z.T @ a
    return mean + (codes - center) @ v[:-1] * (2 / l2) ** 0.5 + v[-1] * damping ** -0.5
"""

SERVE_OURS = (
    OURS
    + """
def serve(params, R, more, users):
    d = len(params["V"])
    rows, cols, values = [], [], []
    for i, user in enumerate(users):
        known = {}
        for its, row in ((R, user), (more, i)):
            if row >= 0:
                cells = slice(its.indptr[row], its.indptr[row + 1])
                known |= dict(zip(its.cols[cells].tolist(), its.values[cells].tolist()))
        read = {col: value for col, value in known.items() if col < d}
        rows, cols, values = rows + [i] * len(read), cols + list(read), values + list(read.values())
    model = AutoRec(center=False)
    H = model.encode(params, Ratings.from_cells(rows, cols, np.array(values, float), (len(users), d)))
    return model.decode(model.decoder(params), H, np.arange(more.shape[1]))
"""
)
SERVE = """
import numpy as np

def serve(params, R, more, users):
    d = len(params["V"])
    y = np.zeros(more.shape)
    for i, user in enumerate(users):
        x = np.zeros(more.shape[1])
        if user >= 0:
            old = slice(R.indptr[user], R.indptr[user + 1])
            x[R.cols[old]] = R.values[old]
        new = slice(more.indptr[i], more.indptr[i + 1])
        x[more.cols[new]] = more.values[new]
        z = x[:d] @ params["V"] + params["mu"]
        y[i] = params["W"] @ (1 / (1 + np.exp(-z))) + params["b"]
    return y
"""
SERVE_MATRICES = """
import numpy as np

def serve(params, R, more, users):
    V, mu, W, b = (params[name].copy() for name in ("V", "mu", "W", "b"))
    every = np.zeros((R.shape[0] + 1, R.shape[1]))
    every[R.rows, R.cols] = R.values
    X = every[users]
    X[more.rows, more.cols] = more.values
    return 1 / (1 + np.exp(-(X[:, :len(V)] @ V + mu))) @ W.T + b
"""
SERVE_DICTS = """
import math

def serve(params, R, more, users):
    V, mu, W, b = params["V"].tolist(), params["mu"].tolist(), params["W"].tolist(), params["b"].tolist()
    answers = []
    for i in range(len(users)):
        seen = {}
        if users[i] != -1:
            seen.update({R.cols[at]: R.values[at] for at in range(R.indptr[users[i]], R.indptr[users[i] + 1])})
        seen.update({more.cols[at]: more.values[at] for at in range(more.indptr[i], more.indptr[i + 1])})
        h = []
        for unit in range(len(mu)):
            z = mu[unit] + sum(value * V[col][unit] for col, value in seen.items() if col < len(V))
            h.append(1 / (1 + math.exp(-z)))
        answers.append([sum(w * a for w, a in zip(W[j], h)) + b[j] for j in range(len(W))])
    return answers
"""

RIGHT = {
    1: {"tinyrec": ROW_OURS, "short": ROW, "loops": ROW_LOOPS, "dense": ROW_DENSE},
    2: {
        "tinyrec": COLUMN_OURS,
        "short": COLUMN,
        "kernel": COLUMN_KERNEL,
        "svd": COLUMN_SVD,
        "conjugate gradients": COLUMN_STEPS,
    },
    3: {"tinyrec": SERVE_OURS, "short": SERVE, "matrices": SERVE_MATRICES, "dictionaries": SERVE_DICTS},
}
LEAST_SQUARES = """penalties = np.r_[np.full(Z.shape[1], penalty), damping]
    A = np.vstack([np.c_[Z, np.ones(len(x))], np.diag(penalties) ** 0.5])
    v = np.linalg.lstsq(A, np.r_[x - mean[rows], np.zeros(len(penalties))], rcond=None)[0]
    return mean + (codes - average) @ v[:-1] + v[-1]
    K = 0"""
K = "K = Z @ Z.T / penalty + 1 / damping"
PRIMAL = """Z = np.c_[Z, np.ones(len(Z))]
    v = np.linalg.solve(Z.T @ Z + np.diag([penalty] * codes.shape[1] + [damping]), Z.T @ (x - mean[rows]))
    return mean + (codes - average) @ v[:-1] + v[-1]
    K = 0"""
WRONG = {
    1: {
        "no mu": Wrong(" + mu", "", "mu is not added"),
        "no b": Wrong(" + b", "", "b is not added"),
        "linear": Wrong("1 / (1 + np.exp(-z))", "z", "does not go through"),
        "output": Wrong("return W @ h + b", "return 1 / (1 + np.exp(-(W @ h + b)))", "output goes through"),
        "mu outside": Wrong(" + mu\n", "\n", "mu is added after").also("np.exp(-z))", "np.exp(-z)) + mu"),
        "mean": Wrong("r @ V[r_cols]", "r @ V[r_cols] / max(len(r), 1)", "divided by their number"),
        "no values": Wrong("r @ V[r_cols]", "V[r_cols].sum(axis=0)", "values of the ratings are not used"),
        "first columns": Wrong("V[r_cols]", "V[:len(r)]", "first p columns"),
        "sorted": Wrong("V[r_cols]", "V[np.sort(r_cols)]", "in the order of r_cols"),
        "exchanged": Wrong("V[r_cols]", "W[r_cols]", "V and W are exchanged").also("W @ h", "V @ h"),
        "V twice": Wrong("W @ h", "V @ h", "V is used for both"),
        "W twice": Wrong("V[r_cols]", "W[r_cols]", "W is used for both"),
        "known kept": Wrong(
            "return W @ h + b", "y = W @ h + b\n    y[r_cols] = r\n    return y", "already has its rating"
        ),
        "known left out": Wrong(
            "return W @ h + b", "y = W @ h + b\n    y[r_cols] = 0\n    return y", "columns without a rating"
        ),
        "minus b": Wrong("+ b", "- b", "b is subtracted"),
        "a row": Wrong("W @ h + b", "(W @ h + b)[None]"),
        "rated columns": Wrong("W @ h + b", "(W @ h + b)[r_cols]"),
        "input changed": Wrong("    z =", "    r -= r.mean() if len(r) else 0\n    z ="),
        "float32": Wrong("W @ h + b", "(W @ h + b).astype('float32')"),
    },
    2: {
        "free": Wrong(K, "damping = 0\n    " + LEAST_SQUARES, "intercept c is free"),
        "no intercept": Wrong("a.sum() / damping", "0", "there is no intercept").also(" + 1 / damping", ""),
        "λ": Wrong("l2 / 2", "l2", "is λ and not"),
        "λ/4": Wrong("l2 / 2", "l2 / 4", "is λ/4"),
        "no penalty": Wrong(K, "penalty = 0\n    " + LEAST_SQUARES, "w has no penalty"),
        "half of damping": Wrong("    penalty", "    damping = damping / 2\n    penalty", "half as large"),
        "one penalty": Wrong("    K =", "    damping = penalty\n    K =", "intercept has the penalty of w"),
        "damping for all": Wrong("penalty = l2 / 2", "penalty = damping", "w has the penalty of the intercept"),
        "penalties exchanged": Wrong("penalty = l2 / 2", "penalty, damping = damping, l2 / 2", "exchanged"),
        "not centred": Wrong("codes.mean(axis=0)", "0", "mean of the codes is not taken off"),
        "centred to fit": Wrong("(codes - average) @ w", "codes @ w", "taken off to fit, and not to predict"),
        "mean of rated": Wrong(
            "codes.mean(axis=0)", "codes[rows if len(rows) else slice(None)].mean(axis=0)", "that of the codes of rated"
        ),
        "mean not taken off": Wrong("x - mean[rows]", "x", "is to be taken off first"),
        "mean not added": Wrong("return mean + ", "return ", "not added again"),
        "no mean": Wrong("x - mean[rows]", "x", "mean column is not used").also("return mean + ", "return "),
        "mean error": Wrong(
            "    penalty = l2 / 2",
            "    p = max(len(x), 1)\n    damping = p * damping\n    penalty = p * l2 / 2",
            "divided by their number",
        ),
        "first rows": Wrong("    average", "    rows = np.arange(len(x))\n    average", "first p rows"),
        "sorted": Wrong("    average", "    rows = np.sort(rows)\n    average", "in the order of `rows`"),
        "primal": Wrong(K, PRIMAL),
        "least squares": Wrong(K, LEAST_SQUARES),
        "rated rows": Wrong("(codes - average) @ w", "Z @ w").also("return mean", "return mean[rows]"),
        "input changed": Wrong("    Z =", "    codes -= average\n    average = 0\n    Z ="),
        "float32": Wrong(
            "np.linalg.solve(K + np.eye(len(x)), e)", "np.linalg.solve(K + np.eye(len(x)), e).astype('float32')"
        ),
    },
    3: {
        "last user": Wrong("R.shape[0] + 1, R", "R.shape[0], R", "-1 is read as the last user", of="matrices"),
        "new only": Wrong("if user >= 0", "if False", "ratings of training are not read"),
        "old only": Wrong("x[more.cols[new]] = more.values[new]", "pass", "new ratings are not read"),
        "sum": Wrong("x[more.cols[new]] = more", "x[more.cols[new]] += more", "counts with both"),
        "mean of both": Wrong(
            "x[more.cols[new]] = more.values[new]",
            "for j, value in zip(more.cols[new], more.values[new]):\n"
            "            both = user >= 0 and j in R.cols[old]\n"
            "            x[j] = (x[j] + value) / 2 if both else value",
            "mean of both",
        ),
        "old counts": Wrong(
            "x[more.cols[new]] = more.values[new]",
            "for j, value in zip(more.cols[new], more.values[new]):\n"
            "            x[j] = x[j] if user >= 0 and j in R.cols[old] else value",
            "counts with the old rating",
        ),
        "0 is none": Wrong(
            "x[more.cols[new]] = more.values[new]",
            "x[more.cols[new]] = np.where(more.values[new] == 0, x[more.cols[new]], more.values[new])",
            "new rating of 0",
        ),
        "seen twice": Wrong("    for i", "    every = {}\n    for i", "an old user's second row")
        .also("        z =", "        every[user] = x\n        z =")
        .also("        new =", "        x = every.get(user, x) if user >= 0 else x\n        new ="),
        "one new user": Wrong("    for i", "    nobody = np.zeros(more.shape[1])\n    for i", "all new people").also(
            "x = np.zeros(more.shape[1])", "x = np.zeros(more.shape[1]) if user >= 0 else nobody"
        ),
        "by number": Wrong("    for i", "    every = {}\n    for i", "same number in users")
        .also("        z =", "        every[user] = x\n        z =")
        .also("        new =", "        x = every.get(user, x)\n        new ="),
        "all before": Wrong("    for i", "    before = {}\n    for i", "all rows before it").also(
            "x[more.cols[new]] = more.values[new]",
            "before.update(zip(more.cols[new], more.values[new]))\n        x[list(before)] = list(before.values())",
        ),
        "ratings returned": Wrong(
            "    return y",
            "    for i, user in enumerate(users):\n        if user >= 0:\n"
            "            its = slice(R.indptr[user], R.indptr[user + 1])\n"
            "            y[i, R.cols[its]] = R.values[its]\n"
            "    y[more.rows, more.cols] = more.values\n    return y",
            "ratings themselves",
        ),
        "folded in: b": Wrong("    return y", "    y[:, d:] = params['b'][d:]\n    return y", "predicted as their b"),
        "folded in: no b": Wrong("    return y", "    y[:, d:] -= params['b'][d:]\n    return y", "lack their b"),
        "no mu": Wrong(' + params["mu"]', "", "mu is not added"),
        "no b": Wrong(' + params["b"]', "", "b is not added"),
        "folded in: left out": Wrong("    return y", "    return y[:, :d]"),
        "R changed": Wrong(
            "    d =",
            "    for i, user in enumerate(users):\n"
            "        for j in range(R.indptr[user], R.indptr[user + 1] if user >= 0 else 0):\n"
            "            R.values[j] = 2.25\n    d =",
        ),
        "R replaced": Wrong("    return y", "    R.values = R.values.copy()\n    return y"),
        "cache": Wrong("    return y", "    params['codes'] = y\n    return y"),
        "parameters longer": Wrong("    d =", "    params['V'] = np.array(params['V'])\n    d ="),
    },
}
VARIANTS = {
    "activation": {
        "tanh": {1: [("1 / (1 + np.exp(-z))", "np.tanh(z)")], 3: [("(1 / (1 + np.exp(-z)))", "np.tanh(z)")]}
    },
    "layout": {
        "k x d": {
            1: [("    z =", "    V, W = V.T, W.T\n    z =")],
            2: [("    average", "    codes = codes.T\n    average")],
            3: [("    d =", "    params = params | {name: params[name].T for name in 'VW'}\n    d =")],
        }
    },
    "row bias": {
        "damped": {1: [("    z = r", "    m = r.sum() / (len(r) + 5)\n    z = (r - m)"), ("h + b", "h + b + m")]}
    },
    "penalty": {"l2": {2: [("l2 / 2", "l2")]}},
    "error": {
        "mean": {2: [("    average", "    p = max(len(x), 1)\n    l2, damping = p * l2, p * damping\n    average")]}
    },
}
