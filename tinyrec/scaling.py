"""From ratings to what an autoencoder sees, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.baselines import Bias
from tinyrec.data import Dataset
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Scaling:
    """x = (r - zero) / unit

    unit: a quarter of the width of the rating scale, so that λ means the same on every scale
    zero: where x is counted from, for each user and item

    Raw, as in the AutoRec paper: zero is such that the scale becomes 1 to 5, and ratings of 1 to 5 stay as they are.
    Centred: zero is the prediction of user and item biases, and the autoencoder learns what they leave over.
    """

    unit: float
    zero: Bias

    @classmethod
    def of(cls, data: Dataset, center: bool) -> Scaling:
        low, high = data.scale
        unit = (high - low) / 4 or 1.0
        if center:
            return cls(unit, Bias.estimate(data.ratings))
        n, d = data.ratings.shape
        return cls(unit, Bias(low - unit, np.zeros(n), np.zeros(d)))

    def to_model(self, R: Ratings, dtype) -> Ratings:
        """The ratings (users x items) as the autoencoder sees them."""
        x = (R.values - self.zero.predict(R.rows, R.cols)) / self.unit
        return R.with_values(x.astype(dtype))

    def to_rating(self, x: Array, users: Array, items: Array) -> Array:
        """r = zero + unit x, for the row numbers of users and items (or arrays of them that broadcast with x)."""
        return self.zero.predict(users, items) + self.unit * x
