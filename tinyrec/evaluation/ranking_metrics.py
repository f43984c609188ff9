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
    """Means over the users who have test items, of the mid-ranks m_1 <= m_2 <= ... of a user's t test items:

    hr@k         1 if m_1 <= k, else 0
    ndcg@k       Σ 1 / log2(1 + m_j) over the hits / Σ 1 / log2(1 + r) for r = 1, ..., min(k, t)
    recall@k     hits / t
    precision@k  hits / k
    mrr          1 / m_1

    train, test (n users, d items), at: each k;  a hit: m_j <= k and j <= k, as a list of k holds no more than k items,
    however many are tied at its end; so nothing exceeds 1

    `name_se` is the standard error of each mean, σ / √users; for hr that is √(p (1 - p) / users). "users" were counted,
    "items" are their test items, "unseen" those that are in no user's training data: they are ranked like all others.
    DataError: no test items, test items that were trained on, other shapes, or scores that are NaN
    """
    if isinstance(at, int):
        raise UsageError(f"at is {at}; give a list, such as [{at}]")
    for k in at:
        check_whole("each k", k, 1)
    ranks = mid_ranks(scores_of, train, test)
    means: dict[str, float] = {}
    for name, values in _of_each_user(ranks, test, at):
        means[name], means[f"{name}_se"] = float(values.mean()), float(values.std() / len(values) ** 0.5)
    unseen = np.bincount(train.cols, minlength=train.shape[1])[test.cols] == 0
    return {**means, "users": len(values), "items": test.size, "unseen": int(unseen.sum())}


def mid_ranks(scores_of: ScoresOf, train: Ratings, test: Ratings) -> Array:
    """m = 1 + those scored higher + half of those scored alike, among all items that the user does not have in train

    scores_of: users (b,) -> (b, d);  train, test (n, d)  ->  m (p,), one for each test cell, in the order of its cells

    Half of the ties: counting only higher scores would give a model that scores all items alike rank 1 everywhere.
    """
    _check(train, test)
    users = np.flatnonzero(np.diff(test.pattern.indptr))
    ranks = np.empty(test.size)
    for block in blocks(len(users), test.shape[1]):
        scores = _scores(scores_of, users[block], train)
        asked, cells = test.pattern.take_rows(users[block])
        for row, col, cell in zip(asked.rows, asked.cols, cells, strict=True):
            higher = np.count_nonzero(scores[row] > scores[row, col])
            alike = np.count_nonzero(scores[row] == scores[row, col]) - 1  # without itself
            ranks[cell] = 1 + higher + alike / 2
    return ranks


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


def _of_each_user(ranks: Array, test: Ratings, at: Sequence[int]) -> Iterator[tuple[str, Array]]:
    """Each metric by name, for each user who has test items, (users,)."""
    ranks = ranks[np.lexsort((ranks, test.rows))]  # ascending within a user
    place = np.arange(test.size) - test.pattern.indptr[test.rows]  # j - 1
    starts, t = np.flatnonzero(place == 0), np.bincount(test.rows)
    t = t[t > 0]
    ideal = np.cumsum(1 / np.log2(1 + np.arange(1, t.max() + 1)))
    for k in at:
        hit = (ranks <= k) & (place < k)
        hits = np.add.reduceat(hit.astype(float), starts)
        yield f"hr@{k}", np.minimum(hits, 1)
        yield f"ndcg@{k}", np.add.reduceat(hit / np.log2(1 + ranks), starts) / ideal[np.minimum(k, t) - 1]
        yield f"recall@{k}", hits / t
        yield f"precision@{k}", hits / k
    yield "mrr", 1 / ranks[starts]


def _check(train, test):
    if train.shape != test.shape:
        raise DataError(f"train is {train.shape}, test is {test.shape}; number the users and items of both alike")
    if not test.size:
        raise DataError("there are no test items; hold some out")
    d = np.int64(test.shape[1])
    leaked = int(np.isin(test.rows * d + test.cols, train.rows * d + train.cols).sum())
    if leaked:
        raise DataError(f"{leaked} of the {test.size} test items were trained on; rank items that were held out")
