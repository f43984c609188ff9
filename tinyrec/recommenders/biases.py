"""User and item biases: the least that a recommender must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Bias:
    """r̂_ui = μ + b_u + b_i                                             (Koren, Bell, Volinsky 2009, eq. 3)

    mean: μ;  user (n,): b_u;  item (d,): b_i
    """

    mean: float
    user: Array
    item: Array

    @classmethod
    def fit(cls, R: Ratings, user_damping: float = 15.0, item_damping: float = 10.0, iterations: int = 10) -> Bias:
        """Minimise Σ (r - r̂)² + user_damping Σ b_u² + item_damping Σ b_i², by turns exactly in b_i and in b_u.

        R (n, d). A damping is worth as many ratings of 0 deviation. Dampings and iterations are those of the library
        Surprise (its BaselineOnly), so that the figure can be held against others'.
        """
        bias = cls(float(R.values.mean(dtype=np.float64)), np.zeros(R.shape[0]), np.zeros(R.shape[1]))
        for _ in range(iterations):
            bias = bias._iteration(R, user_damping, item_damping)
        return bias

    @classmethod
    def estimate(cls, R: Ratings, iterations: int = 30) -> Bias:
        """The same with dampings learned from the ratings, as ratios of variances: σ² / σ_u² and σ² / σ_i².

        b_u ~ N(0, σ_u²), b_i ~ N(0, σ_i²), r ~ N(r̂, σ²): random effects, by a variational EM (independent posteriors,
        μ the mean of the ratings), stopped after so many iterations.
        """
        bias = cls.fit(R, iterations=1)
        per_user, per_item = np.bincount(R.rows, minlength=R.shape[0]), np.bincount(R.cols, minlength=R.shape[1])
        user_damping = item_damping = 10.0
        for _ in range(iterations):
            bias = bias._iteration(R, user_damping, item_damping)
            fitted = (per_user / (per_user + user_damping)).sum() + (per_item / (per_item + item_damping)).sum()
            noise = _square(R.values - bias.predict(R.rows, R.cols)) / max(R.size - fitted, 1) + 1e-9
            user_damping = noise / _variance(bias.user, noise, per_user, user_damping)
            item_damping = noise / _variance(bias.item, noise, per_item, item_damping)
        return bias

    def predict(self, users: Array, items: Array) -> Array:
        """r̂ for each pair of a row number of a user and of an item; -1 is an unknown one, with bias 0."""
        user_bias, item_bias = np.append(self.user, 0.0), np.append(self.item, 0.0)
        return self.mean + user_bias[users] + item_bias[items]

    def _iteration(self, R: Ratings, user_damping: float, item_damping: float) -> Bias:
        """The best item biases given those of the users, then the best user biases given these."""
        (n, d), rest = R.shape, R.values - self.mean
        per_user, per_item = np.bincount(R.rows, minlength=n), np.bincount(R.cols, minlength=d)
        item = np.bincount(R.cols, rest - self.user[R.rows], minlength=d) / (item_damping + per_item)
        user = np.bincount(R.rows, rest - item[R.cols], minlength=n) / (user_damping + per_user)
        return Bias(self.mean, user, item)


def _square(e: Array) -> float:
    return float(e @ e)


def _variance(bias: Array, noise: float, counts: Array, damping: float) -> float:
    """E[b²] over those who have ratings: the square of the posterior mean, plus the posterior variance."""
    rated = counts > 0
    return float(np.mean(bias[rated] ** 2 + noise / (counts[rated] + damping)))
