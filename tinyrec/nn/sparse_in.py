"""The input layer: it reads a sparse row and multiplies only what was observed."""

from __future__ import annotations

from collections.abc import Callable

from tinyrec.backend import Array
from tinyrec.sparse import Ratings


def sparse_in(R: Ratings, V: Array, mu: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Z = R V + mu                                        (AutoRec, below eq. 1: V r + mu for each row r of R)

    R (n, d), V (d, k), mu (k,)  ->  Z (n, k)
    """
    Z = R @ V + mu

    def backward(dZ):  # (n, k)
        return R.T @ dZ, dZ.sum(axis=0)  # dV (d, k), dmu (k,)

    return Z, backward
