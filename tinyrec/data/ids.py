"""Map raw ids to row numbers; integers stay integers, text stays text, and "196" is never converted to 196."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError

PLAIN = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
DENSE = 4  # integer ids are dense if the largest is at most this many times their number


class Index:
    """The raw ids of the rows (or columns) of a matrix, in ascending order.

    ids (n,): sorted and unique, int64 or, for text, Python's str in an object array; ids[i] is the id of row i
    """

    def __init__(self, ids: Array):
        ids = as_ids(ids, "index")
        if not np.all(ids[1:] > ids[:-1]):
            raise DataError("the ids of an index must be sorted and unique; create it with Index.of, which sorts them")
        self.ids = ids

    @classmethod
    def of(cls, raw: Any, what: str = "id") -> tuple[Index, Array]:
        """Return the index of all ids in `raw` (p,), and the row number of each, (p,)."""
        values = raw if isinstance(raw, np.ndarray) and raw.dtype == np.int32 else as_ids(raw, what)
        if values.dtype.kind == "i" and values.ndim == 1 and len(values) and values.min() >= 0:
            size = int(values.max()) + 1
            if size <= DENSE * len(values):  # a table of all integers up to the largest is faster than sorting
                seen = np.zeros(size, bool)
                seen[values] = True
                rank = np.cumsum(seen, dtype=np.int32)
                rank -= 1
                return cls(np.flatnonzero(seen)), rank[values]
        if values.dtype == object:
            index = cls(np.array(sorted(set(values.tolist())), object))
            return index, index.find(values)
        ids, rows = np.unique(values, return_inverse=True)
        return cls(ids), rows

    @property
    def is_text(self) -> bool:
        return self.ids.dtype == object

    def find(self, raw: Any) -> Array:
        """Return the row number of each id, (m,) -> (m,) int64; -1 for an unknown id.

        DataError: `raw` is text but the ids are integers, or the other way round
        """
        wanted = as_ids(raw, "requested")
        if len(wanted) == 0 or len(self) == 0:
            return np.full(len(wanted), -1)
        if wanted.dtype != self.ids.dtype:
            have, got = ("text", "integers were") if self.is_text else ("integers", "text was")
            raise DataError(f"the ids are {have} but {got} given (such as {wanted.tolist()[0]!r}); give {have}")
        if self.is_text:
            return np.fromiter((self._row_of.get(raw, -1) for raw in wanted.tolist()), np.int64, len(wanted))
        rows = np.minimum(np.searchsorted(self.ids, wanted), len(self) - 1)
        return np.where(self.ids[rows] == wanted, rows, -1)

    def parse(self, text: str) -> int | str:
        """Convert a typed id to the type of the ids; DataError: the ids are integers and the text is not one."""
        return self.parse_all([text]).tolist()[0]

    def parse_all(self, texts: Sequence[str]) -> Array:
        """Like parse, for many texts, (m,)."""
        ids = np.array(texts, object) if self.is_text else ids_from_text(texts)
        if not self.is_text and ids.dtype == object:
            text = next(text for text in texts if not is_plain_integer(text))
            raise DataError(f"the ids are integers but {text!r} is not; give an integer such as {self.ids[0]}")
        return ids

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {raw: row for row, raw in enumerate(self.ids.tolist())}

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self.is_text == other.is_text and np.array_equal(self.ids, other.ids)

    def __repr__(self) -> str:
        return f"Index({len(self)} {'text' if self.is_text else 'integer'} ids)"


def as_ids(raw: Any, what: str = "id") -> Array:
    """Return raw ids as an int64 array, or an object array of str, (p,), without changing any of them.

    raw: a list, an array, a pandas or polars Series; what: "user" or "item", for error messages
    DataError: floats, missing or masked values, bytes, mixed types, integers of more than 64 bits, or not flat
    """
    if isinstance(raw, str) or not isinstance(raw, Iterable):  # a str is an iterable of letters
        raise DataError(f"{raw!r} is not a list of {what} ids; give a list, even for a single one")
    if isinstance(raw, np.ma.MaskedArray) and raw.mask.any():
        raise DataError(f"some of the {what} ids are masked; leave them out with their ratings")
    try:
        values = raw.to_numpy() if hasattr(raw, "to_numpy") else raw
    except Exception:  # polars, of integers of 128 bits
        raise DataError(
            f"{what} ids of type {getattr(raw, 'dtype', '?')} are not supported; convert them to text"
        ) from None
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise DataError(f"the {what} ids have {values.ndim} dimensions; give a flat list")
    if not isinstance(values, np.ndarray) or values.dtype.kind in "OTU":
        values = _from_objects(values, what)
    if values.dtype == object:
        return values
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise DataError(f"row {np.isnan(values).argmax()}: the {what} id is missing; complete or remove the row")
    if values.dtype.kind not in "iu":
        raise DataError(f"{what} ids of type {values.dtype} are not supported; convert them to integers or to text")
    if values.dtype == np.uint64 and values.max(initial=0) > np.iinfo(np.int64).max:
        raise DataError(f"the {what} id {values.max()} needs more than 64 bits; give such ids as text")
    return values.astype(np.int64, copy=False)


def ids_from_text(texts: Sequence[str]) -> Array:
    """Return a column of a file as ids, (p,): integers if all are plain integers (no 007, no +7), else text."""
    if all(map(is_plain_integer, texts)):
        return np.array(list(map(int, texts)), np.int64)
    return np.array(texts, object)


def is_plain_integer(text: str) -> bool:
    """Return whether a text is an integer of 64 bits, written plainly."""
    return bool(PLAIN.fullmatch(text)) and -(2**63) <= int(text) < 2**63


def _from_objects(values: Iterable[Any], what: str) -> Array:
    """Convert Python objects to an array; np.array([1, "a"]) would silently convert 1 to text."""
    values = list(values)
    kinds = set(map(type, values))
    if all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
        try:
            return np.array(values, np.int64)
        except OverflowError:
            raise DataError(f"a {what} id needs more than 64 bits; give such ids as text") from None
    if kinds == {str}:
        return _checked(values, what)
    absent = [not isinstance(value, str | int) and str(value) in ("None", "nan", "<NA>", "NaT") for value in values]
    if any(absent):
        raise DataError(f"row {absent.index(True)}: the {what} id is missing; complete or remove the row")
    if not all(issubclass(kind, str) for kind in kinds):
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"{what} ids of type {names} are not supported; make all of them integers or all of them text")
    return _checked(list(map(str, values)), what)  # a text of NumPy is a str of its own class


def _checked(texts: list[str], what: str) -> Array:
    if any("\0" in text for text in texts):  # NumPy would drop NULs at the end, and a model file ends an id with one
        raise DataError(f"a {what} id contains a NUL character; remove it")
    return np.array(texts, object)
