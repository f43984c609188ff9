"""Checks of users and items that were not in training. A model may refuse them, but only by a UsageError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyrec.errors import DataError, UsageError
from tinyrec.testing.case import Case, predict_all
from tinyrec.testing.data_sets import COLD_ITEM, COLD_USER, UNKNOWN
from tinyrec.testing.require import require, require_close, require_error, require_finite, require_same


def ratings_of_new(case: Case, ids: Any) -> dict[Any, float]:
    """Ratings of a new user or item: {id: rating}."""
    return {ids[at].item(): 1.0 if case.data().implicit else 1.0 + at % 5 for at in (1, 9, 2, 4)}


def unless_refused(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The result; None: refused by a UsageError."""
    try:
        return function(*args, **options)
    except UsageError:
        return None


def check_new_user(case: Case) -> None:
    """A new user must get one finite rating for each item on the scale, or a UsageError."""
    fitted, data = case.fitted(), case.data()
    everything = dict.fromkeys(data.items.ids.tolist(), 1.0)
    for ratings in (ratings_of_new(case, data.items.ids), {}, {data.items.ids[COLD_ITEM].item(): 1.0}, everything):
        found = unless_refused(fitted.predict_new_user, ratings)
        if found is not None:
            require_finite(found, (len(data.items),))
            require(data.implicit or (np.clip(found, *data.scale) == found).all(), "some are not on the scale")


def check_new_item(case: Case) -> None:
    """A new item must get one finite rating for each user on the scale, or a UsageError."""
    fitted, data = case.fitted(), case.data()
    everybody = dict.fromkeys(data.users.ids.tolist(), 1.0)
    for ratings in (ratings_of_new(case, data.users.ids), {}, {data.users.ids[COLD_USER].item(): 1.0}, everybody):
        found = unless_refused(fitted.predict_new_item, ratings)
        if found is not None:
            require_finite(found, (len(data.users),))
            require(data.implicit or (np.clip(found, *data.scale) == found).all(), "some are not on the scale")


def check_order_of_new_ratings(case: Case) -> None:
    """The order of the ratings of a new user or item must not matter."""
    fitted, data = case.fitted(), case.data()
    for predict, ids in ((fitted.predict_new_user, data.items.ids), (fitted.predict_new_item, data.users.ids)):
        ratings = ratings_of_new(case, ids)
        found = unless_refused(predict, ratings)
        if found is not None:
            require_close(predict(dict(reversed(ratings.items()))), found)


def check_recommend_to_new_user(case: Case) -> None:
    """A new user must get the items with the highest predictions, but none that is cold or was given."""
    fitted, data = case.fitted(), case.data()
    ratings = ratings_of_new(case, data.items.ids)
    found = unless_refused(fitted.recommend, ratings=ratings, n=1000)
    if found is None:
        return
    items = [item for item, _ in found]
    require(not set(items) & set(ratings), f"{items} has items of {list(ratings)}")
    warm = data.items.ids[np.unique(data.ratings.cols)].tolist()
    require(sorted(items) == sorted(set(warm) - set(ratings)), f"it gets {len(items)} items")
    predicted = fitted.predict_new_user(ratings)[data.items.find(items)]
    require_close([rating for _, rating in found], predicted)
    require((np.diff(predicted) <= 1e-5 * np.abs(predicted).max()).all(), "they are not in descending order")


def check_unknown_ids_of_new_ratings(case: Case) -> None:
    """Ratings of a new user or item with an unknown id, or an id of the wrong type, must raise DataError."""
    fitted = case.fitted()
    for ids in ({UNKNOWN: 1.0}, {"3": 1.0}):
        require_error(DataError, fitted.predict_new_user, ids)
        require_error(DataError, fitted.predict_new_item, ids)
        require_error(DataError, fitted.recommend, ratings=ids)


def check_new_ratings_off_the_scale(case: Case) -> None:
    """A rating off the scale must raise DataError; of implicit feedback, anything but 1."""
    fitted, item, user = case.fitted(), case.data().items.ids[0].item(), case.data().users.ids[0].item()
    no_interactions = (0.0, 0.5) if case.data().implicit else ()
    for rating in (case.data().scale[1] + 1, -7.0, float("nan"), float("inf"), *no_interactions):
        require_error(DataError, fitted.predict_new_user, {item: rating})
        require_error(DataError, fitted.recommend, ratings={item: rating})
        require_error(DataError, fitted.predict_new_item, {user: rating})


def check_new_ones_change_nothing(case: Case) -> None:
    """Predicting for a new user or item must not change other predictions."""
    fitted, data = case.fitted(), case.data()
    before = predict_all(fitted)
    for predict, ids in ((fitted.predict_new_user, data.items.ids), (fitted.predict_new_item, data.users.ids)):
        found = unless_refused(predict, ratings_of_new(case, ids))
        if found is not None:
            found[:] = -np.inf
    require_same(predict_all(fitted), before)
