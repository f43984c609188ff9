"""A trained autoencoder and the ratings it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tinyrec.backend import Array, Params, host_backend
from tinyrec.data import Dataset, Features
from tinyrec.data.features.values import as_text
from tinyrec.errors import UsageError
from tinyrec.evaluation.rating_metrics import warm
from tinyrec.evaluation.top_n import blocks
from tinyrec.models import Autoencoder
from tinyrec.recommenders.fold_in import copy_columns, new_columns, new_row, with_new_biases
from tinyrec.recommenders.network import FittedNetwork
from tinyrec.recommenders.new_ratings import Trained, add_ratings, check_new_ratings, moved
from tinyrec.recommenders.protocol import Protocol
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings


@dataclass(frozen=True, eq=False, repr=False)
class FittedAutoencoder(FittedNetwork):
    """What `fit` of an autoencoder returns; see `FittedNetwork`.

    trained: which users and items were in training; None: all that have ratings in `data`
    of_all: what takes the ratings of all users to compute, where `data` are those of some, see `tinyrec.parts`

    Below, rows and columns are those of the autoencoder: for an I-AutoRec a row is an item and a column is a user.
    Columns that were not trained, but have ratings, are folded in; rows are not encoded from their ratings.
    """

    model: Autoencoder
    trained: Trained | None = None
    of_all: Params | None = None

    def predict_cells(self, users: Array, items: Array) -> Array:
        """h(r) at single cells                                                                     (AutoRec, eq. 3)"""
        rows, cols = (items, users) if self.model.by == "item" else (users, items)
        x = np.empty(len(rows), self._codes.dtype)
        for cells in blocks(len(rows), self._codes.shape[1]):
            x[cells] = self._decode_pairs(self._codes[rows[cells]], cols[cells])
        return self.scaling.to_rating(x, users, items)

    def predict_users(self, users: Array) -> Array:
        items = np.arange(len(self.data.items))
        if self.model.by == "item":
            x = np.ascontiguousarray(self._decode(self._codes[:-1], users).T)
        else:
            x = self._decode(self._codes[users], items)
        return self.scaling.to_rating(x, users[:, None], items)

    def predict_new(self, what: str, known: Array, r: Array, features: Mapping[str, str]) -> Array:
        encoding = self._features if self.model.by == what else None
        if features and not encoding:
            raise UsageError(f"this model reads no features of a new {what}; train a cfn --by {what} with them")
        n = len(self.data.items if what == "user" else self.data.users)
        pairs = (lambda ids: (-1, ids)) if what == "user" else (lambda ids: (ids, -1))  # -1: without a bias
        x = ((r - self.scaling.offset.predict(*pairs(known))) / self.scaling.unit).astype(self._codes.dtype)
        if is_row := self.model.by == what:
            is_read = self.trained_columns[known]
            known, x = known[is_read], x[is_read]
        R = Ratings.from_cells(np.zeros_like(known), known, x, (1, n)).to(host_backend(self.backend))
        if is_row:
            if encoding:
                columns = {name: [as_text(value)] for name, value in features.items()}
                side = encoding.encode(columns).to_dense(0) if features else np.zeros((1, len(encoding.names)))
                R = R.with_side(side)
            bias, H = new_row(self.model, self.params, R)
            scores = bias + self._decode(H, np.arange(n))[0]
        else:
            W, b = self._fold_in(R)
            scores = self._mean_column + self._codes[:-1] @ W[0] + b
        return self.scaling.to_rating(scores, *pairs(np.arange(n)))

    def with_ratings(self, more: Dataset) -> FittedAutoencoder:
        if self.of_all:
            raise UsageError("new ratings change codes, which take the users of all parts; train on all parts again")
        check_new_ratings(self.data, more)
        data, counts = add_ratings(self.data, more, self._trained)
        trained, params, offset = moved(self._trained, self.data, data), self.params, self.scaling.offset
        if data.ratings.shape != self.data.ratings.shape:
            columns, old = (data.users, self.data.users) if self.model.by == "item" else (data.items, self.data.items)
            q = len(self._features.names) if self._features else 0
            shapes = self.model.checked_shapes(len(columns), q)
            params = {name: np.zeros(shape, params[name].dtype) for name, shape in shapes.items()}
            copy_columns(self.model, self.params, params, np.arange(len(old)), columns.find(old.ids), q)
            offset = Biases(offset.mean, **moved({"user": offset.user, "item": offset.item}, self.data, data))
        info = {**self.info, "new_ratings": counts}
        updated = replace(self, params=params, data=data, info=info, trained=trained)
        offset = with_new_biases(self.model, offset, updated._read, trained[self.model.by])
        return replace(updated, scaling=replace(self.scaling, offset=offset))

    def new_columns(self) -> tuple[Array, Params]:
        """The numbers (m,) of the columns that are folded in, and their decoder, exact for an identity output."""
        places, W, b = self._folded_in
        columns = np.flatnonzero(places[:-1] >= 0)
        added = {"W": W, "b": b} if len(columns) else {}
        return columns, {name: array[columns] + added.get(name, 0) for name, array in self._decoder.items()}

    @property
    def _features(self) -> Features | None:
        """The features of the rows that the model reads."""
        return self.data.features_of(self.model.by) if self.model.reads_features else None

    @cached_property
    def _warm(self):
        """As in Recommender; but a row without ratings is not cold if the model has features of it."""
        users, items = warm(self.data.ratings)
        features = self._features
        if self.of_all:
            items[:-1] |= self._trained["item"]
        if features:
            rows = items if self.model.by == "item" else users
            rows[:-1] |= features.known
        return users, items

    def rank(self, test: Dataset, at: Sequence[int] = (10, 50, 100), relevant: float | None = None) -> dict[str, float]:
        scores = super().rank(test, at, relevant)
        if self.of_all:  # an item may be in the training data of others
            test = test if relevant is None else test.binarized(relevant)
            scores["unseen"] = int((~self._warm[1][self.data.items.find(test.triples()[1])]).sum())
        return scores

    @cached_property
    def protocol(self) -> Protocol:
        its = {name: w for name, w in (self.of_all or {}).items() if name.startswith("default/")}
        default = Biases(float(its["default/mean"][0]), its["default/user"], its["default/item"]) if its else None
        return Protocol(self.data, self._warm, default)

    @cached_property
    def _trained(self) -> Trained:
        """Which users and items were in training; for implicit feedback all columns, as every cell counts."""
        if self.trained is not None:
            return self.trained
        users, items = warm(self.data.ratings)
        trained = {"user": users[:-1], "item": items[:-1]}
        if self.model.implicit:
            trained["item" if self.model.by == "user" else "user"][:] = True
        return trained

    @property
    def trained_columns(self) -> Array:
        """Which columns were trained, (d,) bool."""
        return self._trained["user" if self.model.by == "item" else "item"]

    @cached_property
    def _read(self) -> Ratings:
        """The ratings that rows are encoded from, users x items: those of the columns that were trained."""
        R = self.data.ratings
        is_read = self.trained_columns[R.rows if self.model.by == "item" else R.cols]
        return R if is_read.all() else self.data.select(is_read).ratings

    def _decode(self, H: Array, columns: Array) -> Array:
        """The input of `to_rating` for whole rows at some columns: H (n, k), columns (c,) -> (n, c)."""
        x, (places, W, b) = self.model.decode(self._decoder, H, columns), self._folded_in
        at = places[columns]
        if (is_new := at >= 0).any():
            x[:, is_new] += H @ W[at[is_new]].T + b[at[is_new]]
        return x

    def _decode_pairs(self, H: Array, columns: Array) -> Array:
        """The same for each row at one column: H (p, k), columns (p,) -> (p,)."""
        x, (places, W, b) = self.model.decode_pairs(self._decoder, H, columns), self._folded_in
        at = places[columns]
        if (is_new := at >= 0).any():
            x[is_new] += np.einsum("pk,pk->p", H[is_new], W[at[is_new]]) + b[at[is_new]]
        return x

    @cached_property
    def _mean_column(self) -> Array:
        """What the mean column is predicted as at all rows, (n,)."""
        return self.model.decode(self._decoder, self._codes[:-1], np.array([-1]))[:, 0]

    def _fold_in(self, R: Ratings) -> tuple[Array, Array]:
        """W (m, k) and b (m,), to be added to the mean column, for columns with the ratings R (m, n)."""
        return new_columns(self._codes[:-1], self._mean_column, self._column_l2, R)

    @cached_property
    def _column_l2(self) -> float:
        if self.of_all:
            return float(self.of_all["l2"][0])
        return self.model.column_l2(self._read.T if self.model.by == "item" else self._read)

    @cached_property
    def _folded_in(self) -> tuple[Array, Array, Array]:
        """Which row of W (m, k) and b (m,) each column is, (d + 1,), and these, added to the mean column; -1: none."""
        R = self.scaling.to_model(self.data.ratings, self._codes.dtype)
        R = R if self.model.by == "item" else R.T
        columns = np.flatnonzero(~self.trained_columns & (np.diff(R.pattern.indptr) > 0))
        places = np.full(R.shape[0] + 1, -1)
        places[columns] = np.arange(len(columns))
        W, b = self._fold_in(R.take_rows(columns)) if len(columns) else (np.zeros((0, 0)), np.zeros(0))
        return places, W, b

    # The arrays below have one more entry at the end, number -1, for an unknown row or column.

    @cached_property
    def _codes(self):
        """H (n + 1, k); the last is the code of an empty row."""
        if self.of_all:
            return self.of_all["codes"]
        dtype = next(iter(self.params.values())).dtype
        R = self.scaling.to_model(self._read, dtype).to(host_backend(self.backend))
        R = R.T if self.model.by == "item" else R
        nothing = Ratings.from_cells([], [], R.values[:0], (1, R.shape[1])).to(R.backend.name)
        features = self._features
        if features:
            R, nothing = R.with_side(features.X.to_dense(0)), nothing.with_side(np.zeros((1, len(features.names))))
        return np.vstack([self.model.encode(self.params, R), self.model.encode(self.params, nothing)])

    @cached_property
    def _decoder(self):
        """The output layer, W (d + 1, k) and b (d + 1,). The last entry, and those not trained, are the mean entry."""
        columns, trained = {}, self.trained_columns
        for name, array in self.model.decoder(self.params).items():
            of_all = self.of_all and self.of_all[f"mean/{name}"]
            mean = array[trained].mean(axis=0, keepdims=True) if of_all is None else of_all
            columns[name] = np.concatenate([array, mean])
            columns[name][:-1][~trained] = mean
        return columns
