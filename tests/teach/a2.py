"""Right and wrong answers to a2."""

from tests.teach.harness import Wrong

OURS = """
from tinyrec.nn import layers
from tinyrec.sparse import Pattern, Ratings as Sparse
from tinyrec.backend import get_backend

def ours(R):
    return Sparse(Pattern(R.shape, R.indptr, R.cols), R.values, get_backend("reference"))
"""

OUTPUT = """
def sampled_out(H, W, b, at):
    y = at.sampled(H, W) + b[at.cols]

    def backward(dy):
        E = at.with_values(dy)
        return E @ W, E.T @ H, E.sum_rows()

    return y, backward
"""
OUTPUT_LOOPS = """
import numpy as np

def sampled_out(H, W, b, at):
    y = np.zeros(at.size)
    for j in range(at.size):
        y[j] = H[at.rows[j]] @ W[at.cols[j]] + b[at.cols[j]]

    def backward(dy):
        dH, dW, db = np.zeros(H.shape), np.zeros(W.shape), np.zeros(b.shape)
        for j in range(at.size):
            row, col = at.rows[j], at.cols[j]
            dH[row] += dy[j] * W[col]
            dW[col] += dy[j] * H[row]
            db[col] += dy[j]
        return dH, dW, db

    return y, backward
"""
OUTPUT_EINSUM = """
import numpy as np

def sampled_out(H, W, b, at):
    y = np.einsum("jk,jk->j", H[at.rows], W[at.cols]) + b[at.cols]

    def backward(dy):
        dH, dW, db = np.zeros(H.shape), np.zeros(W.shape), np.zeros(b.shape)
        np.add.at(dH, at.rows, dy[:, None] * W[at.cols])
        np.add.at(dW, at.cols, dy[:, None] * H[at.rows])
        np.add.at(db, at.cols, dy)
        return dH, dW, db

    return y, backward
"""
OUTPUT_COLUMN = """
import numpy as np

def sampled_out(H, W, b, at):
    H1, W1 = np.c_[H, np.ones(len(H))], np.c_[W, b]

    def backward(dy):
        E = at.with_values(dy)
        dW1 = E.T @ H1
        return (E @ W1)[:, :-1], dW1[:, :-1], dW1[:, -1]

    return at.sampled(H1, W1), backward
"""

INPUT = """
def sparse_in(R, V, mu):
    def backward(dZ):
        return R.T @ dZ, dZ.sum(axis=0)

    return R @ V + mu, backward
"""
INPUT_LOOPS = """
import numpy as np

def sparse_in(R, V, mu):
    Z = np.zeros((R.shape[0], V.shape[1]))
    for j in range(R.size):
        Z[R.rows[j]] += R.values[j] * V[R.cols[j]]
    Z = Z + mu

    def backward(dZ):
        dV, dmu = np.zeros(V.shape), np.zeros(mu.shape)
        for j in range(R.size):
            dV[R.cols[j]] += R.values[j] * dZ[R.rows[j]]
        for i in range(R.shape[0]):
            dmu += dZ[i]
        return dV, dmu

    return Z, backward
"""
INPUT_ADD_AT = """
import numpy as np

def sparse_in(R, V, mu):
    Z = np.tile(mu, (R.shape[0], 1))
    np.add.at(Z, R.rows, R.values[:, None] * V[R.cols])

    def backward(dZ):
        dV = np.zeros(V.shape)
        np.add.at(dV, R.cols, R.values[:, None] * dZ[R.rows])
        return dV, np.einsum("nk->k", dZ)

    return Z, backward
"""

MODEL = """
def loss_and_grads(params, R, l2, layers):
    V, mu, W, b = (params[name] for name in ("V", "mu", "W", "b"))
    Z, back_to_input = layers.sparse_in(R, V, mu)
    H, back_to_Z = layers.tanh(Z)
    y, back_to_H = layers.sampled_out(H, W, b, R)
    error, back_to_y = layers.squared_error(y, R.values)
    dH, dW, db = back_to_H(back_to_y())
    dV, dmu = back_to_input(back_to_Z(dH))
    penalty = l2 / 2 * ((V * V).sum() + (W * W).sum())
    return error + penalty, {"V": dV + l2 * V, "mu": dmu, "W": dW + l2 * W, "b": db}
"""
MODEL_IN_PLACE = MODEL.replace(
    'return error + penalty, {"V": dV + l2 * V, "mu": dmu, "W": dW + l2 * W, "b": db}',
    """grads = {"V": dV, "mu": dmu, "W": dW, "b": db}
    for name in ("V", "W"):
        grads[name] += l2 * params[name]
    return error + penalty, grads""",
)
MODEL_DENSE = """
import numpy as np

def loss_and_grads(params, R, l2, layers):
    V, mu, W, b = (params[name] for name in ("V", "mu", "W", "b"))
    X, M = np.zeros(R.shape), np.zeros(R.shape)
    X[R.rows, R.cols], M[R.rows, R.cols] = R.values, 1
    H = np.tanh(X @ V + mu)
    E = M * (H @ W.T + b - X)
    dZ = 2 * E @ W * (1 - H * H)
    loss = (E * E).sum() + l2 / 2 * ((V * V).sum() + (W * W).sum())
    return loss, {"V": X.T @ dZ + l2 * V, "mu": dZ.sum(0), "W": 2 * E.T @ H + l2 * W, "b": 2 * E.sum(0)}
"""

RIGHT = {
    1: {
        "tinyrec": OURS + "def sampled_out(H, W, b, at):\n    return layers.sampled_out(H, W, b, ours(at))\n",
        "short": OUTPUT,
        "loops": OUTPUT_LOOPS,
        "einsum": OUTPUT_EINSUM,
        "one more column": OUTPUT_COLUMN,
    },
    2: {
        "tinyrec": OURS + "def sparse_in(R, V, mu):\n    return layers.sparse_in(ours(R), V, mu)\n",
        "short": INPUT,
        "loops": INPUT_LOOPS,
        "add.at": INPUT_ADD_AT,
    },
    3: {"tinyrec": MODEL, "short": MODEL, "in place": MODEL_IN_PLACE, "dense": MODEL_DENSE},
}
WRONG = {
    1: {
        "no b": Wrong(" + b[at.cols]", "", "b is not added"),
        "b of the row": Wrong("b[at.cols]", "b[at.rows]", "b of the row"),
        "minus b": Wrong("+ b[", "- b[", "b is subtracted"),
        "column order": Wrong(
            "b[at.cols]\n",
            "b[at.cols]\n    y = y[__import__('numpy').argsort(at.cols, kind='stable')]\n",
            "order of the columns",
        ),
        "exchanged": Wrong("H[at.rows[j]] @ W[at.cols[j]]", "H[at.cols[j]] @ W[at.rows[j]]", "exchanged", of="loops"),
        "zeros skipped": Wrong("b[at.cols]\n", "b[at.cols]\n    y = y * (at.values != 0)\n", "0 where the rating is 0"),
        "minus r": Wrong("b[at.cols]", "b[at.cols] - at.values", "rating is subtracted"),
        "times r": Wrong("b[at.cols]\n", "b[at.cols]\n    y = y * at.values\n", "multiplied by the rating"),
        "dense": Wrong("at.sampled(H, W)", "(H @ W.T)[at.rows, at.cols]"),
        "factor 2": Wrong("at.with_values(dy)", "at.with_values(2 * dy)", "factor of 2"),
        "no dy": Wrong("at.with_values(dy)", "at.with_values(dy * 0 + 1)", "dy is not in the gradient"),
        "mean": Wrong("at.with_values(dy)", "at.with_values(dy / max(len(dy), 1))", "mean over the cells"),
        "the ratings": Wrong("at.with_values(dy)", "at", "ratings are used where dy"),
        "one db": Wrong("E.sum_rows()", "b * 0 + dy.sum()", "one sum for all"),
        "a number for db": Wrong("E.sum_rows()", "dy.sum()"),
        "count for db": Wrong("E.sum_rows()", "at.with_values(dy * 0 + 1).sum_rows()", "db lacks dy"),
        "sign of dW": Wrong("E.T @ H", "-(E.T @ H)", "dW has the wrong sign"),
        "sign of dH": Wrong("E @ W", "-(E @ W)", "dH has the wrong sign"),
        "transpose forgotten": Wrong("E.T @ H", "E @ H"),
        "added once": Wrong(
            "np.add.at(dH, at.rows, dy[:, None] * W[at.cols])",
            "dH[at.rows] += dy[:, None] * W[at.cols]",
            "dH and dW and db: with",
            of="einsum",
        )
        .also("np.add.at(dW, at.cols, dy[:, None] * H[at.rows])", "dW[at.cols] += dy[:, None] * H[at.rows]")
        .also("np.add.at(db, at.cols, dy)", "db[at.cols] += dy"),
        "dH and dW added once": Wrong(
            "np.add.at(dH, at.rows, dy[:, None] * W[at.cols])",
            "dH[at.rows] += dy[:, None] * W[at.cols]",
            "in dH and dW: with",
            of="einsum",
        ).also("np.add.at(dW, at.cols, dy[:, None] * H[at.rows])", "dW[at.cols] += dy[:, None] * H[at.rows]"),
        "dW and db added once": Wrong(
            "np.add.at(dW, at.cols, dy[:, None] * H[at.rows])",
            "dW[at.cols] += dy[:, None] * H[at.rows]",
            "in dW and db: with",
            of="einsum",
        ).also("np.add.at(db, at.cols, dy)", "db[at.cols] += dy"),
        "dH added once": Wrong(
            "np.add.at(dH, at.rows, dy[:, None] * W[at.cols])",
            "dH[at.rows] += dy[:, None] * W[at.cols]",
            "in dH: with",
            of="einsum",
        ),
        "dW added once": Wrong(
            "np.add.at(dW, at.cols, dy[:, None] * H[at.rows])",
            "dW[at.cols] += dy[:, None] * H[at.rows]",
            "in dW: with",
            of="einsum",
        ),
        "db added once": Wrong("np.add.at(db, at.cols, dy)", "db[at.cols] += dy", "in db: with", of="einsum"),
        "dy by rows": Wrong("E.T @ H", "at.T.with_values(dy) @ H", "transpose lists its cells"),
        "dy by columns": Wrong(
            "return E @ W",
            "return at.with_values(dy[at.cols.argsort(kind='stable')]) @ W",
            "in the order of the columns",
        ),
        "dH and dW exchanged": Wrong("return E @ W, E.T @ H", "return E.T @ H, E @ W"),
        "input changed": Wrong("E = at", "dy *= 2\n        E = at"),
        "float32": Wrong("    return y, backward", "    return y.astype('float32'), backward"),
    },
    2: {
        "no mu": Wrong(" + mu", "", "mu is not added"),
        "mu where rated": Wrong("R @ V + mu", "R @ V + (R.indptr[1:] > R.indptr[:-1])[:, None] * mu", "only to rows"),
        "mu for each": Wrong("R @ V + mu", "R @ V + (R.indptr[1:] - R.indptr[:-1])[:, None] * mu", "once for each"),
        "mean of ratings": Wrong(
            "R @ V + mu",
            "R @ V / __import__('numpy').maximum(R.indptr[1:] - R.indptr[:-1], 1)[:, None] + mu",
            "mean over the ratings",
        ),
        "no values": Wrong("R @ V", "R.with_values(R.values * 0 + 1) @ V", "values of the ratings are not used"),
        "mean for dmu": Wrong("dZ.sum(axis=0)", "dZ.mean(axis=0)", "mean over the rows"),
        "dmu where rated": Wrong(
            "dZ.sum(axis=0)", "dZ[R.indptr[1:] > R.indptr[:-1]].sum(axis=0)", "only rows with ratings"
        ),
        "axis": Wrong("dZ.sum(axis=0)", "dZ.sum(axis=1)", "sums over the hidden units"),
        "no r in dV": Wrong("R.T @ dZ", "R.with_values(R.values * 0 + 1).T @ dZ", "dV lacks the ratings"),
        "factor 2": Wrong("R.T @ dZ, dZ", "2 * (R.T @ dZ), 2 * dZ", "factor of 2"),
        "sign": Wrong("R.T @ dZ", "-(R.T @ dZ)", "dV has the wrong sign"),
        "transpose forgotten": Wrong("R.T @ dZ", "R @ dZ"),
        "Z and dV added once": Wrong(
            "np.add.at(Z, R.rows, R.values[:, None] * V[R.cols])",
            "Z[R.rows] += R.values[:, None] * V[R.cols]",
            "in Z and dV: with",
            of="add.at",
        ).also("np.add.at(dV, R.cols, R.values[:, None] * dZ[R.rows])", "dV[R.cols] += R.values[:, None] * dZ[R.rows]"),
        "Z added once": Wrong(
            "np.add.at(Z, R.rows, R.values[:, None] * V[R.cols])",
            "Z[R.rows] += R.values[:, None] * V[R.cols]",
            "in Z: with",
            of="add.at",
        ),
        "dV added once": Wrong(
            "np.add.at(dV, R.cols, R.values[:, None] * dZ[R.rows])",
            "dV[R.cols] += R.values[:, None] * dZ[R.rows]",
            "in dV: with",
            of="add.at",
        ),
        "r by rows": Wrong("R.T @ dZ", "R.T.with_values(R.values) @ dZ", "transpose lists its cells"),
        "wrong order": Wrong("R.T @ dZ, dZ.sum(axis=0)", "dZ.sum(axis=0), R.T @ dZ"),
        "dense": Wrong(
            "return R @ V", "X = __import__('numpy').zeros(R.shape)\n    X[R.rows, R.cols] = R.values\n    return X @ V"
        ),
    },
    3: {
        "all cells": Wrong("E = M * (H @ W.T + b - X)", "E = H @ W.T + b - X", "all cells", of="dense"),
        "mean": Wrong(
            "error, back_to_y = layers.squared_error(y, R.values)",
            "error, back_to_y = layers.squared_error(y, R.values)\n    p, back = max(R.size, 1), back_to_y\n"
            "    error, back_to_y = error / p, lambda: back() / p",
            "error is a mean",
        ),
        "λ": Wrong(
            "penalty =",
            "l2 = 2 * l2\n    penalty =",
            "λ and not λ/2",
        ),
        "no penalty": Wrong("penalty =", "l2 = 0\n    penalty =", "there is no penalty"),
        "biases": Wrong(
            'return error + penalty, {"V": dV + l2 * V, "mu": dmu, "W": dW + l2 * W, "b": db}',
            "penalty += l2 / 2 * ((mu * mu).sum() + (b * b).sum())\n"
            '    return error + penalty, {"V": dV + l2 * V, "mu": dmu + l2 * mu, "W": dW + l2 * W, "b": db + l2 * b}',
            "biases are in the penalty",
        ),
        "no V": Wrong("dV + l2 * V", "dV", "V is not in the penalty").also("(V * V).sum()", "0"),
        "no W": Wrong("dW + l2 * W", "dW", "W is not in the penalty").also("(W * W).sum()", "0"),
        "loss only": Wrong("dV + l2 * V", "dV", "not in the gradient").also("dW + l2 * W", "dW"),
        "half": Wrong("dV + l2 * V", "dV + l2 / 2 * V", "half of what").also("dW + l2 * W", "dW + l2 / 2 * W"),
        "twice": Wrong("dV + l2 * V", "dV + 2 * l2 * V", "twice too large").also("dW + l2 * W", "dW + 2 * l2 * W"),
        "linear codes": Wrong("layers.tanh(Z)", "(Z, lambda dH: dH)", "codes do not go through"),
        "output squashed": Wrong(
            "y, back_to_H = layers.sampled_out(H, W, b, R)",
            "a, back_to_a = layers.sampled_out(H, W, b, R)\n    y, back = layers.tanh(a)\n"
            "    back_to_H = lambda dy: back_to_a(back(dy))",
            "output goes through the activation",
        ),
        "tanh' forgotten": Wrong("back_to_Z(dH)", "dH", "activation's backward is left out"),
        "loss only for V": Wrong("dV + l2 * V", "dV", "not in the gradient of V"),
        "loss only for W": Wrong("dW + l2 * W", "dW", "not in the gradient of W"),
        "b penalised": Wrong("(W * W).sum())", "(W * W).sum() + (b * b).sum())", "b is in the penalty").also(
            '"b": db', '"b": db + l2 * b'
        ),
        "mu penalised": Wrong("(W * W).sum())", "(W * W).sum() + (mu * mu).sum())", "mu is in the penalty").also(
            '"mu": dmu', '"mu": dmu + l2 * mu'
        ),
    },
}
VARIANTS = {
    "layout": {
        "k x d": {
            1: [
                ("y = at", "W = W.T\n    y = at"),
                ("return E @ W, E.T @ H, E.sum_rows()", "return E @ W, (E.T @ H).T, E.sum_rows()"),
            ],
            2: [("R @ V + mu", "R @ V.T + mu"), ("R.T @ dZ", "(R.T @ dZ).T")],
        }
    },
    "order": {"matrix first": {1: [("(H, W, b, at)", "(at, W, b, H)")], 2: [("(R, V, mu)", "(V, mu, R)")]}},
    "names": {"other": {1: [("sampled_out(H", "cells_of_output(H")], 2: [("sparse_in(R", "codes_of_rows(R")]}},
    "error": {
        "half the sum": {
            3: [
                ("layers.squared_error(y, R.values)", "layers.squared_error(y, R.values)\n    error = error / 2"),
                ("back_to_H(back_to_y())", "back_to_H(back_to_y() / 2)"),
            ]
        }
    },
    "penalty": {"l2": {3: [("R, l2, layers):", "R, l2, layers):\n    l2 = 2 * l2")]}},
}
