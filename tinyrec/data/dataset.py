"""A data set: the observed ratings, whose they are, and what they are of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data import summary
from tinyrec.data.bad_rows import BadRows
from tinyrec.data.features.columns import own_features, read_features
from tinyrec.data.features.encoding import Features
from tinyrec.data.ids import Index
from tinyrec.data.validation import check_scale, check_times, check_values, one_per_cell
from tinyrec.errors import DataError, UsageError
from tinyrec.sparse import Pattern, Ratings


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Ratings with the raw ids of their rows and columns.

    ratings (n users, d items) with p cells, float32, on the "reference" backend; users, items: raw id <-> row
    scale: the lowest and the highest possible rating
    user_info, item_info: columns of text aligned with the index, (n,) and (d,), such as item_info["title"]
    user_features, item_features: numbers that a model may read besides the ratings, see with_features
    noise_floor: the RMSE of the best possible predictor, where somebody knows it (synthetic data)
    times (p,): when each rating was given, int64, in seconds since 1970; None: not known
    places (p,): which of the ratings given, counted in their order in the file, each one was; it breaks ties of times
    implicit: each value is 1, and says no more than that this user and this item have met
    """

    ratings: Ratings
    users: Index
    items: Index
    scale: tuple[float, float]
    name: str = "ratings"
    user_info: dict[str, Array] = field(default_factory=dict)
    item_info: dict[str, Array] = field(default_factory=dict)
    noise_floor: float | None = None
    user_features: Features | None = None
    item_features: Features | None = None
    times: Array | None = None
    places: Array | None = None
    implicit: bool = False

    @classmethod
    def from_triples(
        cls,
        users: Any,
        items: Any,
        ratings: Any,
        *,
        scale: tuple[float, float] | None = None,
        duplicates: str = "error",
        name: str = "ratings",
        times: Any = None,
    ) -> Dataset:
        """The data set in which users[j] gives items[j] the rating ratings[j]; three (p,) lists, arrays or Series.

        scale None: the lowest and highest rating that occur
        duplicates: what to do with a pair that is rated twice: "error", keep the "last", or take the "mean"
        times: when, (p,) whole numbers of seconds; of a pair that is rated twice the last one counts
        DataError: ids that would not survive (see as_ids), a rating that is not finite or off the scale, no rating
        """
        user_index, rows = Index.of(users, "user")
        item_index, cols = Index.of(items, "item")
        options: dict[str, Any] = {"scale": scale, "duplicates": duplicates, "name": name, "times": times}
        return cls.from_cells(user_index, item_index, rows, cols, ratings, **options)

    @classmethod
    def from_cells(
        cls,
        users: Index,
        items: Index,
        rows: Array,
        cols: Array,
        values: Any,
        *,
        scale: tuple[float, float] | None = None,
        duplicates: str = "error",
        times: Any = None,
        **more: Any,
    ) -> Dataset:
        """Like from_triples, with row and column numbers, (p,) each, of the two indices; `more`: the other fields."""
        values = check_values(values, check_scale(scale))
        if not len(rows) == len(cols) == len(values):
            raise DataError(f"{len(rows)} users, {len(cols)} items and {len(values)} ratings; give as many of each")
        times = None if times is None else check_times(times, len(values))
        cells = np.asarray(rows, np.int64) * len(items) + cols
        try:
            kept, values = one_per_cell(cells, values, duplicates)
        except BadRows as bad:
            user, item = users.ids[rows[bad.rows[0]]], items.ids[cols[bad.rows[0]]]
            raise BadRows(f"user {user.item()!r} rates item {item.item()!r} again", bad.cure, bad.rows) from None
        rows, cols = np.divmod(cells[kept], len(items))
        ratings = Ratings.from_cells(rows, cols, values, (len(users), len(items)))
        scale = check_scale(scale) or (float(values.min()), float(values.max()))
        if times is not None:
            more |= {"times": times[kept], "places": kept.astype(np.int32)}
        return cls(ratings, users, items, scale, **more)

    def select(self, cells: Array) -> Dataset:
        """The data set with these of its p cells only: indices, or a mask (p,); all else stays as it is."""
        old = self.ratings.pattern
        chosen = np.zeros(self.ratings.size, bool)
        chosen[cells] = True
        if not chosen.any():
            raise DataError(f"no rating of {self.name} is selected; select at least one")
        indptr = np.concatenate([[0], np.cumsum(chosen)])[old.indptr]
        pattern = Pattern(old.shape, indptr, old.cols[chosen])
        ratings = Ratings(pattern, self.ratings.values[chosen], self.ratings.backend)
        times, places = (None if known is None else known[chosen] for known in (self.times, self.places))
        return replace(self, ratings=ratings, times=times, places=places)

    def binarized(self, threshold: float | None = None) -> Dataset:
        """Implicit feedback: 1 for each rating >= threshold, or for each one at all; the others are dropped.

        Users and items stay, those without any feedback, too. DataError: nothing is left
        """
        values = self.ratings.values
        enough = np.full(len(values), True) if threshold is None else values >= np.float32(threshold)
        if not enough.any():
            raise DataError(f"no rating of {self.name} is {threshold:g} or more; lower the threshold")
        part = self.select(enough)
        ones = part.ratings.with_values(np.ones(part.ratings.size, np.float32))
        return replace(part, ratings=ones, scale=(0.0, 1.0), implicit=True, noise_floor=None)

    def with_features(self, *, items: str | Features | None = None, users: str | Features | None = None) -> Dataset:
        """The same ratings with features, from what the data set itself tells ("own") or from a CSV file, by its path.

        DataError: it tells nothing, the file is no table of these ids, or Features are of another number of them
        """
        item_features = _find_features(items, self.items, self.item_info)
        user_features = _find_features(users, self.users, self.user_info)
        return replace(self, item_features=item_features, user_features=user_features)

    def describe(self) -> dict[str, Any]:
        """The figures of the data set, as plain Python values that JSON can hold."""
        return summary.describe(self)

    def fingerprint(self) -> str:
        """The SHA-256 of shape, pattern, values and ids, in hex: equal ratings of equal ids, and nothing else."""
        return summary.fingerprint(self)

    def __repr__(self) -> str:
        n, d = self.ratings.shape
        share, (low, high) = self.ratings.size / (n * d), self.scale
        what, which = ("pairs", "implicit") if self.implicit else ("ratings", f"{low:g} to {high:g}")
        return f"<{self.name}: {n} users x {d} items, {self.ratings.size} {what} ({share:.2%}), {which}>"


def _find_features(source: str | Features | None, index: Index, info: dict[str, Array]) -> Features | None:
    if isinstance(source, str):
        return own_features(info) if source == "own" else read_features(source, index)
    if isinstance(source, Features) and len(source.X) != len(index):
        raise DataError(f"features of {len(source.X)} for {len(index)} ids; give one row for each")
    if source is not None and not isinstance(source, Features):
        raise UsageError(f"{source!r} tells no features; give own, the path of a CSV file, or Features.of(columns)")
    return source
