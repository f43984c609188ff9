"""Ways to split a data set into train and test parts, which keep the rows, columns and ids of the whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from tinyrec.backend import Array
from tinyrec.checks import check_whole, generator
from tinyrec.data.dataset import Dataset
from tinyrec.errors import DataError, DataWarning, UsageError

Split = tuple[Dataset, Dataset]


def split_random(data: Dataset, test: float = 0.1, seed: int = 0) -> Split:
    """Return (train, test), where round(test * p) of the p ratings, drawn at random, are the test part.

    UsageError: `test` is not between 0 and 1; DataError: too few ratings for two parts
    """
    _check_part("test", test)
    p = data.ratings.size
    size = round(test * p)
    if not 0 < size < p:
        raise DataError(f"{p} ratings are too few for a test part of {test:g}; give more ratings or another part")
    cells = generator(seed).permutation(p)
    return data.select(cells[size:]), data.select(cells[:size])


def split_repeats(data: Dataset, k: int = 5, test: float = 0.1, seed: int = 0) -> Iterator[Split]:
    """Yield split_random k times, with the seeds seed, seed + 1, ..."""
    if k < 1:
        raise UsageError(f"k={k} repeats; give at least 1")
    check_whole("seed", seed, 0)
    return (split_random(data, test, seed + i) for i in range(k))


def split_folds(data: Dataset, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """Yield k pairs (train, test): every rating is in exactly one of the test parts, whose sizes differ by at most 1.

    UsageError: k < 2; DataError: fewer than k ratings
    """
    if k < 2:
        raise UsageError(f"k={k} folds; give at least 2")
    p = data.ratings.size
    if p < k:
        raise DataError(f"{p} ratings are too few for {k} folds; give more ratings or fewer folds")
    fold = generator(seed).permutation(p) % k  # the fold of each cell, (p,)
    return ((data.select(fold != i), data.select(fold == i)) for i in range(k))


def split_time(data: Dataset, test: float = 0.1, *, at: str | None = None) -> Split:
    """Return (train, test), where the latest round(test * p) of all p ratings are the test part.

    Of ratings at the same time, those further down in the file are later.
    at: the time at which the test part begins instead, in ISO 8601, "2001-05-01" or "2001-05-01T12:30", in UTC
    UsageError: the data have no timestamps, `test` is not between 0 and 1, or `at` is no time; DataError: an empty part
    """
    times = _times(data, "split it at random")
    _check_part("test", test)
    p = data.ratings.size
    size = round(test * p) if at is None else int((times >= _seconds(at)).sum())
    if not 0 < size < p:
        first, last = np.array([times.min(), times.max()]).astype("datetime64[s]")
        raise DataError(f"{size} of the {p} ratings, of {first} to {last}, would be held out; choose another part")
    order = np.lexsort((data.places, times))  # type: ignore[arg-type]
    return data.select(order[: p - size]), data.select(order[p - size :])


def split_leave_one_out(data: Dataset, latest: bool = False, seed: int = 0) -> Split:
    """Return (train, test), where the test part has one rating of each user who has two or more.

    latest: the user's last one, and of those at the same time the last in the file; else a random one
    UsageError: the data have no timestamps; DataError: no user has two ratings
    """
    times = _times(data, "leave latest out to hold out a random one") if latest else None
    counts = np.diff(data.ratings.pattern.indptr)
    if counts.max(initial=0) < 2:
        raise DataError(f"no user of {data.name} has two ratings; give more, or split them at random")
    keys = (data.places, times) if latest else (generator(seed).random(data.ratings.size),)
    order = np.lexsort((*keys, data.ratings.rows))  # by user, and each one's by time
    last = data.ratings.pattern.indptr[1:] - 1
    held_out = _mask(data, order[last[counts >= 2]])
    return data.select(~held_out), data.select(held_out)


def split_users(
    data: Dataset, users: float = 0.1, part: float = 0.2, seed: int = 0
) -> tuple[Dataset, Dataset, Dataset]:
    """Return (train, known, test) for users that training has never seen (strong generalisation, Liang et al. 2018).

    users: the part of those with two or more ratings that is drawn at random; all of their ratings are known or test
    part: of the ratings of each of them, the part at random that is test; at least one, and at least one is known
    UsageError: `users` or `part` is not between 0 and 1; DataError: too few users
    """
    _check_part("users", users)
    _check_part("part", part)
    rng, rows, indptr = generator(seed), data.ratings.rows, data.ratings.pattern.indptr
    counts = np.diff(indptr)
    several = np.flatnonzero(counts >= 2)
    size = round(users * len(several))
    if not 0 < size < np.count_nonzero(counts):
        raise DataError(f"{len(several)} users with two ratings or more are too few for {users:g} of them; give more")
    n_test = np.zeros(len(counts), np.int64)
    drawn = rng.permutation(several)[:size]
    n_test[drawn] = np.clip(np.rint(part * counts[drawn]), 1, counts[drawn] - 1)
    order = np.lexsort((rng.random(len(rows)), rows))  # by user, and each one's at random
    test = _mask(data, order[np.arange(len(rows)) - indptr[rows] < n_test[rows]])
    seen = n_test[rows] == 0
    return data.select(seen), data.select(~seen & ~test), data.select(test)


def _mask(data: Dataset, cells: Array) -> Array:
    """Whether each of the p cells is one of these."""
    mask = np.zeros(data.ratings.size, bool)
    mask[cells] = True
    return mask


def _seconds(text: str) -> float:
    """The seconds since 1970 of a date or date-time in ISO 8601, in UTC if it names no other time zone."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise UsageError(f"{text!r} is no date; write it as in 2001-05-01 or 2001-05-01T12:30") from None
    return time.replace(tzinfo=time.tzinfo or UTC).timestamp()


def _times(data: Dataset, cure: str) -> Array:
    """The times of the ratings.  UsageError: they are not known;  DataWarning: they are all equal"""
    if data.times is None:
        raise UsageError(f"{data.name} has no times; {cure}")
    if data.times.min() == data.times.max():
        cause = f"all times of {data.name} are equal, so those further down in the file are taken for the later ones"
        warnings.warn(f"{cause}; {cure}", DataWarning, stacklevel=3)
    return data.times


def _check_part(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise UsageError(f"{name}={value} is no fraction; give a number between 0 and 1, such as 0.1")
