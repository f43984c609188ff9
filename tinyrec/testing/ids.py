"""Checks of raw ids: they come back as they were given, and their numbers or letters change nothing."""

from __future__ import annotations

from tinyrec.errors import DataError
from tinyrec.testing import data_sets
from tinyrec.testing.case import Case, predict_all
from tinyrec.testing.data_sets import UNKNOWN
from tinyrec.testing.require import require, require_error, require_same


def check_renumbered_ids(case: Case) -> None:
    """Other integers as ids, in the same order, must change nothing."""
    require_same(predict_all(case.fitted(data_sets.renumbered)), predict_all(case.fitted()))


def check_text_ids(case: Case) -> None:
    """Text as ids, in the same order, must change nothing."""
    require_same(predict_all(case.fitted(data_sets.as_text)), predict_all(case.fitted()))


def check_type_of_ids(case: Case) -> None:
    """The ids must come back as Python integers or text, as they were given."""
    for make, kind in ((data_sets.train, int), (data_sets.as_text, str)):
        users, items = case.data(make).users.ids.tolist(), case.data(make).items.ids.tolist()
        for user, ranking in case.fitted(make).recommend_many(case.data(make).users.ids[:3]):
            require(type(user) is kind and user in users, f"a user is {user!r}")
            for item, score in ranking:
                require(type(item) is kind and item in items, f"an item is {item!r}")
                require(type(score) is float, f"a predicted rating is {score!r}")


def check_unknown_user(case: Case) -> None:
    """Recommending to an unknown user must raise DataError."""
    known = case.data().users.ids[0].item()
    require_error(DataError, case.fitted().recommend, UNKNOWN)
    require_error(DataError, lambda: list(case.fitted().recommend_many([known, UNKNOWN])))


def check_wrong_type_of_ids(case: Case) -> None:
    """Text where the ids are integers, integers where they are text, or other types must raise DataError."""
    user, item = case.data().users.ids[0].item(), case.data().items.ids[0].item()
    for ids in ([str(user)], [float(user)], [None], [[user]], user):
        require_error(DataError, case.fitted().predict, ids, [item])
    require_error(DataError, case.fitted().recommend, str(user))
    require_error(DataError, case.fitted(data_sets.as_text).predict, [user], ["000000003"])


def check_lengths_of_ids(case: Case) -> None:
    """More users than items, or fewer, must raise DataError."""
    users, items = case.data().users.ids, case.data().items.ids
    for numbers in ((1, 2), (2, 1), (0, 1), (3, 2)):
        require_error(DataError, case.fitted().predict, users[: numbers[0]], items[: numbers[1]])
