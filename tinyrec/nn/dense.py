"""A fully connected layer between two hidden ones."""

from __future__ import annotations

from collections.abc import Callable

from tinyrec.backend import Array


def dense(X: Array, V: Array, mu: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """Z = X V + mu

    X (n, j), V (j, k), mu (k,)  ->  Z (n, k)
    """
    Z = X @ V + mu

    def backward(dZ):  # (n, k)
        return dZ @ V.T, X.T @ dZ, dZ.sum(axis=0)  # dX (n, j), dV (j, k), dmu (k,)

    return Z, backward
