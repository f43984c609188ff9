"""Find what is wrong with the lines of a ratings file, and how to fix it."""

from __future__ import annotations

import re

import numpy as np

# stricter than float(), which also accepts "1_000", "nan" and digits of other scripts
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MAX_ID_LENGTH = 255  # characters; a NumPy text array reserves the length of its longest text for each

LineError = tuple[str, str]  # cause and cure

INVALID_TIME = np.iinfo(np.int64).min  # the code of a text that is not a timestamp
TIME_ERRORS = {INVALID_TIME: ("the time is not an integer", "write it in seconds since 1970, or leave the column out")}


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
