"""From ratings to the input of an autoencoder, and back: user and item biases, row means, and the rating scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.checks import check_choice
from tinyrec.data import Dataset
from tinyrec.evaluation.rating_metrics import Total, itself
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Biases:
    """r̂_ui = μ + b_u + b_i                                             (Koren, Bell, Volinsky 2009, eq. 3)

    mean: μ;  user (n,): b_u;  item (d,): b_i

    Where they are fitted, `total` adds to a sum over users the terms of those that other processes have.
    """

    mean: float
    user: Array
    item: Array

    @classmethod
    def constant(cls, value: float, shape: tuple[int, int]) -> Biases:
        """The same value for every user and item of an (n, d) matrix."""
        return cls(value, np.zeros(shape[0]), np.zeros(shape[1]))

    @classmethod
    def fit(
        cls,
        R: Ratings,
        user_damping: float = 15.0,
        item_damping: float = 10.0,
        iterations: int = 10,
        total: Total = itself,
    ) -> Biases:
        """Minimise Σ (r - r̂)² + user_damping Σ b_u² + item_damping Σ b_i² by alternating exact solutions.

        R (n, d). A damping acts like so many additional ratings of the mean value. The defaults are those of
        BaselineOnly in the library Surprise, so that results can be compared.
        """
        biases = cls.constant(_mean(R, total), R.shape)
        for _ in range(iterations):
            biases = biases._iteration(R, user_damping, item_damping, total)
        return biases

    @classmethod
    def estimate(cls, R: Ratings, iterations: int = 30, total: Total = itself) -> Biases:
        """The same with dampings estimated from the ratings, as ratios of variances: σ² / σ_u² and σ² / σ_i².

        A random-effects model, b_u ~ N(0, σ_u²), b_i ~ N(0, σ_i²), r ~ N(r̂, σ²), fitted by variational EM (independent
        posteriors, μ the mean of the ratings) with a fixed number of iterations.
        """
        biases, p = cls.fit(R, iterations=1, total=total), total(R.size)
        per_user, per_item = np.bincount(R.rows, minlength=R.shape[0]), total(np.bincount(R.cols, minlength=R.shape[1]))
        user_damping = item_damping = 10.0
        for _ in range(iterations):
            biases = biases._iteration(R, user_damping, item_damping, total)
            fitted = total((per_user / (per_user + user_damping)).sum()) + (per_item / (per_item + item_damping)).sum()
            e = R.values - biases.predict(R.rows, R.cols)
            noise = float(total(e @ e)) / max(p - fitted, 1) + 1e-9
            user_damping = noise / _variance(biases.user, noise, per_user, user_damping, total)
            item_damping = noise / _variance(biases.item, noise, per_item, item_damping)
        return biases

    @classmethod
    def row_means(cls, R: Ratings, by: str, damping: float = 0.0, total: Total = itself) -> Biases:
        """The mean rating of each item or user, computed with `damping` additional ratings of average value."""
        rows, n = (R.cols, R.shape[1]) if by == "item" else (R.rows, R.shape[0])
        of_all, mean = total if by == "item" else itself, _mean(R, total)
        counts = of_all(np.bincount(rows, minlength=n))
        above = of_all(np.bincount(rows, R.values.astype(np.float64) - mean, minlength=n))
        above = above / np.maximum(counts + damping, 1e-9)
        nothing = np.zeros(R.shape[0] if by == "item" else R.shape[1])
        return cls(mean, nothing, above) if by == "item" else cls(mean, above, nothing)

    def predict(self, users: Array, items: Array) -> Array:
        """r̂ for row numbers of users and items, arrays that broadcast; -1 is an unknown one, with bias 0."""
        user_bias, item_bias = np.append(self.user, 0.0), np.append(self.item, 0.0)
        return self.mean + user_bias[users] + item_bias[items]

    def _iteration(self, R: Ratings, user_damping: float, item_damping: float, total: Total) -> Biases:
        """The best item biases given those of the users, then the best user biases given these."""
        (n, d), rest = R.shape, R.values - self.mean
        per_user, per_item = np.bincount(R.rows, minlength=n), total(np.bincount(R.cols, minlength=d))
        item = total(np.bincount(R.cols, rest - self.user[R.rows], minlength=d)) / (item_damping + per_item)
        user = np.bincount(R.rows, rest - item[R.cols], minlength=n) / (user_damping + per_user)
        return Biases(self.mean, user, item)


@dataclass(frozen=True)
class Scaling:
    """x = (r - offset) / unit, where the offset of each user and item is one of:

    "scale"      a constant that maps the rating scale to 1 to 5; ratings of 1 to 5 stay as they are        (AutoRec)
    "biases"     user and item biases
    "row means"  the mean rating of each item (by item) or user; unit: half the width of the scale  (CFN, section 4.1)
    "nothing"    0, with unit 1                                                       (NCAE for implicit feedback)

    For "scale" and "biases" the unit is a quarter of the width of the scale, so that λ means the same on every scale.
    """

    unit: float
    offset: Biases

    @classmethod
    def of(cls, data: Dataset, offset: str, by: str = "item", damping: float = 0.0) -> Scaling:
        """by, damping: of "row means", see `Biases.row_means`"""
        low, high = data.scale
        unit = (high - low) / 4 or 1.0
        if offset == "biases":
            return cls(unit, Biases.estimate(data.ratings, total=data.total))
        if offset == "row means":
            return cls(2 * unit, Biases.row_means(data.ratings, by, damping, data.total))
        if offset == "nothing":
            return cls(1.0, Biases.constant(0.0, data.ratings.shape))
        check_choice("offset", offset, ("scale", "biases", "row means", "nothing"))
        return cls(unit, Biases.constant(low - unit, data.ratings.shape))

    def to_model(self, R: Ratings, dtype) -> Ratings:
        """The ratings (users x items) as the autoencoder reads them."""
        x = (R.values - self.offset.predict(R.rows, R.cols)) / self.unit
        return R.with_values(x.astype(dtype))

    def to_rating(self, x: Array, users: Array, items: Array) -> Array:
        """r = offset + unit x, for the row numbers of users and items (or arrays of them that broadcast with x)."""
        return self.offset.predict(users, items) + self.unit * x


def _mean(R: Ratings, total: Total) -> float:
    return float(total(R.values.sum(dtype=np.float64)) / total(R.size))


def _variance(bias: Array, noise: float, counts: Array, damping: float, total: Total = itself) -> float:
    """E[b²] over users or items with ratings: the square of the posterior mean, plus the posterior variance."""
    rated = counts > 0
    return float(total((bias[rated] ** 2 + noise / (counts[rated] + damping)).sum()) / total(rated.sum()))
