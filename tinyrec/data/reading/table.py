"""Parse lines into ratings; invalid lines are never guessed at: the first ones are reported, and all are counted."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index, ids_from_text
from tinyrec.data.reading.layout import Layout, split
from tinyrec.data.validation import MAX_SHOWN, BadRows, check_scale, explain
from tinyrec.errors import DataError

BLANKS = " \t"  # stripped from both ends of a field
# stricter than float(), which also accepts "1_000", "nan" and digits of other scripts
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MAX_ID_LENGTH = 255  # characters; a NumPy text array reserves the length of its longest text for each
TIME = re.compile(r"[+-]?\d{1,18}", re.ASCII)
INVALID_TIME = np.iinfo(np.int64).min  # the code of a text that is not a timestamp
TIME_ERRORS = {INVALID_TIME: ("the time is not an integer", "write it in seconds since 1970, or leave the column out")}

LineError = tuple[str, str]  # cause and cure


class Table:
    """The user, item, rating and, optionally, time of each line read so far.

    To save memory, each distinct text of a column is stored and checked once, and a line stores its number, counted by
    first appearance; times are mostly distinct, so they are converted at once. Lines that cannot be split are counted,
    and the first are kept.
    """

    def __init__(self, name: str, layout: Layout):
        self.name, self.layout = name, layout
        self.texts = [defaultdict[str, int](count().__next__) for _ in range(3)]
        self.codes: tuple[list[Array], ...] = [], [], []
        self.times: list[Array] = []
        self.numbers: list[Array] = []
        self.bad_lines: list[tuple[int, LineError]] = []
        self.n_bad_lines = 0

    def add(self, numbers: Array, lines: list[str]) -> None:
        """Add lines, with their line numbers in the file, (m,)."""
        columns = _split_all(lines, self.layout)
        if columns is None:
            kept = list(self._split_each(numbers, lines))
            numbers = np.array([number for number, _ in kept], np.int64)
            columns = list(zip(*(row for _, row in kept), strict=True)) or [()] * self.layout.width
        for at, texts, codes in zip(self.layout.columns[:3], self.texts, self.codes, strict=True):
            codes.append(np.fromiter(map(texts.__getitem__, columns[at]), np.int32, len(numbers)))
        for at in self.layout.columns[3:]:
            self.times.append(_read_times(columns[at]))
        self.numbers.append(numbers)

    def _split_each(self, numbers: Array, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
        """Split line by line, which is slow, and record the lines that cannot be split."""
        for number, line in zip(numbers.tolist(), lines, strict=True):
            fields = split(line, self.layout.sep)
            error = line_error(line, fields, self.layout.width)
            if error:
                self.n_bad_lines += 1
                if len(self.bad_lines) < MAX_SHOWN:
                    self.bad_lines.append((number, error))
            elif fields:
                yield number, fields

    def finish(self, scale: tuple[float, float] | None, duplicates: str) -> Dataset:
        """Return the data set.  DataError: invalid lines, with the first of them and their total, or no ratings"""
        codes = [_concatenate(parts, np.int32) for parts in self.codes]
        numbers = _concatenate(self.numbers, np.int64)
        users, items, ratings = ([text.strip(BLANKS) for text in texts] for texts in self.texts)
        errors = [id_errors(users, "user"), id_errors(items, "item"), rating_errors(ratings, check_scale(scale))]
        times = _concatenate(self.times, np.int64) if self.times else None
        if times is not None and self.layout.guessed and (times == INVALID_TIME).any():
            times = None  # the column is named like a timestamp but holds something else, such as 2001-01-01
        columns, errors = (codes, errors) if times is None else ([*codes, times], [*errors, TIME_ERRORS])
        self._refuse_errors(columns, numbers, errors)
        if len(numbers) == 0:
            raise DataError(f"{self.name} contains no ratings; give a file with lines of user, item and rating")

        user_index, user_rows = Index.of(ids_from_text(users))
        item_index, item_rows = Index.of(ids_from_text(items))
        rows, cols = user_rows[codes[0]], item_rows[codes[1]]
        values = np.array(ratings, np.float64)[codes[2]]
        del codes, columns  # frees memory before sorting
        options: dict[str, Any] = {"scale": scale, "duplicates": duplicates, "name": self.name, "times": times}
        try:
            return Dataset.from_cells(user_index, item_index, rows, cols, values, **options)
        except BadRows as bad:
            places = numbers[bad.rows[:MAX_SHOWN]].tolist()
            raise DataError(f"{self.name}, {explain('line', places, len(bad.rows), bad.cause, bad.cure)}") from None

    def _refuse_errors(self, columns: list[Array], numbers: Array, errors: list[dict]) -> None:
        """columns, errors: the codes in each column, (p,), and the errors by code; numbers (p,): line numbers."""
        bad = np.zeros(len(numbers), bool)
        for column, column_errors in zip(columns, errors, strict=True):
            bad |= np.isin(column, list(column_errors))
        rows, first = np.flatnonzero(bad), list(self.bad_lines)
        for row in rows[:MAX_SHOWN]:
            error = next(known[code[row]] for code, known in zip(columns, errors, strict=True) if code[row] in known)
            first.append((int(numbers[row]), error))
        if first:
            first.sort()
            places, total = [number for number, _ in first[:MAX_SHOWN]], self.n_bad_lines + len(rows)
            raise DataError(f"{self.name}, {explain('line', places, total, *first[0][1])}")


def _concatenate(parts: list[Array], dtype: type) -> Array:
    """Concatenate the parts and free them: those of a large file take as much memory as the data set."""
    whole = np.concatenate([np.empty(0, dtype), *parts])
    parts.clear()
    return whole


def _read_times(texts: Sequence[str]) -> Array:
    """Parse timestamps, (m,) int64; INVALID_TIME where a text is not an integer."""
    try:
        return np.fromiter(map(int, texts), np.int64, len(texts))
    except (ValueError, OverflowError):
        times = (int(text) if TIME.fullmatch(text.strip()) else INVALID_TIME for text in texts)
        return np.fromiter(times, np.int64, len(texts))


def _split_all(lines: list[str], layout: Layout) -> Sequence[Sequence[str]] | None:
    """Split all lines at once into columns, which is fast; None: some line needs _split_each."""
    text, sep, width = "\n".join(lines), layout.sep, layout.width
    if text_error(text):
        return None
    if sep == " ":
        rows = [line.split() for line in lines]
    elif '"' in text and len(sep) == 1:
        try:
            rows = list(csv.reader(lines, delimiter=sep, strict=True))
        except csv.Error:
            return None
    elif {line.count(sep) for line in lines} == {width - 1}:
        fields = text.replace(sep, "\n").split("\n")  # twice as fast as line by line
        return [fields[at::width] for at in range(width)]
    else:
        return None
    # an unclosed quote joins its line with the next ones, so the number of rows differs
    fits = len(rows) == len(lines) and set(map(len, rows)) == {width}
    return list(zip(*rows, strict=True)) if fits else None


def text_error(text: str) -> LineError | None:
    """Return what is wrong with the characters of one or many lines."""
    if "\0" in text:
        return "a NUL byte", "save the file as UTF-8 text again"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate, see lines.as_text
            return "bytes that are not UTF-8", "save the file as UTF-8 text"
    return None


def line_error(line: str, fields: list[str] | None, width: int) -> LineError | None:
    """Return why a line cannot be split into `width` fields; fields: the result of layout.split."""
    if error := text_error(line):
        return error
    if fields is None:
        return "a quote that is not closed, or text after a closing quote", "fix the quotes"
    if len(fields) != width:
        return f"{len(fields)} fields, but the first line has {width}", "complete or remove the line"
    return None


def id_errors(texts: list[str], what: str) -> dict[int, LineError]:
    """Return the errors in a column of ids, by position in `texts`."""
    long = f"longer than {MAX_ID_LENGTH} characters"
    return {
        number: (f"the {what} id is {long if text else 'empty'}", "complete or remove the line")
        for number, text in enumerate(texts)
        if not 0 < len(text) <= MAX_ID_LENGTH
    }


def rating_errors(texts: list[str], scale: tuple[float, float] | None) -> dict[int, LineError]:
    """Return the errors in the column of ratings, by position in `texts`."""
    low, high = scale or (-np.inf, np.inf)
    largest = float(np.finfo(np.float32).max)
    errors = {}
    for number, text in enumerate(texts):
        short = repr(text if len(text) <= 40 else text[:37] + "...")  # repr escapes, so that the error stays one line
        if not NUMBER.fullmatch(text):
            errors[number] = f"the rating {short} is not a number", "write it like 3.5, or remove the line"
        elif abs(float(text)) > largest:
            errors[number] = f"the rating {short} is too large", "correct or remove the line"
        elif not low <= float(text) <= high:
            cause = f"the rating {text} is outside the scale {low:g} to {high:g}"
            errors[number] = cause, "correct it or widen the scale"
    return errors
