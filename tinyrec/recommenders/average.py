"""The mean of several recommenders: part of their errors cancel."""

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
    """r̂ = mean of the members' r̂, before it is clipped

    members: fitted models of the same ratings, such as one by item and one by user, or from different seeds
    UsageError: there are none, or they were trained on different ratings
    """

    def __init__(self, members: Sequence[FittedNetwork | FittedModel], info: dict[str, Any] | None = None):
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
        self.data: Dataset = data

    def __repr__(self) -> str:
        return f"<the average of {len(self.members)} models, trained on {self.data}>"

    def predict_cells(self, users: Array, items: Array) -> Array:
        return np.mean([member.predict_cells(users, items) for member in self.members], axis=0)

    def predict_users(self, users: Array) -> Array:
        return np.mean([member.predict_users(users) for member in self.members], axis=0)

    def predict_new(self, what: str, known: Array, r: Array, features: Mapping[str, str]) -> Array:
        return np.mean([member.predict_new(what, known, r, features) for member in self.members], axis=0)

    def with_ratings(self, more: Dataset) -> Average:
        members: Any = [member.with_ratings(more) for member in self.members]
        return Average(members, {**self.info, "new_ratings": members[0].info["new_ratings"]})

    @cached_property
    def protocol(self) -> Protocol:
        return Protocol(self.data, self._warm, self.members[0].protocol.of_all)

    @cached_property
    def _warm(self):
        """Warm for all members."""
        users, items = zip(*(member._warm for member in self.members), strict=True)
        return np.all(users, axis=0), np.all(items, axis=0)
