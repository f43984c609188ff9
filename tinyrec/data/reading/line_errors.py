"""What is wrong with a line of a ratings file or with one of its texts, and how to cure it."""

from __future__ import annotations

import re

import numpy as np

from tinyrec.data.bad_rows import shorten

# Not float(), which reads "1_000", "nan" and the digits of other scripts, too.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LONGEST_ID = 255  # characters; NumPy gives every id of a column the room of the longest

Flaw = tuple[str, str]  # cause and cure

NO_TIME = np.iinfo(np.int64).min  # stands for a text that is none
TIME_FLAWS = {
    NO_TIME: ("the time is no whole number", "write it in seconds since 1970, or name three columns, without time")
}


def text_flaw(text: str) -> Flaw | None:
    """What no line may hold, in one line or many."""
    if "\0" in text:
        return "a NUL byte", "save the file as UTF-8 text again"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate, see lines.as_text
            return "bytes that are not UTF-8", "save the file as UTF-8 text"
    return None


def line_flaw(line: str, fields: list[str] | None, width: int) -> Flaw | None:
    """What keeps a line from being split into `width` fields; fields: see layout.split."""
    if flaw := text_flaw(line):
        return flaw
    if fields is None:
        return "a quote that is not closed or not alone in its field", "mend the quotes"
    if len(fields) != width:
        return f"{len(fields)} fields where the first line has {width}", "complete or remove the line"
    return None


def id_flaws(texts: list[str], what: str) -> dict[int, Flaw]:
    """The flaws of a column of ids, by position in `texts`."""
    flaws = {}
    for number, text in enumerate(texts):
        if not 0 < len(text) <= LONGEST_ID:
            size = "empty" if not text else f"longer than {LONGEST_ID} characters"
            flaws[number] = f"the {what} id is {size}", "complete or remove the line"
    return flaws


def rating_flaws(texts: list[str], scale: tuple[float, float] | None) -> dict[int, Flaw]:
    """The flaws of the column of ratings, by position in `texts`."""
    low, high = scale or (-np.inf, np.inf)
    largest = float(np.finfo(np.float32).max)
    flaws = {}
    for number, text in enumerate(texts):
        if not NUMBER.fullmatch(text):
            flaws[number] = f"the rating {shorten(text)} is no number", "write it like 3.5, or remove the line"
        elif abs(float(text)) > largest:
            flaws[number] = f"the rating {shorten(text)} is too large", "correct or remove the line"
        elif not low <= float(text) <= high:
            flaws[number] = f"the rating {text} is off the scale {low:g} to {high:g}", "correct it or widen the scale"
    return flaws
