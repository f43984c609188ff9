"""What is known about users or items besides the ratings: columns of a table, made into numbers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        of numbers, which are taken as they are
    X (n, q): float32, aligned with the index of the users or of the items; 0 where nothing is known
    """

    names: tuple[str, ...]
    X: Array

    @classmethod
    def of(cls, columns: Columns) -> Features:
        """From columns of text, (n,) each. "Comedy|Drama" has two values, "" none.

        DataError: no column, or text with too many different values to be worth a feature each
        """
        names: list[str] = []
        for column, texts in columns.items():
            values = sorted({value for text in texts for value in parts(text)})
            if len(values) > MOST_VALUES and not is_numeric(values):
                raise DataError(
                    f"the column {column} has {len(values):,} different values; leave it out, or group them"
                )
            names += [column] if is_numeric(values) else [f"{column}={value}" for value in values]
        if not names:
            raise DataError("there is not one feature; give a table with a column for the id and others")
        return cls(tuple(names), encode(columns, names))

    def encode(self, columns: Columns) -> Array:
        """The same features of others, (m, q); values never seen count for nothing. DataError: no such column"""
        return encode(columns, self.names)


def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def is_numeric(values: Sequence[str]) -> bool:
    try:
        return len(values) > 0 and bool(np.isfinite(np.array(values, str).astype(float)).all())
    except ValueError:
        return False


def encode(columns: Columns, names: Sequence[str]) -> Array:
    """X (n, q), one column for each name."""
    n = len(next(iter(columns.values()), ()))
    X = np.zeros((n, len(names)), np.float32)
    place = {name: j for j, name in enumerate(names)}
    for column in dict.fromkeys(name.partition("=")[0] for name in names):
        if column not in columns:
            raise DataError(f"there is no column {column}, which this model was trained with; add it")
        for row, text in enumerate(columns[column]):
            for value in parts(text):
                if column in place:
                    X[row, place[column]] = _number(value, column)
                elif f"{column}={value}" in place:
                    X[row, place[f"{column}={value}"]] = 1
    return X


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


def read_columns(path: str) -> tuple[list[str], dict[str, list[str]]]:
    """The first column of a CSV file with a header, which holds raw ids, and the others by name.

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
            f"{path} holds no table; give a header and lines, with the id first and one more column at least"
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(f"{path}, line {number}: {len(row)} fields, not {len(rows[0])}; mend or drop it")
    ids = [row[0].strip() for row in rows[1:]]
    if len(set(ids)) < len(ids):
        twice = next(raw for number, raw in enumerate(ids) if raw in ids[:number])
        raise DataError(f"{path} has the id {twice} twice; keep one line of each")
    return ids, {name.strip(): [row[j].strip() for row in rows[1:]] for j, name in enumerate(rows[0]) if j}


def read_features(path: str, index: Index) -> Features:
    """The features of the users or items of an index; those that the file does not have get none.

    DataError: the file has none of them
    """
    ids, columns = read_columns(path)
    features, rows = Features.of(columns), index.find([index.parse(raw) for raw in ids])
    if (rows < 0).all():
        raise DataError(f"{Path(path).name} has none of the ids of the ratings; check its first column")
    X = np.zeros((len(index), len(features.names)), np.float32)
    X[rows[rows >= 0]] = features.X[rows >= 0]
    return Features(features.names, X)
