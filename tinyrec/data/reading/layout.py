"""Detect the layout of a ratings file: the delimiter, the header, and which field is which."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from tinyrec.errors import DataError, UsageError

DELIMITERS = ("::", "\t", ",", ";", "|", " ")  # tried in this order; " " stands for any run of blanks
COLUMN_NAMES = {
    "user": {"user", "userid", "uid"},
    "item": {"item", "itemid", "movie", "movieid", "iid"},
    "rating": {"rating", "score", "stars"},
    "time": {"timestamp", "time", "date"},
}


@dataclass(frozen=True)
class Layout:
    """How to split a line into fields.

    sep: the delimiter; width: fields per line; columns: the fields of user, item, rating and, optionally, time
    header: line 1 is a header; guessed: the columns were not given by the caller, so the time is dropped if not integer
    """

    sep: str
    width: int
    columns: tuple[int, ...] = (0, 1, 2)
    header: bool = False
    guessed: bool = False


def split(line: str, sep: str) -> list[str] | None:
    """Split a line into fields; None: a quote is not closed. Quotes work only with a delimiter of one character."""
    if sep == " ":
        return line.split()
    if len(sep) > 1 or '"' not in line:
        return line.split(sep)
    try:
        return next(csv.reader([line], delimiter=sep, strict=True))
    except csv.Error:
        return None


def find_layout(line: str, sep: str | None, header: bool | None, columns: Sequence[int | str] | None) -> Layout:
    """Detect what is None from the first line of the file.  DataError: fewer than three fields"""
    if sep is None:
        sep = next((sep for sep in DELIMITERS if len(split(line, sep) or []) >= 3), None)
        if sep is None:
            cause = "no known delimiter gives three fields: user, item and rating (1 for implicit feedback)"
            raise DataError(f"{cause}; give the delimiter with sep (--sep)")
    sep = "\t" if sep == "\\t" else sep  # a shell passes the two characters on
    if not isinstance(sep, str) or sep == "" or set(sep) & set('"\r\n\0'):
        raise UsageError(f"{sep!r} cannot be a delimiter; give one such as ',' or '::'")
    fields = split(line, sep)
    if fields is None or len(fields) < 3:
        found = "a quote that is not closed" if fields is None else f"{len(fields)} field(s) between {sep!r}"
        raise DataError(f"{found}, but user, item and rating need three; give the delimiter with sep (--sep)")
    has_names = _looks_like_header(fields, columns) if header is None else header
    found_columns = find_columns(fields if has_names else [], len(fields), columns)
    return Layout(sep, len(fields), found_columns, has_names, guessed=columns is None)


def _looks_like_header(fields: list[str], columns: Sequence[int | str] | None) -> bool:
    """Return whether neither ids nor rating are numbers: "1,7,bad" has an invalid rating, and is not a header."""
    if columns and not all(_is_position(column) for column in columns):
        return True
    return not any(_is_float(fields[at]) for at in find_columns([], len(fields), columns))


def _is_float(text: str) -> bool:
    try:  # more lenient than NUMBER: "nan" and "1_000" are invalid ratings, but not column names either
        float(text)
    except ValueError:
        return False
    return True


def find_columns(header: Sequence[str], width: int, columns: Sequence[int | str] | None) -> tuple[int, ...]:
    """Return which of the `width` fields are user, item, rating and, optionally, time.

    header: the names of the fields; []: no header
    columns: three or four names or numbers from 0; None: find them by common names, else the first three fields
    """
    if columns is None:
        return _columns_by_name(header)
    if isinstance(columns, str) or len(columns) not in (3, 4):
        raise UsageError(f"columns={columns!r} does not name user, item and rating; give 3 or 4 names or numbers")
    found = tuple(_find_column(column, header, width) for column in columns)
    if len(set(found)) < len(found):
        raise UsageError(f"columns={columns!r} names a field twice; name each field once")
    return found


def _is_position(column: int | str) -> bool:
    return isinstance(column, int) or (column.isascii() and column.isdigit())


def _find_column(column: int | str, header: Sequence[str], width: int) -> int:
    names = [name.strip() for name in header]
    if column in names:
        return names.index(column)
    if _is_position(column) and 0 <= int(column) < width:
        return int(column)
    known = f"one of {', '.join(map(repr, names[:10]))}" if names else f"a number from 0 to {width - 1}"
    raise UsageError(f"there is no column {column!r}; give {known}")


def _columns_by_name(header: Sequence[str]) -> tuple[int, ...]:
    plain = [name.strip().lower().replace("_", "") for name in header]
    *found, time = (next((k for k, name in enumerate(plain) if name in usual), None) for usual in COLUMN_NAMES.values())
    if None not in found:
        return tuple(at for at in (*found, time) if at is not None)
    if any(at not in (None, default) for default, at in enumerate(found)):  # then the first three fields would be wrong
        missing = " and ".join(what for what, at in zip(COLUMN_NAMES, found, strict=False) if at is None)
        raise DataError(f"the header has no column for {missing}; name all three with columns (--columns)")
    return (0, 1, 2) if time is None or time < 3 else (0, 1, 2, time)
