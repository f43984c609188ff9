"""Side information about users or items, from the data set itself or from a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.features.encoding import Features, is_numeric
from tinyrec.data.ids import Index
from tinyrec.data.reading.source import open_table_file, read_texts
from tinyrec.errors import DataError

OWN_COLUMNS = ("genres", "gender", "age", "occupation", "tags", "friends")  # the useful ones of the known data sets


def own_features(info: Mapping[str, Array]) -> Features:
    """Encode the OWN_COLUMNS that a data set comes with; an age in years becomes a decade."""
    columns = {name: list(map(str, info[name])) for name in OWN_COLUMNS if name in info}
    if not columns:
        raise DataError(f"this data set has none of {', '.join(OWN_COLUMNS)}; give a file of features")
    if len(set(columns.get("age", ()))) > 10:
        columns["age"] = [f"{int(age) // 10}0s" if age else "" for age in columns["age"]]
    elif "age" in columns:
        columns["age"] = [f"group {age}" if age else "" for age in columns["age"]]  # codes of age groups, not years
    if "occupation" in columns and is_numeric(sorted(set(columns["occupation"]) - {""})):
        columns["occupation"] = [f"code {text}" if text else "" for text in columns["occupation"]]
    return Features.of(columns)


def read_columns(path: str) -> tuple[str, list[str], dict[str, list[str]]]:
    """Read a table of text: the header of its first column, the raw ids in that column, and the other columns by name.

    DataError: the file is not such a table, or has an id twice;  FileError: it cannot be read
    """
    name = Path(path).name
    with open_table_file(path) as (stream, _, _):
        _, columns = read_texts(stream, name, roles=(), header=True)
    if len(columns) < 2:
        cure = "give a header and lines with an id, a delimiter and at least one more column"
        raise DataError(f"{name} does not contain a table; {cure}")
    header, *_ = columns
    ids = columns.pop(header)
    if not ids.is_unique().all():
        twice = ids.filter(ids.is_duplicated())[0]
        raise DataError(f"{name} has the id {twice} more than once; keep one line for each id")
    return header, ids.to_list(), {column: texts.to_list() for column, texts in columns.items()}


def read_features(path: str, index: Index) -> Features:
    """Read the features of the users or items of an index from a CSV file; ids that it does not list get zeros.

    DataError: the file lists none of the ids
    """
    header, ids, columns = read_columns(path)
    if header in map(str, index.ids.tolist()):
        raise DataError(f"{path} has the id {header} in place of a header; add one, such as id,genres")
    features, rows = Features.of(columns), index.find(index.parse_all(ids))
    if (rows < 0).all():
        raise DataError(f"{Path(path).name} has none of the ids of the ratings; check its first column")
    X = np.zeros((len(index), len(features.names)), np.float32)
    X[rows[rows >= 0]] = features.X[rows >= 0]
    return replace(features, X=X)
