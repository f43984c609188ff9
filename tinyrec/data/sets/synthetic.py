"""Synthetic ratings whose lowest possible error is known, for tests, tutorials and a first try."""

from __future__ import annotations

import math

import numpy as np

from tinyrec.backend import Array
from tinyrec.checks import generator
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.errors import UsageError

# our choice: standard deviation, RMSE of a bias model and skew are close to those of MovieLens 100K
RANK = 6
MEAN, USER_BIAS, ITEM_BIAS, TASTE, NOISE = 3.6, 0.4, 0.5, 0.8, 0.8
STEEPNESS = 1.5  # of the tanh; larger values are less linear
USER_SKEW, ITEM_SKEW = 0.85, 1.3  # standard deviations of the logarithm of activity and popularity
MIN_PER_USER = 10


def make_synthetic(n_users: int = 1000, n_items: int = 1500, n_ratings: int = 100_000, seed: int = 0) -> Dataset:
    """Draw integer ratings from 1 to 5 with a non-linear structure.

        z = 3.6 + b_u + c_i + 0.8 tanh(1.5 <p_u, q_i>)       the true score of user u for item i
        r = z + 0.8 e, rounded and clipped to 1..5            the rating; e ~ N(0, 1)

    b ~ N(0, 0.4²), c ~ N(0, 0.5²); p and q are normal in 6 dimensions, and <p, q> has variance 1. User activity and
    item popularity are log-normal, and which cells are observed depends on nothing else. Each user has at least 10
    ratings if n_ratings is large enough.

    noise_floor: the RMSE of E[r | z], the best possible prediction, on the ratings drawn
    UsageError: a size below 1, or more ratings than cells
    """
    if min(n_users, n_items, n_ratings) < 1 or n_ratings > n_users * n_items:
        raise UsageError(f"{n_ratings} ratings do not fit {n_users} users x {n_items} items; choose other sizes")
    rng = generator(seed)
    rows, cols = _draw_cells(n_users, n_items, n_ratings, rng)
    score = _draw_scores(n_users, n_items, rows, cols, rng)
    values = np.clip(np.rint(score + NOISE * rng.standard_normal(n_ratings)), 1, 5)
    floor = float(np.sqrt(np.mean((values - expected_rating(score)) ** 2)))
    users, items = (Index(np.arange(1, size + 1)) for size in (n_users, n_items))
    return Dataset.from_cells(users, items, rows, cols, values, scale=(1, 5), name="synthetic", noise_floor=floor)


def expected_rating(score: Array) -> Array:
    """E[r | z] = 1 + Σ_{j=1..4} P(r > j) = 1 + Σ_j Φ((z - j - ½) / 0.8), z (p,) -> (p,)."""
    erf = np.frompyfunc(math.erf, 1, 1)
    above = [(score - level - 0.5) / (NOISE * math.sqrt(2)) for level in (1, 2, 3, 4)]
    return 1 + sum(0.5 + 0.5 * erf(x).astype(float) for x in above)


def _draw_scores(n_users: int, n_items: int, rows: Array, cols: Array, rng: np.random.Generator) -> Array:
    """Return z at the cells (rows[j], cols[j]), (p,)."""
    b, c = rng.normal(0, USER_BIAS, n_users), rng.normal(0, ITEM_BIAS, n_items)
    P, Q = rng.standard_normal((n_users, RANK)), rng.standard_normal((n_items, RANK))
    product = np.einsum("pk,pk->p", P[rows], Q[cols]) / math.sqrt(RANK)  # variance 1
    return MEAN + b[rows] + c[cols] + TASTE * np.tanh(STEEPNESS * product)


def _draw_cells(n_users: int, n_items: int, n_ratings: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw distinct cells, at most n_items for each user: (p,) rows and (p,) columns."""
    activity = rng.lognormal(0, USER_SKEW, n_users)
    rarity = rng.lognormal(0, ITEM_SKEW, n_items)
    counts = np.full(n_users, min(MIN_PER_USER, n_ratings // n_users))
    while missing := n_ratings - counts.sum():
        share = np.where(counts < n_items, activity, 0)
        counts = np.minimum(counts + rng.multinomial(missing, share / share.sum()), n_items)
    # the items with the smallest exponential waiting times are a sample without replacement by popularity 1 / rarity
    waits = (rng.exponential(rarity) for _ in range(n_users))
    cols = [np.argsort(wait)[:count] for wait, count in zip(waits, counts, strict=True)]
    return np.repeat(np.arange(n_users), counts), np.concatenate(cols)
