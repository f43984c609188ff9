"""The MovieLens data sets, read out of the official zip files (Harper and Konstan 2015, doi 10.1145/2827872)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.archive import open_member
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.data.layout import Layout
from tinyrec.data.lines import blocks_of_lines
from tinyrec.data.table import Table
from tinyrec.errors import DataError

SPLITS_100K = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")
MOST_RATINGS = 400_000_000  # bytes; the largest, ratings.dat of ml-10m, has 265,105,635
MOST_INFO = 10_000_000  # bytes; the largest, movies.dat of ml-10m, has 522,197

Zip = str | os.PathLike[str]


def read_100k(path: Zip, ratings: str = "u.data") -> Dataset:
    """MovieLens 100K: 943 users, 1682 items, ratings 1 to 5; `ratings` may also be a part such as u1.base."""
    data = _read_ratings(path, f"ml-100k/{ratings}", Layout("\t", width=4), scale=(1, 5), name="ml-100k")
    names, _ = _read_info(path, "ml-100k/u.genre", "|", 2)
    movie, title, _, _, _, *flags = _read_info(path, "ml-100k/u.item", "|", 5 + len(names))  # flags: 0 or 1 a genre
    genres = ["|".join(np.array(names)[np.array(row) == "1"]) for row in zip(*flags, strict=True)]
    user, age, gender, occupation, zip_code = _read_info(path, "ml-100k/u.user", "|", 5)
    return replace(
        data,
        item_info=_align(data.items, movie, title=title, genres=genres),
        user_info=_align(data.users, user, gender=gender, age=age, occupation=occupation, zip=zip_code),
    )


def read_1m(path: Zip) -> Dataset:
    """MovieLens 1M: 6040 users, 3706 rated items, ratings 1 to 5; age and occupation are codes, see its README."""
    data = _read_ratings(path, "ml-1m/ratings.dat", Layout("::", width=4), scale=(1, 5), name="ml-1m")
    movie, title, genres = _read_info(path, "ml-1m/movies.dat", "::", 3)
    user, gender, age, occupation, zip_code = _read_info(path, "ml-1m/users.dat", "::", 5)
    return replace(
        data,
        item_info=_align(data.items, movie, title=title, genres=genres),
        user_info=_align(data.users, user, gender=gender, age=age, occupation=occupation, zip=zip_code),
    )


def read_10m(path: Zip) -> Dataset:
    """MovieLens 10M: 69878 users, 10677 rated items, ratings 0.5 to 5 by halves; nothing is known of the users."""
    data = _read_ratings(path, "ml-10M100K/ratings.dat", Layout("::", width=4), scale=(0.5, 5), name="ml-10m")
    movie, title, genres = _read_info(path, "ml-10M100K/movies.dat", "::", 3, encoding="utf-8")
    return replace(data, item_info=_align(data.items, movie, title=title, genres=genres))


READERS = {"ml-100k": read_100k, "ml-1m": read_1m, "ml-10m": read_10m}


def _read_ratings(path: Zip, member: str, layout: Layout, scale: tuple[float, float], name: str) -> Dataset:
    table = Table(f"{Path(path).name}/{member}", layout)
    with open_member(path, member, MOST_RATINGS) as stream:
        for numbers, lines in blocks_of_lines(stream, table.name):
            table.add(numbers, lines)
    return replace(table.finish(scale, duplicates="error"), name=name)


def _read_info(path: Zip, member: str, sep: str, width: int, encoding: str = "latin-1") -> list[Sequence[str]]:
    """The columns of a member that describes users or items, as `width` sequences of text."""
    rows = []
    name = f"{Path(path).name}/{member}"
    with open_member(path, member, MOST_INFO, encoding) as stream:
        for numbers, lines in blocks_of_lines(stream, name):
            for number, line in zip(numbers, lines, strict=True):
                rows.append(line.split(sep))
                if len(rows[-1]) != width:
                    raise DataError(f"{name}, line {number}: {len(rows[-1])} fields, not {width}; download it again")
    return list(zip(*rows, strict=True)) or [()] * width


def _align(index: Index, raw: Sequence[str], **columns: Sequence[str]) -> dict[str, Array]:
    """Columns of text (m,) that describe the ids `raw` (m,), in the order of the index (n,); "" where it knows more."""
    rows = index.find([index.parse(text) for text in raw])
    known = rows >= 0
    info = {}
    for name, texts in columns.items():
        column = np.array(texts, str)
        info[name] = np.zeros(len(index), column.dtype)
        info[name][rows[known]] = column[known]
    return info
