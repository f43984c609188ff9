"""What the contents of a file must be: exact names, types, shapes and ranges, checked before anything is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array

Check = Callable[[Any], bool]  # of a value that was read from JSON

FLOATS = "float32", "float64"
PARAMETERS = "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", *FLOATS
UNICODE_END = 0x110000


@dataclass(frozen=True)
class Spec:
    """What an array must be: of one of these dtypes, of this shape (None: any length), and in this range.

    Numbers must be finite, and texts must be texts. Without dtypes, as for what is only shown, numbers are free.
    """

    dtypes: tuple[str, ...]
    shape: tuple[int | None, ...]
    low: float = -math.inf
    high: float = math.inf

    def problem(self, array: Array) -> str | None:
        """What is wrong with the array, if anything."""
        kind = "str" if array.dtype.kind == "U" else array.dtype.name
        if self.dtypes and not (kind in self.dtypes and array.dtype.isnative):
            return f"has dtype {array.dtype}, not {' or '.join(self.dtypes)}"
        fits = len(array.shape) == len(self.shape) and all(
            wanted in (None, found) for found, wanted in zip(array.shape, self.shape, strict=True)
        )
        if not fits:
            return f"has shape {array.shape}, not {self.shape}"
        if array.dtype.kind == "U" and array.size and array.itemsize:
            codes = np.ascontiguousarray(array).view(array.dtype.byteorder + "u4")
            return "is no text" if codes.max() >= UNICODE_END else None
        if not array.size or not self.dtypes or array.dtype.kind == "b":
            return None
        least, most = float(array.min()), float(array.max())  # NaN if there is one
        if not (math.isfinite(least) and math.isfinite(most)):
            return "has a number that is not finite"
        if not (self.low <= least and most <= self.high):
            return f"has numbers from {least:g} to {most:g}, not {self.low:g} to {self.high:g}"
        return None


def check_arrays(arrays: Mapping[str, Array], wanted: Mapping[str, Spec]) -> None:
    """ValueError: the arrays are not exactly those wanted"""
    check_names("the arrays", arrays, wanted)
    for name, spec in wanted.items():
        if problem := spec.problem(arrays[name]):
            raise ValueError(f"{name} {problem}")


def check_fields(what: str, fields: Any, wanted: Mapping[str, Check], optional: Mapping[str, Check] | None = None):
    """ValueError: `fields`, read from JSON, is no dict of exactly the fields wanted, and some that are optional"""
    if not isinstance(fields, dict):
        raise ValueError(f"{what} has no fields")
    checks = {**wanted, **{name: check for name, check in (optional or {}).items() if name in fields}}
    check_names(what, fields, checks)
    for name, check in checks.items():
        if not check(fields[name]):
            raise ValueError(f"{name} of {what} is not valid")


def check_names(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """ValueError: the names differ"""
    if odd := sorted(found.keys() ^ wanted.keys()):
        raise ValueError(f"{what} {'lacks' if odd[0] in wanted else 'also has'} {odd[0]!r:.60}")


def check_ascending(indptr: Array, cols: Array) -> None:
    """ValueError: the columns do not ascend within each row, or the rows do not share out the columns"""
    if indptr[0] != 0 or indptr[-1] != len(cols) or (np.diff(indptr) < 0).any():
        raise ValueError("the rows do not share out the ratings")
    ascends = cols[1:] > cols[:-1]
    starts = indptr[1:-1]
    ascends[starts[(starts > 0) & (starts < len(cols))] - 1] = True  # the first of a row follows another row's last
    if not ascends.all():
        raise ValueError("the columns of a row do not ascend")


def whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def number(value: Any) -> bool:
    """Whether it is a finite number that a float can hold."""
    return (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**1000)


def truth(value: Any) -> bool:
    return isinstance(value, bool)


def text(value: Any) -> bool:
    return isinstance(value, str)


def label(value: Any) -> bool:
    """Whether it can stand for a column: its name or its number."""
    return text(value) or whole(value)


def anything(value: Any) -> bool:
    return True


def a_dict(value: Any) -> bool:
    return isinstance(value, dict)


def optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def dict_of(check: Check) -> Check:
    """Whether it is a dict of such values; the keys are text in JSON."""
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def brief(problem: object) -> str:
    """What went wrong, in one line that is not long."""
    return " ".join(str(problem).split())[:200]
