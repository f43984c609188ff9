"""Rating metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.sparse import Ratings

Total = Callable[[Any], Any]  # adds to a sum the terms that other processes have


def itself(x: Any) -> Any:
    """A sum whose terms are all here."""
    return x


def rmse(y: Array | float, r: Array, total: Total = itself) -> float:
    """√(mean of (y - r)²); y, r (p,), in rating units"""
    return float(np.sqrt(total(np.square(y - r, dtype=np.float64).sum()) / total(r.size)))


def mae(y: Array, r: Array, total: Total = itself) -> float:
    """mean of |y - r|; y, r (p,), in rating units"""
    return float(total(np.abs(y - r).sum(dtype=np.float64)) / total(r.size))


def interval(values: Sequence[float], overlap: float = 0.0) -> float:
    """The half-width of the 95 % interval of the mean of at least two values: t √(s² (1 / n + overlap)), Student's t.

    overlap: 0 for independent values. Values of random splits are not, as their training parts share most ratings: the
        number of test ratings divided by that of training ratings         (Nadeau & Bengio 2003, section 3, corrected)
    """
    from scipy.stats import t  # slow to import

    n = len(values)
    return float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) * (1 / n + overlap) ** 0.5)


def problems(y: Array, r: Array, mean: float, scale: tuple[float, float], total: Total = itself) -> list[str]:
    """What shows that predictions y (p,) of ratings r (p,) are of no use, a sentence each:

    some ratings are off the scale, or
    their RMSE is larger than that of predicting the mean of the training ratings, or
    more than half of them, and more than twice as many as of the ratings, are at, or beyond, one end of the scale
    """
    found, (low, high), p = [], scale, total(r.size)
    if off := total(((r < low) | (r > high)).sum()):
        found.append(f"{off} of the test ratings are off the scale, which is {low:g} to {high:g}.")
    if rmse(y, r, total) > rmse(mean, r, total):
        found.append("WORSE than predicting the mean of all ratings: check the columns, the scale and the settings.")
    for end, predicted, rated in ((low, y <= low, r <= low), (high, y >= high, r >= high)):
        of_predictions, of_ratings = total(predicted.sum()) / p, total(rated.sum()) / p
        if of_predictions > max(0.5, 2 * of_ratings):
            ends = f"{of_predictions:.0%} of the predictions are at the end {end:g} of the scale"
            found.append(f"{ends}, and {of_ratings:.0%} of the ratings: check the scale and the settings.")
    return found


def warm(train: Ratings, total: Total = itself) -> tuple[Array, Array]:
    """Which users and which items have a training rating, (n + 1,) and (d + 1,) bool; number -1 is unknown: False.

    total: adds to a sum over users the terms of those that other processes have, see `Dataset.total`
    """
    per_user, per_item = np.diff(train.pattern.indptr), total(np.bincount(train.cols, minlength=train.shape[1]))
    return np.append(per_user > 0, False), np.append(per_item > 0, False)
