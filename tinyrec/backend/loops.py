"""Training loops compiled by numba. Where each step needs the result of the previous one, one thread runs all.

Each has a reference implementation in plain NumPy with the same signature, which documents the method.
"""

import math

import numpy as np

from tinyrec.backend.cpu import _equal_cells, jit, run_in_threads


@jit
def bpr(users, items, others, P, Q, rate, l2):
    """SGD for BPR; the reference implementation is `tinyrec.baselines.bpr.descend`."""
    rate, l2, one = P.dtype.type(rate), P.dtype.type(l2), P.dtype.type(1)
    for t in range(len(users)):
        p, q, r = P[users[t]], Q[items[t]], Q[others[t]]
        x = P.dtype.type(0)
        for f in range(len(p)):
            x += p[f] * (q[f] - r[f])
        e = one / (one + np.exp(x))
        for f in range(len(p)):
            pf, qf, rf = p[f], q[f], r[f]
            p[f] += rate * (e * (qf - rf) - l2 * pf)
            q[f] += rate * (e * pf - l2 * qf)
            r[f] += rate * (-e * pf - l2 * rf)


@jit
def unobserved(indptr, cols, users, r):
    """The r-th item that each user lacks; the reference implementation is `tinyrec.baselines.base.unobserved`."""
    items = np.empty(len(users), np.int64)
    for t in range(len(users)):
        start = low = indptr[users[t]]
        high = indptr[users[t] + 1]
        while low < high:  # the first of the user's cells with more than r unobserved items before it
            middle = (low + high) // 2
            if cols[middle] - (middle - start) <= r[t]:
                low = middle + 1
            else:
                high = middle
        items[t] = r[t] + low - start
    return items


def biased_mf(shift, bounds, users, items, x, b_user, b_item, P, Q, rate, l2):
    """SGD for BiasedMF, in threads; the reference implementation is `tinyrec.baselines.biased_mf.descend`."""
    real, groups = P.dtype.type, math.isqrt(len(bounds) - 1)
    arrays = users, items, x, b_user, b_item, P, Q
    run_in_threads(range(groups + 1), _biased_mf_groups, groups, shift, bounds, *arrays, real(rate), real(l2))


@jit
def _biased_mf_groups(start, stop, groups, shift, bounds, users, items, x, b_user, b_item, P, Q, rate, l2):
    for group in range(start, stop):
        block = group * groups + (group + shift) % groups
        for t in range(bounds[block], bounds[block + 1]):
            u, i = users[t], items[t]
            p, q = P[u], Q[i]
            e = x[t] - b_user[u] - b_item[i]
            for f in range(len(p)):
                e -= p[f] * q[f]
            b_user[u] += rate * (e - l2 * b_user[u])
            b_item[i] += rate * (e - l2 * b_item[i])
            for f in range(len(p)):
                pf, qf = p[f], q[f]
                p[f] += rate * (e * qf - l2 * pf)
                q[f] += rate * (e * pf - l2 * qf)


@jit
def svd_feature(users, items, x, U, V, b, c, P, Q, rate, l2):
    """SGD for SVDFeature; the reference implementation is `tinyrec.baselines.svd_feature.descend`."""
    p, q = np.empty(P.shape[1]), np.empty(P.shape[1])
    for t in range(len(users)):
        e = x[t] - _sum_features(U, users[t], b, P, p) - _sum_features(V, items[t], c, Q, q)
        for f in range(len(p)):
            e -= p[f] * q[f]
        _update_features(U, users[t], b, P, q, e, rate, l2)
        _update_features(V, items[t], c, Q, p, e, rate, l2)


@jit
def _sum_features(rows, at, b, P, p):
    """Return Σ_a α_a b_a, and write Σ_a α_a p_a to p, over the features of one row."""
    indptr, cols, values = rows
    p[:] = 0
    bias = 0.0
    for j in range(indptr[at], indptr[at + 1]):
        a, alpha = cols[j], values[j]
        bias += alpha * b[a]
        for f in range(len(p)):
            p[f] += alpha * P[a, f]
    return bias


@jit
def _update_features(rows, at, b, P, q, e, rate, l2):
    indptr, cols, values = rows
    for j in range(indptr[at], indptr[at + 1]):
        a, alpha = cols[j], values[j]
        b[a] += rate * (e * alpha - l2 * b[a])
        for f in range(len(q)):
            P[a, f] += rate * (e * alpha * q[f] - l2 * P[a, f])


def solve_rows(indptr, cols, W, D):
    """The least squares of WMF, in threads; the reference implementation is `tinyrec.baselines.factors.solve_rows`."""
    P = np.zeros((len(indptr) - 1, W.shape[1]), W.dtype)
    run_in_threads(_equal_cells(indptr, W.shape[1]), _solve_rows, indptr, cols, W, D, P)
    return P


@jit
def _solve_rows(start, stop, indptr, cols, W, D, P):
    """With B = D½ W_u and v = W_uᵀ 1: (I + Bᵀ B)⁻¹ v or, for few cells, the same as v - Bᵀ (I + B Bᵀ)⁻¹ B v."""
    k, one = W.shape[1], W.dtype.type(1)
    for u in range(start, stop):
        its, v = cols[indptr[u] : indptr[u + 1]], P[u]
        B = W[its]
        for j in range(len(its)):
            root = np.sqrt(D[its[j]])
            for f in range(k):
                v[f] += B[j, f]
                B[j, f] *= root
        if len(its) >= k:
            _solve(np.dot(B.T, B), one, v)
        elif len(its):
            x = np.dot(B, v)
            _solve(np.dot(B, B.T), one, x)
            v -= np.dot(x, B)


@jit
def _solve(A, one, b):
    """Write (I + A)⁻¹ b to b, for a positive semidefinite A, which is changed."""
    for f in range(len(b)):
        A[f, f] += one
    L = np.linalg.cholesky(A)  # I + A = L Lᵀ: solve L y = b, then Lᵀ x = y
    for f in range(len(b)):
        for g in range(f):
            b[f] -= L[f, g] * b[g]
        b[f] /= L[f, f]
    for f in range(len(b) - 1, -1, -1):
        b[f] /= L[f, f]
        for g in range(f):
            b[g] -= L[f, g] * b[f]
