"""How predictions are scored: the protocol that all published figures follow, and its extension to other scales."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import Dataset
from tinyrec.evaluation.rating_metrics import mae, rmse, warm
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings

STARS = (1, 5), (0.5, 5)  # the scales of MovieLens
DEFAULT = 3  # of them                                                                              (AutoRec, section 3)


@dataclass(frozen=True, eq=False)
class Protocol:
    """Predictions are clipped to the scale, and a pair is cold if its user or item has no training ratings. It gets

    on a scale of 1 to 5 or of 0.5 to 5: 3
    on any other: μ + b_u + b_i, user and item biases, where that of a cold user or item is 0        (see `Biases.fit`)

    data: the training ratings;  warm: who is not cold, see `tinyrec.evaluation.rating_metrics.warm`
    of_all: the biases of all ratings, where the data are a part of them
    """

    data: Dataset
    warm: tuple[Array, Array]
    of_all: Biases | None = None

    @classmethod
    def of(cls, data: Dataset) -> Protocol:
        """The protocol for predictions made from ratings alone."""
        return cls(data, warm(data.ratings, data.total), cls.biases_of(data) if data.is_part else None)

    @staticmethod
    def biases_of(data: Dataset) -> Biases:
        """What a cold pair gets."""
        if data.scale in STARS:
            return Biases.constant(DEFAULT, data.ratings.shape)
        return Biases.fit(data.ratings, total=data.total)

    @property
    def default(self) -> int | str:
        """The default rating, or what it consists of."""
        return DEFAULT if self.data.scale in STARS else "user and item biases"

    @cached_property
    def biases(self) -> Biases:
        return self.of_all or self.biases_of(self.data)

    def cold(self, users: Array, items: Array) -> Array:
        """Which pairs of row numbers are cold, (p,) bool."""
        warm_users, warm_items = self.warm
        return ~(warm_users[users] & warm_items[items])

    def follow(self, y: Array, users: Array, items: Array, *, clip: bool = True, default: bool = True) -> Array:
        """The predictions y (p,) of pairs of row numbers, (p,) and (p,), as they are scored."""
        cold = self.cold(users, items)
        if default and cold.any():
            y = y.copy()
            y[cold] = self.biases.predict(users[cold], items[cold])
        return np.clip(y, *self.data.scale) if clip else y

    def score(self, y: Array, test: Ratings, *, clip: bool = True, default: bool = True) -> dict[str, float]:
        """RMSE and MAE of predictions y (p,) at the cells of `test`, which has the users and items of the data."""
        y = self.follow(y, test.rows, test.cols, clip=clip, default=default)
        its = y, test.values, self.data.total
        return {"rmse": rmse(*its), "mae": mae(*its)}
