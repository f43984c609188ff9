"""Ranking metrics: at which ranks are the held-out items of a user, among all items of the catalogue?

Ranking among a sample of items would be faster, but can reverse the order of two models (Krichene & Rendle 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tinyrec.backend import Array, to_host
from tinyrec.checks import check_whole
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation.top_n import blocks
from tinyrec.sparse import Ratings

ScoresOf = Callable[[Array], Array]  # users (b,) -> their scores of all items (b, d)


def rank(scores_of: ScoresOf, train: Ratings, test: Ratings, at: Sequence[int] = (10, 50, 100)) -> dict[str, float]:
    """Means over the users who have test items, of the places m_1 < m_2 < ... of a user's t test items:

    hr@k         1 if m_1 <= k, else 0
    ndcg@k       Σ 1 / log2(1 + m_j) over the hits / Σ 1 / log2(1 + r) for r = 1, ..., min(k, t)
    recall@k     hits / t
    precision@k  hits / k
    mrr          1 / m_1

    train, test (n users, d items), at: each k;  a hit: m_j <= k

    Of items with the same score, every order is equally likely, and each metric is its expectation over these orders.
    Let n items have a score that h are above, s of them be test items, and let the list of k end at the c-th of the n.
    Each of the s has place h + 1, ..., h + n with probability 1/n, which gives ndcg, recall and precision, sums over
    items. The first of the s is the x-th of the n with probability C(n - x, s - 1) / C(n, s). So where no test item is
    above them, hr is 1 - C(n - c, s) / C(n, s), and mrr is Σ_x C(n - x, s - 1) / C(n, s) / (h + x).

    `name_se` is the standard error of each mean, σ / √users; for hr without ties that is √(p (1 - p) / users). "users"
    were counted, "items" are their test items, "unseen" those that are in no user's training data: they are ranked like
    all others.
    DataError: no test items, test items that were trained on, other shapes, or scores that are NaN
    """
    if isinstance(at, int):
        raise UsageError(f"at is {at}; give a list, such as [{at}]")
    for k in at:
        check_whole("each k", k, 1)
    higher, alike = places(scores_of, train, test)
    means: dict[str, float] = {}
    for name, values in _of_each_user(higher, alike, test, at):
        means[name], means[f"{name}_se"] = float(values.mean()), float(values.std() / len(values) ** 0.5)
    unseen = np.bincount(train.cols, minlength=train.shape[1])[test.cols] == 0
    return {**means, "users": len(values), "items": test.size, "unseen": int(unseen.sum())}


def places(scores_of: ScoresOf, train: Ratings, test: Ratings) -> tuple[Array, Array]:
    """h, how many are scored higher, and n, how many alike, itself among them, of the items not in the user's train

    scores_of: users (b,) -> (b, d);  train, test (n, d)  ->  h, n (p,), for each test cell, in the order of its cells
    """
    _check(train, test)
    users = np.flatnonzero(np.diff(test.pattern.indptr))
    higher, alike = np.empty(test.size, np.int64), np.empty(test.size, np.int64)
    for block in blocks(len(users), test.shape[1]):
        scores = _scores(scores_of, users[block], train)
        asked, cells = test.pattern.take_rows(users[block])
        for row, col, cell in zip(asked.rows, asked.cols, cells, strict=True):
            higher[cell] = np.count_nonzero(scores[row] > scores[row, col])
            alike[cell] = np.count_nonzero(scores[row] == scores[row, col])
    return higher, alike


def _scores(scores_of, users, train):
    """A copy of the scores of these users; training items are NaN, which is neither higher than a score nor equal."""
    scores = np.asarray(to_host(scores_of(users)))
    if scores.shape != (len(users), train.shape[1]):
        raise DataError(f"scores have shape {scores.shape}; give {train.shape[1]} to each of {len(users)} users")
    scores = scores.astype(np.result_type(scores, np.float32))
    if np.isnan(scores).any():
        raise DataError("a score is NaN, which has no rank; check that the model has not diverged")
    known, _ = train.pattern.take_rows(users)
    scores[known.rows, known.cols] = np.nan
    return scores


def _of_each_user(higher: Array, alike: Array, test: Ratings, at: Sequence[int]) -> Iterator[tuple[str, Array]]:
    """Each metric by name, for each user who has test items, (users,)."""
    order = np.lexsort((higher, test.rows))  # best first within a user
    higher, alike, indptr = higher[order], alike[order], test.pattern.indptr
    starts, t = indptr[:-1][np.diff(indptr) > 0], np.diff(indptr)[np.diff(indptr) > 0]
    h, n = higher[starts], alike[starts]
    s = np.add.reduceat((higher == np.repeat(h, t)).astype(np.int64), starts)  # test items alike the best one
    gains = np.cumsum(1 / np.log2(1 + np.arange(1, (higher + alike).max() + 1)))
    gains = np.insert(gains, 0, 0.0)  # of the first r places, r = 0, 1, ...
    for k in at:
        within = np.clip(k - higher, 0, alike)  # c: so many of those alike are in the list
        hits = np.add.reduceat(within / alike, starts)
        gained = np.add.reduceat((gains[higher + within] - gains[higher]) / alike, starts)
        yield f"hr@{k}", 1 - _none_among(within[starts], n, s)
        yield f"ndcg@{k}", gained / gains[np.minimum(k, t)]
        yield f"recall@{k}", hits / t
        yield f"precision@{k}", hits / k
    reciprocal = 1 / (h + 1)
    for user in np.flatnonzero(n > 1):
        reciprocal[user] = _reciprocal(h[user], n[user], s[user])
    yield "mrr", reciprocal


def _none_among(c: Array, n: Array, s: Array) -> Array:
    """C(n - c, s) / C(n, s): the probability that none of s among n items, in random order, is among the first c."""
    none = np.ones(len(c))
    for i in range(s.max()):
        none *= np.where(i < s, np.maximum(n - c - i, 0) / np.maximum(n - i, 1), 1)
    return none


def _reciprocal(h: int, n: int, s: int) -> float:
    """Σ_x C(n - x, s - 1) / C(n, s) / (h + x): the mean of 1 / (h + x), with the first of s among n items the x-th."""
    x = np.arange(1, n - s + 2)
    at_x = s / (n - x + 1)  # the probability, where it is at none of the places before
    return float((np.cumprod(np.insert(1 - at_x[:-1], 0, 1.0)) * at_x / (h + x)).sum())


def _check(train, test):
    if train.shape != test.shape:
        raise DataError(f"train is {train.shape}, test is {test.shape}; number the users and items of both alike")
    if not test.size:
        raise DataError("there are no test items; hold some out")
    d = np.int64(test.shape[1])
    leaked = int(np.isin(test.rows * d + test.cols, train.rows * d + train.cols).sum())
    if leaked:
        raise DataError(f"{leaked} of the {test.size} test items were trained on; rank items that were held out")
