"""Validate ratings and the scale before they become a data set, report bad rows, and point out what looks wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError, UsageError

DUPLICATES = ("error", "last", "mean")
BAD_ROWS = ("error", "skip")
APART, ZEROS = 0.05, 0.2  # the least shares of all ratings that look like a mark for "not rated", see `cautions`
MIN_LOOKED_AT = 20
MANY_REPEATS = 0.1  # a larger share of pairs that are rated again is rarely meant
MAX_SHOWN = 5  # an error lists this many bad rows and counts the others


def explain(unit: str, places: Sequence[int], total: int, cause: str, cure: str) -> str:
    """Return the message "cause; cure" for the first bad row or line, with a list of the others.

    unit: "row" or "line"; places: the numbers of the first bad ones, ascending; total: how many are bad
    """
    message = f"{unit} {places[0]}: {cause}; {cure}"
    if total == 1:
        return message
    return f"{message} ({total} bad {unit}s in all: {_listed(places, total)})"


def _listed(places: Sequence[int], total: int) -> str:
    return ", ".join(map(str, places[:MAX_SHOWN])) + (", ..." if total > MAX_SHOWN else "")


class BadLines:
    """The first invalid lines of a file, and how many there are.

    rows: those that are no valid row of a table. They are refused like the others; with skip=True, they are left out
    """

    def __init__(self, skip: bool = False) -> None:
        self.first: list[tuple[int, str, str]] = []
        self.total = 0
        self.rows = BadLines() if skip else self

    def add(self, number: int, cause: str, cure: str) -> None:
        self.total += 1
        if len(self.first) < MAX_SHOWN or number < self.first[-1][0]:
            self.first = sorted([*self.first, (number, cause, cure)])[:MAX_SHOWN]

    def refuse(self, name: str) -> None:
        """DataError: there are invalid lines in the file `name`"""
        if self.first:
            places = [number for number, _, _ in self.first]
            raise DataError(f"{name}, {explain('line', places, self.total, *self.first[0][1:])}")

    def left_out(self, kept: int) -> list[str]:
        """A note on the lines that were left out, if any; kept: how many lines were not"""
        if not self.rows.total or self.rows is self:
            return []
        (number, cause, _), total = self.rows.first[0], self.rows.total
        lines = "line" if total == 1 else "lines"
        places = _listed([number for number, _, _ in self.rows.first], total)
        note = f"bad rows left out: {total}, in {lines} {places} (line {number}: {cause})"
        return [note if total <= kept else f"{note}; more than were read, so check delimiter and columns"]


class BadRows(DataError):
    """Some rows of the input are invalid; rows: their numbers, counted from 0, ascending."""

    def __init__(self, cause: str, cure: str, rows: Array):
        super().__init__(explain("row", rows, len(rows), cause, cure))
        self.cause, self.cure, self.rows = cause, cure, rows


def check_scale(scale: Any) -> tuple[float, float] | None:
    """Return the scale as two floats, low < high; None stays None."""
    if scale is None:
        return None
    try:
        low, high = (float(end) for end in scale)
    except (TypeError, ValueError):
        raise UsageError(f"the scale {scale!r} is not a pair of numbers; give one such as (1, 5)") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise UsageError(f"the scale {low:g} to {high:g} is empty; give the lowest rating first, then the highest")
    return low, high


def check_bad_rows(bad_rows: Any) -> str:
    if bad_rows not in BAD_ROWS:
        raise UsageError(f"bad_rows={bad_rows!r} is unknown; choose one of {', '.join(BAD_ROWS)}")
    return bad_rows


def check_missing(missing: Any) -> list[float]:
    """The ratings that stand for "not rated": a number or several."""
    listed: list[Any] = [missing] if isinstance(missing, Number) else list(missing)
    if not all(_is_number(value) and math.isfinite(value) for value in listed):
        raise UsageError(f"missing={missing!r} is no list of finite numbers; give some such as (0,)")
    return [float(value) for value in listed]


def _is_number(value: Any) -> bool:
    return isinstance(value, Number) and not isinstance(value, bool)


def check_values(values: Any, scale: tuple[float, float] | None) -> Array:
    """Return the ratings as float32, (p,); DataError: none, not finite, or outside the scale."""
    if isinstance(values, np.ma.MaskedArray) and values.mask.any():
        raise DataError("some of the ratings are masked; leave them out with their users and items")
    values = np.asarray(values)
    if values.dtype == object and values.ndim == 1:  # such as Decimal
        odd = np.flatnonzero([not _is_number(value) for value in values])
        if len(odd):
            raise BadRows(f"the rating {values[odd[0]]!r} is not a number", "convert the ratings to numbers", odd)
        values = values.astype(float)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise DataError(f"the ratings have type {values.dtype} and shape {values.shape}; give a flat list of numbers")
    if len(values) == 0:
        raise DataError("there are no ratings; give at least one")
    with np.errstate(over="ignore"):  # numbers too large for float32 become inf, an error below
        values = values.astype(np.float32)
    _refuse(values, ~np.isfinite(values), "is not a finite number", "correct or remove it")
    if scale:
        off = (values < np.float32(scale[0])) | (values > np.float32(scale[1]))
        _refuse(values, off, f"is outside the scale {scale[0]:g} to {scale[1]:g}", "correct it or widen the scale")
    return values


def _refuse(values: Array, bad: Array, cause: str, cure: str) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        raise BadRows(f"the rating {values[rows[0]]:g} {cause}", cure, rows)


def resolve_duplicates(cells: Array, values: Array, duplicates: str, times: Array | None = None) -> tuple[Array, Array]:
    """Resolve cells that are rated more than once: cells (p,), values (p,) -> kept (q,), values (q,), q <= p.

    kept: for each distinct cell, in ascending order, the row that rates it last: by time, if known, then by place
    duplicates: "error" (BadRows with all but the first rating of a cell), keep the "last", or take the "mean"
    """
    if duplicates not in DUPLICATES:
        raise UsageError(f"duplicates={duplicates!r} is unknown; choose one of {', '.join(DUPLICATES)}")
    order, in_order = _sort(cells)
    first = np.append(True, in_order[1:] != in_order[:-1])
    if first.all():
        return order, values[order]
    if times is not None and duplicates != "error":
        order = np.lexsort((times, cells))
    values = values[order]
    if duplicates == "error":
        repeats = np.sort(order[~first])
        cure = 'keep the last one with duplicates="last" (--duplicates last), or their mean with "mean"'
        if len(repeats) > MANY_REPEATS * len(cells):
            cure = (
                f"so many repeats may mean that the columns are others (--columns), or that it is a matrix; else {cure}"
            )
        raise BadRows("a pair is rated again", cure, repeats)
    last = np.append(first[1:], True)
    if duplicates == "last":
        return order[last], values[last]
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(values, starts, dtype=np.float64)
    return order[last], (sums / np.diff(np.append(starts, len(values)))).astype(np.float32)


def _sort(cells: Array) -> tuple[Array, Array]:
    """The order that sorts cells (p,), equal ones by place, and the sorted cells.

    Sorting one number that holds both cell and place is several times as fast as sorting places by cell.
    """
    bits = len(cells).bit_length()
    if int(cells.max()).bit_length() + bits > 63:
        order = np.argsort(cells, kind="stable")
        return order, cells[order]
    both = cells << bits
    both |= np.arange(len(cells), dtype=np.int32)
    both.sort()
    order = both & ((1 << bits) - 1)
    both >>= bits
    return order, both


def cautions(values: Array) -> list[str]:
    """What looks wrong about ratings (p,), one sentence each: a value that may mean "not rated", or no differences."""
    if len(values) < MIN_LOOKED_AT:
        return []
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) == 1:
        cure = "read it without the column of ratings, or use binarized() (--feedback implicit)"
        return [f"all ratings are {levels[0]:g}, which looks like implicit feedback; {cure}"]
    found, gaps, share = [], np.diff(levels.astype(float)), counts / len(values)
    low, high = levels[0], levels[-1]
    if low >= 1000 and not (levels % 1).any():
        found.append(f"the ratings are {low:g} to {high:g}, which looks like years, times or ids; check the columns")
    for at, gap, others in ((0, gaps[0], gaps[1:]), (-1, gaps[-1], gaps[:-1])):
        value, apart = f"{levels[at]:g}", len(others) > 1 and gap / others.max()
        is_zero = (
            len(levels) > 2
            and at == 0
            and low <= 0 < levels[1]
            and (share[0] > ZEROS or (low == -1 and levels[1] == 1))
        )
        if is_zero or (apart >= 2 and share[at] > APART):
            cure = f"if that means not rated, add missing=({value},) (--missing {value})"
            found.append(f"{share[at]:.{0 if share[at] >= 0.01 else 1}%} of the ratings are {value}; {cure}")
        elif apart >= 5:
            rest = levels[1:] if at == 0 else levels[:-1]
            cure = f"if it is wrong, correct it or add missing=({value},) (--missing {value})"
            found.append(f"the rating {value} is far from the others, {rest[0]:g} to {rest[-1]:g}; {cure}")
    return found
