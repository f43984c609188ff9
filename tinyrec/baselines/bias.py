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
    def fit(cls, R: Ratings, user_damping: float = 15.0, item_damping: float = 10.0, sweeps: int = 10) -> Bias:
        """Minimise Σ (r - r̂)² + user_damping Σ b_u² + item_damping Σ b_i², by turns exactly in b_i and in b_u.

        R (n, d). A damping is worth as many ratings of 0 deviation. Dampings and sweeps are those of the library
        Surprise (its BaselineOnly), so that the figure can be held against others'.
        """
        (n, d), r = R.shape, R.values.astype(np.float64)
        mean, user, item = r.mean(), np.zeros(n), np.zeros(d)
        per_user, per_item = np.bincount(R.rows, minlength=n), np.bincount(R.cols, minlength=d)
        for _ in range(sweeps):
            item = np.bincount(R.cols, r - mean - user[R.rows], minlength=d) / (item_damping + per_item)
            user = np.bincount(R.rows, r - mean - item[R.cols], minlength=n) / (user_damping + per_user)
        return cls(float(mean), user, item)

    def predict(self, users: Array, items: Array) -> Array:
        """r̂ for each pair of a row number of a user and of an item; -1 is an unknown one, with bias 0."""
        user_bias, item_bias = np.append(self.user, 0.0), np.append(self.item, 0.0)
        return self.mean + user_bias[users] + item_bias[items]
