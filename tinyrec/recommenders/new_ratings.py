"""More ratings for a fitted model: also of pairs rated before, and of users and items that were not in training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import Dataset, Features, Index
from tinyrec.data.align import union
from tinyrec.data.validation import check_values
from tinyrec.errors import DataError, UsageError

Trained = dict[str, Array]  # which users and items were in training: "user": (n,) bool, "item": (d,) bool


def check_new_ratings(old: Dataset, more: Dataset) -> None:
    """UsageError: no Dataset, or implicit feedback for a model of ratings;  DataError: a rating off the scale"""
    if not isinstance(more, Dataset):
        raise UsageError(f"a {type(more).__name__} cannot be read; make a Dataset of it with load_dataset")
    if more.implicit and not old.implicit:
        raise UsageError("this model is for ratings, and this is implicit feedback; give ratings")
    if old.implicit and (more.ratings.values != 1).any():
        raise DataError("this model is for implicit feedback, where each interaction is 1; give no other values")
    check_values(more.ratings.values, old.scale)


def add_ratings(old: Dataset, more: Dataset, trained: Trained) -> tuple[Dataset, dict[str, int]]:
    """`old` with the users, items and ratings of `more`, and how many of them there are.

    A new item is known only by the ratings of trained users, and a new user only by those of trained items. So the
    rating of a new item by a new user is left out unless both have such ratings, too; for implicit feedback, where a
    new item cannot be folded in, each interaction with one is.
    """
    users, items = union(old.users, more.users, "user"), union(old.items, more.items, "item")
    trained_user, trained_item = placed(trained["user"], old.users, users), placed(trained["item"], old.items, items)
    (u, i), (new_u, new_i) = (_cells(data, users, items) for data in (old, more))
    u_all, i_all = np.concatenate([u, new_u]), np.concatenate([i, new_i])
    if old.implicit:
        usable = trained_item[new_i]
    else:
        is_linked_user = np.bincount(u_all, trained_item[i_all], len(users)) > 0
        is_linked_item = np.bincount(i_all, trained_user[u_all], len(items)) > 0
        usable = is_linked_user[new_u] & is_linked_item[new_i]
    if not usable.any():
        raise DataError(f"none of the {len(usable)} new ratings can be used without training; train on all ratings")
    used = more.select(usable)
    data = _united(old, used)
    counts = {"ratings": used.ratings.size, "replaced": old.ratings.size + used.ratings.size - data.ratings.size}
    counts |= {"new_users": len(data.users) - len(old.users), "new_items": len(data.items) - len(old.items)}
    return data, counts | {"unused": int((~usable).sum())}


def _united(old: Dataset, used: Dataset) -> Dataset:
    """Both, with the users and items of `old` and those who have ratings in `used`."""
    users, items = (
        union(index, Index(np.unique(its.ids[numbers])), what)
        for what, index, its, numbers in (
            ("user", old.users, used.users, used.ratings.rows),
            ("item", old.items, used.items, used.ratings.cols),
        )
    )
    (u, i), (new_u, new_i) = (_cells(data, users, items) for data in (old, used))
    cells = np.concatenate([u, new_u]), np.concatenate([i, new_i])
    values = np.concatenate([old.ratings.values, used.ratings.values])
    ratings = Dataset.from_cells(users, items, *cells, values, scale=old.scale, duplicates="last").ratings
    info: dict[str, Any] = {
        "user_info": {name: placed(column, old.users, users) for name, column in old.user_info.items()},
        "item_info": {name: placed(column, old.items, items) for name, column in old.item_info.items()},
        "user_features": _placed_features(old.user_features, old.users, users),
        "item_features": _placed_features(old.item_features, old.items, items),
    }
    return replace(old, ratings=ratings, users=users, items=items, times=None, places=None, **info)


def moved(columns: dict[str, Array], old: Dataset, new: Dataset) -> dict[str, Array]:
    """{"user": (n,), "item": (d,)} in the order of the ids of `old`, in that of `new`, see `placed`."""
    users, items = placed(columns["user"], old.users, new.users), placed(columns["item"], old.items, new.items)
    return {"user": users, "item": items}


def _cells(data: Dataset, users: Index, items: Index) -> tuple[Array, Array]:
    """The row numbers of the users and items of each rating among other ids."""
    return users.find(data.users.ids)[data.ratings.rows], items.find(data.items.ids)[data.ratings.cols]


def placed(column: Array, old: Index, new: Index) -> Array:
    """A column in the order of the ids `old`, in that of `new`, with 0, False or "" for additional ids."""
    placed = np.zeros((len(new), *column.shape[1:]), column.dtype)
    placed[new.find(old.ids)] = column
    return placed


def _placed_features(features: Features | None, old: Index, new: Index) -> Features | None:
    return features.placed(new.find(old.ids), len(new)) if features else None
