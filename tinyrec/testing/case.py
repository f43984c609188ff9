"""A model under test, and what it has been fitted to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import Dataset
from tinyrec.testing import data_sets

Make = Callable[[], Dataset]  # a function of data_sets


class Case:
    """model: unfitted; options: of its fit, except the seed. Every data set is made once, and fitted once per seed."""

    def __init__(self, model: Any, options: dict[str, Any]):
        self.model, self.options = model, options
        self._data: dict[Make, Dataset] = {}
        self._fitted: dict[tuple[Make, int], Any] = {}

    def data(self, make: Make = data_sets.train) -> Dataset:
        """The data set; for a model of implicit feedback without the values of the ratings."""
        if make not in self._data:
            data = make()
            self._data[make] = data.binarized() if self.model.implicit else data
        return self._data[make]

    def fit(self, data: Any, seed: Any = 0) -> Any:
        """A new training."""
        return self.model.fit(data, seed=seed, **self.options)

    def fitted(self, make: Make = data_sets.train, seed: int = 0) -> Any:
        """The fitted model, trained at the first call."""
        if (make, seed) not in self._fitted:
            self._fitted[make, seed] = self.fit(self.data(make), seed)
        return self._fitted[make, seed]


def all_pairs(data: Dataset) -> tuple[Array, Array]:
    """The raw ids of all pairs of a user and an item, user by user, (n d,) each."""
    n, d = data.ratings.shape
    return np.repeat(data.users.ids, d), np.tile(data.items.ids, n)


def predict_all(fitted: Any, **options: Any) -> Array:
    """The predictions of all pairs, (n d,)."""
    return fitted.predict(*all_pairs(fitted.data), **options)


def score_table(fitted: Any) -> Array:
    """What items are ranked by: predictions that are neither clipped nor replaced by a default, (n, d)."""
    return predict_all(fitted, clip=False, default=False).reshape(fitted.data.ratings.shape)


def candidates(data: Dataset) -> Array:
    """What may be recommended: items that are not cold, and not rated by the user, (n, d) bool."""
    rated = np.zeros(data.ratings.shape, bool)
    rated[data.ratings.rows, data.ratings.cols] = True
    return rated.any(axis=0) & ~rated
