"""Layers for pairs of a user and an item: the rows and the columns of the observed cells of a matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array
from tinyrec.sparse import Pattern, Ratings


def pair_sums(P: Array, Q: Array, at: Ratings) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Z = P[rows] + Q[cols] at the observed cells of `at`

    P (n, k), Q (d, k), at (n, d) with p cells  ->  Z (p, k)

    The first layer of a network that reads [c_u, c_i], two codes side by side: [c_u c_i] V = c_u V_u + c_i V_i, where
    each code is multiplied once, in whatever number of pairs it occurs.
    """

    def backward(dZ):  # (p, k)
        cells = at.xp.arange(at.size, dtype=np.int32)
        return sums(at.pattern, cells, dZ), sums(at.pattern.T, at.pattern.order, dZ)  # dP (n, k), dQ (d, k)

    def sums(pattern: Pattern, cells: Array, dZ: Array) -> Array:
        """The sum of dZ over the cells of each row."""
        return at.backend.spmm(pattern.indptr, cells, at.xp.ones(at.size, dZ.dtype), dZ)

    return P[at.rows] + Q[at.cols], backward


def pair_products(P: Array, Q: Array, at: Ratings) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """y = P Qᵀ at the observed cells of `at`

    P (n, k), Q (d, k), at (n, d) with p cells  ->  y (p,)
    """

    def backward(dy):  # (p,)
        E = at.with_values(dy)
        return E @ Q, E.T @ P  # dP (n, k), dQ (d, k)

    return at.sampled(P, Q), backward
