"""Read the MovieLens data sets, official zip files or their folders (Harper and Konstan 2015, doi 10.1145/2827872)."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tinyrec.data.dataset import Dataset
from tinyrec.data.reading.layout import Layout
from tinyrec.data.reading.stream import PATH, Folder
from tinyrec.data.sets.members import align, join_texts, read_info, read_ratings

SPLITS_100K = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")
COLUMNS = {"user": 0, "item": 1, "rating": 2, "time": 3}
TABS, COLONS = (Layout(sep, width=4, columns=COLUMNS) for sep in ("\t", "::"))
COMMAS = Layout(",", width=4, columns=COLUMNS, header=True)


def read_100k(path: PATH, ratings: str = "u.data") -> Dataset:
    """MovieLens 100K: 943 users, 1682 items, ratings 1 to 5; ratings: the member to read, such as u1.base."""
    data = read_ratings(path, ratings, TABS, scale=(1, 5), name="ml-100k")
    names = read_info(path, "u.genre", _bars(2))[0].to_list()
    movie, title, _, _, _, *flags = read_info(path, "u.item", _bars(5 + len(names)), "latin-1")  # 0 or 1 per genre
    genres = ["|".join(np.array(names)[np.array(row) == "1"]) for row in zip(*flags, strict=True)]
    user, age, gender, occupation, zip_code = read_info(path, "u.user", _bars(5))
    return replace(
        data,
        item_info=align(data.items, movie, title=title, genres=genres),
        user_info=align(data.users, user, gender=gender, age=age, occupation=occupation, zip=zip_code),
    )


def read_1m(path: PATH) -> Dataset:
    """MovieLens 1M: 6040 users, 3706 rated items, ratings 1 to 5; age and occupation are codes, see its README."""
    data = read_ratings(path, "ratings.dat", COLONS, scale=(1, 5), name="ml-1m")
    movie, title, genres = read_info(path, "movies.dat", Layout("::", 3), "latin-1")
    user, gender, age, occupation, zip_code = read_info(path, "users.dat", Layout("::", 5))
    return replace(
        data,
        item_info=align(data.items, movie, title=title, genres=genres),
        user_info=align(data.users, user, gender=gender, age=age, occupation=occupation, zip=zip_code),
    )


def read_10m(path: PATH) -> Dataset:
    """MovieLens 10M: 69878 users, 10677 rated items, ratings 0.5 to 5 in steps of 0.5; no information about users.

    item_info["tags"]: repeated as often as users assigned them, such as "funny|classic|funny"
    """
    data = read_ratings(path, "ratings.dat", COLONS, scale=(0.5, 5), name="ml-10m")
    movie, title, genres = read_info(path, "movies.dat", Layout("::", 3))
    _, tagged, tag, _ = read_info(path, "tags.dat", Layout("::", 4))
    tags = join_texts(data.items, data.items.parse_all(tagged.to_list()), tag.to_list())
    return replace(data, item_info={**align(data.items, movie, title=title, genres=genres), "tags": tags})


def read_csv(path: PATH, name: str) -> Dataset:
    """MovieLens 20M, 25M, 32M and the "latest" ones: ratings 0.5 to 5 in steps of 0.5; no information about users.

    item_info["tags"]: repeated as often as users assigned them, such as "funny|classic|funny"
    """
    data = read_ratings(path, "ratings.csv", COMMAS, scale=(0.5, 5), name=name)
    movie, title, genres = read_info(path, "movies.csv", Layout(",", 3, header=True))
    _, tagged, tag, _ = read_info(path, "tags.csv", Layout(",", 4, header=True))
    tags = join_texts(data.items, data.items.parse_all(tagged.to_list()), tag.to_list())
    return replace(data, item_info={**align(data.items, movie, title=title, genres=genres), "tags": tags})


READERS: dict[str, Callable[[PATH], Dataset]] = {"ml-100k": read_100k, "ml-1m": read_1m, "ml-10m": read_10m}
READERS |= {
    name: partial(read_csv, name=name) for name in ("ml-20m", "ml-25m", "ml-32m", "ml-latest", "ml-latest-small")
}


def recognise(path: PATH) -> Callable[[PATH], Dataset] | None:
    """The reader of a folder or zip file that holds a MovieLens data set, by its members; None: it holds none."""
    if not (Path(path).is_dir() or zipfile.is_zipfile(path)):
        return None
    folder = Folder(path)
    if folder.find("u.data") and folder.find("u.item"):
        return read_100k
    if folder.find("ratings.dat") and folder.find("movies.dat"):
        return read_1m if folder.find("users.dat") else read_10m
    if folder.find("ratings.csv") and folder.find("movies.csv") and folder.find("tags.csv"):
        return partial(read_csv, name=Path(path).stem)
    return None


def _bars(width: int) -> Layout:
    return Layout("|", width, quotes=False)
