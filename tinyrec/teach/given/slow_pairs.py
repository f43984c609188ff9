"""Layers of pairs that are right and slow, as those of slow.py: a user and an item each have a code."""

import numpy as np
from ratings import Ratings
from slow import identity, numeric, sparse_in, squared_error, tanh

__all__ = ["identity", "joined", "mlp", "sparse_in", "squared_error", "taken", "tanh"]


def joined(C_u, C_i, V, mu, at):
    """Z = [c_u c_i] V + mu at the cells of `at` (n, d): C_u (n, j), C_i (d, k), V (j + k, m), mu (m,) -> Z (p, m)

    backward: dZ -> dC_u, dC_i, dV, dmu
    """

    def forward(C_u, C_i, V, mu):
        Z = np.zeros((at.size, len(mu)), np.result_type(C_u, C_i, V, mu))
        for number, (u, i) in enumerate(zip(at.rows, at.cols, strict=True)):
            Z[number] = np.concatenate([C_u[u], C_i[i]]) @ V + mu
        return Z

    return numeric(forward, C_u, C_i, V, mu)


def mlp(Z, params, g):
    """y = H_L w + b, H_1 = g(Z), H_l = g(H_{l-1} V_l + mu_l) for V2, mu2, ... in params: Z (p, k_1) -> y (p,)

    backward: dy -> dZ, grads, where grads has an array for each name in params
    """
    names = list(params)

    def forward(H, *arrays):
        its, number = dict(zip(names, arrays, strict=True)), 2
        H, _ = g(H)
        while f"V{number}" in its:
            H, _ = g(H @ its[f"V{number}"] + its[f"mu{number}"])
            number += 1
        return H @ its["w"][:, 0] + its["b"]

    y, backward = numeric(forward, Z, *params.values())

    def with_names(dy):
        dZ, *grads = backward(dy)
        return dZ, dict(zip(names, grads, strict=True))

    return y, with_names


def taken(R, cells):
    """R with these of its cells alone: cells (b,), ascending, their numbers -> (n, d) with b cells"""
    indptr = np.searchsorted(cells, R.indptr)
    return Ratings(R.shape, indptr, R.cols[cells], R.values[cells])
