"""A trained autoencoder and the ratings it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params, host_backend
from tinyrec.data import Dataset, Features
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation.rating_metrics import warm
from tinyrec.evaluation.top_n import blocks
from tinyrec.models import Autoencoder
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.fold_in import new_column, new_row
from tinyrec.recommenders.scaling import Scaling
from tinyrec.sparse import Ratings


@dataclass(frozen=True, eq=False, repr=False)
class FittedAutoencoder(Recommender):
    """What `fit` of an autoencoder returns.

    model: the hyper-parameters; params: the trained parameters; data: the training ratings
    scaling: from ratings to the input of the model, and back;  backend: for training; predictions are made on the CPU
    info: how it was trained;  trained: which columns were trained, (d,) bool; None: all that have ratings in `data`

    Below, rows and columns are those of the autoencoder: for an I-AutoRec a row is an item and a column is a user.
    """

    model: Autoencoder
    params: Params
    data: Dataset
    scaling: Scaling
    backend: str = "numpy"
    info: dict[str, Any] = field(default_factory=dict)
    trained: Array | None = None

    def __repr__(self) -> str:
        return f"<{self.model}, trained for {self.info.get('epochs')} epochs on {self.data}>"

    @property
    def n_parameters(self) -> int:
        """The number of trained parameters."""
        return sum(array.size for array in self.params.values())

    def predict_cells(self, users: Array, items: Array) -> Array:
        """h(r) at single cells                                                                     (AutoRec, eq. 3)"""
        rows, cols = (items, users) if self.model.by == "item" else (users, items)
        x = np.empty(len(rows), self._codes.dtype)
        for cells in blocks(len(rows), self._codes.shape[1]):
            x[cells] = self.model.decode_pairs(self._decoder, self._codes[rows[cells]], cols[cells])
        return self.scaling.to_rating(x, users, items)

    def predict_users(self, users: Array) -> Array:
        items = np.arange(len(self.data.items))
        if self.model.by == "item":
            x = np.ascontiguousarray(self.model.decode(self._decoder, self._codes[:-1], users).T)
        else:
            x = self.model.decode(self._decoder, self._codes[users], items)
        return self.scaling.to_rating(x, users[:, None], items)

    def predict_new(self, what: str, known: Array, r: Array, features: Mapping[str, str]) -> Array:
        encoding = self._features if self.model.by == what else None
        if features and not encoding:
            raise UsageError(f"this model reads no features of a new {what}; train a cfn --by {what} with them")
        n = len(self.data.items if what == "user" else self.data.users)
        pairs = (lambda ids: (-1, ids)) if what == "user" else (lambda ids: (ids, -1))  # -1: without a bias
        x = ((r - self.scaling.offset.predict(*pairs(known))) / self.scaling.unit).astype(self._codes.dtype)
        if self.model.by == what:
            R = Ratings.from_cells(np.zeros_like(known), known, x, (1, n)).to(host_backend(self.backend))
            if encoding:
                columns = {name: [as_text(value)] for name, value in features.items()}
                R = R.with_side(encoding.encode(columns) if features else np.zeros_like(encoding.X[:1]))
            scores = new_row(self.model, self.params, self._decoder, R)
        else:
            mean = self.model.decode(self._decoder, self._codes[:-1], np.array([-1]))[:, 0]
            scores = new_column(self._codes[:-1], mean, self.model.l2 or 0.0, known, x)
        return self.scaling.to_rating(scores, *pairs(np.arange(n)))

    def with_ratings(self, more: Dataset) -> FittedAutoencoder:
        if not isinstance(more, Dataset):
            raise UsageError(f"a {type(more).__name__} cannot be read; make a Dataset of it with load_dataset")
        if more.implicit and not self.data.implicit:
            raise UsageError("this model is for ratings, and this is implicit feedback; give ratings")
        old, new = self.data, more.ratings
        u, i = old.users.find(more.users.ids)[new.rows], old.items.find(more.items.ids)[new.cols]
        for what, known, raw in (("user", u, more.users.ids[new.rows]), ("item", i, more.items.ids[new.cols])):
            if (known < 0).any():
                raise DataError(f"{what} {raw.tolist()[np.argmin(known)]!r} is not in the training data; leave it out")
        if old.implicit and (new.values != 1).any():
            raise DataError("this model is for implicit feedback, where each interaction is 1; give no other values")
        rows, cols = np.concatenate([old.ratings.rows, u]), np.concatenate([old.ratings.cols, i])
        values = np.concatenate([old.ratings.values, new.values])
        both = Dataset.from_cells(old.users, old.items, rows, cols, values, scale=old.scale, duplicates="last")
        data = replace(old, ratings=both.ratings, times=None, places=None)
        scaling = self.scaling
        if self.model.offset == "row means":
            scaling = Scaling.of(data, self.model.offset, self.model.by, self.model.damping)
        return replace(self, data=data, scaling=scaling, trained=self._trained)

    @property
    def _features(self) -> Features | None:
        """The features of the rows that the model reads."""
        return self.data.features_of(self.model.by) if self.model.reads_features else None

    @cached_property
    def _warm(self):
        """As in Recommender; but a row without ratings is not cold if the model has features of it."""
        users, items = warm(self.data.ratings)
        features = self._features
        if features:
            rows = items if self.model.by == "item" else users
            rows[:-1] |= features.X.any(axis=1)
        return users, items

    @property
    def _trained(self) -> Array:
        """Which columns of the decoder were trained, (d,) bool; for implicit feedback all, as every cell counts."""
        if self.trained is not None:
            return self.trained
        columns = self._warm[0 if self.model.by == "item" else 1][:-1]
        return np.full(len(columns), True) if self.model.implicit else columns

    # The arrays below have one more entry at the end, number -1, for an unknown row or column.

    @cached_property
    def _codes(self):
        """H (n + 1, k); the last is the code of an empty row."""
        dtype = next(iter(self.params.values())).dtype
        R = self.scaling.to_model(self.data.ratings, dtype).to(host_backend(self.backend))
        R = R.T if self.model.by == "item" else R
        nothing = Ratings.from_cells([], [], R.values[:0], (1, R.shape[1])).to(R.backend.name)
        features = self._features
        if features:
            R, nothing = R.with_side(features.X), nothing.with_side(np.zeros_like(features.X[:1]))
        return np.vstack([self.model.encode(self.params, R), self.model.encode(self.params, nothing)])

    @cached_property
    def _decoder(self):
        """The output layer, W (d + 1, k) and b (d + 1,). The last entry, and those not trained, are the mean entry."""
        columns = {}
        for name, array in self.model.decoder(self.params).items():
            mean = array[self._trained].mean(axis=0, keepdims=True)
            columns[name] = np.concatenate([array, mean])
            columns[name][:-1][~self._trained] = mean
        return columns


def as_text(value: Any) -> str:
    """The text of a column for one user or item: "Comedy|Drama" for ["Comedy", "Drama"], "1999" for 1999."""
    return "|".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
