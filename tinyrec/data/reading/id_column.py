"""A column of ids of a text file: integers if all are plain integers, else text."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.ids import Index, ids_from_text, is_plain_integer
from tinyrec.errors import DataError

MISSING_WORDS = ("NA", "N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "\\N")
WHOLE = re.compile(r"-?\d+\.0+", re.ASCII)


class IdColumn:
    """The ids read so far: integers as long as all are plain integers, else text.

    like: the ids are read as those of this index: as text, if it holds text
    """

    def __init__(self, like: Index | None = None):
        self.like, self.is_text = like, like is not None and like.is_text
        self.parts: list[Any] = []

    def add(self, ids: Any) -> None:
        """ids (m,): integers, or a polars Series of text"""
        import polars as pl

        if not isinstance(ids, np.ndarray) and not self.is_text:
            self.is_text = True
            self.parts = [pl.Series(part).cast(pl.String) for part in self.parts]
        if self.is_text:
            self.parts.append(pl.Series(ids).cast(pl.String) if isinstance(ids, np.ndarray) else ids)
        else:
            self.parts.append(_small(ids))

    def finish(self, what: str) -> tuple[Index, Array, list[str]]:
        """The index of all ids, the row number of each, (p,), and a note if whole floats were read as integers.

        what: "user" or "item";  DataError: the ids are text, but those of `like` are integers
        """
        if not self.is_text:
            return *Index.of(concatenate(self.parts, np.result_type(np.int32, *self.parts).type)), []
        ids, codes = self._distinct()
        raw, notes = self._as_integers(ids, what) if self.like is None or not self.like.is_text else (None, [])
        if raw is None:
            return Index(np.array(ids, object)), codes, notes  # they are sorted
        index, rank = Index.of(raw)
        return index, rank[codes], notes

    def _as_integers(self, ids: list[str], what: str) -> tuple[Array | None, list[str]]:
        """The integers that these texts are, if all are whole numbers, or None; and a note on them."""
        odd = [text for text in ids if not is_plain_integer(text)]
        whole = [text for text in odd if WHOLE.fullmatch(text) and is_plain_integer(text.partition(".")[0])]
        if len(whole) == len(odd):
            note = f"{what} ids such as {odd[0]} were read as integers"
            return ids_from_text([text.partition(".")[0] for text in ids]), [note]
        if self.like:
            text = next(text for text in odd if text not in whole)
            raise DataError(f"the {what} ids are integers elsewhere, but {text!r} is not; correct it")
        if len(odd) == len(ids):
            return None, []
        if missing := [text for text in odd if text in MISSING_WORDS]:
            cause = f"the {what} ids are integers, but {missing[0]!r} is one, too, which may stand for a missing id"
            raise DataError(f"{cause}; remove its lines, or write text ids everywhere")
        return None, [f"{len(odd)} of {len(ids)} {what} ids are no integers, such as {odd[0]!r}, so all are text"]

    def _distinct(self) -> tuple[list[str], Array]:
        """The distinct texts, and the number of that of each id, (p,)."""
        import polars as pl

        whole = pl.concat(self.parts) if self.parts else pl.Series([], dtype=pl.String)
        self.parts.clear()
        texts = whole.unique().sort()
        return texts.to_list(), whole.cast(pl.Enum(texts)).to_physical().to_numpy()


def plain_integers(texts: Any) -> Array | None:
    """The integers that these texts are, (m,) int64; None: some text is none, or not written plainly (007, +7, -0).

    texts: a polars Series.  The digits of a plain integer are as many as its text has characters, in all lines together
    """
    import polars as pl

    integers = texts.cast(pl.Int64, strict=False)
    if integers.null_count():
        return None
    values = integers.to_numpy()
    least, largest = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if least < -(10**17) or largest > 10**17:  # np.abs and 10**k could overflow below
        same = integers.cast(pl.String).eq(texts).all()
        return values if same else None
    sizes = np.abs(values) if least < 0 else values
    digits = len(values) + int(np.count_nonzero(values < 0))
    digits += sum(int(np.count_nonzero(sizes >= 10**k)) for k in range(1, len(str(max(-least, largest)))))
    return values if texts.str.len_bytes().sum() == digits else None


def _small(values: Array) -> Array:
    """Integers (m,) as int32, if they fit."""
    fits = len(values) == 0 or (values.min() >= 0 and values.max() < 2**31)
    return values.astype(np.int32) if fits else values


def concatenate(parts: list[Array], dtype: type) -> Array:
    """Concatenate the parts and free them: those of a large file take as much memory as the data set."""
    whole: Array = np.empty(sum(map(len, parts)), dtype)
    ends = np.cumsum([0, *map(len, parts)])
    for start, end in pairwise(ends):
        whole[start:end] = parts.pop(0)
    return whole
