"""Checks of with_ratings. A model may refuse to take ratings without training, but only by an error of tinyrec."""

from __future__ import annotations

import numpy as np

from tinyrec.data import Dataset
from tinyrec.errors import TinyrecError, UsageError
from tinyrec.testing import data_sets
from tinyrec.testing.case import Case, candidates, predict_all, score_table
from tinyrec.testing.data_sets import COLD_ITEM, COLD_USER, UNKNOWN
from tinyrec.testing.new_ones import unless_refused
from tinyrec.testing.require import require, require_error, require_same


def more_ratings(case: Case) -> Dataset:
    """One more rating by each user who is not cold, of the first item that they have not rated."""
    data, possible = case.data(), candidates(case.data())
    users = np.flatnonzero(possible.any(axis=1) & (np.bincount(data.ratings.rows, minlength=len(data.users)) > 0))
    items = possible[users].argmax(axis=1)
    more = Dataset.from_triples(data.users.ids[users], data.items.ids[items], np.full(len(users), 1.0), scale=(1, 5))
    return more.binarized() if data.implicit else more


def check_with_ratings(case: Case) -> None:
    """More ratings must count as seen, leave the first model alone and predictions finite; or raise UsageError."""
    fitted, more = case.fitted(), more_ratings(case)
    before = predict_all(fitted)
    updated = unless_refused(fitted.with_ratings, more)
    require_same(predict_all(fitted), before, "the predictions of the first model")
    if updated is None:
        return
    require(np.isfinite(score_table(updated)).all(), "the predictions are not all finite")
    require(updated.data.ratings.size == fitted.data.ratings.size + more.ratings.size, "ratings are missing")
    given = dict(zip(more.users.ids[more.ratings.rows].tolist(), more.items.ids[more.ratings.cols], strict=True))
    for user, ranking in updated.recommend_many(list(given), 1000):
        require(given[user] not in [item for item, _ in ranking], f"user {user} gets what was added")


def check_with_ratings_again(case: Case) -> None:
    """A pair that was rated before must get the new rating; or raise UsageError."""
    data = case.data()
    pair = data.users.ids[data.ratings.rows[[3]]], data.items.ids[data.ratings.cols[[3]]]
    new = 6.0 - data_sets.train().ratings.values[3]
    more = Dataset.from_triples(*pair, [new], scale=(1, 5))
    updated = unless_refused(case.fitted().with_ratings, more.binarized() if data.implicit else more)
    if updated is not None:
        expected = data.ratings.values.copy()
        expected[3] = 1 if data.implicit else new
        require_same(updated.data.ratings.values, expected, "the ratings")


def check_with_ratings_of_cold_ones(case: Case) -> None:
    """More ratings of a cold user and a cold item must leave predictions finite; or raise an error of tinyrec."""
    data = case.data()
    users, items = data.users.ids[[COLD_USER, 0]], data.items.ids[[0, COLD_ITEM]]
    more = Dataset.from_triples(users, items, [1.0, 1.0], scale=(1, 5))
    try:
        updated = case.fitted().with_ratings(more.binarized() if data.implicit else more)
    except TinyrecError:
        return
    require(np.isfinite(score_table(updated)).all(), "the predictions are not all finite")
    require(np.isfinite(predict_all(updated)).all(), "the clipped predictions are not all finite")


def check_with_ratings_refuses(case: Case) -> None:
    """More ratings of unknown ids, of another kind of feedback, or in no Dataset, must raise an error of tinyrec."""
    user, item = case.data().users.ids[0].item(), case.data().items.ids[0].item()
    for users, items in (([UNKNOWN], [item]), ([user], [UNKNOWN])):
        more = Dataset.from_triples(users, items, [1.0], scale=(1, 5))
        require_error(TinyrecError, case.fitted().with_ratings, more.binarized() if case.data().implicit else more)
    other = Dataset.from_triples([user], [item], [2.0], scale=(1, 5))
    require_error(TinyrecError, case.fitted().with_ratings, other if case.data().implicit else other.binarized())
    require_error(UsageError, case.fitted().with_ratings, [(user, item, 1.0)])
