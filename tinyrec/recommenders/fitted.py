"""A fitted baseline: hyper-parameters, parameters, and the ratings it was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.recommenders.base import Recommender
from tinyrec.sparse import Ratings


@dataclass(frozen=True, eq=False, repr=False)
class FittedModel(Recommender):
    """What `fit` of a baseline returns; the model itself says how to predict from the parameters.

    model: the hyper-parameters; params: arrays by name; data: the training ratings
    info: how it was trained
    """

    model: Any
    params: Params
    data: Dataset
    info: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{self.model}, fitted to {self.data}>"

    @property
    def n_parameters(self) -> int:
        """The number of trained parameters."""
        return sum(array.size for name, array in self.params.items() if name not in self.model.derived)

    def predict_cells(self, users: Array, items: Array) -> Array:
        """For implicit feedback, pairs with an unknown user or item have the score 0."""
        if not self.data.implicit:
            return self.model.predict_cells(self.params, self.data.ratings, users, items)
        scores, known = np.zeros(len(users)), (users >= 0) & (items >= 0)
        scores[known] = self.model.predict_cells(self.params, self.data.ratings, users[known], items[known])
        return scores

    def predict_users(self, users: Array) -> Array:
        return self.model.predict_users(self.params, self.data.ratings, users)

    def predict_new(self, what: str, known: Array, r: Array, features: Mapping[str, str]) -> Array:
        name = type(self.model).__name__
        if features:
            raise UsageError(f"{name} reads no features; leave them out")
        if what != "user":
            raise UsageError(f"{name} cannot add an item without training; fit it to data with this item")
        new = Ratings.from_cells(np.zeros_like(known), known, r, (1, len(self.data.items)))
        return self.model.predict_new_user(self.params, self.data.ratings, new)[0]
