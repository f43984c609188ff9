"""Right and wrong answers to a9."""

from tests.teach.harness import Wrong

OURS = """
import numpy as np
import tinyrec as tr
from tinyrec import nn
from tinyrec.models.pairs import PairBatch, Sides
from tinyrec.sparse import Pattern, Ratings as Sparse
from tinyrec.backend import get_backend

def ours(R):
    return Sparse(Pattern(R.shape, R.indptr.astype(np.int64), R.cols), R.values, get_backend("reference"))
"""

JOINED = """
import numpy as np

def joined(C_u, C_i, V, mu, at):
    j = C_u.shape[1]
    A_u, A_i = C_u @ V[:j], C_i @ V[j:]

    def backward(dZ):
        dA_u, dA_i = np.zeros(A_u.shape), np.zeros(A_i.shape)
        np.add.at(dA_u, at.rows, dZ)
        np.add.at(dA_i, at.cols, dZ)
        return dA_u @ V[:j].T, dA_i @ V[j:].T, np.concatenate([C_u.T @ dA_u, C_i.T @ dA_i]), dZ.sum(axis=0)

    return A_u[at.rows] + A_i[at.cols] + mu, backward
"""
JOINED_LOOPS = """
import numpy as np

def joined(C_u, C_i, V, mu, at):
    j = C_u.shape[1]
    Z = np.zeros((at.size, len(mu)))
    for cell, (u, i) in enumerate(zip(at.rows, at.cols)):
        Z[cell] = C_u[u] @ V[:j] + C_i[i] @ V[j:] + mu

    def backward(dZ):
        dC_u, dC_i, dV, dmu = (np.zeros(its.shape) for its in (C_u, C_i, V, mu))
        for u, i, dz in zip(at.rows, at.cols, dZ):
            dC_u[u] += V[:j] @ dz
            dC_i[i] += V[j:] @ dz
            dV[:j] += np.outer(C_u[u], dz)
            dV[j:] += np.outer(C_i[i], dz)
            dmu += dz
        return dC_u, dC_i, dV, dmu

    return Z, backward
"""
JOINED_PRODUCTS = """
import numpy as np

def joined(C_u, C_i, V, mu, at):
    V_u, V_i = np.split(V, [C_u.shape[1]])
    A_u, A_i = C_u @ V_u + mu, C_i @ V_i

    def sums(M, dZ):
        ones = [M.with_values(np.ascontiguousarray(dz)) for dz in dZ.T]
        return np.array([its.T.sum_rows() for its in ones]).T.reshape(M.shape[0], dZ.shape[1])

    def backward(dZ):
        dA_u = sums(at, dZ)
        dA_i = np.array([np.bincount(at.cols, dz, minlength=at.shape[1]) for dz in dZ.T]).T
        return dA_u @ V_u.T, dA_i @ V_i.T, np.r_[C_u.T @ dA_u, C_i.T @ dA_i], dA_u.sum(axis=0)

    return A_u[at.rows] + A_i[at.cols], backward
"""

NETWORK = """
def mlp(Z, params, g):
    H, back = g(Z)
    codes, backs, number = [H], [back], 2
    while f"V{number}" in params:
        H, back = g(H @ params[f"V{number}"] + params[f"mu{number}"])
        codes.append(H)
        backs.append(back)
        number += 1
    y = H @ params["w"][:, 0] + params["b"]

    def backward(dy):
        grads = {"w": codes[-1].T @ dy[:, None], "b": dy.sum(keepdims=True)}
        dH = dy[:, None] @ params["w"].T
        for number in range(len(codes), 1, -1):
            dZ = backs[number - 1](dH)
            grads[f"V{number}"], grads[f"mu{number}"] = codes[number - 2].T @ dZ, dZ.sum(axis=0)
            dH = dZ @ params[f"V{number}"].T
        return backs[0](dH), grads

    return y, backward
"""
NETWORK_RECURSION = """
import numpy as np

def mlp(Z, params, g, number=2):
    H, back = g(Z)
    if f"V{number}" not in params:
        def backward(dy):
            dH = np.outer(dy, params["w"])
            return back(dH), {"w": (H.T @ dy)[:, None], "b": np.array([dy.sum()])}

        return (H @ params["w"]).ravel() + params["b"], backward

    V, mu = params[f"V{number}"], params[f"mu{number}"]
    y, above = mlp(H @ V + mu, params, g, number + 1)

    def backward(dy):
        dA, grads = above(dy)
        return back(dA @ V.T), grads | {f"V{number}": H.T @ dA, f"mu{number}": dA.sum(0)}

    return y, backward
"""
NETWORK_COLUMNS = """
import numpy as np

def mlp(Z, params, g):
    depth = 1 + sum(name.startswith("V") for name in params)
    layers = [(None, *g(Z))]
    for l in range(2, depth + 1):
        W = np.r_[params[f"V{l}"], [params[f"mu{l}"]]]
        layers.append((W, *g(np.c_[layers[-1][1], np.ones(len(Z))] @ W)))
    W = np.r_[params["w"], [params["b"]]]

    def backward(dy):
        dA, grads, above = dy[:, None], {}, W
        for l in range(depth, 0, -1):
            H, back = layers[l - 1][1:]
            dW = np.c_[H, np.ones(len(H))].T @ dA
            names = ("w", "b") if l == depth else (f"V{l + 1}", f"mu{l + 1}")
            grads[names[0]], grads[names[1]] = dW[:-1], dW[-1]
            dA, above = back(dA @ above[:-1].T), layers[l - 1][0]
        return dA, grads

    return (np.c_[layers[-1][1], np.ones(len(Z))] @ W)[:, 0], backward
"""

BATCH = """
import numpy as np

def loss_and_grads(params, R, cells, l2, layers):
    values = R.values.copy()
    values[cells] = 0
    seen, at = R.with_values(values), layers.taken(R, cells)
    Z_u, back_to_users = layers.sparse_in(seen, params["V_u"], params["mu_u"])
    Z_i, back_to_items = layers.sparse_in(seen.T, params["V_i"], params["mu_i"])
    C_u, back_to_Z_u = layers.tanh(Z_u)
    C_i, back_to_Z_i = layers.tanh(Z_i)
    Z, back_to_codes = layers.joined(C_u, C_i, params["V"], params["mu"], at)
    y, back_to_Z = layers.mlp(Z, {"w": params["w"], "b": params["b"]}, layers.tanh)
    error, back_to_y = layers.squared_error(y, at.values)

    dZ, grads = back_to_Z(back_to_y())
    dC_u, dC_i, grads["V"], grads["mu"] = back_to_codes(dZ)
    grads["V_u"], grads["mu_u"] = back_to_users(back_to_Z_u(dC_u))
    grads["V_i"], grads["mu_i"] = back_to_items(back_to_Z_i(dC_i))
    loss = error
    for name in ("V_u", "V_i", "V", "w"):
        loss = loss + l2 / 2 * (params[name] ** 2).sum()
        grads[name] = grads[name] + l2 * params[name]
    return loss, grads
"""
BATCH_DENSE = """
import numpy as np

def loss_and_grads(params, R, cells, l2, layers):
    V_u, mu_u, V_i, mu_i, V, mu, w, b = (params[name] for name in ("V_u", "mu_u", "V_i", "mu_i", "V", "mu", "w", "b"))
    X, k = np.zeros(R.shape), len(mu_u)
    X[R.rows, R.cols] = R.values
    users, items, r = R.rows[cells], R.cols[cells], R.values[cells]
    X[users, items] = 0
    C_u, C_i = np.tanh(X @ V_u + mu_u), np.tanh(X.T @ V_i + mu_i)
    C = np.c_[C_u[users], C_i[items]]
    H = np.tanh(C @ V + mu)
    e = (H @ w)[:, 0] + b - r
    dy = 2 * e[:, None]
    dZ = dy @ w.T * (1 - H * H)
    dC = dZ @ V.T
    dC_u, dC_i = np.zeros(C_u.shape), np.zeros(C_i.shape)
    np.add.at(dC_u, users, dC[:, :k])
    np.add.at(dC_i, items, dC[:, k:])
    dZ_u, dZ_i = dC_u * (1 - C_u**2), dC_i * (1 - C_i**2)
    grads = {"V_u": X.T @ dZ_u, "mu_u": dZ_u.sum(0), "V_i": X @ dZ_i, "mu_i": dZ_i.sum(0)}
    grads |= {"V": C.T @ dZ, "mu": dZ.sum(0), "w": H.T @ dy, "b": dy.sum(0)}
    loss = (e * e).sum() + l2 / 2 * sum((W * W).sum() for W in (V_u, V_i, V, w))
    return loss, grads | {name: grads[name] + l2 * params[name] for name in ("V_u", "V_i", "V", "w")}
"""
BATCH_OURS = """
def loss_and_grads(params, R, cells, l2, layers):
    k, m = len(params["mu_u"]), len(params["mu"])
    plain = {"activation": "tanh", "dropout": 0, "hidden_dropout": 0, "center": False, "l2": 0}
    model = tr.NRP(hidden_units=(k,), head_units=(m,), **plain)
    names = {"user.V1": "V_u", "user.mu1": "mu_u", "item.V1": "V_i", "item.mu1": "mu_i"}
    names |= {"head.mu1": "mu", "head.w": "w", "head.b": "b"}
    its = {ours: params[name] for ours, name in names.items()}
    its |= {"head.user": params["V"][:k], "head.item": params["V"][k:]}
    loss, found = model.loss_and_grads(its, PairBatch(Sides(ours(R)), cells, 1.0))
    grads = {name: found[ours] for ours, name in names.items()}
    grads["V"] = np.concatenate([found["head.user"], found["head.item"]])
    for name in ("V_u", "V_i", "V", "w"):
        loss, grads[name] = loss + l2 / 2 * (params[name] ** 2).sum(), grads[name] + l2 * params[name]
    return loss, grads
"""

RIGHT = {
    1: {
        "tinyrec": OURS
        + "def joined(C_u, C_i, V, mu, at):\n    j = C_u.shape[1]\n"
        + "    A_u, back_to_u = nn.dense(C_u, V[:j], mu)\n    A_i, back_to_i = nn.dense(C_i, V[j:], 0)\n"
        + "    Z, back = nn.pair_sums(A_u, A_i, ours(at))\n\n"
        + "    def backward(dZ):\n        dA_u, dA_i = back(dZ)\n"
        + "        (dC_u, dV_u, dmu), (dC_i, dV_i, _) = back_to_u(dA_u), back_to_i(dA_i)\n"
        + "        return dC_u, dC_i, np.concatenate([dV_u, dV_i]), dmu\n\n    return Z, backward\n",
        "short": JOINED,
        "loops": JOINED_LOOPS,
        "products": JOINED_PRODUCTS,
    },
    2: {
        "tinyrec": OURS + "def mlp(Z, params, g):\n    return nn.mlp(Z, params, g)\n",
        "short": NETWORK,
        "recursion": NETWORK_RECURSION,
        "one more column": NETWORK_COLUMNS,
    },
    3: {
        "tinyrec": OURS + BATCH_OURS,
        "short": BATCH,
        "dense": BATCH_DENSE,
        "in place": BATCH.replace("grads[name] = grads[name] + l2", "grads[name] += l2"),
    },
}
WRONG = {
    1: {
        "no mu": Wrong(" + mu, backward", ", backward", "mu is not added"),
        "mu twice": Wrong(" + mu, backward", " + mu + mu, backward", "added twice"),
        "no user": Wrong("A_u[at.rows] + A_i", "A_i", "user's code is left out")
        .also("dA_u @ V[:j].T", "0 * C_u")
        .also("C_u.T @ dA_u", "0 * V[:j]"),
        "no item": Wrong("A_u[at.rows] + A_i[at.cols]", "A_u[at.rows]", "item's code is left out")
        .also("dA_i @ V[j:].T", "0 * C_i")
        .also("C_i.T @ dA_i", "0 * V[j:]"),
        "item first": Wrong(
            "j = C_u.shape[1]\n", "j = C_u.shape[1]\n    V = np.roll(V, j, axis=0)\n", "joined in the wrong order"
        ).also("[C_u.T @ dA_u, C_i.T @ dA_i]", "[C_i.T @ dA_i, C_u.T @ dA_u]"),
        "crosswise": Wrong("A_u[at.rows] + A_i[at.cols]", "A_u[at.cols] + A_i[at.rows]", "mixed up")
        .also("np.add.at(dA_u, at.rows", "np.add.at(dA_u, at.cols")
        .also("np.add.at(dA_i, at.cols", "np.add.at(dA_i, at.rows"),
        "column order": Wrong(
            "return A_u[at.rows] + A_i[at.cols] + mu, backward",
            "return (A_u[at.rows] + A_i[at.cols] + mu)[np.argsort(at.cols, kind='stable')], backward",
            "order of the columns",
        ),
        "times r": Wrong(
            "A_i[at.cols] + mu, ", "A_i[at.cols] + mu) * at.values[:, None], ", "multiplied by the rating"
        ).also("return A_u[", "return (A_u["),
        "zeros skipped": Wrong(
            "A_i[at.cols] + mu, ", "A_i[at.cols] + mu) * (at.values != 0)[:, None], ", "0 where the rating is 0"
        ).also("return A_u[", "return (A_u["),
        "last pair": Wrong("np.add.at(dA_u, at.rows, dZ)", "dA_u[at.rows] += dZ", "last one alone").also(
            "np.add.at(dA_i, at.cols, dZ)", "dA_i[at.cols] += dZ"
        ),
        "mean of pairs": Wrong(
            "        return dA_u",
            "        dA_u /= np.maximum(np.bincount(at.rows, minlength=len(C_u)), 1)[:, None]\n"
            "        dA_i /= np.maximum(np.bincount(at.cols, minlength=len(C_i)), 1)[:, None]\n"
            "        return dA_u",
            "mean over its pairs",
        ),
        "ratings": Wrong("at.rows, dZ)", "at.rows, at.values[:, None])", "ratings are used").also(
            "at.cols, dZ)", "at.cols, at.values[:, None])"
        ),
        "wrong parts": Wrong(
            "dA_u @ V[:j].T, dA_i @ V[j:].T", "dA_u @ V[-j:].T, dA_i @ V[: len(V) - j].T", "wrong parts"
        ),
        "order of dV": Wrong(
            "[C_u.T @ dA_u, C_i.T @ dA_i]", "[C_i.T @ dA_i, C_u.T @ dA_u]", "two parts in the wrong order"
        ),
        "no dV of items": Wrong("C_i.T @ dA_i", "0 * V[j:]", "zeros for the weights of the item"),
        "sign": Wrong("np.concatenate([C_u", "-np.concatenate([C_u", "wrong sign"),
        "mean for dmu": Wrong("dZ.sum(axis=0)", "dZ.sum(axis=0) / max(len(dZ), 1)", "mean over the pairs"),
        "dmu twice": Wrong("dZ.sum(axis=0)", "dA_u.sum(axis=0) + dA_i.sum(axis=0)", "counted twice"),
        "dmu per pair": Wrong("dZ.sum(axis=0)", "dZ.sum(axis=1)"),
        "both codes for each pair": Wrong("A_u[at.rows] + A_i[at.cols]", "np.c_[C_u[at.rows], C_i[at.cols]] @ V"),
    },
    2: {
        "Z as it is": Wrong("H, back = g(Z)", "H, back = Z, lambda dH: dH", "Z does not go through"),
        "last layer linear": Wrong(
            "        H, back = g(H @",
            '        last = f"V{number + 1}" not in params\n'
            "        H, back = (lambda X: (X, lambda dX: dX) if last else g(X))(H @",
            "last hidden layer does not go",
        ).also("H, back = g(Z)", 'H, back = g(Z) if "V2" in params else (Z, lambda dH: dH)'),
        "output squashed": Wrong(
            'params["b"]\n', 'params["b"]\n    y, back_to_a = g(y)\n', "output goes through the activation"
        ).also("backward(dy):\n", "backward(dy):\n        dy = back_to_a(dy)\n"),
        "no b": Wrong(' + params["b"]', "", "b is not added"),
        "no mu": Wrong(' + params[f"mu{number}"]', "", "not added").also("dZ.sum(axis=0)", "0 * dZ.sum(axis=0)"),
        "no first slope": Wrong("backs[0](dH), grads", "dH, grads", "gone back through the first"),
        "no dy": Wrong("backward(dy):\n", "backward(dy):\n        dy = 0 * dy + 1\n", "do not depend on dy"),
        "means": Wrong(
            "backward(dy):\n", "backward(dy):\n        dy = dy / max(len(dy), 1)\n", "all gradients are means"
        ),
        "mean for db": Wrong("dy.sum(keepdims=True)", "dy.sum(keepdims=True) / max(len(dy), 1)", "db is a mean"),
        "mean for dmu": Wrong("dZ.sum(axis=0)", "dZ.sum(axis=0) / max(len(dZ), 1)", "gradients of the mu are means"),
        "sign": Wrong("codes[-1].T @ dy", "-codes[-1].T @ dy", "matrices have the wrong sign").also(
            "codes[number - 2].T @ dZ,", "-codes[number - 2].T @ dZ,"
        ),
        "factor 2": Wrong("backward(dy):\n", "backward(dy):\n        dy = 2 * dy\n", "factor of 2"),
        "no dw": Wrong("codes[-1].T @ dy[:, None]", '0 * params["w"]', "dw is 0"),
        "dw before the activation": Wrong(
            "codes, backs, number = [H], [back], 2", "codes, backs, number, A = [H], [back], 2, Z", "before the last"
        )
        .also(
            '        H, back = g(H @ params[f"V{number}"] + params[f"mu{number}"])',
            '        A = H @ params[f"V{number}"] + params[f"mu{number}"]\n        H, back = g(A)',
        )
        .also("codes[-1].T @ dy", "A.T @ dy"),
        "column": Wrong('H @ params["w"][:, 0]', 'H @ params["w"]'),
        "no slope between": Wrong("dZ = backs[number - 1](dH)", "dZ = dH"),
        "codes of the layer itself": Wrong("codes[number - 2].T", "codes[number - 1].T"),
        "db a number": Wrong("dy.sum(keepdims=True)", "dy.sum()"),
    },
    3: {
        "as printed": Wrong("    values[cells] = 0\n", "", "stay in the input of users and items"),
        "in rows": Wrong("sparse_in(seen, params", "sparse_in(R, params", "stay in the users' rows"),
        "in columns": Wrong("sparse_in(seen.T", "sparse_in(R.T", "stay in the items' columns"),
        "the batch alone": Wrong(
            "    values[cells] = 0\n",
            "    values[np.setdiff1d(np.arange(R.size), cells)] = 0\n",
            "encoded from the ratings of the batch",
        ),
        "whole rows": Wrong(
            "X @ V_u", "(X * ~np.isin(np.arange(len(X)), users)[:, None]) @ V_u", "all ratings of a user", of="dense"
        )
        .also("X.T @ V_i", "(X * ~np.isin(np.arange(X.shape[1]), items)).T @ V_i")
        .also('"V_u": X.T @ dZ_u', '"V_u": (X * ~np.isin(np.arange(len(X)), users)[:, None]).T @ dZ_u')
        .also('"V_i": X @ dZ_i', '"V_i": (X * ~np.isin(np.arange(X.shape[1]), items)) @ dZ_i'),
        "all observed": Wrong(
            "at = R.with_values(values), layers.taken(R, cells)", "at = R.with_values(values), R", "observed cells"
        ),
        "all pairs": Wrong(
            "    C = np.c_",
            "    r, batch = np.zeros(R.size and X.size), np.isin(np.arange(R.size), cells)\n"
            "    users, items = np.indices(R.shape).reshape(2, -1)\n"
            "    r = np.zeros(R.shape)\n    r[R.rows, R.cols] = R.values\n    r = r.ravel()\n    C = np.c_",
            "all n x d pairs",
            of="dense",
        ),
        "mean": Wrong(
            "    dZ, grads = back_to_Z(back_to_y())",
            "    b = max(len(cells), 1)\n    error = error / b\n    dZ, grads = back_to_Z(back_to_y() / b)",
            "error is a mean",
        ),
        "no penalty": Wrong("    loss = error\n", "    loss, l2 = error, 0\n", "no penalty"),
        "λ": Wrong("    loss = error\n", "    loss, l2 = error, 2 * l2\n", "λ and not λ/2"),
        "biases": Wrong('in ("V_u", "V_i", "V", "w"):', "in params:", "biases are in the penalty"),
        "no w": Wrong('in ("V_u", "V_i", "V", "w"):', 'in ("V_u", "V_i", "V"):', "w is not in the penalty"),
        "loss only": Wrong(" + l2 * params[name]", "", "not in the gradient"),
        "twice": Wrong(" + l2 * params[name]", " + 2 * l2 * params[name]", "twice too large"),
        "linear codes": Wrong(
            "C_u, back_to_Z_u = layers.tanh(Z_u)", "C_u, back_to_Z_u = Z_u, lambda dC: dC", "codes do not go"
        ).also("C_i, back_to_Z_i = layers.tanh(Z_i)", "C_i, back_to_Z_i = Z_i, lambda dC: dC"),
        "item first": Wrong(
            "    Z_u, back_to_users",
            "    V, k = params['V'], len(params['mu_u'])\n    Z_u, back_to_users",
            "joined in the wrong order",
        )
        .also('C_i, params["V"], params["mu"]', 'C_i, np.roll(V, k, axis=0), params["mu"]')
        .also("    loss = error\n", '    loss, grads["V"] = error, np.roll(grads["V"], k, axis=0)\n'),
        "transpose forgotten": Wrong("sparse_in(seen.T", "sparse_in(seen"),
        "no copy": Wrong("R.values.copy()", "R.values"),
        "one tower": Wrong("back_to_items(back_to_Z_i(dC_i))", "back_to_items(back_to_Z_u(dC_i))"),
    },
}
VARIANTS = {
    "joined": {
        "item first": {
            1: [
                ("j = C_u.shape[1]\n", "j = C_u.shape[1]\n    V = np.roll(V, j, axis=0)\n"),
                ("[C_u.T @ dA_u, C_i.T @ dA_i]", "[C_i.T @ dA_i, C_u.T @ dA_u]"),
            ]
        }
    },
    "start": {"after": {2: [("H, back = g(Z)", "H, back = Z, lambda dH: dH")]}},
    "error": {
        "per pair": {
            3: [
                (
                    "layers.squared_error(y, at.values)\n",
                    "layers.squared_error(y, at.values)\n    nd = len(C_u) * len(C_i)\n",
                ),
                ("back_to_Z(back_to_y())", "back_to_Z(back_to_y() / nd)"),
                ("loss = error", "loss = error / nd"),
            ]
        }
    },
    "penalty": {"l2": {3: [("cells, l2, layers):", "cells, l2, layers):\n    l2 = 2 * l2")]}},
}
