"""Rating metrics, and the protocol that all published figures follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyrec.backend import Array
from tinyrec.sparse import Ratings


def rmse(y: Array, r: Array) -> float:
    """√(mean of (y - r)²); y, r (p,), in rating units"""
    return float(np.sqrt(np.mean(np.square(y - r, dtype=np.float64))))


def mae(y: Array, r: Array) -> float:
    """mean of |y - r|; y, r (p,), in rating units"""
    return float(np.mean(np.abs(y - r), dtype=np.float64))


def interval(values: Sequence[float]) -> float:
    """The half-width of the 95 % interval of the mean of at least two values: t √(s² / n), by Student's t."""
    from scipy.stats import t  # slow to import

    n = len(values)
    return float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5)


def score(
    y: Array, train: Ratings, test: Ratings, scale: tuple[float, float], *, clip: bool = True, default: bool = True
) -> dict[str, float]:
    """RMSE and MAE of predictions y (p,) at the cells of `test`, made from `train`, both users x items."""
    warm_users, warm_items = warm(train)
    cold = ~(warm_users[test.rows] & warm_items[test.cols])
    y = follow_protocol(y, cold, scale, clip=clip, default=default)
    return {"rmse": rmse(y, test.values), "mae": mae(y, test.values)}


def follow_protocol(
    y: Array, cold: Array, scale: tuple[float, float], *, clip: bool = True, default: bool = True
) -> Array:
    """Predictions as they are scored: the default rating where `cold`, and clipped to the scale.

    y (p,); cold (p,) bool: the user or the item has no training ratings, see `warm`
    """
    if default:
        y = np.where(cold, default_rating(scale), y)
    return np.clip(y, *scale) if clip else y


def warm(train: Ratings) -> tuple[Array, Array]:
    """Which users and which items have a training rating, (n + 1,) and (d + 1,) bool; number -1 is unknown: False."""
    per_user, per_item = np.diff(train.pattern.indptr), np.bincount(train.cols, minlength=train.shape[1])
    return np.append(per_user > 0, False), np.append(per_item > 0, False)


def default_rating(scale: tuple[float, float]) -> float:
    """3 on a scale that ends at 5 stars (AutoRec, section 3), the middle of any other scale."""
    low, high = scale
    return 3.0 if high == 5 and low >= 0 else (low + high) / 2
