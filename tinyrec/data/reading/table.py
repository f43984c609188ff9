"""Gather the ratings of a text file; invalid lines are never guessed at: the first are told, and all are counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.data.reading.fields import BLANKS, NetflixBlocks, split_block
from tinyrec.data.reading.id_column import IdColumn, concatenate, plain_integers
from tinyrec.data.reading.layout import Layout
from tinyrec.data.reading.source import SAMPLE
from tinyrec.data.reading.times import CURE, NOT_A_TIME, seconds_of_texts, to_seconds
from tinyrec.data.validation import MAX_SHOWN, BadLines, BadRows, check_bad_rows, check_missing, check_scale, explain
from tinyrec.errors import DataError

MAX_ID_LENGTH = 255  # characters
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LARGEST = float(np.finfo(np.float32).max)


class Table:
    """The user, item, rating and time of each line read so far.

    Once a line is refused, nothing more is kept but the number of such lines and what is wrong with the first.
    missing: ratings that stand for "not rated", and are left out;  like: {"user": index, "item": index}, see `IdColumn`
    bad_rows: "error", or "skip": rows with a wrong number of fields or an invalid field are left out with a note
    """

    def __init__(
        self,
        name: str,
        layout: Layout,
        scale: tuple[float, float] | None = None,
        missing: Sequence[float] = (),
        like: Mapping[str, Index] | None = None,
        bad_rows: str = "error",
    ):
        self.name, self.layout, self.scale, self.missing = name, layout, check_scale(scale), check_missing(missing)
        self.ids: dict[str, IdColumn] = {
            what: IdColumn((like or {}).get(what)) for what in ("user", "item") if what in layout.columns
        }
        if layout.blocks:
            self.ids["item"] = IdColumn()
        self.values: list[Array] = []
        self.times: list[Array] = []
        self.are_dates: bool | None = None
        self.numbers: list[Array] = []
        self.bad = BadLines(skip=check_bad_rows(bad_rows) == "skip")
        self.n_missing = 0
        self.notes = list(layout.notes)
        self.netflix = NetflixBlocks() if layout.blocks else None

    def add(self, start: int, block: bytes) -> None:
        """Add the lines of a block, of which the first has the number `start`."""
        if self.netflix:
            numbers, columns = self.netflix.split(block, start, self.bad)
            roles = ["user", "item", "rating", "time"]
        else:
            roles = list(self.layout.columns)
            numbers, columns = split_block(block, start, self.layout, list(self.layout.columns.values()), self.bad)
        self._add(numbers, dict(zip(roles, columns, strict=True)))

    def _add(self, numbers: Array, texts: dict[str, Any]) -> None:
        values, bad = {}, {}
        for role, column in texts.items():
            read = {"rating": self._read_ratings, "time": self._read_times}.get(role, _read_ids)
            values[role], bad[role] = read(column)
        valid = self._note_errors(self.bad.rows, numbers, texts, bad)
        self._note_errors(self.bad, numbers, texts, {"rating": self._off_scale(values, valid)})
        if self.bad.total:
            return
        if not valid.all():  # read the others anew, as invalid ids make all of them text
            self._add(numbers[valid], {role: column.filter(valid) for role, column in texts.items()})
            return
        if self.missing and "rating" in values:
            kept = ~np.isin(values["rating"], np.array(self.missing, values["rating"].dtype))
            self.n_missing += len(kept) - int(np.count_nonzero(kept))
            numbers = numbers[kept]
            values = {
                role: its[kept] if isinstance(its, np.ndarray) else its.filter(kept) for role, its in values.items()
            }
        self.numbers.append(numbers)
        for role, ids in self.ids.items():
            ids.add(values[role])
        if "rating" in values:
            self.values.append(values["rating"].astype(np.float32))
        if "time" in values:
            self.times.append(values["time"])

    def _read_ratings(self, texts: Any) -> tuple[Array, Array | None]:
        import polars as pl

        numbers = texts.cast(pl.Float64, strict=False)
        if numbers.null_count():
            numbers = texts.str.strip_chars(BLANKS).cast(pl.Float64, strict=False).fill_null(np.nan)
        values = numbers.to_numpy()
        fits = np.abs(values) <= LARGEST  # NaN is not
        return values, None if fits.all() else ~fits

    def _off_scale(self, values: dict[str, Any], valid: Array) -> Array | None:
        if not self.scale or "rating" not in values:
            return None
        ratings, (low, high) = values["rating"], self.scale
        return valid & ~((ratings >= low) & (ratings <= high) | np.isin(ratings, self.missing))

    def _read_times(self, texts: Any) -> tuple[Array, Array | None]:
        """Integers, or ISO dates, as in the first lines."""
        import polars as pl

        numbers = texts.cast(pl.Int64, strict=False)
        if numbers.null_count():
            texts = texts.str.strip_chars(BLANKS)
            numbers = texts.cast(pl.Int64, strict=False)
        if numbers.null_count():
            floats = texts.cast(pl.Float64, strict=False).to_numpy()
            with np.errstate(invalid="ignore"):  # infinity has no remainder
                whole = (np.abs(floats) < 2**53) & (floats % 1 == 0)
            numbers = pl.Series(np.where(whole, floats, NOT_A_TIME).astype(np.int64)) if whole.any() else numbers
            numbers = numbers.fill_null(NOT_A_TIME)
        seconds = numbers.to_numpy()
        if self.are_dates is None and len(seconds):
            self.are_dates = bool((seconds[:SAMPLE] == NOT_A_TIME).mean() > 0.5)
        if self.are_dates:
            seconds = seconds_of_texts(texts)
        bad = seconds == NOT_A_TIME
        return seconds, bad if bad.any() else None

    def _note_errors(
        self, noted: BadLines, numbers: Array, texts: dict[str, Any], bad: dict[str, Array | None]
    ) -> Array:
        """Add the rows in which a field is bad, and return which ones are not, (m,)."""
        masks = [mask for mask in bad.values() if mask is not None]
        is_bad = np.any(masks, axis=0) if masks else np.zeros(len(numbers), bool)
        rows = np.flatnonzero(is_bad)
        noted.total += max(0, len(rows) - MAX_SHOWN)
        for row in rows[:MAX_SHOWN].tolist():
            role = next(role for role, mask in bad.items() if mask is not None and mask[row])
            noted.add(int(numbers[row]), *_error(role, (texts[role][row] or "").strip(BLANKS), self.scale))
        return ~is_bad

    def index(self, what: str) -> tuple[Index, Array]:
        """The index of the users or items, and the number of that of each line, (p,).  DataError: invalid lines"""
        self.bad.refuse(self.name)
        try:
            index, rows, notes = self.ids[what].finish(what)
        except DataError as problem:
            raise DataError(f"{self.name}: {problem}") from None
        self.notes += notes
        return index, rows

    def finish(self, duplicates: str = "error", **more: Any) -> Dataset:
        """Return the data set.  DataError: invalid lines, with the first of them and their total, or no ratings"""
        users, rows = self.index("user")
        items, cols = self.index("item")
        numbers = concatenate(self.numbers, np.int32)
        if len(numbers) == 0:
            self.bad.rows.refuse(self.name)
            raise DataError(f"{self.name} contains no ratings; give a file with lines of user, item and rating")
        self.notes += self.bad.left_out(len(numbers))
        if self.n_missing:
            listed = " or ".join(f"{value:g}" for value in self.missing)
            self.notes.append(f"{self.n_missing} ratings of {listed} were left out as not rated")
        values = concatenate(self.values, np.float32) if self.values else None
        times = concatenate(self.times, np.int64) if self.times else None
        if times is not None and not self.are_dates:
            try:
                times, unit = to_seconds(times)
            except DataError as problem:
                raise DataError(f"{self.name}: {problem}") from None
            self.notes += [unit] if unit else []
        options: dict[str, Any] = {"scale": self.scale, "duplicates": duplicates, "times": times, "name": self.name}
        options |= {"columns": self.layout.taken, "notes": self.notes, **more}
        try:
            return Dataset.from_cells(users, items, rows, cols, values, **options)
        except BadRows as bad:
            places = numbers[bad.rows[:MAX_SHOWN]].tolist()
            raise DataError(f"{self.name}, {explain('line', places, len(bad.rows), bad.cause, bad.cure)}") from None


def _read_ids(texts: Any) -> tuple[Any, Array | None]:
    """Integers (m,), or a polars Series of stripped texts; and which are empty, too long, or have a line break."""
    integers = plain_integers(texts)
    if integers is not None:
        return integers, None
    texts = texts.fill_null("").str.strip_chars(BLANKS)
    integers = plain_integers(texts)
    if integers is not None:
        return integers, None
    size = texts.str.len_chars()
    bad = (size == 0) | (size > MAX_ID_LENGTH) | texts.str.contains("[\r\n]")
    return texts, bad.to_numpy() if bad.any() else None


def _error(role: str, text: str, scale: tuple[float, float] | None) -> tuple[str, str]:
    """Cause and cure of a field that is not valid."""
    short = repr(text if len(text) <= 40 else text[:37] + "...")  # repr escapes, so that the error stays one line
    if role == "time":
        return f"the time {short} cannot be read", CURE
    if role != "rating":
        if "\n" in text or "\r" in text:
            return f"the {role} id {short} contains a line break, so a quote may not be closed", "fix the quotes"
        long = f"longer than {MAX_ID_LENGTH} characters"
        return f"the {role} id is {long if text else 'empty'}", "complete or remove the line"
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not NUMBER.fullmatch(text):
        return f"the rating {short} is not a number", "write it like 3.5, or remove the line"
    if abs(number) > LARGEST:
        return f"the rating {short} is too large", "correct or remove the line"
    low, high = scale or (-np.inf, np.inf)
    return f"the rating {text} is outside the scale {low:g} to {high:g}", "correct it or widen the scale"
