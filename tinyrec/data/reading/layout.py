"""Find the layout of a file of ratings: the delimiter, the header, and which column is which; nothing is guessed."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from tinyrec.errors import DataError, UsageError

DELIMITERS = ("::", "\t", ",", ";", "|", " ")  # tried in this order; " " stands for any run of blanks
ROLES = ("user", "item", "rating", "time")
# The names of the columns of well-known data sets, in lower case, without signs and types; the first that is there.
_NAMES = {
    "user": "userid user uid userindex useridx username reviewerid profileid reviewprofilename profilename customerid "
    "memberid visitorid playerid reviewer customer userno msno",
    "item": "itemid item iid movieid movie filmid film bookid book isbn asin parentasin product productid beerbeerid "
    "beerid business businessid anime animeid joke jokeid song songid track trackid artist artistid game gameid appid "
    "recipe recipeid gmapid placeid venueid poi videoid newsid article articleid sku objectid workid wineid titleid",
    "rating": "rating ratings ratingvalue score stars star bookrating overall reviewoverall reviewscore starrating "
    "userrating movierating animerating myrating ratingscore grade",
    "time": "timestamp unixreviewtime unixtime time datetime date reviewtime reviewdate ratingdate ratingtimestamp "
    "createdat ratedat eventtime ts tstamp timestampms utctime",
}
NAMES = {role: tuple(names.split()) for role, names in _NAMES.items()}
NOT_RATED = ("", "na", "n/a", "<na>", "nan", "null", "none", "-", "?")  # in a field of a matrix, in any case
MIN_WIDE = 6  # a table of this many columns of numbers is a matrix
MAX_WIDTH = 10_000  # columns of a list of ratings
MANY = 20  # lines; fewer may begin with ascending numbers by chance
TIMES_FROM = 1e8  # numbers from here on are times (1973), not ratings

Columns = Sequence[int | str] | Mapping[str, int | str]
Found = dict[str, int]  # role -> number of its column


@dataclass(frozen=True)
class Layout:
    """How to split a line into fields.

    sep: the delimiter; width: fields per line; columns: role -> number of its column; header: line 1 is a header
    names: those of the columns, for messages; blocks: lines such as `1:` name the item of those below (Netflix prize)
    quotes: a field in double quotes may hold the delimiter; never so if the delimiter has several characters
    """

    sep: str
    width: int
    columns: Found = field(default_factory=dict)
    header: bool = False
    names: tuple[str, ...] = ()
    blocks: bool = False
    quotes: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def taken(self) -> dict[str, str]:
        """Which column was taken for what: {"user": "userId", "item": "movieId", ...}."""
        shown = self.names or tuple(map(str, range(self.width)))
        taken = {role: shown[at] for role, at in self.columns.items()}
        taken |= {"item": "the lines such as 1:"} if self.blocks else {}
        return {role: taken[role] for role in ROLES if role in taken}


def split(line: str, sep: str, quotes: bool = True) -> list[str] | None:
    """Split a line into fields; None: a quote is not closed. Quotes work only with a delimiter of one character."""
    if sep == " ":
        return line.split()
    if not quotes or len(sep) > 1 or '"' not in line:
        return line.split(sep)
    try:
        return next(csv.reader([line], delimiter=sep, strict=True, skipinitialspace=True))
    except csv.Error:
        return None


def find_layout(
    lines: Sequence[str],
    sep: str | None = None,
    header: bool | None = None,
    columns: Columns | None = None,
    roles: Sequence[str] = ROLES,
) -> Layout:
    """Find what is None from the first lines of the file, which are not blank.

    roles: what is wanted, all of `ROLES` for ratings; only the first two, or one of them, for lists of ids; none for
        all columns of a table, or of a matrix
    DataError: the columns cannot be told apart; UsageError: `sep` or `columns` do not fit the file
    """
    if sep is None and columns is None and header is None and roles == ROLES and re.fullmatch(r"\s*\d+:\s*", lines[0]):
        return Layout(",", 3, {"user": 0, "rating": 1, "time": 2}, names=("user", "rating", "date"), blocks=True)
    sep = _find_delimiter(lines[0], sep, len(roles))
    first = split(lines[0], sep)
    if first is None:
        raise DataError("a quote that is not closed; fix it, or give the delimiter with sep (--sep)")
    width = len(first)
    if roles and width > MAX_WIDTH:
        raise DataError(f"{width} columns are too many for a list of ratings; a matrix needs wide=True (--wide)")
    sample = [fields for line in lines if (fields := split(line, sep))]
    if width < min(len(roles), 2):
        cause = f"{width} field(s) between {sep!r}, but user, item and rating need three"
        raise DataError(f"{cause}; give the delimiter with sep (--sep)")
    has_names = header if header is not None else _has_names(first, columns, roles)
    names = tuple(name.strip() for name in first) if has_names else ()
    if columns is not None:
        return Layout(sep, width, find_columns(columns, names, width), has_names, names)
    rows = [fields for fields in sample[has_names:] if len(fields) == width]
    if has_names and len(sample) > 2 and {len(fields) for fields in sample[1:]} == {width + 1}:
        cause = "each line has one field more than the header, as after row names of R, or a delimiter at its end"
        raise DataError(f"{cause}; write the file without them")
    if roles != ROLES:
        return Layout(sep, width, _ids_by_name(names, width, roles), has_names, names)
    if names:
        return Layout(sep, width, columns_by_name(names, rows), True, names)
    found = _columns_by_place(rows, width)
    leading = ["the first column was left out: it holds row numbers"] if found["user"] else []
    return Layout(sep, width, found, notes=leading)


def _find_delimiter(line: str, sep: str | None, n_roles: int) -> str:
    if sep is None:
        if n_roles == 1 and not any(sep in line for sep in DELIMITERS[:-1]):
            return ","  # a single column, which may contain blanks
        counts = {sep: len(split(line, sep) or []) for sep in DELIMITERS}
        found = [sep for least in (3, 2) for sep in DELIMITERS if counts[sep] >= least]
        if not found and n_roles == 0:
            return ","
        if not found:
            raise DataError("no known delimiter gives user, item and rating; give the delimiter with sep (--sep)")
        return found[0]
    sep = "\t" if sep == "\\t" else sep  # a shell passes the two characters on
    if not isinstance(sep, str) or sep == "" or set(sep) & set('"\r\n\0'):
        raise UsageError(f"{sep!r} cannot be a delimiter; give one such as ',' or '::'")
    return sep


def _has_names(first: Sequence[str], columns: Columns | None, roles: Sequence[str]) -> bool:
    """Whether no field that is wanted is a number: "1,7,bad" has an invalid rating, and is not a header."""
    if columns is not None:
        wanted = list(columns.values() if isinstance(columns, Mapping) else columns)
        if not all(map(_is_position, wanted)):
            return True
        return not any(_number(first[int(at)]) is not None for at in wanted if int(at) < len(first))
    known = sum(plain(name) in NAMES[role] for name in first for role in ROLES)
    if not roles:
        return _heads_matrix([text.strip() for text in first])
    if roles != ROLES:
        return known > 0
    return known > 1 or not any(_number(text) is not None for text in first[:3])


def _heads_matrix(first: Sequence[str]) -> bool:
    """Whether the first line of a matrix names its columns.  DataError: it may, or may be that of a user"""
    numbers = [_number(text) for text in first if text.lower() not in NOT_RATED]
    if None in numbers:
        if plain(first[0]) in NAMES["item"]:
            raise DataError(f"the first column is named {first[0]}, but a matrix has users in its rows; transpose it")
        return True
    ascend = len(numbers) > 2 and all(a < b for a, b in pairwise(numbers))  # type: ignore[operator]
    if first[0] == "" and len(numbers) == len(first) - 1 and ascend:
        return True  # as pandas writes a matrix
    if len(numbers) < len(first) or len(set(numbers)) < len(numbers) or any(number % 1 for number in numbers if number):
        return False  # a user who left something out, rated two items alike, or gave a fraction
    shown = ", ".join(first[:6])
    cure = "give header=True or False (--header, --no-header)"
    raise DataError(f"the fields {shown} may name the items, or be the ratings of a user; {cure}")


def _number(text: str) -> float | None:
    try:  # "nan" and "1_000" are no valid ratings, but no names of columns either
        return float(text)
    except ValueError:
        return None


def find_columns(columns: Columns, names: Sequence[str], width: int) -> Found:
    """The numbers of the columns that the caller gave: {"user": "who", ...}, or two to four in the order of ROLES."""
    if isinstance(columns, Mapping):
        given = dict(columns)
    elif isinstance(columns, str) or not 2 <= len(columns) <= 4:
        raise UsageError(f"columns={columns!r} does not name user, item and rating; give 2 to 4 names or numbers")
    else:
        given = dict(zip(ROLES, columns, strict=False))
    if not {"user", "item"} <= given.keys() <= set(ROLES):
        raise UsageError(f"columns={columns!r} is for {', '.join(given)}; give user, item and, of rating and time, any")
    found = {role: _find_column(given[role], names, width) for role in ROLES if role in given}
    if len(set(found.values())) < len(found):
        raise UsageError(f"columns={columns!r} names a field twice; name each field once")
    return found


def _is_position(column: int | str) -> bool:
    return isinstance(column, int) or (column.isascii() and column.isdigit())


def _find_column(column: int | str, names: Sequence[str], width: int) -> int:
    if column in names:
        return list(names).index(str(column))
    if _is_position(column) and 0 <= int(column) < width:
        return int(column)
    known = f"one of {', '.join(map(repr, names[:10]))}" if names else f"a number from 0 to {width - 1}"
    raise UsageError(f"there is no column {column!r}; give {known}")


def plain(name: str) -> str:
    """The name in lower case, without signs and without a type: "Book-Rating" and "book_rating:float" are alike."""
    return re.sub(r"[\W_]", "", name.partition(":")[0].lower())


def columns_by_name(names: Sequence[str], rows: Sequence[Sequence[str]] = ()) -> Found:
    """The columns by their known names.  DataError: user, item or rating has none; rows: the first ones"""
    known = [plain(name) for name in names]
    found = {role: known.index(name) for role, its in NAMES.items() for name in its[::-1] if name in known}
    found = {role: found[role] for role in ROLES if role in found}
    if twice := [names[at] for at in found.values() if known.count(known[at]) > 1]:
        raise DataError(f"two columns are named {twice[0]}; give their numbers with columns (--columns)")
    missing = [role for role in ROLES[:3] if role not in found]
    if missing == ["rating"] and len(found) == len(names):
        return found  # each column is known, and none is a rating: implicit feedback
    if missing:
        refuse_matrix(rows, len(names))
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        given = ",".join(f"{role}={names[found[role]] if role in found else '...'}" for role in ROLES[:3])
        cure = f"name them with columns (--columns {given})"
        if missing == ["rating"]:
            cure += f", or without a rating for implicit feedback (--columns {given.removesuffix(',rating=...')})"
        raise DataError(f"which columns are {' and '.join(missing)}, of {shown}, is not known; {cure}")
    return found


def _ids_by_name(names: Sequence[str], width: int, roles: Sequence[str]) -> Found:
    """The columns of a list of ids: by name, or by place if there are as many as wanted."""
    known = [plain(name) for name in names]
    found = {role: known.index(name) for role in roles for name in NAMES[role][::-1] if name in known}
    if len(found) < len(roles):
        if width != len(roles):
            wanted = f"{width} columns, but the ids of {' and '.join(roles)} are wanted"
            raise DataError(f"{wanted}; give them as {','.join(roles)}, one line for each")
        found = {role: at for at, role in enumerate(roles)}
    return {role: found[role] for role in roles}


def _columns_by_place(rows: Sequence[Sequence[str]], width: int) -> Found:
    """The columns of a file without a header: user, item[, rating[, time]], perhaps after row numbers."""
    refuse_matrix(rows, width)
    columns = [[fields[at] for fields in rows] for at in range(width)]
    fits = []
    for start in (0, 1) if width >= 4 and _are_row_numbers(columns[0]) else (0,):
        rest = columns[start:]
        if len(rest) == 2 or (
            len(rest) in (3, 4) and _are_ratings(rest[2]) and all(_are_times(column) for column in rest[3:])
        ):
            fits.append({role: start + at for at, role in enumerate(ROLES[: len(rest)])})
    are_row_numbers = len(rows) >= MANY and _are_row_numbers(columns[0])  # or each user has one rating, in order
    if len(fits) == 1 and (fits[0]["user"] == 1 or not are_row_numbers):
        return fits[0]
    shown = ", ".join(rows[0][:8]) if rows else ""
    cause = f"the file has no header, and its columns ({shown}) cannot be told apart for certain"
    numbers = ",".join(f"{role}={at}" for at, role in enumerate(ROLES[:width]))
    raise DataError(f"{cause}; give their numbers with columns, such as --columns {numbers}")


def refuse_matrix(rows: Sequence[Sequence[str]], width: int) -> None:
    """DataError: the rows look like a matrix of users x items, with many columns of numbers"""
    cells = [text.strip() for fields in rows for text in fields[1:]]
    if width >= MIN_WIDE and cells:
        numbers = sum(text == "" or _number(text) is not None for text in cells)
        if numbers >= 0.9 * len(cells):
            cause = f"{width} columns of numbers look like a matrix of users x items, not a list of ratings"
            raise DataError(f"{cause}; read it with wide=True (--wide), or name the columns (--columns)")


def _are_row_numbers(texts: Sequence[str]) -> bool:
    first = texts[0].strip() if texts else ""
    return first in ("0", "1") and [text.strip() for text in texts] == [str(int(first) + k) for k in range(len(texts))]


def _are_ratings(texts: Sequence[str]) -> bool:
    """Whether these look like ratings, and not like times or ids: few distinct values, close together."""
    values = [number for text in texts if (number := _number(text)) is not None and abs(number) < float("inf")]
    if not values:
        return True  # all are invalid, which is reported later
    spread, distinct = max(values) - min(values), len(set(values))
    if max(map(abs, values)) > 1000:
        return False  # times, years, ids
    if any(value % 1 for value in values):
        return spread <= 1000
    return spread <= 100 or distinct <= min(20, len(values) / 2)


def _are_times(texts: Sequence[str]) -> bool:
    """Whether most of these are times: seconds since 1970 or finer, or ISO dates."""
    return sum(map(_is_time, texts)) >= 0.5 * len(texts)


def _is_time(text: str) -> bool:
    number = _number(text)
    if number is not None:
        return abs(number) >= TIMES_FROM
    try:
        return bool(datetime.fromisoformat(text.strip()))
    except ValueError:
        return False
