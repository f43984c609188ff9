"""Rating metrics."""

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


def warm(train: Ratings) -> tuple[Array, Array]:
    """Which users and which items have a training rating, (n + 1,) and (d + 1,) bool; number -1 is unknown: False."""
    per_user, per_item = np.diff(train.pattern.indptr), np.bincount(train.cols, minlength=train.shape[1])
    return np.append(per_user > 0, False), np.append(per_item > 0, False)
