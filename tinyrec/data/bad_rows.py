"""How a bad row is reported: the first bad places, how many there are, one sentence of cause and one of cure."""

from __future__ import annotations

from collections.abc import Sequence

from tinyrec.backend import Array
from tinyrec.errors import DataError

SHOWN = 5  # bad rows that an error names; the others are only counted


def explain(unit: str, places: Sequence[int], total: int, cause: str, cure: str) -> str:
    """Say `cause; cure` of the first place, and where else something is wrong.

    unit "row" or "line"; places: the first bad ones, ascending; total: how many are bad in all
    """
    message = f"{unit} {places[0]}: {cause}; {cure}"
    if total == 1:
        return message
    listed = ", ".join(str(place) for place in places[:SHOWN]) + (", ..." if total > SHOWN else "")
    return f"{message} ({total} bad {unit}s in all: {listed})"


class BadRows(DataError):
    """Rows of a table that cannot be used; `rows` holds all of them, counted from 0, ascending."""

    def __init__(self, cause: str, cure: str, rows: Array):
        super().__init__(explain("row", rows, len(rows), cause, cure))
        self.cause, self.cure, self.rows = cause, cure, rows


def shorten(text: str) -> str:
    """The text as Python writes it, at most 40 characters of it, so that an error stays one line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
