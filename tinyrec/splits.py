"""Ways to cut a data set into a train and a test part; both keep all rows, columns and ids of the whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyrec.data.dataset import Dataset
from tinyrec.errors import DataError, UsageError

Split = tuple[Dataset, Dataset]


def split_random(data: Dataset, test: float = 0.1, seed: int = 0) -> Split:
    """Return (train, test), where round(test * p) of the p ratings, drawn at random, are the test part.

    UsageError: `test` is not between 0 and 1; DataError: too few ratings for two parts
    """
    if not 0 < test < 1:
        raise UsageError(f"test={test} is no part of the ratings; give a fraction between 0 and 1, such as 0.1")
    p = data.ratings.size
    size = round(test * p)
    if not 0 < size < p:
        raise DataError(f"{p} ratings are too few for a test part of {test:g}; give more ratings or another part")
    cells = np.random.default_rng(seed).permutation(p)
    return data.select(cells[size:]), data.select(cells[:size])


def split_repeats(data: Dataset, k: int = 5, test: float = 0.1, seed: int = 0) -> Iterator[Split]:
    """Yield split_random k times, with the seeds seed, seed + 1, ..."""
    if k < 1:
        raise UsageError(f"k={k} repeats; give at least 1")
    return (split_random(data, test, seed + i) for i in range(k))


def split_folds(data: Dataset, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """Yield k pairs (train, test): every rating is in exactly one of the test parts, whose sizes differ by at most 1.

    UsageError: k < 2; DataError: fewer than k ratings
    """
    if k < 2:
        raise UsageError(f"k={k} folds; give at least 2")
    p = data.ratings.size
    if p < k:
        raise DataError(f"{p} ratings are too few for {k} folds; give more ratings or fewer folds")
    fold = np.random.default_rng(seed).permutation(p) % k  # the fold of each cell, (p,)
    return ((data.select(fold != i), data.select(fold == i)) for i in range(k))
