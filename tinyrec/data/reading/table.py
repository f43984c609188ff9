"""From lines of text to ratings: a line that cannot be used is never guessed at, and all such lines are counted."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.bad_rows import SHOWN, BadRows, explain
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index, ids_from_text
from tinyrec.data.reading.layout import Layout, split
from tinyrec.data.reading.line_errors import NO_TIME, TIME_FLAWS, Flaw, id_flaws, line_flaw, rating_flaws, text_flaw
from tinyrec.data.validation import check_scale
from tinyrec.errors import DataError

BLANKS = " \t"  # they may surround a field and are no part of it
TIME = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class Texts(dict[str, int]):
    """Each different text of a column, and its number in order of appearance."""

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self)
        return number


class Table:
    """The user, item, rating and, if there is one, time of each line read so far.

    The columns hold few different texts, so each is kept and checked once, and a line costs three numbers; but times
    are many, and become numbers at once. Lines that cannot be split are counted, and the first few are kept with their
    flaw.
    """

    def __init__(self, name: str, layout: Layout):
        self.name, self.layout = name, layout
        self.texts = Texts(), Texts(), Texts()
        self.codes: tuple[list[Array], ...] = [], [], []
        self.times: list[Array] = []
        self.numbers: list[Array] = []
        self.unsplit: list[tuple[int, Flaw]] = []
        self.n_unsplit = 0

    def add(self, numbers: Array, lines: list[str]) -> None:
        """Take more lines, with their numbers in the file."""
        columns = _split_all(lines, self.layout)
        if columns is None:
            kept = list(self._sift(numbers, lines))
            numbers = np.array([number for number, _ in kept], np.int64)
            columns = list(zip(*(row for _, row in kept), strict=True)) or [()] * self.layout.width
        for at, texts, codes in zip(self.layout.columns[:3], self.texts, self.codes, strict=True):
            codes.append(np.fromiter(map(texts.__getitem__, columns[at]), np.int32, len(numbers)))
        for at in self.layout.columns[3:]:
            self.times.append(_read_times(columns[at]))
        self.numbers.append(numbers)

    def _sift(self, numbers: Array, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
        """The slow way: split line by line, and set aside the lines that cannot be."""
        for number, line in zip(numbers.tolist(), lines, strict=True):
            fields = split(line, self.layout.sep)
            flaw = line_flaw(line, fields, self.layout.width)
            if flaw:
                self.n_unsplit += 1
                if len(self.unsplit) < SHOWN:
                    self.unsplit.append((number, flaw))
            elif fields:
                yield number, fields

    def finish(self, scale: tuple[float, float] | None, duplicates: str) -> Dataset:
        """Check the texts and return the data set; DataError with the first bad lines and their number."""
        codes = [_joined(parts, np.int32) for parts in self.codes]
        numbers = _joined(self.numbers, np.int64)
        users, items, ratings = ([text.strip(BLANKS) for text in texts] for texts in self.texts)
        flaws = [id_flaws(users, "user"), id_flaws(items, "item"), rating_flaws(ratings, check_scale(scale))]
        times = _joined(self.times, np.int64) if self.times else None
        if times is not None and self.layout.guessed and (times == NO_TIME).any():
            times = None  # a column of that name, but of another kind, such as 2001-01-01
        columns, flaws = (codes, flaws) if times is None else ([*codes, times], [*flaws, TIME_FLAWS])
        self._refuse_flaws(columns, numbers, flaws)
        if len(numbers) == 0:
            raise DataError(f"{self.name} holds no ratings; give a file with lines of user, item and rating")

        user_index, user_rows = Index.of(ids_from_text(users))
        item_index, item_rows = Index.of(ids_from_text(items))
        rows, cols = user_rows[codes[0]], item_rows[codes[1]]
        values = np.array(ratings, np.float64)[codes[2]]
        del codes, columns  # makes room for the sorting to come
        options: dict[str, Any] = {"scale": scale, "duplicates": duplicates, "name": self.name, "times": times}
        try:
            return Dataset.from_cells(user_index, item_index, rows, cols, values, **options)
        except BadRows as bad:
            places = numbers[bad.rows[:SHOWN]].tolist()
            raise DataError(f"{self.name}, {explain('line', places, len(bad.rows), bad.cause, bad.cure)}") from None

    def _refuse_flaws(self, columns: list[Array], numbers: Array, flaws: list[dict[int, Flaw]]) -> None:
        bad = np.zeros(len(numbers), bool)
        for column, its_flaws in zip(columns, flaws, strict=True):
            bad |= np.isin(column, list(its_flaws))
        rows = np.flatnonzero(bad)
        found = list(self.unsplit)
        for row in rows[:SHOWN]:
            flaw = next(its[column[row]] for column, its in zip(columns, flaws, strict=True) if column[row] in its)
            found.append((int(numbers[row]), flaw))
        if found:
            found.sort()
            places, total = [number for number, _ in found[:SHOWN]], self.n_unsplit + len(rows)
            raise DataError(f"{self.name}, {explain('line', places, total, *found[0][1])}")


def _joined(parts: list[Array], dtype: type) -> Array:
    """One array of the parts, which are let go: those of a large file take as much memory as the data set."""
    whole = np.concatenate([np.empty(0, dtype), *parts])
    parts.clear()
    return whole


def _read_times(texts: Sequence[str]) -> Array:
    """The times of these texts, (m,) int64."""
    try:
        return np.fromiter(map(int, texts), np.int64, len(texts))
    except (ValueError, OverflowError):
        whole = (int(text) if TIME.fullmatch(text.strip()) else NO_TIME for text in texts)
        return np.fromiter(whole, np.int64, len(texts))


def _split_all(lines: list[str], layout: Layout) -> Sequence[Sequence[str]] | None:
    """The columns of all lines, fast; None if any line is unusual."""
    text, sep, width = "\n".join(lines), layout.sep, layout.width
    if text_flaw(text):
        return None
    if sep == " ":
        rows = [line.split() for line in lines]
    elif '"' in text and len(sep) == 1:
        try:
            rows = list(csv.reader(lines, delimiter=sep, strict=True))
        except csv.Error:
            return None
    elif {line.count(sep) for line in lines} == {width - 1}:
        fields = text.replace(sep, "\n").split("\n")  # all at once is twice as fast as line by line
        return [fields[at::width] for at in range(width)]
    else:
        return None
    # A quote that is not closed would swallow the next line, so the number of rows tells.
    fits = len(rows) == len(lines) and set(map(len, rows)) == {width}
    return list(zip(*rows, strict=True)) if fits else None
