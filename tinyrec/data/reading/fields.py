"""Split blocks of lines into columns of text: by polars, or one by one where a line does not fit."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.reading.layout import Layout, split
from tinyrec.data.reading.stream import count
from tinyrec.data.validation import BadLines

BLANKS = " \t\u00a0"  # stripped from both ends of a field
RUN_OF_BLANKS = re.compile(rb"[ \t]+")
AT_AN_END = re.compile(rb"^ | (?=\r?$)", re.MULTILINE)
UNIT_SEPARATOR = "\x1f"  # stands for a delimiter of several characters

Split = tuple[Array, list[Any]]  # line numbers (m,), and columns of text (m,), polars Series
Rows = tuple[list[int], list[list[str]]]


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
    if b"\0" in block or len(sep.encode()) > 1 or (quote and f'{sep} "'.encode() in block):
        return None  # polars does not see a quote after a blank
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
        if len(frame) != lines or count(block, sep) != lines * (layout.width - 1):
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


def _split_each(block: bytes, start: int, layout: Layout, wanted: Sequence[int], bad: BadLines) -> Split:
    import polars as pl

    text = block.decode("utf-8", "surrogateescape")  # an invalid byte becomes a lone surrogate
    numbers, rows = _split_quoted(text, start, layout) or _split_lines(text, start, layout, bad)
    columns = [[fields[at] for fields in rows] for at in wanted]
    return np.array(numbers, np.int32), [pl.Series(column, dtype=pl.String) for column in columns]


def _split_quoted(text: str, start: int, layout: Layout) -> Rows | None:
    """All lines, of which some may go on in quotes; None: one does not fit."""
    if not layout.quotes or '"' not in text or len(layout.sep) > 1 or layout.sep == " " or text_error(text):
        return None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.sep, strict=True, skipinitialspace=True)
    numbers, rows, number = [], [], start
    try:
        for fields in reader:
            if any(map(str.strip, fields)):
                numbers.append(number)
                rows.append(fields)
            number = start + reader.line_num
    except csv.Error:
        return None
    return (numbers, rows) if set(map(len, rows)) <= {layout.width} else None


def _split_lines(text: str, start: int, layout: Layout, bad: BadLines) -> Rows:
    numbers, rows = [], []
    for number, line in enumerate(text.split("\n")[:-1], start):
        line = line.removesuffix("\r")
        if not line.strip():
            continue
        fields = split(line, layout.sep, layout.quotes)
        if error := _line_error(line, fields, layout.width):
            bad.add(number, *error)
        elif fields:
            numbers.append(number)
            rows.append(fields)
    return numbers, rows


def _line_error(line: str, fields: list[str] | None, width: int) -> tuple[str, str] | None:
    """Why a line cannot be split into `width` fields, and the cure; fields: the result of `split`."""
    if error := text_error(line):
        return error
    if fields is None:
        return "a quote that is not closed, or text after a closing quote", "fix the quotes"
    if len(fields) != width:
        return f"{len(fields)} fields, not {width}", "complete or remove the line"
    return None


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
            bad.add(number, f"{size} fields, not 3", "complete or remove the line")
        user, rating, time = (fields.filter(fits).list.get(at) for at in range(3))
        return numbers[fits], [user, filled.filter(is_rating).filter(fits), rating, time]
