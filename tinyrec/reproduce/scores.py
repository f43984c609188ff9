"""The scores of one training; each row of a table shows one of them."""

from __future__ import annotations

import numpy as np

from tinyrec.data import Dataset
from tinyrec.evaluation.precision import COUNTED, precisions
from tinyrec.recommenders import Recommender
from tinyrec.recommenders.protocol import DEFAULT
from tinyrec.recommenders.scaling import Biases

Scores = dict[str, dict[str, float]]
FIFTHS = 5
PERCENTS = (10, 25)  # as in tables 2 and 3 of the NRP paper
AT = (10, 50, 100, 150, 200, 250)  # as in figures 9 and 10 of the NCAE paper
CLUSTERS = ((0, 1), (1, 5), (5, 10), (10, 20), (20, 30), (30, 1_000_000))  # of users, as in its table 4


def all_scores(recommender: Recommender, test: Dataset) -> Scores:
    """Return RMSE and MAE on the test part, by name:

    usual: the protocol of AutoRec, and with it the precision at 10 % and 25 %, see `tinyrec.evaluation.precision`
    no clip, no default: the same without one of its rules
    fifth 1, ..., fifth 5: on the fifth of the items with the fewest training ratings, ..., the most; without default
    default rating, user mean: of predicting 3 stars, and the mean rating of the user; without default
    """
    protocols = (("usual", True, True), ("no clip", False, True), ("no default", True, False))
    scores = {name: recommender.examine(test, clip=clip, default=default)[0] for name, clip, default in protocols}
    y = recommender.predict(*test.triples()[:2])
    for counted in COUNTED:
        scores["usual"] |= precisions(y, test.ratings.values, test.ratings.rows, PERCENTS, counted)
    fifth = fifths(recommender.data)[test.ratings.cols]
    for number in np.unique(fifth).tolist():
        scores[f"fifth {number}"] = recommender.examine(test.select(fifth == number), default=False)[0]
    train = recommender.data.ratings
    constant = Biases.constant(DEFAULT, train.shape)
    for name, simple in (("default rating", constant), ("user mean", Biases.row_means(train, "user"))):
        y = simple.predict(test.ratings.rows, test.ratings.cols)
        scores[name] = recommender.protocol.score(y, test.ratings, default=False)
    return scores


def ranking_scores(recommender: Recommender, test: Dataset) -> Scores:
    """Return the ranking metrics; usual: of all users;  users 1-5, ...: of those with 2 to 5 training items, ..."""
    scores = {"usual": recommender.rank(test, AT)}
    counts = np.diff(recommender.data.ratings.pattern.indptr)[test.ratings.rows]
    for low, high in CLUSTERS:
        inside = (counts > low) & (counts <= high)
        if inside.any():
            scores[f"users {low}-{high}"] = recommender.rank(test.select(inside), AT)
    return scores


def fifths(train: Dataset) -> np.ndarray:
    """Return the fifth that each item is in, 1 to 5, when items are sorted by their number of ratings; (d,)."""
    per_item = np.bincount(train.ratings.cols, minlength=len(train.items))
    place = np.empty_like(per_item)
    place[np.argsort(per_item, kind="stable")] = np.arange(len(per_item))
    return 1 + place * FIFTHS // len(per_item)
