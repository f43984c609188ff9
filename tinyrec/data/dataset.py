"""A data set: the observed ratings and the raw ids of their users and items."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.features.columns import all_features, own_features, read_features
from tinyrec.data.features.encoding import Features
from tinyrec.data.ids import Index, as_ids
from tinyrec.data.reading.times import check_times
from tinyrec.data.validation import BadRows, check_missing, check_scale, check_values, resolve_duplicates
from tinyrec.errors import DataError, UsageError
from tinyrec.sparse import Pattern, Ratings

COMING_WITH_DATA = {"own": own_features, "all": all_features}  # the features, from the columns of a data set


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Ratings with the raw ids of their rows and columns.

    ratings (n users, d items): p observed cells, float32, on the "reference" backend
    users, items: the raw ids of the rows and of the columns
    scale: the lowest and the highest possible rating
    user_info, item_info: text columns in the order of the ids, (n,) and (d,), such as item_info["title"]
    user_features, item_features: numeric side information for models that use it; see with_features
    noise_floor: the RMSE of the best possible predictor, if it is known (synthetic data)
    times (p,): timestamps, int64, in seconds since 1970; None: unknown
    places (p,): the position of each rating in the input; it orders ratings with equal timestamps
    implicit: True for implicit feedback: each value is 1 and means that the user interacted with the item
    columns: which column of the source was taken for what, {"user": "userId", ...}; notes: what else was assumed
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
    columns: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
        missing: Sequence[float] = (),
        **more: Any,
    ) -> Dataset:
        """Create a data set in which users[j] rates items[j] with ratings[j]; three (p,) lists, arrays or Series.

        ratings: None for implicit feedback, where repeats of a pair are merged
        scale: lowest and highest possible rating; None: the lowest and highest rating in the data
        duplicates: what to do with a pair that is rated more than once: "error", keep the "last", or take the "mean";
            the last is the latest by time, if times are known, else the last by place
        times: (p,) seconds since 1970 or a finer unit, dates or ISO texts, see `check_times`
        missing: ratings that stand for "not rated", and are left out;  more: other fields of the data set
        DataError: invalid ids (see as_ids), a rating that is not finite or outside the scale, or no ratings
        """
        users, items = as_ids(users, "user"), as_ids(items, "item")
        if (missing := check_missing(missing)) and ratings is not None:
            ratings = np.asarray(ratings)
            if not ratings.shape == users.shape == items.shape:
                raise DataError(
                    f"got {len(users)} users, {len(items)} items and ratings of shape {ratings.shape}; fix it"
                )
            kept = ~np.isin(ratings, missing)
            users, items, ratings = users[kept], items[kept], ratings[kept]
            times = None if times is None else check_times(times, len(kept))[0][kept]
        (user_index, rows), (item_index, cols) = Index.of(users), Index.of(items)
        more |= {"scale": scale, "duplicates": duplicates, "name": name, "times": times}
        return cls.from_cells(user_index, item_index, rows, cols, ratings, **more)

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
        """Like from_triples, but with row and column numbers, (p,) each; more: other fields of the data set."""
        is_implicit, notes = values is None, list(more.pop("notes", ()))
        values = check_values(np.ones(len(rows), np.float32) if is_implicit else values, check_scale(scale))
        if not len(rows) == len(cols) == len(values):
            raise DataError(f"got {len(rows)} users, {len(cols)} items and {len(values)} ratings; give equal lengths")
        if times is not None:
            times, unit = check_times(times, len(values))
            notes += [unit] if unit else []
        cells = np.multiply(rows, len(items), dtype=np.int64)
        cells += cols
        try:
            kept, values = resolve_duplicates(cells, values, "last" if is_implicit else duplicates, times)
        except BadRows as bad:
            user, item = (index.ids.tolist()[at[bad.rows[0]]] for index, at in ((users, rows), (items, cols)))
            raise BadRows(f"user {user!r} rates item {item!r} again", bad.cure, bad.rows) from None
        if is_implicit:
            more |= {"implicit": True}
        if repeats := len(rows) - len(kept):
            mended = "left out, and the last one kept" if duplicates == "last" else "replaced by the mean of the pair"
            notes.append(f"{repeats} repeats of a pair were {'merged' if is_implicit else mended}")
        ratings = Ratings.from_sorted(rows[kept], cols[kept], values, (len(users), len(items)))
        scale = (0.0, 1.0) if is_implicit else check_scale(scale) or (float(values.min()), float(values.max()))
        if times is not None:
            more |= {"times": times[kept], "places": kept.astype(np.int32)}
        return cls(ratings, users, items, scale, notes=tuple(notes), **more)

    def select(self, cells: Array) -> Dataset:
        """Keep only some of the p ratings; cells: their indices, or a mask (p,). The users and items stay the same."""
        old = self.ratings.pattern
        chosen = np.zeros(self.ratings.size, bool)
        chosen[cells] = True
        if not chosen.any():
            raise DataError(f"no rating of {self.name} is selected; select at least one")
        indptr = np.concatenate([[0], np.cumsum(chosen)])[old.indptr]
        pattern = Pattern(old.shape, indptr, old.cols[chosen])
        ratings = Ratings(pattern, self.ratings.values[chosen], self.ratings.backend)
        times, places = (None if column is None else column[chosen] for column in (self.times, self.places))
        return replace(self, ratings=ratings, times=times, places=places)

    def binarized(self, threshold: float | None = None) -> Dataset:
        """Convert to implicit feedback: 1 for each rating >= threshold (None: for every rating); drop the others.

        All users and items stay, even without any interaction. DataError: no rating reaches the threshold
        """
        values = self.ratings.values
        positive = np.full(len(values), True) if threshold is None else values >= np.float32(threshold)
        if not positive.any():
            raise DataError(f"no rating of {self.name} is {threshold:g} or more; lower the threshold")
        part = self.select(positive)
        ones = part.ratings.with_values(np.ones(part.ratings.size, np.float32))
        return replace(part, ratings=ones, scale=(0.0, 1.0), implicit=True, noise_floor=None)

    def with_features(self, *, items: str | Features | None = None, users: str | Features | None = None) -> Dataset:
        """Add features: "own" (those that come with the data set), the path of a table, or a Features object.

        "all" are also the words of titles, zip codes, and ages as they are, see `features.columns.all_features`.

        DataError: the data set has no features, the file is not a table of these ids, or the number of rows is wrong
        """
        item_features = _find_features(items, self.items, self.item_info)
        user_features = _find_features(users, self.users, self.user_info)
        return replace(self, item_features=item_features, user_features=user_features)

    def count_common(self, users: Any, items: Any) -> int:
        """Return how many of the pairs (users[j], items[j]) of raw ids, (p,) each, are rated here."""
        u, i, d = self.users.find(users), self.items.find(items), len(self.items)
        known = (u >= 0) & (i >= 0)
        own = np.sort(self.ratings.rows.astype(np.int64) * d + self.ratings.cols, kind="stable")
        asked = np.sort(u[known] * d + i[known])
        return int((np.searchsorted(own, asked, "right") > np.searchsorted(own, asked)).sum())

    def total(self, x: Any) -> Any:
        """x, a sum over the users or their ratings, with the terms of users that other processes have."""
        return x

    @property
    def is_part(self) -> bool:
        """Whether other processes have ratings of other users, see `tinyrec.parts`."""
        return False

    def features_of(self, by: str) -> Features | None:
        """The features of the items (by "item") or of the users (by "user")."""
        return self.item_features if by == "item" else self.user_features

    def describe(self) -> dict[str, Any]:
        """Return summary statistics as plain Python values for JSON; implicit feedback has no scale, mean and std."""
        (n, d), p, values = self.ratings.shape, self.ratings.size, self.ratings.values
        summary: dict[str, Any] = {"name": self.name, "users": n, "items": d}
        summary |= {"pairs" if self.implicit else "ratings": p, "density": p / (n * d)}
        if self.implicit:
            summary["feedback"] = "implicit"
        else:
            mean, std = (float(statistic(dtype=np.float64)) for statistic in (values.mean, values.std))
            summary |= {"scale": self.scale, "mean": mean, "std": std}
        summary["per_user"] = _spread(np.diff(self.ratings.pattern.indptr))
        summary["per_item"] = _spread(np.bincount(self.ratings.cols, minlength=d))
        levels, counts = np.unique(values, return_counts=True)
        if len(levels) <= 20 and not self.implicit:
            summary["histogram"] = dict(zip(levels.tolist(), counts.tolist(), strict=True))
        if self.times is not None:
            ends = np.array([self.times.min(), self.times.max()]).astype("datetime64[s]")
            summary["times"] = tuple(np.datetime_as_string(ends, unit="D").tolist())
        if self.noise_floor is not None:
            summary["noise_floor"] = self.noise_floor
        if self.columns:
            summary["columns"] = self.columns
        if self.notes:
            summary["notes"] = list(self.notes)
        return summary

    def triples(self) -> tuple[Array, Array, Array]:
        """The raw ids of the users and of the items, and the ratings, (p,) each, by user and then by item."""
        return self.users.ids[self.ratings.rows], self.items.ids[self.ratings.cols], self.ratings.values

    def __len__(self) -> int:
        """The number of ratings."""
        return self.ratings.size

    def __iter__(self) -> Iterator[tuple[Any, Any, float]]:
        """Each (user, item, rating), with raw ids."""
        return zip(*(column.tolist() for column in self.triples()), strict=True)

    def to_polars(self) -> Any:
        """A polars DataFrame of user, item, rating and, if it is known, time."""
        import polars as pl

        return pl.DataFrame(self._table())

    def to_pandas(self) -> Any:
        """A pandas DataFrame of user, item, rating and, if it is known, time."""
        import pandas as pd

        return pd.DataFrame(self._table())

    def _table(self) -> dict[str, Array]:
        columns = dict(zip(("user", "item", "rating"), self.triples(), strict=True))
        if self.times is not None:
            columns["time"] = self.times.astype("datetime64[s]").astype("datetime64[ms]")  # polars has no seconds
        return columns

    def fingerprint(self) -> str:
        """Return the SHA-256 of shape, pattern, values and ids, in hex; other fields do not change it."""
        digest = hashlib.sha256(f"{self.ratings.shape} {self.users} {self.items}".encode())
        for numbers in (self.ratings.pattern.indptr, self.ratings.cols):
            digest.update(numbers.astype("<i8").tobytes())
        digest.update(self.ratings.values.astype("<f4").tobytes())
        for index in (self.users, self.items):
            # each id ends with a NUL, which no id contains
            text = "".join(f"{raw}\0" for raw in index.ids.tolist())
            digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def __repr__(self) -> str:
        n, d = self.ratings.shape
        density, (low, high) = self.ratings.size / (n * d), self.scale
        unit, scale = ("pairs", "implicit") if self.implicit else ("ratings", f"{low:g} to {high:g}")
        columns = f"; {self.taken}" if self.columns else ""
        return f"<{self.name}: {n} users x {d} items, {self.ratings.size} {unit} ({density:.2%}), {scale}{columns}>"

    @property
    def taken(self) -> str:
        """Which column of the source was taken for what: "columns: user=userId, item=movieId"."""
        return "columns: " + ", ".join(f"{role}={name}" for role, name in self.columns.items())


def _spread(counts: Array) -> dict[str, float]:
    return {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())}


def _find_features(source: str | Features | None, index: Index, info: dict[str, Array]) -> Features | None:
    if isinstance(source, str):
        if source in COMING_WITH_DATA:
            return COMING_WITH_DATA[source](info)
        return read_features(source, index)
    if isinstance(source, Features) and source.X.shape[0] != len(index):
        raise DataError(f"the features have {source.X.shape[0]} rows for {len(index)} ids; give one row for each id")
    if source is not None and not isinstance(source, Features):
        raise UsageError(
            f"a {type(source).__name__} is not valid; give own, all, the path of a CSV file, or a Features object"
        )
    return source
