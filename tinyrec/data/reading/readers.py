"""Read a file of ratings: any delimiter, with or without a header, plain or gzip."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.data.reading.layout import find_layout
from tinyrec.data.reading.lines import blocks_of_lines, open_text
from tinyrec.data.reading.table import Table
from tinyrec.errors import DataError, FileError


def read_ratings(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[int | str] | None = None,
    sep: str | None = None,
    header: bool | None = None,
    scale: tuple[float, float] | None = None,
    duplicates: str = "error",
) -> Dataset:
    """Read a CSV or TSV file with one rating per line, in UTF-8, plain or gzip.

    columns: user, item, rating and, optionally, time, as names in the header or numbers from 0; None: find them by
    common names, such as user_id, movieId and rating, else the first three fields
    sep: the delimiter, " " for any run of blanks; None: the first of :: tab , ; | and blank that gives three fields
    header: whether the first line names the columns; None: it does if none of its ids and ratings is a number
    scale, duplicates: see Dataset.from_triples

    Ids are integers if a column contains only integers, else text. Blank lines are skipped.
    DataError: invalid lines, with the first line numbers and their total.  FileError: the file cannot be read
    """
    name = Path(path).name
    table = None
    with open_text(path) as stream:
        for numbers, lines in blocks_of_lines(stream, name):
            if table is None:
                try:
                    table = Table(name, find_layout(lines[0], sep, header, columns))
                except DataError as problem:
                    raise DataError(f"{name}, line {numbers[0]}: {problem}") from None
                numbers, lines = numbers[table.layout.header :], lines[table.layout.header :]
            table.add(numbers, lines)
    if table is None:
        raise DataError(f"{name} is empty; give a file with lines of user, item and rating")
    return table.finish(scale, duplicates)


def read_ids(path: str | os.PathLike[str], wanted: Sequence[str], indexes: Sequence[Index]) -> list[Array]:
    """Return a column of raw ids for each wanted name, of the type of its Index; a CSV file, the header is optional."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except OSError as problem:
        raise FileError(f"cannot read {path}: {problem.strerror}; check the path") from None
    if rows and [name.strip().lower().removesuffix("id").rstrip("_") for name in rows[0]] == list(wanted):
        rows = rows[1:]
    if not rows or any(len(row) != len(wanted) for row in rows):
        raise DataError(f"{path} is no list of {' and '.join(wanted)}; give one column of each")
    return [index.parse_all([row[j].strip() for row in rows]) for j, index in enumerate(indexes)]
