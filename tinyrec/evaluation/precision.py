"""Precision among a user's own test items: do the highest predictions belong to the highest ratings?"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from tinyrec.backend import Array
from tinyrec.checks import check_choice, check_type
from tinyrec.errors import DataError, UsageError

COUNTED = ("floor", "round")


def precision_top(y: Array, r: Array, users: Array, part: float | Fraction, counted: str = "floor") -> float:
    """The mean over users of |relevant ∩ retrieved| / k                                  (NRP, arXiv 2010.06070, eq. 8)

    y, r (p,): predictions and ratings of the test items;  users (p,): whose they are
    part: the fraction of a user's n test items that are retrieved: 0.25 for the top 25 %
    counted: k is ⌊part n⌋, and users with k = 0 are left out ("floor"); or ⌊part n + 1/2⌋, and at least 1 ("round")
    retrieved: the k items with the highest predictions. Of items with the same prediction, every order is equally
        likely, and the result is the expectation over these orders
    relevant: all items whose rating is at least the k-th highest of the user's, which may be more than k

    For predictions that are all the same, this is what a random order reaches: the mean of |relevant| / n, exactly.
    The paper does not say how k is counted, and which of the tied ratings are relevant. NaN: no user has k > 0
    DataError: other lengths, or a NaN;  UsageError: part is not between 0 and 1
    """
    y, r = np.asarray(y, np.float64), np.asarray(r, np.float64)
    if not len(y) == len(r) == len(users):
        raise DataError(f"{len(y)} predictions, {len(r)} ratings and {len(users)} users; give as many of each")
    if np.isnan(y).any() or np.isnan(r).any():
        raise DataError("a prediction or a rating is NaN, which has no rank; check that the model has not diverged")
    _, users, n = np.unique(users, return_inverse=True, return_counts=True)
    k = tops(n, part, counted)
    kept = k > 0
    if not kept.any():
        return np.nan
    starts = np.cumsum(n) - n
    lowest = r[np.lexsort((-r, users))][starts + np.maximum(k, 1) - 1]  # the k-th highest rating of each user
    higher, alike = _places(y, users, starts)
    retrieved = np.clip(k[users] - higher, 0, alike) / alike  # the probability of it, (p,)
    hits = np.bincount(users, retrieved * (r >= lowest[users]), len(n))
    return float((hits[kept] / k[kept]).mean())


def precisions(y: Array, r: Array, users: Array, percents: Sequence[float], counted: str = "floor") -> dict[str, float]:
    """`precision_top` for each of these percentages, and what a random order reaches.

    {"precision@25%": , "precision@25%_random": }; with "round", "precision@25%_round" and "precision@25%_round_random"
    """
    if isinstance(percents, int | float | str):
        raise UsageError(f"precision_at is {percents!r}; give a list of percentages, such as [10, 25]")
    found, ending = {}, "" if counted == "floor" else f"_{counted}"
    for percent in percents:
        check_type("each percentage of precision_at", percent, float)
        if not 0 < percent <= 100:
            raise UsageError(f"{percent} in precision_at is no percentage; give numbers above 0 and up to 100")
        part = Fraction(str(percent)) / 100
        name = f"precision@{percent:g}%{ending}"
        found[name] = precision_top(y, r, users, part, counted)
        found[f"{name}_random"] = precision_top(np.zeros(len(r)), r, users, part, counted)
    return found


def tops(n: Array, part: float | Fraction, counted: str) -> Array:
    """k for users with n (m,) items, (m,). It is exact: in floating point, 0.29 * 100 is less than 29."""
    check_choice("way to count k", counted, COUNTED)
    if not 0 < part <= 1:
        raise UsageError(f"part is {float(part):g}, but must be above 0 and at most 1, such as 0.25 for the top 25 %")
    exact = Fraction(str(part)) * n.astype(object)
    if counted == "floor":
        return (exact // 1).astype(np.int64)
    return np.maximum(((exact + Fraction(1, 2)) // 1).astype(np.int64), 1)


def _places(y: Array, users: Array, starts: Array) -> tuple[Array, Array]:
    """How many predictions of the same user are higher, and how many are alike, itself among them: (p,) and (p,)."""
    order = np.lexsort((-y, users))
    u, descending = users[order], y[order]
    is_first = np.append(True, (u[1:] != u[:-1]) | (descending[1:] != descending[:-1]))
    first = np.flatnonzero(is_first)
    sizes, group = np.diff(np.append(first, len(y))), np.cumsum(is_first) - 1
    higher, alike = np.empty(len(y), np.int64), np.empty(len(y), np.int64)
    higher[order] = first[group] - starts[u]
    alike[order] = sizes[group]
    return higher, alike
