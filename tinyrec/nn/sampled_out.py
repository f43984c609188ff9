"""The output layer: it reconstructs a row at its observed cells alone."""

from __future__ import annotations

from collections.abc import Callable

from tinyrec.backend import Array
from tinyrec.sparse import Ratings


def sampled_out(H: Array, W: Array, b: Array, at: Ratings) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
    """y = H Wᵀ + b at the observed cells of `at`           (AutoRec, below eq. 1 and under the norm of eq. 2)

    H (n, k), W (d, k), b (d,), at (n, d) with p cells  ->  y (p,)
    """
    y = at.sampled(H, W) + at.backend.take(b, at.cols)

    def backward(dy):  # (p,)
        E = at.with_values(dy)
        return E @ W, E.T @ H, E.sum_rows()  # dH (n, k), dW (d, k), db (d,)

    return y, backward
