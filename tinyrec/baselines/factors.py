"""Matrix factorisation: a vector for each user and each item, and least squares for the users' given the items'."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.backend.threads import one_blas_thread
from tinyrec.baselines.base import EPSILON, Baseline, fastest
from tinyrec.baselines.bias import biases_of
from tinyrec.evaluation.top_n import blocks
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Pattern, Ratings


class Factors(Baseline):
    """ŷ_ui = p_u · q_i, for implicit feedback

    learns P (n, k), Q (d, k)
    """

    factors: int

    implicit = True

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        return {"P": (n, self.factors), "Q": (d, self.factors)}

    def predict_users(self, params: Params, R: Ratings, users: Array) -> Array:
        return params["P"][users] @ params["Q"].T


class RatingFactors(Baseline):
    """r̂_ui = μ + b_u + b_i + p_u · q_i                                 (Koren, Bell, Volinsky 2009, eq. 4)

    learns mean (1,): μ, user (n,): b_u, item (d,): b_i, which may all be 0;  P (n, k), Q (d, k)
    """

    factors: int

    def learned(self, R: Ratings, biases: Biases, P: Array, Q: Array) -> Params:
        """The parameters; users and items without a cell in R (n, d) get the mean vector of the others."""
        factors = {"P": _mean_if_cold(P, R.rows), "Q": _mean_if_cold(Q, R.cols)}
        return {"mean": np.array([biases.mean]), "user": biases.user, "item": biases.item, **factors}

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        return {"mean": (1,), "user": (n,), "item": (d,), "P": (n, self.factors), "Q": (d, self.factors)}

    def predict_cells(self, params: Params, R: Ratings, users: Array, items: Array) -> Array:
        """An unknown user or item, -1, has bias 0 and the mean vector."""
        r, P, Q = biases_of(params).predict(users, items), _with_mean(params["P"]), _with_mean(params["Q"])
        for block in blocks(len(r), P.shape[1]):
            r[block] += np.einsum("bk,bk->b", P[users[block]], Q[items[block]])
        return r

    def predict_users(self, params: Params, R: Ratings, users: Array) -> Array:
        biases = biases_of(params).predict(users[:, np.newaxis], np.arange(R.shape[1]))
        return biases + params["P"][users] @ params["Q"].T


def _mean_if_cold(P, rows):
    warm = np.isin(np.arange(len(P)), rows)[:, np.newaxis]
    return np.where(warm, P, P[warm[:, 0]].mean(axis=0))


def _with_mean(P):
    return np.append(P, P.mean(axis=0, keepdims=True), axis=0)


def normal_equations(R: Ratings, Q: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield (rows (b,), S (b, k, k), y (b, k)) for blocks of rows that have cells, with sums over the cells of row u:

    S_u = Σ_i q_i q_iᵀ and y_u = Σ_i r_ui q_i, so that S_u p = y_u for the p with the least Σ_i (r_ui - p · q_i)².

    R (n, d), Q (d, k). The rows of a block have equally many cells, so that one batched product serves them all.
    """
    for rows, cells in _of_equal_length(R.pattern, Q.shape[1]):
        Q_u = Q[R.cols[cells]]  # (b, f, k)
        Q_ut = Q_u.transpose(0, 2, 1)
        yield rows, Q_ut @ Q_u, (Q_ut @ R.values[cells, np.newaxis])[:, :, 0]


def ridge(R: Ratings, Q: Array, weights: Array, l2: float) -> Array:
    """p_u = (Σ_i c_i (q_i q_iᵀ + λ I))⁻¹ Σ_i c_i r_ui q_i for each row u of R, sums over its cells

    R (n, d), Q (d, k), weights (d,): c_i, l2: λ  ->  P (n, k), the minimiser of Σ c_i [(r_ui - p_u · q_i)² + λ |p_u|²],
    so that λ counts once for each cell. Where all c_i are 0, and without cells, p_u is 0.
    """
    P, root = np.zeros((R.shape[0], Q.shape[1])), np.sqrt(weights)
    total = np.bincount(R.rows, weights[R.cols], minlength=R.shape[0])
    weighted = R.with_values(R.values * root[R.cols])
    for rows, S, y in normal_equations(weighted, Q * root[:, np.newaxis]):
        penalty = l2 * np.maximum(total[rows], EPSILON)[:, np.newaxis, np.newaxis] * np.eye(Q.shape[1])
        P[rows] = np.linalg.solve(S + penalty, y[:, :, np.newaxis])[:, :, 0]
    return P


def solve(R: Ratings, Q: Array, unobserved: Array, l2: float) -> Array:
    """p_u = (Qᵀ C_u Q + λ I)⁻¹ Qᵀ C_u y_u for each row u of R             (Hu, Koren, Volinsky 2008, eq. 4)

    R (n, d), Q (d, k), unobserved (d,), l2: λ  ->  P (n, k), the minimiser of Σ_i c_ui (y_ui - p_u · q_i)² + λ |p_u|²
    with y_ui = c_ui = 1 where u has item i, else y_ui = 0 and c_ui = unobserved_i

    All users share A = Qᵀ diag(unobserved) Q + λ I = L Lᵀ. With W = Q L⁻ᵀ, Lᵀ p_u = (I + W_uᵀ D W_u)⁻¹ W_uᵀ 1, where
    W_u are the rows of the f items of u, and D = diag(1 - unobserved) for these. It equals W_uᵀ (I + D W_u W_uᵀ)⁻¹ 1,
    so the smaller of a (k, k) and an (f, f) system can be solved. In the dtype of Q.
    """
    eye = np.eye(Q.shape[1], dtype=Q.dtype)
    L = np.linalg.cholesky((Q.T * unobserved.astype(Q.dtype)) @ Q + Q.dtype.type(l2) * eye)
    W, D = np.ascontiguousarray(np.linalg.solve(L, Q.T).T), (1 - unobserved).astype(Q.dtype)
    with one_blas_thread():
        P = (fastest(solve_rows, "solve_rows") if (D >= 0).all() else solve_rows)(R.pattern.indptr, R.cols, W, D)
    return np.linalg.solve(L.T, P.T).T


def solve_rows(indptr: Array, cols: Array, W: Array, D: Array) -> Array:
    """(I + W_uᵀ D W_u)⁻¹ W_uᵀ 1 for each row u, (n, k); see `solve`. Rows with as many cells are solved together."""
    P = np.zeros((len(indptr) - 1, W.shape[1]), W.dtype)
    for rows, cells in _of_equal_length(Pattern((len(P), len(W)), indptr, cols), W.shape[1]):
        P[rows] = _solve_block(W[cols[cells]], D[cols[cells]])
    return P


def _solve_block(W, D):  # (b, f, k), (b, f)
    _, f, k = W.shape
    Wt, DW = W.transpose(0, 2, 1), D[:, :, np.newaxis] * W
    if f < k:
        y = np.linalg.solve(np.eye(f, dtype=W.dtype) + DW @ Wt, np.ones((f, 1), W.dtype))  # (b, f, 1)
        return (Wt @ y)[:, :, 0]
    return np.linalg.solve(np.eye(k, dtype=W.dtype) + Wt @ DW, W.sum(axis=1)[:, :, np.newaxis])[:, :, 0]


def _of_equal_length(pattern: Pattern, k: int) -> Iterator[tuple[Array, Array]]:
    """Yield blocks of rows (b,) that have f cells each, and the positions (b, f) of these cells.

    The blocks are so small that arrays of (b, f, k) and (b, k, k) numbers take little memory.
    """
    lengths = np.diff(pattern.indptr)
    for f in np.unique(lengths[lengths > 0]):
        all_rows = np.flatnonzero(lengths == f)
        for block in blocks(len(all_rows), int(k * max(f, k))):
            rows = all_rows[block]
            yield rows, pattern.indptr[rows, np.newaxis] + np.arange(f)
