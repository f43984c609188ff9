"""From ratings to what an autoencoder sees, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import Dataset
from tinyrec.recommenders.biases import Bias
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Scaling:
    """x = (r - zero) / unit

    zero: where x is counted from, for each user and item;  unit: of x, in ratings

    "scale"   zero is such that the scale becomes 1 to 5, and ratings of 1 to 5 stay as they are        (AutoRec)
    "biases"  zero is the prediction of user and item biases, and the autoencoder learns what they leave over
    "rows"    zero is the mean rating of the item (by item) or of the user, and the unit half of the width of the scale,
              so that the scale would become -1 to 1 around its middle                                (CFN, section 4.1)

    "clicks"  zero is 0 and the unit 1: nothing to scale                                       (NCAE for clicks)

    Where zero is "scale" or "biases", the unit is a quarter of the width, so that λ means the same on every scale.
    """

    unit: float
    zero: Bias

    @classmethod
    def of(cls, data: Dataset, zero: str, by: str = "item", damping: float = 0.0) -> Scaling:
        """by, damping: of "rows", see `row_means`"""
        low, high = data.scale
        unit = (high - low) / 4 or 1.0
        if zero == "biases":
            return cls(unit, Bias.estimate(data.ratings))
        if zero == "rows":
            return cls(2 * unit, row_means(data.ratings, by, damping))
        n, d = data.ratings.shape
        if zero == "clicks":
            return cls(1.0, Bias(0.0, np.zeros(n), np.zeros(d)))
        return cls(unit, Bias(low - unit, np.zeros(n), np.zeros(d)))

    def to_model(self, R: Ratings, dtype) -> Ratings:
        """The ratings (users x items) as the autoencoder sees them."""
        x = (R.values - self.zero.predict(R.rows, R.cols)) / self.unit
        return R.with_values(x.astype(dtype))

    def to_rating(self, x: Array, users: Array, items: Array) -> Array:
        """r = zero + unit x, for the row numbers of users and items (or arrays of them that broadcast with x)."""
        return self.zero.predict(users, items) + self.unit * x


def row_means(R: Ratings, by: str, damping: float = 0.0) -> Bias:
    """The mean rating of each item, or of each user, and besides of `damping` more ratings, each the mean of all."""
    rows, n = (R.cols, R.shape[1]) if by == "item" else (R.rows, R.shape[0])
    counts, mean = np.bincount(rows, minlength=n), float(R.values.mean(dtype=np.float64))
    above = np.bincount(rows, R.values.astype(np.float64) - mean, minlength=n) / np.maximum(counts + damping, 1e-9)
    nothing = np.zeros(R.shape[0] if by == "item" else R.shape[1])
    return Bias(mean, nothing, above) if by == "item" else Bias(mean, above, nothing)
