"""Checks of score and rank, against the plainest computation."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError, UsageError
from tinyrec.testing import data_sets
from tinyrec.testing.case import Case, score_table
from tinyrec.testing.require import require, require_close, require_error

AT = (1, 3, 10)
SLACK = 1e-9


def check_score(case: Case) -> None:
    """The score must be the RMSE and MAE of the predictions; of implicit feedback, what rank gives."""
    fitted, test = case.fitted(), case.data(data_sets.test)
    found = fitted.score(test)
    if test.implicit:
        require(found == fitted.rank(test), "it is another one than that of rank")
        return
    users, items = test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols]
    e = fitted.predict(users, items).astype(float) - test.ratings.values
    require_close([found["rmse"], found["mae"]], [np.mean(e**2) ** 0.5, np.mean(np.abs(e))], "RMSE and MAE")
    R = fitted.data.ratings
    cold = ~(np.isin(test.ratings.rows, R.rows) & np.isin(test.ratings.cols, R.cols))
    require((found["n"], found["cold"]) == (len(e), cold.sum()), f"it counts {found['n']} and {found['cold']} cold")


def check_score_refuses_training_ratings(case: Case) -> None:
    """Scoring or ranking ratings that were trained on must raise DataError."""
    one = case.data().select([3])
    for data in (case.data(), one):
        require_error(DataError, case.fitted().score, data)
        require_error(DataError, case.fitted().rank, data)


def check_score_refuses_other_types(case: Case) -> None:
    """Scoring or ranking what is no Dataset must raise UsageError."""
    for test in (None, [[1, 2, 3]], case.data(data_sets.test).ratings):
        require_error(UsageError, case.fitted().score, test)
        require_error(UsageError, case.fitted().rank, test)


def check_score_refuses_implicit_feedback(case: Case) -> None:
    """Implicit feedback has no ratings to predict: a model of ratings must refuse to score it by a UsageError."""
    if not case.model.implicit:
        require_error(UsageError, case.fitted().score, data_sets.test().binarized())


def check_rank_is_in_range(case: Case) -> None:
    """Metrics of rankings must be finite and from 0 to 1, with the numbers of users and items."""
    test = case.data(data_sets.test)
    found = case.fitted().rank(test, at=AT)
    counts = {name: found.pop(name) for name in ("users", "items", "unseen")}
    require(counts["users"] == len(np.unique(test.ratings.rows)), f"it counts {counts['users']} users")
    require(counts["items"] == test.ratings.size, f"it counts {counts['items']} items")
    require(all(np.isfinite(value) and 0 <= value <= 1 for value in found.values()), f"they are {found}")


def check_rank_agrees_with_predict(case: Case) -> None:
    """Hit ratios and MRR must follow from the predictions of all items that are not in the training data."""
    test = case.data(data_sets.test)
    best, worst = (first_ranks(case, test, ties) for ties in ("won", "lost"))
    found = case.fitted().rank(test, at=AT)
    metrics = {f"hr@{k}": (np.mean(worst <= k), np.mean(best <= k)) for k in AT}
    metrics["mrr"] = np.mean(1 / worst), np.mean(1 / best)
    for name, (low, high) in metrics.items():
        require(low - SLACK <= found[name] <= high + SLACK, f"{name} is {found[name]}, not in [{low}, {high}]")


def first_ranks(case: Case, test: data_sets.Dataset, ties: str) -> Array:
    """The rank of the best test item of each user who has some; near ties, which may fall either way, won or lost."""
    table, train = score_table(case.fitted()), case.data().ratings
    near = 1e-5 * np.abs(table).max()
    ranks = []
    for user in np.unique(test.ratings.rows):
        others = np.setdiff1d(np.arange(table.shape[1]), train.cols[train.rows == user])
        best = table[user, test.ratings.cols[test.ratings.rows == user]].max()
        higher = table[user, others] > best + near if ties == "won" else table[user, others] >= best - near
        ranks.append(max(higher.sum() + (ties == "won"), 1))
    return np.array(ranks)


def check_rank_refuses_other_ids(case: Case) -> None:
    """Ranking a test part with other users or items must raise DataError."""
    for other in (case.data(data_sets.renumbered), case.data(data_sets.one_user)):
        require_error(DataError, case.fitted().rank, other)


def check_rank_refuses_invalid_k(case: Case) -> None:
    """The lengths of lists that rankings are measured at must be whole numbers of at least 1, or raise UsageError."""
    for k in (0, -1, 1.5, "10", True):
        require_error(UsageError, case.fitted().rank, case.data(data_sets.test), at=(k,))
