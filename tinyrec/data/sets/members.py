"""Read the members of a known data set, from its zip file or the folder that it was unpacked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.data.reading.layout import Layout
from tinyrec.data.reading.source import open_table, read_texts
from tinyrec.data.reading.stream import PATH, Folder
from tinyrec.data.reading.table import Table
from tinyrec.errors import DataError


def read_ratings(path: PATH, member: str, layout: Layout, scale: tuple[float, float] | None, name: str) -> Dataset:
    """Read a member with one rating per line."""
    folder = Folder(path)
    label = f"{folder.path.name}/{folder.find(member)}"
    with folder.open(member) as stream:
        _, blocks = open_table(stream, label, layout=layout)
        table = Table(label, layout, scale)
        for start, block in blocks:
            table.add(start, block)
    return replace(table.finish(), name=name, columns={})


def read_info(path: PATH, member: str, layout: Layout, encoding: str = "utf-8") -> list[Any]:
    """Read a member that describes users, items or tags: its columns, polars Series of text."""
    folder = Folder(path)
    with folder.open(member) as stream:
        _, columns = read_texts(stream, f"{folder.path.name}/{folder.find(member)}", encoding, layout=layout)
    return list(columns.values())


def read_numbers(path: PATH, member: str, width: int) -> Array:
    """Read a member of tab-separated integers with a header, (m, width) int64.  DataError, FileError: it is not"""
    import polars as pl

    columns = read_info(path, member, Layout("\t", width, header=True))
    try:
        return np.stack([column.cast(pl.Int64).to_numpy() for column in columns], axis=1)
    except pl.exceptions.PolarsError:
        raise DataError(f"{member} in {path} holds something else than integers; download the file again") from None


def align(index: Index, raw: Any, **columns: Any) -> dict[str, Array]:
    """Reorder text columns about the ids `raw` (m,) to the order of the index: (m,) -> (n,); "" for other ids."""
    rows = index.find(index.parse_all(list(raw)))
    known = rows >= 0
    info = {}
    for name, texts in columns.items():
        column = np.array(list(texts), str)
        info[name] = np.zeros(len(index), column.dtype)
        info[name][rows[known]] = column[known]
    return info


def join_texts(index: Index, raw: Array, texts: Sequence[str]) -> Array:
    """Join all texts of each id in their order, "rock|indie|rock": raw (m,), texts (m,) -> (n,); "" without any.

    The result has NumPy's variable-width StringDType, because a few are a hundred times as long as most.
    """
    rows = index.find(raw)
    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], np.arange(len(index) + 1))  # unknown ids, -1, come first
    sorted_texts = [texts[j].replace("|", "/") for j in order]
    return np.array(["|".join(sorted_texts[start:end]) for start, end in pairwise(ends)], np.dtypes.StringDType())
