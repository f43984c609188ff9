"""Read the tables in an official zip file: ratings, information about users and items, and integers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.data.reading.archive import open_member
from tinyrec.data.reading.layout import Layout
from tinyrec.data.reading.lines import blocks_of_lines
from tinyrec.data.reading.table import Table
from tinyrec.errors import DataError

MAX_RATINGS_BYTES = 400_000_000  # the largest, ratings.dat of ml-10m, has 265,105,635
MAX_INFO_BYTES = 100_000_000  # more than the titles of all Delicious bookmarks need

ZipPath = str | os.PathLike[str]


def read_ratings(path: ZipPath, member: str, layout: Layout, scale: tuple[float, float] | None, name: str) -> Dataset:
    """Read a member with one rating per line."""
    table = Table(f"{Path(path).name}/{member}", layout)
    with open_member(path, member, MAX_RATINGS_BYTES) as stream:
        if layout.header:
            _skip_header(stream, table.name)
        for numbers, lines in blocks_of_lines(stream, table.name):
            table.add(numbers + layout.header, lines)
    return replace(table.finish(scale, duplicates="error"), name=name)


def read_info(
    path: ZipPath, member: str, sep: str, width: int, encoding: str = "latin-1", header: bool = False
) -> list[Sequence[str]]:
    """Read a member that describes users, items or tags: its columns, `width` sequences of text."""
    rows = []
    name = f"{Path(path).name}/{member}"
    with open_member(path, member, MAX_INFO_BYTES, encoding) as stream:
        if header:
            _skip_header(stream, name)
        for numbers, lines in blocks_of_lines(stream, name):
            for number, line in zip(numbers + header, lines, strict=True):
                rows.append(line.split(sep))
                if len(rows[-1]) != width:
                    raise DataError(f"{name}, line {number}: {len(rows[-1])} fields, not {width}; download it again")
    return list(zip(*rows, strict=True)) or [()] * width


def read_numbers(path: ZipPath, member: str, width: int) -> Array:
    """Read a member of tab-separated integers with a header, (m, width) int64.  DataError, FileError: it is not"""
    name = f"{Path(path).name}/{member}"
    with open_member(path, member, MAX_INFO_BYTES) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns about an empty file; the check below reports it
        _skip_header(stream, name)
        numbers = np.loadtxt(stream, np.int64, comments=None, delimiter="\t", ndmin=2)
    if numbers.shape[1] != width:
        raise DataError(f"{name} has {numbers.shape[1]} columns of numbers, not {width}; download it again")
    return numbers


def _skip_header(stream, name):
    line = stream.readline()
    if not line or line[0].isdigit():
        raise DataError(f"{name} has no header in its first line; download it again")


def align(index: Index, raw: Sequence[str], **columns: Sequence[str]) -> dict[str, Array]:
    """Reorder text columns about the ids `raw` (m,) to the order of the index: (m,) -> (n,); "" for other ids."""
    rows = index.find(index.parse_all(raw))
    known = rows >= 0
    info = {}
    for name, texts in columns.items():
        column = np.array(texts, str)
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
