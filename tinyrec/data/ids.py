"""Raw ids and row numbers: integers stay integers, text stays text, and "196" is never silently 196."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError


class Index:
    """The raw ids of the rows (or columns) of a matrix, in ascending order.

    ids (n,): sorted, each once, int64 or text (`<U`); row i belongs to ids[i]
    """

    def __init__(self, ids: Array):
        ids = as_ids(ids, "index")
        if not np.all(ids[1:] > ids[:-1]):
            raise DataError("the ids of an index must ascend; make it from any ids with Index.of")
        self.ids = ids

    @classmethod
    def of(cls, raw: Any, what: str = "id") -> tuple[Index, Array]:
        """Return the index of all ids in `raw` (p,), and the row of each, (p,) int64."""
        ids, rows = np.unique(as_ids(raw, what), return_inverse=True)
        return cls(ids), rows

    @property
    def is_text(self) -> bool:
        return self.ids.dtype.kind == "U"

    def find(self, raw: Any) -> Array:
        """The row of each id, (m,) -> (m,) int64, and -1 where the id is unknown.

        Asking integer ids for text, or the other way round, is a DataError.
        """
        wanted = as_ids(raw, "id")
        if len(wanted) == 0 or len(self) == 0:
            return np.full(len(wanted), -1)
        if wanted.dtype.kind != self.ids.dtype.kind:
            have, got = ("text", "integers") if self.is_text else ("integers", "text")
            raise DataError(
                f"the ids are {have} but {got} were asked for (such as {wanted[0].item()!r}); ask for {have}"
            )
        rows = np.minimum(np.searchsorted(self.ids, wanted), len(self) - 1)
        return np.where(self.ids[rows] == wanted, rows, -1)

    def parse(self, text: str) -> int | str:
        """The id that a user typed: an integer where the ids are integers (else a DataError), the text where not."""
        return self.parse_all([text])[0].item()

    def parse_all(self, texts: Sequence[str]) -> Array:
        """The same for many texts, (m,)."""
        ids = np.array(texts, str) if self.is_text else ids_from_text(texts)
        if not self.is_text and ids.dtype.kind == "U":
            text = next(text for text in texts if ids_from_text([text]).dtype.kind == "U")
            raise DataError(f"the ids are integers but {text!r} is none; give a whole number such as {self.ids[0]}")
        return ids

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self.is_text == other.is_text and np.array_equal(self.ids, other.ids)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Index({len(self)} {'text' if self.is_text else 'integer'} ids)"


def as_ids(raw: Any, what: str = "id") -> Array:
    """Return raw ids as an int64 or a text array, (p,), exactly as they are.

    raw: a list, an array, a pandas or polars Series; what: "user" or "item", for the message
    DataError: floats, missing entries, bytes, a mixture, integers beyond 64 bits, or more than one dimension
    """
    if isinstance(raw, str) or not isinstance(raw, Iterable):  # a str would pass for a list of letters
        raise DataError(f"{raw!r} is no list of {what}s; give a list, even of one")
    values = raw.to_numpy() if hasattr(raw, "to_numpy") else raw
    if not isinstance(values, np.ndarray) or values.dtype.kind in "OT":
        values = _from_objects(list(values), what)
    if values.ndim != 1:
        raise DataError(f"the {what} ids have {values.ndim} dimensions; give a flat list of them")
    if values.dtype.kind == "U":
        return values
    if values.dtype.kind not in "iu":
        raise DataError(f"{what} ids of type {values.dtype} would not survive; convert them to integers or to text")
    if values.dtype == np.uint64 and values.max(initial=0) > np.iinfo(np.int64).max:
        raise DataError(f"the {what} id {values.max()} needs more than 64 bits; give such ids as text")
    return values.astype(np.int64, copy=False)


def ids_from_text(texts: Sequence[str]) -> Array:
    """Return a column of a file as ids, (p,): integers if every text is written as one (no 007, no +7), else text."""
    ids = np.array(texts, dtype=str)
    try:
        numbers = ids.astype(np.int64)
    except (ValueError, OverflowError):
        return ids
    # NumPy reads "1_000" and "٣" as numbers, too: only what is written back the same way is one.
    return numbers if np.array_equal(numbers.astype(str), ids) else ids


def _from_objects(values: Iterable[Any], what: str) -> Array:
    """The array of a list of Python objects; np.array([1, "a"]) would make text of the 1."""
    values = list(values)
    kinds = set(map(type, values))
    if all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
        try:
            return np.array(values, np.int64)
        except OverflowError:
            raise DataError(f"a {what} id needs more than 64 bits; give such ids as text") from None
    if not all(issubclass(kind, str) for kind in kinds):
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"{what} ids of type {names} would not survive; make all of them integers or all of them text")
    if any("\0" in text for text in values):  # NumPy would drop one at the end
        raise DataError(f"a {what} id holds a NUL character; remove it")
    return np.array(values, str)
