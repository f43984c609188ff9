"""What is known about users or items besides the ratings: from the data set itself, or from a file of yours."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.features.encoding import Features, is_numeric
from tinyrec.data.ids import Index
from tinyrec.errors import DataError, FileError

OWN = ("genres", "gender", "age", "occupation", "tags", "friends")  # of what the data sets tell, what is worth it


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
    features, rows = Features.of(columns), index.find(index.parse_all(ids))
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
