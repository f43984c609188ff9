"""A model under test, and the data sets that it is fitted to: small, and with every trap that is known."""

from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import Dataset, Index

FULL_USER, COLD_USER, COLD_ITEM = 0, 5, 7  # row numbers: has rated all that is not cold; without training ratings
UNKNOWN = 10**6  # no id


def data_sets() -> dict[str, Dataset]:
    """Each by its name; most have users 1001, 1008, ... and items 3, 5, ..., with user 1036 and item 17 cold."""
    rng, users, items = np.random.default_rng(0), 1001 + 7 * np.arange(20), 3 + 2 * np.arange(25)
    drawn = rng.random((20, 25))
    drawn[FULL_USER] = 0
    drawn[COLD_USER] += 0.4
    drawn[:, COLD_ITEM] += 0.4
    rows, cols = np.nonzero(drawn < 0.5)
    both = Dataset.from_cells(Index(users), Index(items), rows, cols, rng.integers(1, 6, len(rows)))
    train, test = both.select(drawn[rows, cols] < 0.4), both.select(drawn[rows, cols] >= 0.4)
    R, r = train.ratings, train.ratings.values

    def version(users=users, items=items, r=r, order=slice(None)):
        return Dataset.from_cells(Index(users), Index(items), R.rows[order], R.cols[order], r[order])

    return {
        "train": train,
        "test": test,
        "shuffled": version(order=rng.permutation(len(r))),
        "renumbered": version(users=3 * (users - 1050), items=items + 2**62),
        "text": version(users=np.char.mod("%09d", users), items=np.char.mod("%09d", items)),
        "one value": version(r=np.full(len(r), 4.0)),
        "half stars": version(r=0.5 + (r - 1) * 9 / 8),
        "percent": version(r=1 + (r - 1) * 99 / 4),
        "signed": version(r=r - 3),
        "signed without zeros": version(r=r - 3).select(r != 3),
        "one user": Dataset.from_triples([7] * 12, range(12), [1, 5, 3, 4] * 3, scale=(1, 5)),
        "one item": Dataset.from_triples(range(12), [7] * 12, [1, 5, 3, 4] * 3, scale=(1, 5)),
        "one rating": Dataset.from_triples([7], [8], [4], scale=(1, 5)),
        "no gaps": Dataset.from_triples(np.repeat(range(6), 5), [*range(5)] * 6, [1, 5, 3, 4, 2, 3] * 5, scale=(1, 5)),
    }


class Case:
    """model: unfitted; options: of its fit, except the seed. Each data set is fitted once for each seed."""

    def __init__(self, model: Any, options: dict[str, Any]):
        self.model, self.options, self.data_sets = model, options, data_sets()
        self._fitted: dict[tuple[str, int], Any] = {}

    def data(self, name: str = "train") -> Dataset:
        """The data set of this name, as feedback for the model."""
        return self.as_feedback(self.data_sets[name])

    def as_feedback(self, data: Dataset) -> Dataset:
        """The same; for a model of implicit feedback without the values of the ratings."""
        return data.binarized() if self.model.implicit else data

    def fit(self, data: Any, seed: Any = 0) -> Any:
        """A new training."""
        return self.model.fit(data, seed=seed, **self.options)

    def fitted(self, name: str = "train", seed: int = 0) -> Any:
        """What was fitted to the data set of this name, trained at the first call."""
        if (name, seed) not in self._fitted:
            self._fitted[name, seed] = self.fit(self.data(name), seed)
        return self._fitted[name, seed]

    def predicted(self, name: str = "train") -> Array:
        """What is predicted for all pairs of a user and an item of this data set, (n, d)."""
        return predict_all(self.fitted(name))


def all_pairs(data: Dataset) -> tuple[Array, Array]:
    """The raw ids of all pairs of a user and an item, user by user, (n d,) each."""
    n, d = data.ratings.shape
    return np.repeat(data.users.ids, d), np.tile(data.items.ids, n)


def predict_all(fitted: Any, **options: Any) -> Array:
    """The predictions of all pairs, (n, d)."""
    return fitted.predict(*all_pairs(fitted.data), **options).reshape(fitted.data.ratings.shape)


def score_all(fitted: Any) -> Array:
    """What items are ranked by: predictions that are neither clipped nor replaced by a default, (n, d)."""
    return predict_all(fitted, clip=False, default=False)


def seen(data: Dataset) -> Array:
    """Which items each user has rated, (n, d) bool."""
    table = np.zeros(data.ratings.shape, bool)
    table[data.ratings.rows, data.ratings.cols] = True
    return table
