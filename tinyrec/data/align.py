"""Give two data sets that were loaded separately the same rows and columns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.errors import DataError, DataWarning


def align_ids(train: Dataset, test: Dataset) -> tuple[Dataset, Dataset]:
    """Return both with the union of their users and items, so that row and column numbers agree.

    DataError: a (user, item) pair is in both, or the ids of one are integers and those of the other text
    """
    users, items = union(train.users, test.users, "user"), union(train.items, test.items, "item")
    low, high = train.scale
    if test.scale[0] < low or test.scale[1] > high:
        reach = f"the ratings of the test part are {test.scale[0]:g} to {test.scale[1]:g}"
        cause = f"{reach}, and the scale is that of the training part, {low:g} to {high:g}"
        warnings.warn(f"{cause}; check the test part, or give the scale (--scale)", DataWarning, stacklevel=3)
    user_info = _merge_info(users, train.users, train.user_info, test.users, test.user_info)
    item_info = _merge_info(items, train.items, train.item_info, test.items, test.item_info)
    train, test = (
        replace(_move(part, users, items), scale=train.scale, user_info=user_info, item_info=item_info)
        for part in (train, test)
    )
    d = len(items)
    common = np.intersect1d(*(part.ratings.rows.astype(np.int64) * d + part.ratings.cols for part in (train, test)))
    if len(common):
        pair = f"user {users.ids.tolist()[common[0] // d]!r} with item {items.ids.tolist()[common[0] % d]!r}"
        cause = f"{len(common)} pairs are in both train and test, such as {pair}"
        raise DataError(f"{cause}; remove them from one of the two")
    return train, test


def union(a: Index, b: Index, what: str) -> Index:
    """All ids of both. DataError: those of one are integers and those of the other text"""
    if a.is_text != b.is_text:
        raise DataError(f"the {what} ids of one part are integers and those of the other text; use one type for both")
    return Index.of(np.concatenate([a.ids, b.ids]), what)[0]


def with_items(part: Dataset, items: Index, described: Sequence[tuple[Index, dict[str, Array]]]) -> Dataset:
    """`part` with the columns `items`, its own and more, and with all item_info that describes some of them."""
    info: dict[str, Array] = {}
    for index, its in described:
        info = _merge_info(items, index, its, items, info)
    return replace(_move(part, part.users, items), item_info=info)


def _move(part: Dataset, users: Index, items: Index) -> Dataset:
    rows = users.find(part.users.ids)[part.ratings.rows]
    cols = items.find(part.items.ids)[part.ratings.cols]
    moved = Dataset.from_cells(users, items, rows, cols, part.ratings.values)  # keeps the order of the cells
    return replace(part, ratings=moved.ratings, users=users, items=items)


def _merge_info(ids: Index, a: Index, a_info: dict[str, Array], b: Index, b_info: dict[str, Array]) -> dict[str, Array]:
    """Merge the columns of both, in the order of `ids`; where both describe an id, a takes precedence."""
    merged = {}
    for name in [*a_info, *(name for name in b_info if name not in a_info)]:
        parts = [(index, info[name]) for index, info in ((b, b_info), (a, a_info)) if name in info]
        merged[name] = np.zeros(len(ids), np.result_type(*(column for _, column in parts)))
        for index, column in parts:
            merged[name][ids.find(index.ids)] = column
    return merged
