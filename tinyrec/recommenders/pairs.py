"""A trained model of pairs and the ratings it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinyrec.backend import Array, host_backend
from tinyrec.data import Dataset
from tinyrec.data.features.values import as_text
from tinyrec.errors import UsageError
from tinyrec.evaluation.rating_metrics import warm
from tinyrec.models.pairs import PairModel, Rows, Sides
from tinyrec.recommenders.fold_in import DAMPING
from tinyrec.recommenders.network import FittedNetwork
from tinyrec.recommenders.scaling import Scaling
from tinyrec.sparse import Ratings


@dataclass(frozen=True, eq=False, repr=False)
class FittedPairs(FittedNetwork):
    """What `fit` of a model of pairs returns; see `FittedNetwork`."""

    model: PairModel

    def predict_cells(self, users: Array, items: Array) -> Array:
        return self._predict(self._user_codes, self._item_codes, users, items, users, items)

    def predict_users(self, users: Array) -> Array:
        b, d = len(users), len(self.data.items)
        return self.predict_cells(np.repeat(users, d), np.tile(np.arange(d), b)).reshape(b, d)

    def predict_new(self, what: str, known: Array, r: Array, features: Mapping[str, str]) -> Array:
        """The code of the new user or item is computed from its ratings and features, with damped biases.

        A model that does not read the ratings predicts from the features, plus the damped mean error on the ratings.
        """
        if not (self.model.reads_ratings or self._sides.features(what)):
            cure = f"train it on data with this {what}" + self.model.reads_features * f", or with features of {what}s"
            raise UsageError(f"this {type(self.model).__name__} knows a {what} only by the id; {cure}")
        others, n = ("item", len(self.data.items)) if what == "user" else ("user", len(self.data.users))
        offset = self.scaling.offset.predict(*((-1, known) if what == "user" else (known, -1)))
        x = ((r - offset) / self.scaling.unit).astype(self._dtype)
        bias = x.sum() / (len(x) + DAMPING) if self.model.center else 0.0
        R = Ratings.from_cells(np.zeros_like(known), known, x - bias, (1, n)).to(self._sides.backend.name)
        rows = Rows(what, np.array([-1]), R, self._new_features(what, features))
        code, every, one = self.model.encode(self.params, rows).codes, np.arange(n), np.zeros(n, int)
        if others == "item":
            y = self._predict(code, self._item_codes, one, every, np.full(n, -1), every)
        else:
            y = self._predict(self._user_codes, code, every, one, every, np.full(n, -1))
        if not self.model.reads_ratings:
            return y + (r - y[known]).sum() / (len(r) + DAMPING)
        return y + self.scaling.unit * bias

    def _new_features(self, what: str, features: Mapping[str, str]) -> Ratings | None:
        """The features (1, q) of a new user or item; None: the model reads none."""
        encoding = self.data.features_of(what) if self.model.reads_features else None
        if not encoding:
            if features:
                raise UsageError(f"this model reads no features of a new {what}; train one with them")
            return None
        columns = {name: [as_text(value)] for name, value in features.items()}
        X = encoding.encode(columns) if features else empty_row(encoding.X)
        return X.to(self._sides.backend.name, self._dtype)

    def _predict(self, C_u: Array, C_i: Array, rows: Array, cols: Array, users: Array, items: Array) -> Array:
        """The ratings of pairs: rows of the codes, and the users and items that they are, whose biases are added."""
        x = self.model.predict_pairs(self.params, C_u, C_i, rows, cols, self._sides.backend)
        return self.scaling.to_rating(x, users, items)

    @cached_property
    def _sides(self) -> Sides:
        return sides_of(self.model, self.data, self.scaling).to(host_backend(self.backend), self._dtype)

    @cached_property
    def _warm(self):
        """As in Recommender; but a user or an item without ratings is not cold if the model has features of it."""
        users, items = warm(self.data.ratings)
        if self.model.reads_features:
            for known, side in ((users, "user"), (items, "item")):
                if features := self.data.features_of(side):
                    known[:-1] |= features.known
        return users, items

    @cached_property
    def _user_codes(self) -> Array:
        return self._codes("user")

    @cached_property
    def _item_codes(self) -> Array:
        return self._codes("item")

    def _codes(self, side: str) -> Array:
        """C (n + 1, k); the last, number -1, is the code of an unknown user or item, without ratings and features."""
        rows = self._sides.rows(side)
        features = None if rows.features is None else empty_row(rows.features)
        nothing = Rows(side, np.array([-1]), empty_row(rows.ratings), features)
        return np.vstack([self.model.encode(self.params, its).codes for its in (rows, nothing)])


def sides_of(model: PairModel, data: Dataset, scaling: Scaling | None = None) -> Sides:
    """The ratings, scaled where `scaling` is given, and the features that a model of pairs reads, on the host."""
    R = data.ratings if scaling is None else scaling.to_model(data.ratings, np.float64)
    features = [data.features_of(side) if model.reads_features else None for side in ("user", "item")]
    return Sides(R, *(its.X if its else None for its in features))


def empty_row(R: Ratings) -> Ratings:
    """A row (1, d) without a cell, of the dtype and on the backend of R (n, d)."""
    return Ratings.from_cells([], [], np.zeros(0, R.values.dtype), (1, R.shape[1])).to(R.backend.name)
