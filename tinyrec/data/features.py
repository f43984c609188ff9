"""What is known about users or items besides the ratings: columns of a table, made into numbers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.ids import Index
from tinyrec.errors import DataError, FileError

OWN = ("genres", "gender", "age", "occupation")  # of what the MovieLens files tell, what is worth being learned from
MOST_VALUES = 1000  # of a column of text, each of which becomes a feature

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class Features:
    """q numbers for each of n users or items.

    names (q,): "genres=Comedy", which is 1 where the text of the column has this value, else 0; or "year", of a column
        of numbers: how many standard deviations above the mean it is, 0 where it is not known
    X (n, q): float32, aligned with the index of the users or of the items
    mean, spread (q,): of the numbers; 0 and 1 of the others
    """

    names: tuple[str, ...]
    X: Array
    mean: Array
    spread: Array

    @classmethod
    def of(cls, columns: Columns) -> Features:
        """From columns of text, (n,) each. "Comedy|Drama" has two values, "" none.

        DataError: no column, or text with too many different values to be worth a feature each
        """
        names: list[str] = []
        scales: list[tuple[float, float]] = []
        for column, texts in columns.items():
            values = [value for text in texts for value in parts(text)]
            distinct = sorted(set(values))
            if is_numeric(distinct):
                numbers = np.array(values, float)
                names.append(column)
                scales.append((float(numbers.mean()), float(numbers.std()) or 1.0))
                continue
            if len(distinct) > MOST_VALUES:
                raise DataError(
                    f"the column {column} has {len(distinct):,} different values; leave it out, or group them"
                )
            names += [f"{column}={value}" for value in distinct]
            scales += [(0.0, 1.0)] * len(distinct)
        if not names:
            raise DataError("there is not one feature; give a table with a column for the id and others")
        mean, spread = np.array(scales).T
        empty = cls(tuple(names), np.zeros((0, len(names)), np.float32), mean, spread)
        return replace(empty, X=empty.encode(columns))

    def encode(self, columns: Columns) -> Array:
        """The same features of others, (m, q); values never seen count for nothing. DataError: no such column"""
        X = np.zeros((len(next(iter(columns.values()), ())), len(self.names)), np.float32)
        place = {name: j for j, name in enumerate(self.names)}
        for column in self.columns:
            if column not in columns:
                raise DataError(f"there is no column {column}, which this model was trained with; add it")
            for row, text in enumerate(columns[column]):
                for value in parts(text):
                    if column in place:
                        j = place[column]
                        X[row, j] = (_number(value, column) - self.mean[j]) / self.spread[j]
                    elif f"{column}={value}" in place:
                        X[row, place[f"{column}={value}"]] = 1
        return X

    @property
    def columns(self) -> list[str]:
        """The names of the columns that they were made of."""
        return list(dict.fromkeys(name.partition("=")[0] for name in self.names))

    def unseen(self, columns: Columns) -> list[str]:
        """The values of these columns that count for nothing, as "column=value", and columns that were not there."""
        others = [column for column in columns if column not in self.columns]
        values = [f"{name}={part}" for name in self.columns for text in columns.get(name, ()) for part in parts(text)]
        return others + [
            value
            for value in dict.fromkeys(values)
            if value.partition("=")[0] not in self.names and value not in self.names
        ]

    def __repr__(self) -> str:
        kinds = [
            f"{column} (number)" if column in self.names else f"{column} ({self._values(column)} values)"
            for column in self.columns
        ]
        return f"{', '.join(kinds)}; known of {int(self.X.any(axis=1).sum())} of {len(self.X)}"

    def _values(self, column):
        return sum(name.startswith(f"{column}=") for name in self.names)


def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def is_numeric(values: Sequence[str]) -> bool:
    try:
        return len(values) > 0 and bool(np.isfinite(np.array(values, str).astype(float)).all())
    except ValueError:
        return False


def _number(text: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{text!r} in the column {column} is no number, as they were in training; mend it") from None


def own_features(info: Mapping[str, Array]) -> Features:
    """Of what a data set tells by itself, those of its columns that are worth it; an age in years becomes a decade."""
    columns = {name: list(map(str, info[name])) for name in OWN if name in info}
    if not columns:
        raise DataError(f"this data set tells none of {', '.join(OWN)}; give a file of features")
    if len(set(columns.get("age", ()))) > 10:
        columns["age"] = [f"{int(age) // 10}0s" if age else "" for age in columns["age"]]
    elif "age" in columns:
        columns["age"] = [f"group {age}" if age else "" for age in columns["age"]]  # codes, and no numbers
    if "occupation" in columns and is_numeric(sorted(set(columns["occupation"]) - {""})):
        columns["occupation"] = [f"code {text}" if text else "" for text in columns["occupation"]]
    return Features.of(columns)


def read_columns(path: str) -> tuple[str, list[str], dict[str, list[str]]]:
    """The head and the entries of the first column of a CSV file, which holds raw ids, and the other columns by name.

    DataError: no such table, or an id that comes twice;  FileError: it cannot be read
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as problem:
        raise FileError(f"cannot read {path}: {problem.strerror}; check the path") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path} is no CSV file in UTF-8 ({problem}); convert it") from None
    if len(rows) < 2 or len(rows[0]) < 2:
        raise DataError(
            f"{path} holds no table; give a header and lines, commas between the id and one more column at least"
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(f"{path}, line {number}: {len(row)} fields, not {len(rows[0])}; mend or drop it")
    ids = [row[0].strip() for row in rows[1:]]
    if len(set(ids)) < len(ids):
        twice = next(raw for number, raw in enumerate(ids) if raw in ids[:number])
        raise DataError(f"{path} has the id {twice} twice; keep one line of each")
    return (
        rows[0][0].strip(),
        ids,
        {name.strip(): [row[j].strip() for row in rows[1:]] for j, name in enumerate(rows[0]) if j},
    )


def read_features(path: str, index: Index) -> Features:
    """The features of the users or items of an index; those that the file does not have get none.

    DataError: the file has none of them
    """
    first, ids, columns = read_columns(path)
    if index.find([_parsed(first, index)])[0] >= 0:
        raise DataError(f"{path} has the id {first} where a header belongs; add one, such as id,genres")
    features, rows = Features.of(columns), index.find([index.parse(raw) for raw in ids])
    if (rows < 0).all():
        raise DataError(f"{Path(path).name} has none of the ids of the ratings; check its first column")
    X = np.zeros((len(index), len(features.names)), np.float32)
    X[rows[rows >= 0]] = features.X[rows >= 0]
    return replace(features, X=X)


def _parsed(text: str, index: Index) -> int | str:
    try:
        return index.parse(text)
    except DataError:
        return -1 if not index.is_text else text
