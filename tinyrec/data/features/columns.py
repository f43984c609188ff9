"""Side information about users or items, from the data set itself or from a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyrec.backend import Array
from tinyrec.data.features.encoding import Features
from tinyrec.data.features.values import MAX_VALUES, is_numeric
from tinyrec.data.ids import Index
from tinyrec.data.reading.id_column import MISSING_WORDS
from tinyrec.data.reading.layout import NAMES, plain
from tinyrec.data.reading.source import open_table_file, read_texts
from tinyrec.errors import DataError

ROW_NUMBERS = ("", "unnamed0")  # the plain names of a column of row numbers, as pandas writes it
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


def all_features(info: Mapping[str, Array]) -> Features:
    """Encode these and titles and zip codes, as in NRP (arXiv 2010.06070): titles as words, and ages not grouped.

    A zip code is encoded as a whole, or, if there are more than 1000 of them, by its first character, a region.
    """
    columns = {name: list(map(str, info[name])) for name in (*OWN_COLUMNS, "title", "zip") if name in info}
    if not columns:
        raise DataError(f"this data set has none of {', '.join(OWN_COLUMNS)}, title, zip; give a file of features")
    zips = "first character" if len(set(columns.get("zip", ()))) > MAX_VALUES else "one-hot"
    encodings = {"title": "words", "age": "one-hot", "occupation": "one-hot", "zip": zips}
    return Features.of(columns, {name: encodings[name] for name in columns if name in encodings})


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
    header = _id_column(list(columns))
    ids = columns.pop(header)
    if not ids.is_unique().all():
        twice = ids.filter(ids.is_duplicated())[0]
        raise DataError(f"{name} has the id {twice} more than once; keep one line for each id")
    kept = {column: _known(texts) for column, texts in columns.items() if plain(column) not in ROW_NUMBERS}
    return header, ids.to_list(), kept


def _id_column(names: list[str]) -> str:
    """The column of ids: the first one, unless it has no such name and another one has, as after a row number."""
    named = [
        name for name in names if plain(name) == "id" or any(plain(name) in NAMES[what] for what in ("user", "item"))
    ]
    if not named and plain(names[0]) in ROW_NUMBERS:
        raise DataError(
            f"the first column, {names[0]!r}, holds row numbers, and no other one is named like an id; name it"
        )
    return names[0] if names[0] in named or not named else named[0]


def _known(texts: Any) -> list[str]:
    """The texts of a column, with nothing where one only says that it is missing."""
    return ["" if text in MISSING_WORDS else text for text in texts.to_list()]


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
    return features.placed(rows, len(index))
