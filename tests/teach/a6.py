"""Right and wrong answers to a6."""

from tests.teach.harness import Wrong

OURS = """
import numpy as np
from tinyrec import nn
from tinyrec.nn.side_layers import side_layers
from tinyrec.sparse import Pattern, Ratings as Sparse
from tinyrec.backend import get_backend

def ours(R):
    return Sparse(Pattern(R.shape, R.indptr, R.cols), R.values, get_backend("reference"))
"""

MASKED = """
import numpy as np

def masked(R, q, rng):
    hidden = rng.random(R.size) < q
    return R.with_values(np.where(hidden, 0, R.values)), hidden
"""
MASKED_LOOP = """
import numpy as np

def masked(R, q, rng):
    hidden, values = np.zeros(R.size, bool), R.values.copy()
    for j in range(R.size):
        if rng.uniform() < q:
            hidden[j], values[j] = True, 0
    return R.with_values(values), hidden
"""
MASKED_DENSE = """
import numpy as np

def masked(R, q, rng):
    hidden = rng.binomial(1, q, size=R.shape)[R.rows, R.cols] == 1
    return R.with_values(R.values * ~hidden), hidden
"""

ERROR = """
import numpy as np

def denoising_error(y, r, hidden, alpha, beta):
    weight, e = np.where(hidden, alpha, beta), y - r
    return (weight * e * e).sum(), 2 * weight * e
"""
ERROR_LOOP = """
import numpy as np

def denoising_error(y, r, hidden, alpha, beta):
    loss, dy = 0.0, np.zeros(len(y))
    for j in range(len(y)):
        a = alpha if hidden[j] else beta
        loss += a * (y[j] - r[j]) ** 2
        dy[j] = 2 * a * (y[j] - r[j])
    return loss, dy
"""
ERROR_PARTS = """
import numpy as np

def denoising_error(y, r, hidden, alpha, beta):
    e, kept = y - r, ~hidden
    dy = np.empty(len(y))
    dy[hidden], dy[kept] = 2 * alpha * e[hidden], 2 * beta * e[kept]
    return alpha * (e[hidden] @ e[hidden]) + beta * (e[kept] @ e[kept]), dy
"""

SIDE = """
import numpy as np

def join_side(H, X, W, b):
    k = H.shape[1]

    def backward(dZ):
        return dZ @ W[:k].T, np.concatenate([H.T @ dZ, X.T @ dZ]), dZ.sum(axis=0)

    return H @ W[:k] + X @ W[k:] + b, backward
"""
SIDE_LOOPS = """
import numpy as np

def join_side(H, X, W, b):
    (n, k), q = H.shape, X.shape[1]
    Z = np.zeros((n, len(b))) + b
    for i in range(n):
        for f in range(k):
            Z[i] += H[i, f] * W[f]
    for i, j, x in zip(X.rows, X.cols, X.values):
        Z[i] += x * W[k + j]

    def backward(dZ):
        dH, dW, db = np.zeros(H.shape), np.zeros(W.shape), np.zeros(b.shape)
        for i in range(n):
            db += dZ[i]
            for f in range(k):
                dH[i, f] = W[f] @ dZ[i]
                dW[f] += H[i, f] * dZ[i]
        for i, j, x in zip(X.rows, X.cols, X.values):
            dW[k + j] += x * dZ[i]
        return dH, dW, db

    return Z, backward
"""
SIDE_ADD_AT = """
import numpy as np

def join_side(H, X, W, b):
    of_codes, of_features = np.split(W, [H.shape[1]])
    Z = np.einsum("nk,km->nm", H, of_codes)
    np.add.at(Z, X.rows, X.values[:, None] * of_features[X.cols])

    def backward(dZ):
        dW = np.zeros_like(W)
        dW[: H.shape[1]] = np.einsum("nk,nm->km", H, dZ)
        np.add.at(dW, H.shape[1] + X.cols, X.values[:, None] * dZ[X.rows])
        return np.einsum("nm,km->nk", dZ, of_codes), dW, np.einsum("nm->m", dZ)

    return Z + b, backward
"""

RIGHT = {
    1: {
        "tinyrec": OURS
        + "def masked(R, q, rng):\n    seen, hidden = nn.masked(ours(R), q, rng)\n"
        + "    return R.with_values(seen.values), hidden\n",
        "short": MASKED,
        "loop": MASKED_LOOP,
        "all cells": MASKED_DENSE,
    },
    2: {
        "tinyrec": OURS
        + "def denoising_error(y, r, hidden, alpha, beta):\n"
        + "    loss, backward = nn.weighted_squared_error(y, r, np.where(hidden, alpha, beta))\n"
        + "    return loss, backward()\n",
        "short": ERROR,
        "loop": ERROR_LOOP,
        "parts": ERROR_PARTS,
    },
    3: {
        "tinyrec": OURS
        + "def join_side(H, X, W, b):\n    k = H.shape[1]\n"
        + '    Z, back = side_layers(H, {"V1": W[:k], "S1": W[k:], "mu1": b}, nn.identity, ours(X))\n\n'
        + "    def backward(dZ):\n        dH, grads = back(dZ)\n"
        + '        return dH, np.concatenate([grads["V1"], grads["S1"]]), grads["mu1"]\n\n    return Z, backward\n',
        "short": SIDE,
        "loops": SIDE_LOOPS,
        "add.at": SIDE_ADD_AT,
    },
}
WRONG = {
    1: {
        "raised": Wrong("R.values))", "R.values / (1 - q)))", "divided by 1 - q"),
        "1 - q": Wrong("< q", "> q", "with probability 1 - q"),
        "kept returned": Wrong("R.values)), hidden", "R.values)), ~hidden", "which cells are kept"),
        "not hidden": Wrong("np.where(hidden, 0, R.values)", "R.values.copy()", "still seen"),
        "two draws": Wrong("np.where(hidden, 0,", "np.where(rng.random(R.size) < q, 0,", "two draws"),
        "zeros masked": Wrong("< q", "< q\n    hidden |= R.values == 0", "always counts as masked"),
        "zeros kept": Wrong("< q", "< q\n    hidden &= R.values != 0", "never masked"),
        "by row": Wrong("rng.random(R.size) < q", "(rng.random(R.shape[0]) < q)[R.rows]", "cells of a row"),
        "by column": Wrong("rng.random(R.size) < q", "(rng.random(R.shape[1]) < q)[R.cols]", "cells of a column"),
        "own generator": Wrong("rng.random(", "np.random.default_rng(0).random(", "goes on from call to call"),
        "global generator": Wrong("rng.random(", "np.random.random("),
        "always as many": Wrong(
            "rng.random(R.size) < q",
            "np.zeros(R.size, bool)\n    hidden[rng.permutation(R.size)[: round(q * R.size)]] = 1",
        ),
        "in place": Wrong("rng.random(R.size) < q", "rng.random(R.size) < q\n    R.values[hidden] = 0"),
        "ones": Wrong("R.values)), hidden", "R.values)), hidden * 1"),
        "other cells": Wrong(
            "return R.with_values(np.where(hidden, 0, R.values)), hidden",
            "indptr = np.append(0, np.cumsum(~hidden))[R.indptr]\n"
            "    return type(R)(R.shape, indptr, R.cols[~hidden], R.values[~hidden]), hidden",
        ),
        "half of q": Wrong("< q", "< q / 2"),
    },
    2: {
        "exchanged": Wrong("np.where(hidden, alpha, beta)", "np.where(hidden, beta, alpha)", "exchanged"),
        "β everywhere": Wrong("np.where(hidden, alpha, beta)", "alpha * hidden + beta", "β weighs all cells"),
        "masked alone": Wrong("np.where(hidden, alpha, beta)", "alpha * hidden", "that are kept are left out"),
        "kept alone": Wrong("np.where(hidden, alpha, beta)", "beta * ~hidden", "masked cells are left out"),
        "no weights": Wrong("np.where(hidden, alpha, beta)", "np.ones(len(y))", "the same weight"),
        "squared": Wrong("np.where(hidden, alpha, beta)", "np.where(hidden, alpha, beta) ** 2", "weight is squared"),
        "mean": Wrong(
            "np.where(hidden, alpha, beta)", "np.where(hidden, alpha, beta) / max(len(y), 1)", "mean over all cells"
        ),
        "two means": Wrong(
            "np.where(hidden, alpha, beta)",
            "np.where(hidden, alpha / max(hidden.sum(), 1), beta / max((~hidden).sum(), 1))",
            "one over the others",
        ),
        "half": Wrong("np.where(hidden, alpha, beta)", "np.where(hidden, alpha, beta) / 2", "half of eq. 1"),
        "zeros left out": Wrong(
            "np.where(hidden, alpha, beta)", "np.where(hidden, alpha, beta) * (r != 0)", "rating is 0"
        ),
        "no 2": Wrong("2 * weight * e", "weight * e", "factor 2"),
        "no weights in dy": Wrong("2 * weight * e", "2 * e", "dy lacks the weights"),
        "sign": Wrong("2 * weight * e", "-2 * weight * e", "wrong sign"),
        "mean in dy": Wrong("2 * weight * e", "2 * weight * e / max(len(y), 1)", "that of the mean"),
        "no dy where kept": Wrong("2 * weight * e", "2 * alpha * hidden * e", "dy is 0 at the cells"),
        "sum forgotten": Wrong("(weight * e * e).sum()", "weight * e * e"),
        "a function": Wrong("2 * weight * e", "lambda: 2 * weight * e"),
    },
    3: {
        "no b": Wrong(" + b, backward", ", backward", "b is not added"),
        "b twice": Wrong(" + b, backward", " + b + b, backward", "added twice"),
        "no features": Wrong("X @ W[k:]", "0 * b", "features are left out").also("X.T @ dZ", "0 * W[k:]"),
        "no codes": Wrong("H @ W[:k]", "0 * b", "codes are left out")
        .also("H.T @ dZ", "0 * W[:k]")
        .also("dZ @ W[:k].T", "0 * H"),
        "no values": Wrong(
            "k = H.shape[1]\n", "k = H.shape[1]\n    X = X.with_values(np.ones(X.size))\n", "values of the features"
        ),
        "by count": Wrong(
            "k = H.shape[1]\n",
            "k = H.shape[1]\n    X = X.with_values(X.values / np.diff(X.indptr)[X.rows])\n",
            "divided by their number",
        ),
        "features first": Wrong("k = H.shape[1]\n", "k = X.shape[1]\n", "wrong order")
        .also("dZ @ W[:k].T", "dZ @ W[k:].T")
        .also("[H.T @ dZ, X.T @ dZ]", "[X.T @ dZ, H.T @ dZ]")
        .also("H @ W[:k] + X @ W[k:]", "H @ W[k:] + X @ W[:k]"),
        "no dW of features": Wrong("X.T @ dZ", "0 * W[k:]", "zeros for the weights of the features"),
        "no values in dW": Wrong("X.T @ dZ", "X.with_values(np.ones(X.size)).T @ dZ", "dW lacks the values"),
        "no dW of codes": Wrong("H.T @ dZ", "0 * W[:k]", "zeros for the weights of the codes"),
        "order of dW": Wrong("[H.T @ dZ, X.T @ dZ]", "[X.T @ dZ, H.T @ dZ]", "two parts in the wrong order"),
        "sign": Wrong("np.concatenate([H.T @ dZ, X.T @ dZ])", "-np.concatenate([H.T @ dZ, X.T @ dZ])", "wrong sign"),
        "weights of features": Wrong("dZ @ W[:k].T", "dZ @ W[-k:].T", "multiplied by the weights of the features"),
        "dX as well": Wrong("dZ @ W[:k].T", "dZ @ W.T"),
        "mean": Wrong("dZ.sum(axis=0)", "dZ.mean(axis=0)", "mean over the rows"),
        "axis": Wrong("dZ.sum(axis=0)", "dZ.sum(axis=1)", "sums over the units"),
        "no upstream": Wrong("dZ.sum(axis=0)", "len(H) * np.ones(len(b))"),
        "dense": Wrong(
            "    return H @ W[:k] + X @ W[k:] + b",
            "    D = np.zeros(X.shape)\n    D[X.rows, X.cols] = X.values\n    return np.c_[H, D] @ W + b",
        ),
    },
}
VARIANTS = {
    "mask": {"kept": {1: [("R.values)), hidden", "R.values)), ~hidden")]}},
    "scale": {"raised": {1: [("R.values))", "R.values / (1 - q)))")]}},
    "weights": {"one": {2: [("alpha, beta):", "alpha):\n    beta = 1 - alpha")]}},
    "joined": {
        "features first": {
            3: [
                ("k = H.shape[1]\n", "k, W = H.shape[1], np.roll(W, H.shape[1], axis=0)\n"),
                ("[H.T @ dZ, X.T @ dZ]", "[X.T @ dZ, H.T @ dZ]"),
            ]
        }
    },
}
