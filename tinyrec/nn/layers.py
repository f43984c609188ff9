"""Layers: each returns its output and its backward, with the same names in both.

Axes: n rows given to the autoencoder, d visible units, k hidden units, p observed cells. Gradients are `d` + name.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array, Backend
from tinyrec.sparse import Ratings


def sparse_in(R: Ratings, V: Array, mu: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Z = R V + mu                                        (AutoRec, below eq. 1: V r + mu for each row r of R)

    R (n, d), V (d, k), mu (k,)  ->  Z (n, k)

    The input layer: only observed ratings are multiplied.
    """
    Z = R @ V + mu

    def backward(dZ):  # (n, k)
        return R.T @ dZ, dZ.sum(axis=0)  # dV (d, k), dmu (k,)

    return Z, backward


def dense(X: Array, V: Array, mu: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """Z = X V + mu

    X (n, j), V (j, k), mu (k,)  ->  Z (n, k)

    A fully connected layer between two hidden ones.
    """
    Z = X @ V + mu

    def backward(dZ):  # (n, k)
        return dZ @ V.T, X.T @ dZ, dZ.sum(axis=0)  # dX (n, j), dV (j, k), dmu (k,)

    return Z, backward


def sampled_out(H: Array, W: Array, b: Array, at: Ratings) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
    """y = H Wᵀ + b at the observed cells of `at`           (AutoRec, below eq. 1 and under the norm of eq. 2)

    H (n, k), W (d, k), b (d,), at (n, d) with p cells  ->  y (p,)

    The output layer: a row is reconstructed at its observed cells alone.
    """
    y = at.sampled(H, W) + at.backend.take(b, at.cols)

    def backward(dy):  # (p,)
        E = at.with_values(dy)
        return E @ W, E.T @ H, E.sum_rows()  # dH (n, k), dW (d, k), db (d,)

    return y, backward


def embedding(E: Array, rows: Array, backend: Backend) -> tuple[Array, Callable[[Array], Array]]:
    """e = E[rows]

    E (n, k), rows (b,), on the host  ->  e (b, k)

    The vectors of the users or items of a batch of pairs; the gradients of one that occurs several times are summed.
    """

    def backward(de):  # (b, k)
        order, indptr = np.argsort(rows, kind="stable"), np.zeros(len(E) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(E)), out=indptr[1:])
        cells, ones = backend.asarray(order.astype(np.int32)), backend.xp.ones(len(rows), de.dtype)
        return backend.spmm(backend.asarray(indptr), cells, ones, de)  # dE (n, k)

    return E[backend.asarray(rows)], backward
