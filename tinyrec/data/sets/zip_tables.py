"""The tables inside an official zip file: ratings, descriptions of users and items, and plain numbers."""

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

MOST_RATINGS = 400_000_000  # bytes; the largest, ratings.dat of ml-10m, has 265,105,635
MOST_INFO = 100_000_000  # bytes; a hundred thousand bookmarks with their titles have less

Zip = str | os.PathLike[str]


def read_ratings(path: Zip, member: str, layout: Layout, scale: tuple[float, float] | None, name: str) -> Dataset:
    """The ratings in a member with one of them a line."""
    table = Table(f"{Path(path).name}/{member}", layout)
    with open_member(path, member, MOST_RATINGS) as stream:
        if layout.header:
            _skip_header(stream, table.name)
        for numbers, lines in blocks_of_lines(stream, table.name):
            table.add(numbers + layout.header, lines)
    return replace(table.finish(scale, duplicates="error"), name=name)


def read_info(
    path: Zip, member: str, sep: str, width: int, encoding: str = "latin-1", header: bool = False
) -> list[Sequence[str]]:
    """The columns of a member that describes users, items or tags, as `width` sequences of text."""
    rows = []
    name = f"{Path(path).name}/{member}"
    with open_member(path, member, MOST_INFO, encoding) as stream:
        if header:
            _skip_header(stream, name)
        for numbers, lines in blocks_of_lines(stream, name):
            for number, line in zip(numbers + header, lines, strict=True):
                rows.append(line.split(sep))
                if len(rows[-1]) != width:
                    raise DataError(f"{name}, line {number}: {len(rows[-1])} fields, not {width}; download it again")
    return list(zip(*rows, strict=True)) or [()] * width


def read_numbers(path: Zip, member: str, width: int) -> Array:
    """A member of whole numbers between tabs, below a header, (m, width) int64; FileError where it is none."""
    name = f"{Path(path).name}/{member}"
    with open_member(path, member, MOST_INFO) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy about a file without lines, which has no column either
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
    """Columns of text (m,) that describe the ids `raw` (m,), in the order of the index (n,); "" where it knows more."""
    rows = index.find(index.parse_all(raw))
    known = rows >= 0
    info = {}
    for name, texts in columns.items():
        column = np.array(texts, str)
        info[name] = np.zeros(len(index), column.dtype)
        info[name][rows[known]] = column[known]
    return info


def gather(index: Index, raw: Array, texts: Sequence[str]) -> Array:
    """All texts of each id in one, "rock|indie|rock", in their order: raw (m,), texts (m,) -> (n,); "" where none is.

    Some are a hundred times as long as most, so they are not `<U`, which gives each the room of the longest.
    """
    rows = index.find(raw)
    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], np.arange(len(index) + 1))  # those of unknown ids, -1, come before all
    sorted_texts = [texts[j].replace("|", "/") for j in order]
    return np.array(["|".join(sorted_texts[start:end]) for start, end in pairwise(ends)], np.dtypes.StringDType())
