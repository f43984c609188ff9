"""BiasedMF: biases and factors, by stochastic gradient descent. In the library Surprise it is called SVD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import fastest
from tinyrec.baselines.bias import biases_of
from tinyrec.baselines.factors import RatingFactors, ridge
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings

INIT = 0.01  # the standard deviation of the first vectors: near 0, so that they grow only where ratings ask for it
GROUPS = 8  # of users, and of items; as many blocks can be trained at once


@dataclass(frozen=True)
class BiasedMF(RatingFactors):
    """min Σ ((r - μ)/σ - b_u - b_i - p_u · q_i)² + λ (b_u² + b_i² + |p_u|² + |q_i|²)

    (Koren, Bell, Volinsky 2009, eq. 5, where σ = 1), summed over the observed ratings; the penalty is inside the sum.
    μ and σ are the mean of the ratings and their standard deviation, so that the settings fit any rating scale. Each
    epoch visits every rating once; the learning rate is multiplied by `decay` after each epoch (Koren 2008, section 5).

    Users and items are dealt into random groups, and a block has the ratings of a group of users and a group of items.
    Blocks that share neither are trained in parallel (Gemulla et al. 2011), which gives the same bits for any number of
    threads. Within a block, the ratings of a user follow one another, always in the same order; which blocks are next
    is drawn anew in each epoch.

    factors: k;  l2: λ. Defaults: our search on validation parts of MovieLens 1M and 100K.
    """

    factors: int = 100
    learning_rate: float = 0.05
    decay: float = 0.88
    l2: float = 0.04
    epochs: int = 20

    minimum: ClassVar = {"factors": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        (n, d), rng = R.shape, np.random.default_rng(seed)
        mean, sigma = float(R.values.mean(dtype=np.float64)), spread(R)
        P, Q = (INIT * rng.standard_normal((size, self.factors), np.float32) for size in (n, d))
        groups = [(rng.permutation(size) % GROUPS).astype(np.int16) for size in (n, d)]
        block = groups[0][R.rows] * GROUPS + groups[1][R.cols]
        order = np.argsort(block, kind="stable")
        bounds = np.searchsorted(block[order], np.arange(GROUPS**2 + 1))
        cells = R.rows[order], R.cols[order], ((R.values[order] - mean) / sigma).astype(np.float32)
        b, c = np.zeros(n, np.float32), np.zeros(d, np.float32)
        for epoch in range(self.epochs):
            rate = self.learning_rate * self.decay**epoch
            for shift in rng.permutation(GROUPS):
                fastest(descend, "biased_mf")(shift, bounds, *cells, b, c, P, Q, rate, self.l2)
        # in units of the ratings again: σ b, and √σ p · √σ q = σ p · q
        biases = Biases(mean, *(sigma * array.astype(np.float64) for array in (b, c)))
        return self.learned(R, biases, *(sigma**0.5 * array.astype(np.float64) for array in (P, Q)))

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        """Solve for bias and factors of each new user, with those of the items fixed."""
        biases, sigma = biases_of(params), spread(R)
        Q = np.insert(params["Q"] / sigma**0.5, 0, 1.0, axis=1)  # (d, 1 + k)
        without_user = biases.predict(np.full(new.size, -1), new.cols)
        p = ridge(new.with_values((new.values - without_user) / sigma), Q, np.ones(len(Q)), self.l2)
        return biases.mean + biases.item + sigma * p @ Q.T


def spread(R: Ratings) -> float:
    """σ, the standard deviation of the ratings; 1 if all are equal"""
    return float(R.values.std(dtype=np.float64)) or 1.0


def descend(
    shift: int, bounds: Array, users: Array, items: Array, x: Array,
    b_user: Array, b_item: Array, P: Array, Q: Array, rate: float, l2: float,
) -> None:  # fmt: skip
    """Θ <- Θ - rate/2 ∂/∂Θ (e² + λ |Θ|²), e = (r - μ)/σ - b_u - b_i - p_u · q_i   (Koren, Bell, Volinsky 2009, p. 45)

    rating by rating, in one block of each group g of users: that of the items' group g + shift, modulo GROUPS
    bounds: where each block begins in users, items, x (p,): u, i and (r - μ)/σ, and at last where they end
    b_user (n,), b_item (d,), P (n, k), Q (d, k) are changed in place
    """
    for group in range(GROUPS):
        block = group * GROUPS + (group + shift) % GROUPS
        for t in range(bounds[block], bounds[block + 1]):
            u, i = users[t], items[t]
            p, q = P[u].copy(), Q[i].copy()
            e = x[t] - b_user[u] - b_item[i] - p @ q
            b_user[u] += rate * (e - l2 * b_user[u])
            b_item[i] += rate * (e - l2 * b_item[i])
            P[u] += rate * (e * q - l2 * p)
            Q[i] += rate * (e * p - l2 * q)
