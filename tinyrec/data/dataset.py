"""A data set: the observed ratings, whose they are, and what they are of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.features import Features, own_features, read_features
from tinyrec.data.ids import Index
from tinyrec.data.problems import BadRows
from tinyrec.data.rules import check_scale, check_values, one_per_cell
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
    ) -> Dataset:
        """The data set in which users[j] gives items[j] the rating ratings[j]; three (p,) lists, arrays or Series.

        scale None: the lowest and highest rating that occur
        duplicates: what to do with a pair that is rated twice: "error", keep the "last", or take the "mean"
        DataError: ids that would not survive (see as_ids), a rating that is not finite or off the scale, no rating
        """
        user_index, rows = Index.of(users, "user")
        item_index, cols = Index.of(items, "item")
        return cls.from_cells(
            user_index, item_index, rows, cols, ratings, scale=scale, duplicates=duplicates, name=name
        )

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
        **more: Any,
    ) -> Dataset:
        """Like from_triples, with row and column numbers, (p,) each, of the two indices; `more`: the other fields."""
        values = check_values(values, check_scale(scale))
        if not len(rows) == len(cols) == len(values):
            raise DataError(f"{len(rows)} users, {len(cols)} items and {len(values)} ratings; give as many of each")
        cells = np.asarray(rows, np.int64) * len(items) + cols
        try:
            cells, values = one_per_cell(cells, values, duplicates)
        except BadRows as bad:
            user, item = users.ids[rows[bad.rows[0]]], items.ids[cols[bad.rows[0]]]
            raise BadRows(f"user {user.item()!r} rates item {item.item()!r} again", bad.cure, bad.rows) from None
        rows, cols = np.divmod(cells, len(items))
        ratings = Ratings.from_cells(rows, cols, values, (len(users), len(items)))
        scale = check_scale(scale) or (float(values.min()), float(values.max()))
        return cls(ratings, users, items, scale, **more)

    def select(self, cells: Array) -> Dataset:
        """The data set with these of its p cells only: indices, or a mask (p,); ids, scale and info stay the same."""
        old = self.ratings.pattern
        chosen = np.zeros(self.ratings.size, bool)
        chosen[cells] = True
        if not chosen.any():
            raise DataError(f"no rating of {self.name} is selected; select at least one")
        indptr = np.concatenate([[0], np.cumsum(chosen)])[old.indptr]
        pattern = Pattern(old.shape, indptr, old.cols[chosen])
        return replace(self, ratings=Ratings(pattern, self.ratings.values[chosen], self.ratings.backend))

    def with_features(self, *, items: str | Features | None = None, users: str | Features | None = None) -> Dataset:
        """The same ratings with features, from what the data set itself tells ("own") or from a CSV file, by its path.

        DataError: it tells nothing, or the file is no table of these ids
        """

        def find(source, index, info):
            if source is None or isinstance(source, Features):
                return source
            if not isinstance(source, str):
                raise UsageError(
                    f"{source!r} tells no features; give own, the path of a CSV file, or Features.of(columns)"
                )
            return own_features(info) if source == "own" else read_features(source, index)

        item_features, user_features = (
            find(items, self.items, self.item_info),
            find(users, self.users, self.user_info),
        )
        return replace(self, item_features=item_features, user_features=user_features)

    def describe(self) -> dict[str, Any]:
        """The figures of the data set, as plain Python values that JSON can hold."""
        n, d = self.ratings.shape
        values = self.ratings.values
        levels, counts = np.unique(values, return_counts=True)
        figures = {
            "name": self.name,
            "users": n,
            "items": d,
            "ratings": self.ratings.size,
            "density": self.ratings.size / (n * d),
            "scale": self.scale,
            "mean": float(values.mean(dtype=np.float64)),
            "std": float(values.std(dtype=np.float64)),
            "per_user": _spread(np.diff(self.ratings.pattern.indptr)),
            "per_item": _spread(np.bincount(self.ratings.cols, minlength=d)),
        }
        if len(levels) <= 20:
            figures["histogram"] = dict(zip(levels.tolist(), counts.tolist(), strict=True))
        if self.noise_floor is not None:
            figures["noise_floor"] = self.noise_floor
        return figures

    def fingerprint(self) -> str:
        """The SHA-256 of shape, pattern, values and ids, in hex: equal ratings of equal ids, and nothing else."""
        digest = hashlib.sha256(f"{self.ratings.shape} {self.users} {self.items}".encode())
        for numbers in (self.ratings.pattern.indptr, self.ratings.cols):
            digest.update(numbers.astype("<i8").tobytes())
        digest.update(self.ratings.values.astype("<f4").tobytes())
        for index in (self.users, self.items):
            # UTF-32 alone would depend on the width of the array, so a NUL, which no id holds, ends each text
            text = "".join(f"{raw}\0" for raw in index.ids.tolist())
            digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def __repr__(self) -> str:
        n, d = self.ratings.shape
        share, (low, high) = self.ratings.size / (n * d), self.scale
        return f"<{self.name}: {n} users x {d} items, {self.ratings.size} ratings ({share:.2%}), {low:g} to {high:g}>"


def _spread(counts: Array) -> dict[str, float]:
    return {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())}
