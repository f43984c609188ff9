"""Report bad rows: the first ones, how many there are, one sentence of cause and one of cure."""

from __future__ import annotations

from collections.abc import Sequence

from tinyrec.backend import Array
from tinyrec.errors import DataError

MAX_SHOWN = 5  # an error lists this many bad rows and counts the others


def explain(unit: str, places: Sequence[int], total: int, cause: str, cure: str) -> str:
    """Return the message "cause; cure" for the first bad row or line, with a list of the others.

    unit: "row" or "line"; places: the numbers of the first bad ones, ascending; total: how many are bad
    """
    message = f"{unit} {places[0]}: {cause}; {cure}"
    if total == 1:
        return message
    listed = ", ".join(str(place) for place in places[:MAX_SHOWN]) + (", ..." if total > MAX_SHOWN else "")
    return f"{message} ({total} bad {unit}s in all: {listed})"


class BadRows(DataError):
    """Some rows of the input are invalid; rows: their numbers, counted from 0, ascending."""

    def __init__(self, cause: str, cure: str, rows: Array):
        super().__init__(explain("row", rows, len(rows), cause, cure))
        self.cause, self.cure, self.rows = cause, cure, rows


def shorten(text: str) -> str:
    """Quote a text with its special characters escaped, cut to 40 characters, so that an error stays one line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
