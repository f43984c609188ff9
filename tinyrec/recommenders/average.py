"""The mean of several recommenders, or a weighted sum: part of their errors cancel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.fitted import FittedModel
from tinyrec.recommenders.network import FittedNetwork
from tinyrec.recommenders.protocol import Protocol


class Average(Recommender):
    """r̂ = μ + Σ_m w_m (r̂_m - μ) for the members' r̂_m, before it is clipped                        (Breiman 1996)

    members: fitted models of the same ratings, such as one by item and one by user, or from different seeds
    weights: w, as many; by default 1/M each, which is their mean. Those of least squares on a validation part sum to
        more than 1, where each member stays too close to μ
    mean: μ, by default that of the ratings the members were trained on; ratings that are added later do not change it
    UsageError: there are no members, they were trained on different ratings, or the weights are not as many numbers
    """

    def __init__(
        self,
        members: Sequence[FittedNetwork | FittedModel],
        info: dict[str, Any] | None = None,
        weights: Sequence[float] | None = None,
        mean: float | None = None,
    ):
        if isinstance(members, Recommender):
            raise UsageError("the members of an average are a list: Average([first, second])")
        if not members:
            raise UsageError("an average needs members; give at least one")
        if not all(isinstance(member, FittedNetwork | FittedModel) for member in members):
            raise UsageError("an average is of fitted models, which model.fit(data) returns; give these")
        data = members[0].data
        others = (member.data for member in members if member.data is not data)
        if any(its.scale != data.scale or its.fingerprint() != data.fingerprint() for its in others):
            raise UsageError("the members were trained on different ratings; train all of them on the same")
        self.members, self.info = tuple(members), info or {}
        self.weights = None if weights is None else _checked(weights, len(members))
        self.mean = float(data.ratings.values.mean(dtype=np.float64)) if mean is None else mean
        self.data: Dataset = data

    def __repr__(self) -> str:
        return f"<the average of {len(self.members)} models, trained on {self.data}>"

    def predict_cells(self, users: Array, items: Array) -> Array:
        return self._combined([member.predict_cells(users, items) for member in self.members])

    def predict_users(self, users: Array) -> Array:
        return self._combined([member.predict_users(users) for member in self.members])

    def predict_new(self, what: str, known: Array, r: Array, features: Mapping[str, str]) -> Array:
        return self._combined([member.predict_new(what, known, r, features) for member in self.members])

    def _combined(self, predictions: list[Array]) -> Array:
        if self.weights is None:
            return np.mean(predictions, axis=0)
        return self.mean + sum(w * (y - self.mean) for w, y in zip(self.weights, predictions, strict=True))

    def with_ratings(self, more: Dataset) -> Average:
        members: Any = [member.with_ratings(more) for member in self.members]
        return Average(members, {**self.info, "new_ratings": members[0].info["new_ratings"]}, self.weights, self.mean)

    @cached_property
    def protocol(self) -> Protocol:
        return Protocol(self.data, self._warm, self.members[0].protocol.of_all)

    @cached_property
    def _warm(self):
        """Warm for all members."""
        users, items = zip(*(member._warm for member in self.members), strict=True)
        return np.all(users, axis=0), np.all(items, axis=0)


def _checked(weights: Sequence[float], n: int) -> tuple[float, ...]:
    try:
        numbers = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (n,) or not np.isfinite(numbers).all():
        raise UsageError(f"{n} members need as many weights, finite numbers; these are {weights}")
    return tuple(numbers.tolist())
