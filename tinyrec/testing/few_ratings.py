"""Checks of data sets at the edge: hardly any ratings, all of them, and other scales."""

from __future__ import annotations

import numpy as np

from tinyrec.errors import DataError
from tinyrec.testing import data_sets
from tinyrec.testing.case import Case, Make, candidates, predict_all
from tinyrec.testing.require import require, require_error, require_finite


def check_one_user(case: Case) -> None:
    """A single user must be enough; they have everything."""
    require_small(case, data_sets.one_user)
    require_nothing_left(case, data_sets.one_user)


def check_one_item(case: Case) -> None:
    """A single item must be enough; everybody has it."""
    require_small(case, data_sets.one_item)
    require_nothing_left(case, data_sets.one_item)


def check_one_rating(case: Case) -> None:
    """A single rating must be enough, or be refused by a DataError."""
    try:
        case.fitted(data_sets.one_rating)
    except DataError:
        return  # where a part of the ratings is held out to choose a setting
    require_small(case, data_sets.one_rating)
    require_nothing_left(case, data_sets.one_rating)


def check_no_gaps(case: Case) -> None:
    """Users who have every item must be no problem, and get no recommendation."""
    require_small(case, data_sets.no_gaps)
    require_nothing_left(case, data_sets.no_gaps)


def check_one_value(case: Case) -> None:
    """Ratings that are all alike must be predicted as this value; their scale has no width."""
    require_small(case, data_sets.one_value)


def check_half_stars(case: Case) -> None:
    """Ratings of 0.5 to 5 must be predicted on this scale."""
    require_small(case, data_sets.half_stars)


def check_percent(case: Case) -> None:
    """Ratings of 1 to 100 must be predicted on this scale."""
    require_small(case, data_sets.percent)


def check_signed(case: Case) -> None:
    """Negative ratings must be predicted on their scale."""
    require_small(case, data_sets.signed)


def check_zeros_are_seen(case: Case) -> None:
    """An item that was rated 0 must count as seen: never recommended, never scored."""
    data, fitted = case.data(data_sets.signed), case.fitted(data_sets.signed)
    possible = candidates(data)
    for user, ranking in fitted.recommend_many(data.users.ids, 1000):
        row = data.users.find([user])[0]
        require(possible[row, data.items.find([item for item, _ in ranking])].all(), f"user {user} gets one")
    zero = np.flatnonzero(data_sets.signed().ratings.values == 0)[:1]
    require_error(DataError, fitted.score, data.select(zero))


def check_zeros_are_learned(case: Case) -> None:
    """A rating of 0 must count in training like any other."""
    with_zeros, without = (
        predict_all(case.fitted(make), clip=False) for make in (data_sets.signed, data_sets.signed_without_zeros)
    )
    require((with_zeros != without).any(), "without these ratings, the predictions are the same")


def require_small(case: Case, make: Make) -> None:
    """Predictions must be finite numbers, and on the scale where they are clipped."""
    data = case.data(make)
    n, d = data.ratings.shape
    for options in ({}, {"clip": False, "default": False}):
        require_finite(predict_all(case.fitted(make), **options), (n * d,))
    found, (low, high) = predict_all(case.fitted(make)), data.scale
    require(data.implicit or ((found >= low) & (found <= high)).all(), "some are not on the scale")


def require_nothing_left(case: Case, make: Make) -> None:
    """Where every user has every item, nothing can be recommended."""
    for user, ranking in case.fitted(make).recommend_many(case.data(make).users.ids):
        require(ranking == [], f"user {user} gets {ranking}")
