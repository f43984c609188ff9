"""The values in a text column, and what kind of column they make."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyrec.errors import DataError

ALWAYS_EMBEDDED = ("tags", "friends")  # other text columns are one-hot up to MAX_VALUES
MAX_VALUES = 1000  # of a one-hot encoded column
MAX_DISTINCT_SHARE = 0.9  # distinct values / values of an embedded column; nothing to learn if hardly any repeats


def split_values(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def first_characters(text: str) -> list[str]:
    return [value[0] for value in split_values(text)]


def words(text: str) -> list[str]:
    """The words and numbers in a text, in lower case."""
    return re.findall(r"\w+", text.lower())


# How a column may be encoded, whatever is in it: each of these values of a text is a feature, which is 1 or 0.
ENCODINGS: dict[str, Callable[[str], list[str]]] = {
    "one-hot": split_values,
    "first character": first_characters,
    "words": words,
}


def is_embedded(column: str, values: Sequence[str]) -> bool:
    """Return True if a column with these values is embedded, False if it is one-hot or numeric; see Features.of."""
    distinct = len(set(values))
    if column in ALWAYS_EMBEDDED:
        return distinct > 0
    if distinct <= MAX_VALUES or is_numeric(values):
        return False
    if distinct > MAX_DISTINCT_SHARE * len(values):
        cause = f"the column {column} has {distinct:,} distinct values, and hardly any occurs twice"
        raise DataError(f"{cause}; remove the column, or group its values")
    return True


def is_numeric(values: Sequence[str]) -> bool:
    try:
        return len(values) > 0 and bool(np.isfinite(np.array(values, str).astype(float)).all())
    except ValueError:
        return False


def number_of(text: str, column: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"the column {column} was numeric in training, but {text!r} is not a number; fix it")
    return number


def scale_of(values: Sequence[str]) -> tuple[float, float]:
    """Return mean and standard deviation; 1 in place of a standard deviation of 0."""
    numbers = np.array(values, float)
    return float(numbers.mean()), float(numbers.std()) or 1.0


def as_text(value: Any) -> str:
    """The text of a column for one user or item: "Comedy|Drama" for ["Comedy", "Drama"], "1999" for 1999."""
    return "|".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
