"""What is minimised: exactly the papers' expressions, and exactly their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tinyrec.backend import Array


def squared_error(y: Array, r: Array) -> tuple[Array, Callable[[], Array]]:
    """loss = Σ (y - r)² over the observed cells            (AutoRec, eq. 2, first term: a sum, no mean and no half)

    y, r (p,)  ->  loss ()
    """
    e = y - r

    def backward():
        return 2 * e  # dy (p,)

    return (e * e).sum(), backward


def l2_penalty(l2: float, *weights: Array) -> tuple[Array, Callable[[], Iterator[Array]]]:
    """loss = λ/2 Σ |W|² over the weights given             (AutoRec, eq. 2, second term: biases stay free)

    l2: λ; weights: arrays of any shape  ->  loss ()
    """
    loss = l2 / 2 * sum((W * W).sum() for W in weights)

    def backward():
        return (l2 * W for W in weights)  # one by one, as they are large

    return loss, backward
