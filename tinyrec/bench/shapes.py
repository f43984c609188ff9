"""Synthetic ratings with the size and skew of well-known data sets, drawn in seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array, get_backend
from tinyrec.errors import UsageError
from tinyrec.sparse import Pattern, Ratings

MIN_PER_USER = 20  # as in all MovieLens sets
RATING_SAMPLE = np.repeat(np.arange(1, 6, dtype=np.float32), [6, 11, 26, 35, 22])  # ML-1M, per 100 ratings


@dataclass(frozen=True)
class Shape:
    """The size of a data set, and the skew of its users and items: see `weibull_quantiles`."""

    users: int
    items: int
    ratings: int
    user_skew: float = 1.3
    item_skew: float = 1.3

    def __post_init__(self):
        if not 0 < MIN_PER_USER * self.users <= self.ratings:
            raise UsageError(f"{self.ratings} ratings by {self.users} users are too few; give {MIN_PER_USER} per user")


# our choice of skews: the largest counts of a user and of an item are within 10 % of the real data
SHAPES = {
    "ml-100k": Shape(943, 1_682, 100_000, 1.0, 1.3),
    "ml-1m": Shape(6_040, 3_706, 1_000_209, 1.3, 1.5),
    "ml-10m": Shape(69_878, 10_677, 10_000_054, 1.9, 2.3),
    "netflix": Shape(480_189, 17_770, 100_480_507, 1.97, 2.4),
}


def find_shape(name: str) -> Shape:
    """Return the shape called `name`, or parse a shape such as 1000x500x50000: users x items x ratings."""
    if custom := re.fullmatch(r"(\d+)x(\d+)x(\d+)", name):
        return Shape(*map(int, custom.groups()))
    if name not in SHAPES:
        raise UsageError(f"unknown shape {name!r}; choose one of {', '.join(SHAPES)}, or USERSxITEMSxRATINGS")
    return SHAPES[name]


def draw(shape: Shape, seed: int = 0) -> Ratings:
    """Draw integer ratings from 1 to 5, users x items, float32; only the counts of users and items are realistic.

    A user rates at least 20 items; further ratings and the popularity of items follow `weibull_quantiles`. The items of
    all users with c ratings are drawn at once by systematic sampling (Madow 1949): lay the items end to end in random
    order, each as long as its inclusion probability, and take the items at c steps of 1 from a random start.
    """
    rng = np.random.default_rng(seed)
    counts = ratings_per_user(shape, rng)
    popularity = weibull_quantiles(shape.items, shape.item_skew)
    ids = rng.permutation(shape.items).astype(np.int32)  # column of each item, from most to least popular
    indptr = np.concatenate([[0], np.cumsum(counts)])
    cols = np.empty(shape.ratings, np.int32)
    for c in np.unique(counts):
        users = np.flatnonzero(counts == c)
        order = rng.permutation(shape.items)
        ends = np.cumsum(inclusion_probabilities(popularity, c)[order])
        starts = rng.random((len(users), 1), np.float32)  # float32, so that the sums below are exact
        picked = np.searchsorted(ends * (c / ends[-1]), starts + np.arange(c), side="right")
        cols[indptr[users][:, None] + np.arange(c)] = np.sort(ids[order[picked]])
    values = RATING_SAMPLE[rng.integers(len(RATING_SAMPLE), size=shape.ratings, dtype=np.int8)]
    return Ratings(Pattern((shape.users, shape.items), indptr, cols), values, get_backend("reference"))


def weibull_quantiles(size: int, skew: float) -> Array:
    """(log 1/q)^skew at `size` even steps q from 0 to 1, descending: the larger `skew`, the longer the tail.

    A Weibull distribution fits both ends of the real distributions better than a log-normal distribution.
    """
    return (-np.log((np.arange(size) + 0.5) / size)) ** skew


def ratings_per_user(shape: Shape, rng: np.random.Generator) -> Array:
    """Return the number of ratings of each user, (users,) int64, in random order."""
    more = shape.ratings - MIN_PER_USER * shape.users
    activity = weibull_quantiles(shape.users, shape.user_skew)
    ends = np.rint(np.cumsum(activity) * (more / activity.sum())).astype(np.int64)  # counts sum to `more`
    counts = MIN_PER_USER + np.diff(ends, prepend=0)
    if counts[0] > shape.items:
        raise UsageError(f"one user would rate {counts[0]} of {shape.items} items; choose fewer ratings or more items")
    return rng.permutation(counts)


def inclusion_probabilities(popularity: Array, c: int) -> Array:
    """Return the probability that a sample of c has each item: min(1, s popularity), sums to c; popularity descends."""
    tails = np.cumsum(popularity[::-1])[::-1]  # sum from item i to the last
    sure = np.argmax((c - np.arange(len(popularity))) * popularity <= tails)  # number of items with probability 1
    return np.concatenate([np.ones(sure), (c - sure) * popularity[sure:] / tails[sure]])
