"""From lines of text to ratings: a line that cannot be used is never guessed at, and all such lines are counted."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from operator import itemgetter

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.flaws import Flaw, id_flaws, line_flaw, rating_flaws, text_flaw
from tinyrec.data.ids import Index, ids_from_text
from tinyrec.data.layout import Layout, split
from tinyrec.data.problems import SHOWN, BadRows, explain
from tinyrec.data.rules import check_scale
from tinyrec.errors import DataError

BLANKS = " \t"  # they may surround a field and are no part of it


class Texts(dict[str, int]):
    """Each different text of a column, and its number in order of appearance."""

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self)
        return number


class Table:
    """The user, item and rating of each line read so far.

    The columns hold few different texts, so each is kept and checked once, and a line costs three numbers. Lines that
    cannot be split are counted, and the first few are kept with their flaw.
    """

    def __init__(self, name: str, layout: Layout):
        self.name, self.layout = name, layout
        self.texts = Texts(), Texts(), Texts()
        self.codes: tuple[list[Array], ...] = [], [], []
        self.numbers: list[Array] = []
        self.unsplit: list[tuple[int, Flaw]] = []
        self.n_unsplit = 0

    def add(self, numbers: Array, lines: list[str]) -> None:
        """Take more lines, with their numbers in the file."""
        rows = _split_all(lines, self.layout)
        if rows is None:
            kept = list(self._sift(numbers, lines))
            numbers, rows = np.array([number for number, _ in kept], np.int64), [row for _, row in kept]
        for column, texts, codes in zip(self.layout.columns, self.texts, self.codes, strict=True):
            codes.append(np.fromiter(map(texts.__getitem__, map(itemgetter(column), rows)), np.int32, len(rows)))
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
        codes = [np.concatenate([np.empty(0, np.int32), *parts]) for parts in self.codes]
        numbers = np.concatenate([np.empty(0, np.int64), *self.numbers])
        users, items, ratings = ([text.strip(BLANKS) for text in texts] for texts in self.texts)
        flaws = [id_flaws(users, "user"), id_flaws(items, "item"), rating_flaws(ratings, check_scale(scale))]
        self._refuse_flaws(codes, numbers, flaws)
        if len(numbers) == 0:
            raise DataError(f"{self.name} holds no ratings; give a file with lines of user, item and rating")

        user_index, user_rows = Index.of(ids_from_text(users))
        item_index, item_rows = Index.of(ids_from_text(items))
        rows, cols = user_rows[codes[0]], item_rows[codes[1]]
        values = np.array(ratings, np.float64)[codes[2]]
        try:
            return Dataset.from_cells(
                user_index, item_index, rows, cols, values, scale=scale, duplicates=duplicates, name=self.name
            )
        except BadRows as bad:
            places = numbers[bad.rows[:SHOWN]].tolist()
            raise DataError(f"{self.name}, {explain('line', places, len(bad.rows), bad.cause, bad.cure)}") from None

    def _refuse_flaws(self, codes: list[Array], numbers: Array, flaws: list[dict[int, Flaw]]) -> None:
        bad = np.zeros(len(numbers), bool)
        for column, its_flaws in zip(codes, flaws, strict=True):
            bad |= np.isin(column, list(its_flaws))
        rows = np.flatnonzero(bad)
        found = list(self.unsplit)
        for row in rows[:SHOWN]:
            flaw = next(its[column[row]] for column, its in zip(codes, flaws, strict=True) if column[row] in its)
            found.append((int(numbers[row]), flaw))
        if found:
            found.sort()
            places, total = [number for number, _ in found[:SHOWN]], self.n_unsplit + len(rows)
            raise DataError(f"{self.name}, {explain('line', places, total, *found[0][1])}")


def _split_all(lines: list[str], layout: Layout) -> list[list[str]] | None:
    """The fields of all lines, fast; None if any line is unusual."""
    text = "".join(lines)
    if text_flaw(text):
        return None
    if layout.sep == " ":
        rows = [line.split() for line in lines]
    elif '"' in text and len(layout.sep) == 1:
        try:
            rows = list(csv.reader(lines, delimiter=layout.sep, strict=True))
        except csv.Error:
            return None
    else:
        rows = [line.split(layout.sep) for line in lines]
    # A quote that is not closed would swallow the next line, so the number of rows tells.
    return rows if len(rows) == len(lines) and set(map(len, rows)) == {layout.width} else None
