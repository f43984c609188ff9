"""The data sets that models are fitted to: small, and with every trap that is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import Dataset, Index, make_synthetic
from tinyrec.sparse import Pattern, Ratings

N_USERS, N_ITEMS = 20, 25
FULL_USER, COLD_USER, COLD_ITEM = 0, 5, 7  # row numbers: has rated all that is not cold; without training ratings
UNKNOWN = 10**6  # no id


@cache
def everything() -> Dataset:
    """Ratings of 1 to 5; ids that are no row numbers; users and items have none in common."""
    R = make_synthetic(N_USERS, N_ITEMS, 10 * N_USERS + 20, seed=0).ratings
    missing = np.setdiff1d(np.arange(N_ITEMS), R.cols[R.rows == FULL_USER])
    rows, cols = np.append(R.rows, np.full(len(missing), FULL_USER)), np.append(R.cols, missing)
    values = np.append(R.values, 1 + missing % 5)
    users, items = Index(1001 + 7 * np.arange(N_USERS)), Index(3 + 2 * np.arange(N_ITEMS))
    return Dataset.from_cells(users, items, rows, cols, values, scale=(1, 5), name="synthetic")


@cache
def is_test() -> Array:
    """Whether each rating of `everything` is held out: a random part, and all of the cold user and the cold item."""
    R = everything().ratings
    drawn = (np.random.default_rng(0).random(R.size) < 0.2) & (R.rows != FULL_USER)
    return drawn | (R.rows == COLD_USER) | (R.cols == COLD_ITEM)


def train() -> Dataset:
    return everything().select(~is_test())


def test() -> Dataset:
    """The ratings that are not in `train`, with the same users and items."""
    return everything().select(is_test())


def shuffled() -> Dataset:
    """`train`, made from ratings in another order."""
    return remade(train(), order=np.random.default_rng(1).permutation(train().ratings.size))


def renumbered() -> Dataset:
    """`train` with other integers in the same order, some of them negative or large."""
    users, items = train().users.ids, train().items.ids
    return remade(train(), Index(3 * (users - 1050)), Index(items + 2**62))


def as_text() -> Dataset:
    """`train` with ids of text in the same order."""
    users, items = train().users.ids, train().items.ids
    return remade(train(), *(Index(np.array([f"{number:09d}" for number in ids])) for ids in (users, items)))


def read_only() -> Dataset:
    """`train`, but no array can be written to, as in a memory-mapped file."""
    data = train()
    indptr, cols, values, users, items = (array.copy() for array in arrays_of(data))
    for array in (indptr, cols, values, users, items):
        array.flags.writeable = False
    ratings = Ratings(Pattern(data.ratings.shape, indptr, cols), values, data.ratings.backend)
    return replace(data, ratings=ratings, users=Index(users), items=Index(items))


def arrays_of(data: Dataset) -> list[Array]:
    """All that a data set consists of."""
    return [data.ratings.pattern.indptr, data.ratings.cols, data.ratings.values, data.users.ids, data.items.ids]


def one_user() -> Dataset:
    return Dataset.from_triples([7] * 12, range(12), [1, 5, 3, 4] * 3, scale=(1, 5))


def one_item() -> Dataset:
    return Dataset.from_triples(range(12), [7] * 12, [1, 5, 3, 4] * 3, scale=(1, 5))


def one_rating() -> Dataset:
    return Dataset.from_triples([7], [8], [4], scale=(1, 5))


def no_gaps() -> Dataset:
    """Every user has rated every item."""
    users, items = np.divmod(np.arange(30), 5)
    return Dataset.from_triples(users, items, 1 + (users * items) % 5, scale=(1, 5))


def one_value() -> Dataset:
    """All ratings are 4, and so the scale is from 4 to 4."""
    R = train().ratings
    return Dataset.from_triples(R.rows, R.cols, np.full(R.size, 4.0))


def half_stars() -> Dataset:
    return rescaled(0.5, 5)


def percent() -> Dataset:
    return rescaled(1, 100)


def signed() -> Dataset:
    """Ratings of -2 to 2, a fifth of which are 0."""
    return rescaled(-2, 2)


def signed_without_zeros() -> Dataset:
    return signed().select(signed().ratings.values != 0)


def rescaled(low: float, high: float) -> Dataset:
    """`train` on another scale."""
    R = train().ratings
    return remade(train(), values=low + (R.values - 1) / 4 * (high - low), scale=(low, high))


def remade(
    data: Dataset,
    users: Index | None = None,
    items: Index | None = None,
    *,
    values: Array | None = None,
    scale: tuple[float, float] | None = None,
    order: Array | None = None,
) -> Dataset:
    """The same cells with other ids, values or scale, given in another order."""
    R, order = data.ratings, np.arange(data.ratings.size) if order is None else order
    values = (R.values if values is None else values)[order]
    index = users or data.users, items or data.items
    return Dataset.from_cells(*index, R.rows[order], R.cols[order], values, scale=scale or data.scale, name=data.name)
