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


@dataclass(frozen=True)
class BiasedMF(RatingFactors):
    """min Σ (r - μ - b_u - b_i - p_u · q_i)² + λ (b_u² + b_i² + |p_u|² + |q_i|²)  (Koren, Bell, Volinsky 2009, eq. 5)

    summed over the observed ratings, whose mean is μ; the penalty is inside the sum. Each epoch visits every rating
    once, in random order; the learning rate is multiplied by `decay` after each epoch (Koren 2008, section 5).

    factors: k;  l2: λ. Defaults: our search on a validation part of MovieLens 1M.
    """

    factors: int = 100
    learning_rate: float = 0.02
    decay: float = 0.95
    l2: float = 0.06
    epochs: int = 60

    minimum: ClassVar = {"factors": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        (n, d), rng = R.shape, np.random.default_rng(seed)
        bias = Biases.constant(float(R.values.mean(dtype=np.float64)), R.shape)
        P, Q = rng.normal(0, 0.1, (n, self.factors)), rng.normal(0, 0.1, (d, self.factors))
        x = R.values - bias.mean
        for epoch in range(self.epochs):
            order, rate = rng.permutation(R.size), self.learning_rate * self.decay**epoch
            users, items = R.rows[order], R.cols[order]
            fastest(descend, "biased_mf")(users, items, x[order], bias.user, bias.item, P, Q, rate, self.l2)
        return self.learned(R, bias, P, Q)

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        """Solve for bias and factors of each new user, with those of the items fixed."""
        biases, Q = biases_of(params), np.insert(params["Q"], 0, 1.0, axis=1)  # (d, 1 + k)
        without_user = biases.predict(np.full(new.size, -1), new.cols)
        p = ridge(new.with_values(new.values - without_user), Q, np.ones(len(Q)), self.l2)
        return biases.mean + biases.item + p @ Q.T


def descend(
    users: Array, items: Array, x: Array, b_user: Array, b_item: Array, P: Array, Q: Array, rate: float, l2: float
) -> None:
    """Θ <- Θ + rate (e ∂r̂/∂Θ - λ Θ) with e = r - r̂, rating by rating             (Koren, Bell, Volinsky 2009, p. 45)

    users, items, x (b,): u, i and r - μ;  b_user (n,), b_item (d,), P (n, k), Q (d, k) are changed in place
    """
    for u, i, x_ui in zip(users, items, x, strict=True):
        p, q = P[u].copy(), Q[i].copy()
        e = x_ui - b_user[u] - b_item[i] - p @ q
        b_user[u] += rate * (e - l2 * b_user[u])
        b_item[i] += rate * (e - l2 * b_item[i])
        P[u] += rate * (e * q - l2 * p)
        Q[i] += rate * (e * p - l2 * q)
