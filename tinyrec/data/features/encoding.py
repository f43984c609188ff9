"""Columns of text about users or items, made into numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.features.embedding import Embedding
from tinyrec.errors import DataError

EMBEDDED = ("tags", "friends")  # always; any other column of text only above
MOST_VALUES = 1000  # each of which becomes a feature
MOST_DIFFERENT = 0.9  # of a column to be embedded: where hardly any value comes twice, nothing is to be learned

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class Features:
    """q numbers for each of n users or items.

    names (q,): "genres=Comedy", which is 1 where the text of the column has this value, else 0; or "year", of a column
        of numbers: how many standard deviations above the mean it is, 0 where it is not known; or "tags~1", "tags~2",
        ..., the dimensions of the embedding of a column
    X (n, q): float32, aligned with the index of the users or of the items
    mean, spread (q,): of the numbers; 0 and 1 of the others
    embeddings: by the name of the column
    DataError: the shapes do not go together
    """

    names: tuple[str, ...]
    X: Array
    mean: Array
    spread: Array
    embeddings: dict[str, Embedding] = field(default_factory=dict)

    def __post_init__(self):
        q = len(self.names)
        if not (self.X.ndim == 2 and self.X.shape[1:] == self.mean.shape == self.spread.shape == (q,)):
            shapes = f"{self.X.shape}, means {self.mean.shape} and spreads {self.spread.shape}"
            raise DataError(f"{q} features have numbers of shape {shapes}; give as many of each")
        for column, embedding in self.embeddings.items():
            if _dimensions(column, embedding) != [name for name in self.names if name.startswith(f"{column}~")]:
                raise DataError(f"the features have not the dimensions of {column}; give as many as it has")

    @classmethod
    def of(cls, columns: Columns) -> Features:
        """From columns of text, (n,) each. "Comedy|Drama" has two values, "" none.

        A column named tags or friends, or with more than 1000 values, is embedded, and a value may come many times.
        DataError: no column, or text that is hardly ever the same twice, such as titles
        """
        names: list[str] = []
        scales: list[tuple[float, float]] = []
        embeddings = {}
        for column, texts in columns.items():
            rows = list(map(parts, texts))
            values = [value for row in rows for value in row]
            if is_embedded(column, values):
                embeddings[column] = Embedding.of(rows)
                found = _dimensions(column, embeddings[column])
            else:
                found = [column] if is_numeric(values) else [f"{column}={value}" for value in sorted(set(values))]
            names += found
            scales += [_scale(values)] if found == [column] else [(0.0, 1.0)] * len(found)
        if not names:
            raise DataError("there is not one feature; give a table with a column for the id and others")
        mean, spread = np.array(scales).T
        empty = cls(tuple(names), np.zeros((0, len(names)), np.float32), mean, spread, embeddings)
        return replace(empty, X=empty.encode(columns))

    def encode(self, columns: Columns) -> Array:
        """The same features of others, (m, q); values never seen count for nothing. DataError: no such column"""
        X = np.zeros((len(next(iter(columns.values()), ())), len(self.names)), np.float32)
        place = {name: j for j, name in enumerate(self.names)}
        for column in self.columns:
            if column not in columns:
                raise DataError(f"there is no column {column}, which this model was trained with; add it")
            rows = list(map(parts, columns[column]))
            if column in self.embeddings:
                embedding = self.embeddings[column]
                X[:, [place[name] for name in _dimensions(column, embedding)]] = embedding.encode(rows)
                continue
            for i, row in enumerate(rows):
                for value in row:
                    if column in place:
                        j = place[column]
                        X[i, j] = (_number(value, column) - self.mean[j]) / self.spread[j]
                    elif f"{column}={value}" in place:
                        X[i, place[f"{column}={value}"]] = 1
        return X

    @property
    def columns(self) -> list[str]:
        """The names of the columns that they were made of."""
        dimensions = {name: column for column, its in self.embeddings.items() for name in _dimensions(column, its)}
        return list(dict.fromkeys(dimensions.get(name) or name.partition("=")[0] for name in self.names))

    def unseen(self, columns: Columns) -> list[str]:
        """The values of these columns that count for nothing, as "column=value", and columns that were not there."""
        found = [column for column in columns if column not in self.columns]
        for column in self.columns:
            if column in self.names:
                continue  # a number
            known = self._values(column)
            values = dict.fromkeys(value for text in columns.get(column, ()) for value in parts(text))
            found += [f"{column}={value}" for value in values if value not in known]
        return found

    def __repr__(self) -> str:
        kinds = [f"{column} ({self._kind(column)})" for column in self.columns]
        return f"{', '.join(kinds)}; known of {int(self.X.any(axis=1).sum())} of {len(self.X)}"

    def _kind(self, column):
        if column in self.names:
            return "number"
        values = f"{len(self._values(column))} values"
        return f"{values} in {self.embeddings[column].B.shape[1]} numbers" if column in self.embeddings else values

    def _values(self, column):
        if column in self.embeddings:
            return set(self.embeddings[column].values)
        return {name[len(column) + 1 :] for name in self.names if name.startswith(f"{column}=")}


def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def is_embedded(column: str, values: Sequence[str]) -> bool:
    """Whether a column of these values is too wide to have a feature for each of them."""
    distinct = len(set(values))
    if column in EMBEDDED:
        return distinct > 0
    if distinct <= MOST_VALUES or is_numeric(values):
        return False
    if distinct > MOST_DIFFERENT * len(values):
        what = f"the column {column} has {distinct:,} different values"
        raise DataError(f"{what}, hardly one of them twice; leave it out, or group them")
    return True


def is_numeric(values: Sequence[str]) -> bool:
    try:
        return len(values) > 0 and bool(np.isfinite(np.array(values, str).astype(float)).all())
    except ValueError:
        return False


def _number(text: str, column: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{text!r} in the column {column} is no number, as they were in training; mend it")
    return number


def _scale(values: Sequence[str]) -> tuple[float, float]:
    """Mean and standard deviation of numbers."""
    numbers = np.array(values, float)
    return float(numbers.mean()), float(numbers.std()) or 1.0


def _dimensions(column: str, embedding: Embedding) -> list[str]:
    return [f"{column}~{j + 1}" for j in range(embedding.B.shape[1])]
