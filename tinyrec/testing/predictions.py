"""Checks of predict: one number for each pair asked for, whatever else is asked for."""

from __future__ import annotations

import numpy as np

from tinyrec.evaluation import top_n
from tinyrec.testing.case import Case, all_pairs, predict_all
from tinyrec.testing.data_sets import COLD_ITEM, COLD_USER, UNKNOWN
from tinyrec.testing.require import require, require_close, require_finite, require_same


def check_one_by_one(case: Case) -> None:
    """A prediction must belong to its pair: asked for alone, it is the same."""
    fitted = case.fitted()
    users, items = all_pairs(fitted.data)
    some = np.random.default_rng(0).choice(len(users), 40, replace=False)
    alone = np.concatenate([fitted.predict(users[[at]], items[[at]]) for at in some])
    require_close(alone, predict_all(fitted)[some])


def check_order_of_pairs(case: Case) -> None:
    """The predictions of pairs in another order must be the same in that order."""
    users, items = all_pairs(case.data())
    order = np.random.default_rng(0).permutation(len(users))
    require_close(case.fitted().predict(users[order], items[order]), predict_all(case.fitted())[order])


def check_blocks_of_pairs(case: Case) -> None:
    """The predictions must not depend on how the pairs are cut into blocks."""
    users, items = all_pairs(case.data())
    parts = [case.fitted().predict(users[at : at + 7], items[at : at + 7]) for at in range(0, len(users), 7)]
    require_close(np.concatenate(parts), predict_all(case.fitted()))


def check_blocks_of_work(case: Case) -> None:
    """The predictions must not depend on how much of the work is done at a time."""
    users = case.data().users.ids
    expected, rankings = predict_all(case.fitted()), list(case.fitted().recommend_many(users, 5))
    usual = top_n.BLOCK
    try:
        top_n.BLOCK = 50
        found, others = predict_all(case.fitted()), list(case.fitted().recommend_many(users, 5))
    finally:
        top_n.BLOCK = usual
    require_close(found, expected)
    for (_, ranking), (user, other) in zip(rankings, others, strict=True):
        require_close([r for _, r in other], [r for _, r in ranking], f"the recommendations for user {user}")


def check_duplicate_pairs(case: Case) -> None:
    """A pair that is asked for twice must get the same prediction twice."""
    users, items = (ids[3:9] for ids in all_pairs(case.data()))
    twice = case.fitted().predict(np.tile(users, 2), np.tile(items, 2))
    require_close(twice, np.tile(case.fitted().predict(users, items), 2))


def check_no_pairs(case: Case) -> None:
    """No pairs must give an empty array."""
    require_finite(case.fitted().predict([], []), (0,))
    require_finite(case.fitted().predict(np.array([], np.int64), np.array([], np.int64)), (0,))


def check_lists(case: Case) -> None:
    """Lists and tuples of ids must give the same as arrays."""
    users, items = (ids[:50] for ids in all_pairs(case.data()))
    expected = case.fitted().predict(users, items)
    require_same(case.fitted().predict(users.tolist(), tuple(items.tolist())), expected)


def check_predict_again(case: Case) -> None:
    """Predicting again must give the same bits, also after the first result was changed."""
    first = predict_all(case.fitted())
    expected = first.copy()
    first[:] = -np.inf
    require_same(predict_all(case.fitted()), expected)


def check_rows(case: Case) -> None:
    """The predictions of all items by some users must be those of the single pairs."""
    fitted, users = case.fitted(), np.array([4, 0, 4, COLD_USER])
    n, d = fitted.data.ratings.shape
    expected = predict_all(fitted, clip=False, default=False).reshape(n, d)[users]
    require_close(fitted.predict_users(users), expected)


def check_clip(case: Case) -> None:
    """Clipped predictions must be on the scale of the ratings and otherwise unchanged; scores are never clipped."""
    data = case.data()
    clipped, raw = (predict_all(case.fitted(), clip=clip) for clip in (True, False))
    require_same(clipped, raw if data.implicit else np.clip(raw, *data.scale))


def check_default(case: Case) -> None:
    """A cold or unknown user or item must get the default rating; without ratings, a finite score."""
    data = case.data()
    user, item = data.users.ids[0], data.items.ids[0]
    cold = (data.users.ids[COLD_USER], item), (user, data.items.ids[COLD_ITEM])
    pairs = [*cold, (UNKNOWN, item), (user, UNKNOWN), (UNKNOWN, UNKNOWN)]
    found = case.fitted().predict(*zip(*pairs, strict=True))
    require_finite(found, (5,))
    require(data.implicit or (found == 3).all(), f"they get {found} and not 3 of 5 stars")


def check_no_default(case: Case) -> None:
    """Without the default rating, cold and unknown ones must get finite numbers, and others what they get with it."""
    data = case.data()
    found, usual = predict_all(case.fitted(), default=False), predict_all(case.fitted())
    users, items = data.users.ids[[0, COLD_USER, 0]].tolist(), data.items.ids[[COLD_ITEM, 0, 0]].tolist()
    more = case.fitted().predict([*users, UNKNOWN, UNKNOWN], [*items, items[1], UNKNOWN], default=False)
    require_finite(more, (5,))
    warm_users, warm_items = (np.bincount(at) > 0 for at in (data.ratings.rows, data.ratings.cols))
    warm = np.zeros(data.ratings.shape, bool)
    warm[np.ix_(np.flatnonzero(warm_users), np.flatnonzero(warm_items))] = True
    kept = warm.ravel() | data.implicit  # scores are never replaced
    require_same(found[kept], usual[kept])
    require(data.implicit or ((found >= data.scale[0]) & (found <= data.scale[1])).all(), "some are not on the scale")
