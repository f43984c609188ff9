"""How the lines of a ratings file are laid out: the delimiter, a header or none, which field is which."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from tinyrec.errors import DataError, UsageError

DELIMITERS = ("::", "\t", ",", ";", "|", " ")  # looked for in this order; " " stands for any run of blanks
USUAL_NAMES = (
    ("user", {"user", "userid", "uid"}),
    ("item", {"item", "itemid", "movie", "movieid", "iid"}),
    ("rating", {"rating", "score", "stars"}),
)
USUAL_TIMES = {"timestamp", "time", "date"}


@dataclass(frozen=True)
class Layout:
    """How to read a line.

    sep: the delimiter; width: fields a line; columns: the fields of user, item, rating and, maybe, time
    header: is line 1 one?  guessed: the columns are known by their names, so the time may be none
    """

    sep: str
    width: int
    columns: tuple[int, ...] = (0, 1, 2)
    header: bool = False
    guessed: bool = False


def split(line: str, sep: str) -> list[str] | None:
    """The fields of a line; None where a quote is not closed. Only a delimiter of one character knows quotes."""
    if sep == " ":
        return line.split()
    if len(sep) > 1 or '"' not in line:
        return line.split(sep)
    try:
        return next(csv.reader([line], delimiter=sep, strict=True))
    except csv.Error:
        return None


def find_layout(line: str, sep: str | None, header: bool | None, columns: Sequence[int | str] | None) -> Layout:
    """Find what was not given from the first line of the file; DataError where it shows less than three fields."""
    sep = _find_delimiter(line) if sep is None else check_delimiter(sep)
    fields = split(line, sep)
    if fields is None or len(fields) < 3:
        found = "a quote that is not closed" if fields is None else f"{len(fields)} field(s) between {sep!r}"
        raise DataError(f"{found}, but user, item and rating need three; name the delimiter with sep (--sep)")
    has_names = _looks_like_header(fields, columns) if header is None else header
    found_columns = find_columns(fields if has_names else [], len(fields), columns)
    return Layout(sep, len(fields), found_columns, has_names, guessed=columns is None)


def check_delimiter(sep: str) -> str:
    sep = "\t" if sep == "\\t" else sep  # what a shell passes on
    if not isinstance(sep, str) or sep == "" or set(sep) & set('"\r\n\0'):
        raise UsageError(f"the delimiter {sep!r} is none; give one such as ',' or '::'")
    return sep


def _find_delimiter(line: str) -> str:
    for sep in DELIMITERS:
        if len(split(line, sep) or []) >= 3:
            return sep
    raise DataError(
        "no delimiter gives the three fields user, item and rating (1 for clicks); name the delimiter with sep (--sep)"
    )


def _looks_like_header(fields: list[str], columns: Sequence[int | str] | None) -> bool:
    """True if neither an id nor the rating is a number: "1,7,bad" is a bad first line, and no header."""
    if columns and not all(_is_position(column) for column in columns):
        return True
    return not any(_like_number(fields[at]) for at in find_columns([], len(fields), columns))


def _like_number(text: str) -> bool:
    try:  # Python's lax reading on purpose: nan and 1_000 are bad ratings, but no names of columns
        float(text)
    except ValueError:
        return False
    return True


def find_columns(header: Sequence[str], width: int, columns: Sequence[int | str] | None) -> tuple[int, ...]:
    """Return which of the `width` fields are user, item, rating and, if there is one, time.

    header: the names of the fields, or [] where there are none; columns: three or four names or numbers counted from
    0, or None for the usual names, and where the header has none of them the first three fields
    """
    if columns is None:
        return _usual_columns(header)
    if isinstance(columns, str) or len(columns) not in (3, 4):
        cure = "give three names or numbers, and a fourth if there is a time"
        raise UsageError(f"columns={columns!r} does not name user, item and rating; {cure}")
    found = tuple(_find_column(column, header, width) for column in columns)
    if len(set(found)) < len(found):
        raise UsageError(f"columns={columns!r} names a field twice; give different ones")
    return found


def _is_position(column: int | str) -> bool:
    return isinstance(column, int) or (column.isascii() and column.isdigit())


def _find_column(column: int | str, header: Sequence[str], width: int) -> int:
    names = [name.strip() for name in header]
    if column in names:
        return names.index(column)
    if _is_position(column) and 0 <= int(column) < width:
        return int(column)
    known = f"the header names {', '.join(map(repr, names[:10]))}" if names else f"the lines have {width} fields"
    raise UsageError(f"there is no column {column!r}; {known}")


def _usual_columns(header: Sequence[str]) -> tuple[int, ...]:
    plain = [name.strip().lower().replace("_", "") for name in header]
    found = [next((k for k, name in enumerate(plain) if name in usual), None) for _, usual in USUAL_NAMES]
    time = next((k for k, name in enumerate(plain) if name in USUAL_TIMES), None)
    if None not in found:
        return tuple(at for at in (*found, time) if at is not None)
    if any(at not in (None, default) for default, at in enumerate(found)):  # the first three would be wrong
        missing = " and ".join(what for (what, _), at in zip(USUAL_NAMES, found, strict=True) if at is None)
        raise DataError(f"the header names no column as {missing}; name all three with columns (--columns)")
    return (0, 1, 2) if time is None or time < 3 else (0, 1, 2, time)
