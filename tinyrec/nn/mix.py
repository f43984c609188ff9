"""Attention to two vectors of each row."""

from __future__ import annotations

from collections.abc import Callable

from tinyrec.backend import Array
from tinyrec.nn.activations import sigmoid


def mix(P: Array, X: Array, V: Array, w: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array, Array]]]:
    """Y = s P + (1 - s) X,  s = σ((P - X) V w)                                                (ACCM, Shi et al. 2018)

    P, X (n, k), V (k, a), w (a, 1)  ->  Y (n, k)

    s and 1 - s are the softmax of the attention (P V + mu) w and (X V + mu) w, in which the bias mu cancels.
    """
    D = P - X
    A = D @ V  # (n, a)
    s, back_to_t = sigmoid(A @ w)  # (n, 1)

    def backward(dY):  # (n, k)
        dt = back_to_t((dY * D).sum(axis=1, keepdims=True))  # (n, 1)
        dA = dt @ w.T  # (n, a)
        dD = dA @ V.T  # (n, k), without what comes from Y = X + s D
        return s * dY + dD, (1 - s) * dY - dD, D.T @ dA, A.T @ dt  # dP, dX (n, k), dV (k, a), dw (a, 1)

    return X + s * D, backward
