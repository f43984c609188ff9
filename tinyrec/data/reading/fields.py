"""Split blocks of lines into columns of text: by polars, or one by one where a line does not fit."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.reading.layout import Layout
from tinyrec.data.reading.stream import count
from tinyrec.data.validation import BadLines

BLANKS = " \t\u00a0"  # stripped from both ends of a field
RUN_OF_BLANKS = re.compile(rb"[ \t]+")
AT_AN_END = re.compile(rb"^ | (?=\r?$)", re.MULTILINE)
UNIT_SEPARATOR = "\x1f"  # stands for a delimiter of several characters

Split = tuple[Array, list[Any]]  # line numbers (m,), and columns of text (m,), polars Series


def split_block(block: bytes, start: int, layout: Layout, wanted: Sequence[int], bad: BadLines) -> Split:
    """Split a block of whole lines, of which the first has the number `start`; add those that do not fit to `bad`.

    Returns the line numbers and the columns `wanted`. An empty field is "" or null.
    """
    return _split_fast(block, start, layout, wanted) or _split_each(block, start, layout, wanted, bad)


def _split_fast(block: bytes, start: int, layout: Layout, wanted: Sequence[int]) -> Split | None:
    """All lines at once; None: some line has too few or too many fields, or is blank, or nothing fits."""
    import polars as pl  # slow to import

    sep, quote = layout.sep, '"' if layout.quotes and b'"' in block else None
    if sep == " ":
        block, quote = AT_AN_END.sub(b"", RUN_OF_BLANKS.sub(b" ", block)), None
    elif len(sep) > 1:
        if UNIT_SEPARATOR.encode() in block:
            return None
        block, sep, quote = block.replace(sep.encode(), UNIT_SEPARATOR.encode()), UNIT_SEPARATOR, None
    if b"\0" in block or len(sep.encode()) > 1 or (quote and not _quotes_fit(block, sep)):
        return None
    names = [f"column_{at + 1}" for at in range(layout.width)]
    try:
        frame = pl.read_csv(
            block,
            has_header=False,
            separator=sep,
            quote_char=quote,
            schema=dict.fromkeys(names, pl.String),
            columns=[names[at] for at in wanted] if quote is None else None,
        )
    except Exception:  # of many kinds; the lines that caused it are found one by one
        return None
    lines = count(block, "\n")
    if quote is None:
        if len(frame) != lines or not _all_fit(block, lines, sep, layout.width):
            return None
        numbers = np.arange(start, start + lines, dtype=np.int32)
    else:
        if frame[names[-1]].null_count():
            return None
        breaks = frame.select(pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True)))[:, 0].to_numpy()
        numbers = (start + np.arange(len(frame)) + np.cumsum(breaks) - breaks).astype(np.int32)
        if len(frame) + breaks.sum() != lines:
            return None
    return numbers, [frame[names[at]] for at in wanted]


def _quotes_fit(block: bytes, sep: str) -> bool:
    """Whether each quote begins a field, ends one, or is doubled in one; polars reads others in a way of its own."""
    found = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(found == ord('"'))
    before, after = found[quotes[::2] - 1], found[quotes[1::2] + 1]  # before the first byte comes the last, a newline
    around = [ord(sep), ord("\n"), ord('"')]
    return len(quotes) % 2 == 0 and bool(np.isin(before, around).all() and np.isin(after, [*around, ord("\r")]).all())


def _all_fit(block: bytes, lines: int, sep: str, width: int) -> bool:
    """Whether each line has `width` fields; polars overlooks one field too many or too few beside those wanted."""
    marks = f"{sep}\n".encode()
    others = bytes(set(range(256)) - set(marks))
    return block.translate(None, others) == (marks[:1] * (width - 1) + b"\n") * lines


def _split_each(block: bytes, start: int, layout: Layout, wanted: Sequence[int], bad: BadLines) -> Split:
    import polars as pl

    lines = block.decode("utf-8", "surrogateescape").split("\n")[:-1]  # an invalid byte becomes a lone surrogate
    numbers, rows = [], []
    for at, fields in _records(lines, layout):
        if error := text_error(lines[at] if fields is None else "".join(fields)):
            bad.add(start + at, *error)
        elif fields is None:
            bad.rows.add(start + at, "a quote that is not closed, or text after a closing quote", "fix the quotes")
        elif len(fields) != layout.width:
            bad.rows.add(start + at, f"{len(fields)} fields, not {layout.width}", "complete or remove the line")
        else:
            numbers.append(start + at)
            rows.append(fields)
    columns = [[fields[at] for fields in rows] for at in wanted]
    return np.array(numbers, np.int32), [pl.Series(column, dtype=pl.String) for column in columns]


def _records(lines: Sequence[str], layout: Layout) -> Iterator[tuple[int, list[str] | None]]:
    """The first line of each row, from 0, and its fields; None: its quotes are wrong. Blank lines are left out."""
    sep = layout.sep
    is_quoted = layout.quotes and len(sep) == 1 and sep != " " and any('"' in line for line in lines)
    for at, fields in _quoted(lines, sep) if is_quoted else enumerate(_unquoted(lines, sep)):
        is_blank = not lines[at].strip() and (sep == " " or sep not in lines[at])
        if not is_blank:
            yield at, fields


def _unquoted(lines: Sequence[str], sep: str) -> Iterator[list[str]]:
    for line in lines:
        line = line.removesuffix("\r")
        yield line.split() if sep == " " else line.split(sep)


def _quoted(lines: Sequence[str], sep: str) -> Iterator[tuple[int, list[str] | None]]:
    """Rows that may go on over several lines in quotes. After wrong quotes, the next line begins a row."""
    at = 0
    while at < len(lines):
        begin = at
        rest = (f"{lines[number]}\n" for number in range(begin, len(lines)))
        reader = csv.reader(rest, delimiter=sep, strict=True, skipinitialspace=True)
        try:
            for fields in reader:
                yield at, fields
                at = begin + reader.line_num
        except csv.Error:
            yield at, None
            at += 1


def text_error(text: str) -> tuple[str, str] | None:
    if "\0" in text:
        return "a NUL byte", "save the file as UTF-8 text again"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "bytes that are not UTF-8", "give the encoding, such as latin-1 (--encoding), or save it as UTF-8"
    return None


class NetflixBlocks:
    """Splits blocks of the Netflix prize: a line `1:` names the item of the lines `user,rating,date` below it."""

    def __init__(self) -> None:
        self.item: str | None = None

    def split(self, block: bytes, start: int, bad: BadLines) -> Split:
        """As `split_block`, with the columns user, item, rating and time."""
        import polars as pl

        text = block.decode("utf-8", "replace").replace("\r", "")
        lines = pl.Series("line", text.split("\n")[:-1], dtype=pl.String)
        items = lines.str.extract(r"^\s*(\d+):\s*$")
        is_rating = (items.is_null() & (lines.str.strip_chars() != "")).to_numpy()
        filled = items.fill_null(strategy="forward")
        filled = filled.fill_null(self.item) if self.item else filled
        self.item = filled[-1]
        numbers = np.arange(start, start + len(lines), dtype=np.int32)[is_rating]
        fields = lines.filter(is_rating).str.split(",")
        sizes = fields.list.len().to_numpy()
        fits = sizes == 3
        for number, size in zip(numbers[~fits].tolist(), sizes[~fits].tolist(), strict=True):
            bad.rows.add(number, f"{size} fields, not 3", "complete or remove the line")
        user, rating, time = (fields.filter(fits).list.get(at) for at in range(3))
        return numbers[fits], [user, filled.filter(is_rating).filter(fits), rating, time]
