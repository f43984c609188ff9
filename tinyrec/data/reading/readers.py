"""Read a file of ratings of any kind, lists of ids, and tables of text, all by the same door."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index, ids_from_text
from tinyrec.data.reading.frames import from_frame, from_matrix, read_json_lines, read_typed
from tinyrec.data.reading.kinds import TABLES
from tinyrec.data.reading.layout import MANY, NAMES, NOT_RATED, Columns, plain
from tinyrec.data.reading.source import open_table, open_table_file, read_texts
from tinyrec.data.reading.stream import PATH
from tinyrec.data.reading.table import LARGEST, Table
from tinyrec.data.validation import BadLines, check_bad_rows
from tinyrec.errors import DataError, UsageError


def read_ratings(
    path: PATH,
    *,
    columns: Columns | None = None,
    sep: str | None = None,
    header: bool | None = None,
    scale: tuple[float, float] | None = None,
    duplicates: str = "error",
    missing: Sequence[float] = (),
    wide: bool = False,
    encoding: str | None = None,
    like: Dataset | None = None,
    bad_rows: str = "error",
) -> Dataset:
    """Read a file with one rating per line: text, plain or gzip or zstd or in a zip; Parquet, Arrow or JSON lines.

    columns: user, item and, if there are any, rating and time, as names in the header or numbers from 0, in this order
        or as {"user": ..., "item": ..., "time": ...}; None: by the names in the header, if they are well known, or by
        place, if there is no header and the columns can be told apart. Without a rating: implicit feedback
    sep: the delimiter, " " for any run of blanks; None: the first of :: tab , ; | and blank that gives three fields
    header: whether the first line names the columns; None: it does if none of its ids and ratings is a number
    scale, duplicates, missing: see Dataset.from_triples
    wide: the file is a matrix, with a user a line and an item a column; an empty field is "not rated". With a header,
        the first column holds the users; without one, users and items are numbered
    encoding: such as "latin-1"; None: UTF-8, or UTF-16 with its mark
    like: ids are read as in this data set: as text, if they are text there
    bad_rows: "error", or "skip": leave out rows with too few or too many fields, a rating that is no finite number, an
        empty id or a time that cannot be read, and note how many; for text with one rating per line. What all rows
        share is refused all the same: the encoding, a rating outside the scale, a pair that is rated twice

    Ids are integers if a column contains only integers, else text. Blank lines are skipped.
    DataError: invalid lines, with the first line numbers and their total.  FileError: the file cannot be read
    """
    if wide and columns is not None:
        raise UsageError("a matrix has a column for each item; leave columns or wide out (--columns, --wide)")
    options: dict[str, Any] = {"scale": scale, "duplicates": duplicates}
    with open_table_file(path) as (stream, kind, name):
        if check_bad_rows(bad_rows) == "skip" and (wide or kind != "text"):
            cause = "bad rows can be left out only of text with one rating per line"
            raise UsageError(f"{cause}, which {name} is not; leave bad_rows out (--bad-rows)")
        if kind in TABLES.values() or kind == "json":
            if sep is not None or header is not None:
                raise UsageError(f"{name} is no text with delimiters; leave sep and header out (--sep, --header)")
            frame = (
                read_json_lines(stream, name, columns, encoding)
                if kind == "json"
                else read_typed(Path(path), kind, columns, wide)
            )
            try:
                return from_frame(frame, columns, missing=missing, wide=wide, name=name, **options)
            except DataError as problem:
                raise DataError(f"{name}: {problem}") from None
        found: dict[str, Any] = {"encoding": encoding, "sep": sep, "header": header}
        if wide:
            return _read_wide(stream, name, found, missing, **options)
        layout, blocks = open_table(stream, name, columns=columns, **found)
        indices = {"user": like.users, "item": like.items} if like else {}
        table = Table(name, layout, scale, missing, indices, bad_rows)
        for start, block in blocks:
            table.add(start, block)
    return table.finish(duplicates)


def read_ids(path: PATH, wanted: Sequence[str], like: Sequence[Index], encoding: str | None = None) -> list[Array]:
    """The raw ids in a file, (m,) for each of `wanted`, which is some of "user" and "item".

    like: an index for each; its type is that of the ids.  The columns are found by name, or by place if there are as
    many as wanted.  DataError, FileError: as of read_ratings
    """
    with open_table_file(path) as (stream, kind, name):
        if kind != "text":
            raise DataError(f"{name} is {kind}, but a list of ids is text; save it as CSV")
        layout, blocks = open_table(stream, name, encoding, roles=tuple(wanted))
        table = Table(name, layout, like=dict(zip(wanted, like, strict=True)))
        for start, block in blocks:
            table.add(start, block)
    indexed = [table.index(what)[:2] for what in wanted]
    return [index.ids[rows] for index, rows in indexed]


def _read_wide(stream: Any, name: str, found: dict[str, Any], missing: Sequence[float], **options: Any) -> Dataset:
    """A matrix of users x items; one without a header may begin with the number of ratings of each user (Jester)."""
    import polars as pl

    numbers, columns = read_texts(stream, name, roles=(), **found)
    has_names = next(iter(columns)) != "0"
    users = columns.pop(_user_column(columns)).to_list() if has_names else None
    if users and "" in users:
        raise DataError(f"{name}, line {numbers[users.index('')]}: the user id is empty; complete or remove the line")
    values, bad = [], BadLines()
    for texts in columns.values():
        column = texts.cast(pl.Float64, strict=False)
        wrong = column.is_null() & ~texts.str.to_lowercase().is_in(NOT_RATED)
        wrong |= column.abs().fill_nan(0).fill_null(0) > LARGEST
        for row in wrong.arg_true().to_list():
            cause = f"the rating {texts[row]!r} is no number, or too large"
            bad.add(int(numbers[row]), cause, "write it like 3.5, or leave it empty")
        known = np.where(wrong.to_numpy(), np.nan, column.fill_null(np.nan).to_numpy())
        values.append(known.astype(np.float32))
    bad.refuse(name)
    X, notes = np.stack(values, axis=1), ["a matrix: a user a line, an item a column"]
    if not has_names and (X[:, 0] == (~np.isnan(X[:, 1:]) & ~np.isin(X[:, 1:], missing)).sum(axis=1)).all():
        X = X[:, 1:]
        notes.append("the first column was left out: it counts the ratings of each user")
    if not has_names and len(X) >= MANY and len(set(first := X[:, 0].tolist())) == len(X) and not (X[:, 0] % 1).any():
        users = [f"{number:.0f}" for number in first]  # a NaN is not 0 modulo 1
        X, columns = X[:, 1:], dict.fromkeys(map(str, range(X.shape[1] - 1)))
        notes.append("the first column was taken for the ids of the users: all of its numbers are different")
    ids = (None, None) if users is None else (ids_from_text(users), ids_from_text(list(columns)))
    return from_matrix(X, missing=missing, wide=True, name=name, users=ids[0], items=ids[1], notes=notes, **options)


def _user_column(columns: dict[str, Any]) -> str:
    """The name of the first column of a matrix.  DataError: it may hold the ratings of an item"""
    import polars as pl

    first = next(iter(columns))
    if plain(first) in ("", "unnamed0", *NAMES["user"]) or columns[first].cast(pl.Float64, strict=False).null_count():
        return first
    cause = f"the first column, {first}, may hold the ids of users, or the ratings of an item"
    raise DataError(f"{cause}; name it user, or put a column of that name before it")
