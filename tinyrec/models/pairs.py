"""The base class of the models of pairs, which encode a user and an item, and predict the rating from the two codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinyrec.backend import Array, Backend, Params, to_host
from tinyrec.checks import check_at_least
from tinyrec.errors import UsageError
from tinyrec.models.base import Network
from tinyrec.nn import l2_penalty, pair_products, squared_error
from tinyrec.sparse import Pattern, Ratings, Whole

SIDES = "user", "item"


@dataclass(frozen=True)
class Sides(Whole):
    """What the model reads: the ratings, and the features of users and of items.

    ratings (n, d), users x items;  user_features (n, q), item_features (d, w): sparse; None: none
    """

    ratings: Ratings
    user_features: Ratings | None = None
    item_features: Ratings | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.ratings.shape

    @property
    def values(self) -> Array:
        return self.ratings.values

    @property
    def backend(self) -> Backend:
        return self.ratings.backend

    def to(self, backend: str, dtype: Any) -> Sides:
        """The same on another backend, as `dtype`."""
        parts = (self.ratings, self.user_features, self.item_features)
        return Sides(*(None if its is None else its.to(backend, dtype) for its in parts))  # type: ignore[arg-type]

    def features(self, side: str) -> Ratings | None:
        return self.user_features if side == "user" else self.item_features

    def rows(self, side: str, ratings: Ratings | None = None) -> Rows:
        """All users or all items; ratings (n, d): what is read in place of the ratings."""
        R = ratings or self.ratings
        return Rows(side, np.arange(self.shape[side == "item"]), R if side == "user" else R.T, self.features(side))

    @cached_property
    def without_ratings(self) -> Ratings:
        """A matrix (n, d) without a cell, for models that do not read the ratings."""
        return Ratings.from_cells([], [], np.zeros(0, self.values.dtype), self.shape).to(self.backend.name)

    @cached_property
    def cells(self) -> tuple[Array, Array]:
        """The user and the item of each rating, (p,) and (p,), on the host."""
        return to_host(self.ratings.rows), to_host(self.ratings.cols)


class Rows(NamedTuple):
    """Some users or items: which side, their numbers (u,), ratings (u, d) or (u, n), and features (u, q) or None"""

    side: str
    numbers: Array
    ratings: Ratings
    features: Ratings | None

    def take(self, rows: Array) -> Rows:
        """Only these rows, given by their place among these."""
        features = None if self.features is None else self.features.take_rows(rows)
        return Rows(self.side, self.numbers[rows], self.ratings.take_rows(rows), features)


class PairBatch(NamedTuple):
    """Some of the ratings: `cells` (b,), ascending, are their places in `data`; share: b / p"""

    data: Sides
    cells: Array
    share: float


class Encoded(NamedTuple):
    """Codes (u, k) of the rows of one side, and the function dC -> gradients of the parameters."""

    codes: Array
    backward: Callable[[Array], Params]


@dataclass(frozen=True, kw_only=True)
class PairModel(Network):
    """ŷ_ui = h(c_u, c_i), a function of a code of the user and one of the item

    Minimises  Σ [(r_ui - ŷ_ui)² + λ Σ |W|²]  over the observed cells, with all matrices W of parameters

    A model defines `shapes_of` and `encode`, and `decode` if h is not the dot product. Users and items that occur in
    several pairs of a batch are encoded once. `reads_ratings` says whether `encode` reads the ratings of the rows, and
    `needs_features` whether it is nothing without features. A model may have these fields, which are checked here:

    head_units: the sizes of the hidden layers that read both codes
    hidden_dropout: the fraction of the hidden units that is dropped, drawn again in each step
    """

    l2: float | None = 1e-4
    center: bool | None = True

    default_optimizer: ClassVar[str] = "adam"
    default_batch_size: ClassVar[int] = 4000
    reads_ratings: ClassVar[bool] = True
    needs_features: ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        for size in getattr(self, "head_units", ()):
            check_at_least("head_units", size, 1)
        if not 0 <= (q := getattr(self, "hidden_dropout", 0)) < 1:
            raise UsageError(f"hidden_dropout is {q}, but must be at least 0 and less than 1")

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        """The codes of some users or items. rng: draws the noise; None: no noise"""
        cure = "define encode(params, rows, rng) to return Encoded(codes, backward)"
        raise UsageError(f"{type(self).__name__} has no encode; {cure}")

    def decode(
        self, params: Params, codes: tuple[Array, Array], at: Ratings
    ) -> tuple[Array, Callable[[Array], tuple[Array, Array, Params]]]:
        """ŷ (p,) of the pairs that are the cells of `at` (u, v), from codes (u, k) and (v, k): their dot products.

        backward: dŷ (p,) -> the gradients of both codes, and of the parameters that `decode` reads
        """
        y, back = pair_products(*codes, at)
        return y, lambda dy: (*back(dy), {})

    def batches(self, R: Sides, batch_size: int | None, rng: np.random.Generator) -> Iterator[PairBatch]:
        """All ratings in random order, `batch_size` at a time."""
        p = R.ratings.size
        order, size = rng.permutation(p), batch_size or max(p, 1)
        for first in range(0, max(p, 1), size):
            cells = np.sort(order[first : first + size])
            yield PairBatch(R, cells, len(cells) / max(p, 1))

    def rows_of(self, batch: PairBatch, seen: Ratings | None = None) -> tuple[Rows, Rows, Ratings]:
        """The users and the items of a batch, each once, and the pairs, a matrix of users x items with the ratings.

        seen (n, d): what is read in place of the ratings
        """
        data, cells, _ = batch
        seen = seen if self.reads_ratings else data.without_ratings
        users, items = (its[cells] for its in data.cells)
        (users, rows), (items, cols) = (np.unique(its, return_inverse=True) for its in (users, items))
        at = pairs(rows, cols, (len(users), len(items)), data.values[data.backend.asarray(cells)], data.backend)
        return data.rows("user", seen).take(users), data.rows("item", seen).take(items), at

    def loss_and_grads(self, params, R, rng=None):
        users, items, at = self.rows_of(R)
        of_user, of_item = (self.encode(params, rows, rng) for rows in (users, items))
        y, back_to_codes = self.decode(params, (of_user.codes, of_item.codes), at)
        error, back_to_y = squared_error(y, at.values)

        d_user, d_item, grads = back_to_codes(back_to_y())
        grads = {**of_user.backward(d_user), **of_item.backward(d_item), **grads}
        weights = {name: grad for name, grad in grads.items() if grad.ndim == 2}
        assert self.l2 is not None, "give l2"
        return error + l2_penalty(2 * at.size * self.l2, params, weights, at), grads

    def predict_cells(self, params: Params, R: Sides, at: Ratings) -> Array:
        codes = [self.encode(params, R.rows(side)).codes for side in SIDES]
        return self.predict_pairs(params, codes[0], codes[1], to_host(at.rows), to_host(at.cols), at.backend)

    def predict_pairs(
        self, params: Params, C_u: Array, C_i: Array, users: Array, items: Array, backend: Backend, block: int = 20_000
    ) -> Array:
        """ŷ (p,) of pairs of a row of C_u (n, k) and one of C_i (d, k), given by their numbers, in any order."""
        y = np.empty(len(users), C_u.dtype)
        order = np.argsort(users, kind="stable")
        for first in range(0, len(order), block):
            here = order[first : first + block]
            (u, rows), (i, cols) = (np.unique(its[here], return_inverse=True) for its in (users, items))
            at = pairs(rows, cols, (len(u), len(i)), backend.xp.zeros(len(here), C_u.dtype), backend)
            y[here] = to_host(self.decode(params, (C_u[backend.asarray(u)], C_i[backend.asarray(i)]), at)[0])
        return y


def pairs(rows: Array, cols: Array, shape: tuple[int, int], values: Array, backend: Backend) -> Ratings:
    """The matrix with these cells, whose rows ascend; rows and cols (p,): on the host."""
    indptr = np.zeros(shape[0] + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    asarray = backend.asarray
    return Ratings(Pattern(shape, asarray(indptr), asarray(cols.astype(np.int32)), backend.xp), values, backend)


def part(params: Params, name: str) -> Params:
    """The parameters whose names begin with this one and a dot, by the rest of their names."""
    return {key[len(name) + 1 :]: w for key, w in params.items() if key.startswith(f"{name}.")}


def named(name: str, grads: Params) -> dict[str, Any]:
    """The other way round: with this name and a dot in front."""
    return {f"{name}.{key}": grad for key, grad in grads.items()}
