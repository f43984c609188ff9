"""Made-up ratings as many as those of well-known data sets, and as unevenly spread, but drawn in seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array, get_backend
from tinyrec.errors import UsageError
from tinyrec.sparse import Pattern, Ratings

LEAST_PER_USER = 20  # as in all MovieLens sets
STARS = np.repeat(np.arange(1, 6, dtype=np.float32), [6, 11, 26, 35, 22])  # of 100 ratings of ML-1M


@dataclass(frozen=True)
class Shape:
    """The size of a data set, and how uneven its users and items are: see `uneven`."""

    users: int
    items: int
    ratings: int
    user_spread: float = 1.3
    item_spread: float = 1.3

    def __post_init__(self):
        if not 0 < LEAST_PER_USER * self.users <= self.ratings:
            raise UsageError(f"{self.ratings} ratings by {self.users} users are too few; give {LEAST_PER_USER} a user")


# Our own choice of spreads: the largest user and the largest item come out as in the real sets, within a tenth.
SHAPES = {
    "ml-100k": Shape(943, 1_682, 100_000, 1.0, 1.3),
    "ml-1m": Shape(6_040, 3_706, 1_000_209, 1.3, 1.5),
    "ml-10m": Shape(69_878, 10_677, 10_000_054, 1.9, 2.3),
    "netflix": Shape(480_189, 17_770, 100_480_507, 1.97, 2.4),
}


def find_shape(name: str) -> Shape:
    """The shape of that name, or one of your own, such as 1000x500x50000: users x items x ratings."""
    if own := re.fullmatch(r"(\d+)x(\d+)x(\d+)", name):
        return Shape(*map(int, own.groups()))
    if name not in SHAPES:
        raise UsageError(f"unknown shape {name!r}; choose one of {', '.join(SHAPES)}, or USERSxITEMSxRATINGS")
    return SHAPES[name]


def draw(shape: Shape, seed: int = 0) -> Ratings:
    """Whole ratings of 1 to 5, users x items, float32; only who rates what is like in real data.

    A user rates at least 20 items; how many more, and how popular an item is, both follow `uneven`. The items of all
    users with c ratings are drawn at once, by systematic sampling (Madow 1949): lay the items end to end in random
    order, each as long as its chance of being among the c, and walk along in c steps of 1 from a random start.
    """
    rng = np.random.default_rng(seed)
    counts = user_counts(shape, rng)
    popularity = uneven(shape.items, shape.item_spread)
    ids = rng.permutation(shape.items).astype(np.int32)  # of the most popular item, the next one, ...
    indptr = np.concatenate([[0], np.cumsum(counts)])
    cols = np.empty(shape.ratings, np.int32)
    for users in same_counts(counts):
        c = counts[users[0]]
        order = rng.permutation(shape.items)
        ends = np.cumsum(chances(popularity, c)[order])
        starts = rng.random((len(users), 1), np.float32)  # float32, so that the sums below are exact
        picked = np.searchsorted(ends * (c / ends[-1]), starts + np.arange(c), side="right")
        cols[indptr[users][:, None] + np.arange(c)] = np.sort(ids[order[picked]])
    values = STARS[rng.integers(len(STARS), size=shape.ratings, dtype=np.int8)]
    return Ratings(Pattern((shape.users, shape.items), indptr, cols), values, get_backend("reference"))


def uneven(size: int, spread: float) -> Array:
    """(log 1/q)^spread at `size` even steps q from 0 to 1, descending: the larger `spread`, the longer the tail.

    Quantiles of a Weibull distribution, which fit both ends of the real curves better than those of a log-normal.
    """
    return (-np.log((np.arange(size) + 0.5) / size)) ** spread


def user_counts(shape: Shape, rng: np.random.Generator) -> Array:
    """How many ratings each user has, (users,) int64, in random order."""
    more = shape.ratings - LEAST_PER_USER * shape.users
    activity = uneven(shape.users, shape.user_spread)
    ends = np.rint(np.cumsum(activity) * (more / activity.sum())).astype(np.int64)  # rounded so, they sum to `more`
    counts = LEAST_PER_USER + np.diff(ends, prepend=0)
    if counts[0] > shape.items:
        raise UsageError(f"one user would rate {counts[0]} of {shape.items} items; choose fewer ratings or more items")
    return rng.permutation(counts)


def same_counts(counts: Array) -> list[Array]:
    """The users of each count that occurs."""
    order = np.argsort(counts, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(counts[order])) + 1)


def chances(popularity: Array, c: int) -> Array:
    """min(1, s popularity), with s such that they sum to c: each item's chance to be among c; popularity descends."""
    tails = np.cumsum(popularity[::-1])[::-1]  # what item i and all after it share
    sure = np.argmax((c - np.arange(len(popularity))) * popularity <= tails)  # how many have a chance of 1
    return np.concatenate([np.ones(sure), (c - sure) * popularity[sure:] / tails[sure]])
