"""Losses as the papers define them, with their exact gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params


def squared_error(y: Array, r: Array) -> tuple[Array, Callable[[], Array]]:
    """loss = Σ (y - r)² over the observed cells            (AutoRec, eq. 2, first term: a sum, no mean and no half)

    y, r (p,)  ->  loss ()
    """
    e = y - r

    def backward():
        return 2 * e  # dy (p,)

    return (e * e).sum(), backward


def weighted_squared_error(y: Array, r: Array, weight: Array) -> tuple[Array, Callable[[], Array]]:
    """loss = Σ weight (y - r)² over the observed cells                          (CFN, eq. 1 without λ; NCAE, eq. 5)

    y, r, weight (p,)  ->  loss ()
    """
    e = y - r
    weighted = weight * e

    def backward():
        return 2 * weighted  # dy (p,)

    return (weighted * e).sum(), backward


def cross_entropy(z: Array, y: Array) -> tuple[Array, Callable[[], Array]]:
    """loss = mean of -(y ln σ(z) + (1 - y) ln(1 - σ(z))) = ln(1 + exp(z)) - y z   (He et al. 2017, eq. 7, with a sum)

    z, the logits, and y, the labels (b,)  ->  loss ()
    """
    positive = z.real > 0
    tail = np.exp(np.where(positive, -z, z))  # at most 1: it cannot overflow

    def backward():
        return (np.where(positive, 1, tail) / (1 + tail) - y) / len(y)  # (σ(z) - y) / b

    return (np.where(positive, z, 0) + np.log1p(tail) - y * z).mean(), backward


def l2_penalty(l2: float, params: Params, grads: Params, R: Any) -> Array:
    """loss = λ/2 Σ |W|² over the params that `grads` has, and its gradient λ W           (AutoRec, eq. 2, second term)

    l2: λ; params, grads: arrays of any shape, by name; R: the data of this step, Ratings or others with their backend
    ->  loss (); the gradient is added to `grads` in place, in the same pass over memory, since these are the largest
    arrays
    """
    return R.penalty({name: (params[name], grad) for name, grad in grads.items()}, l2)
