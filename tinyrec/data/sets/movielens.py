"""Read the MovieLens data sets from the official zip files (Harper and Konstan 2015, doi 10.1145/2827872)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyrec.data.dataset import Dataset
from tinyrec.data.reading.layout import Layout
from tinyrec.data.sets.zip_tables import ZipPath, align, join_texts, read_info, read_ratings

SPLITS_100K = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")
TABS, COLONS = (Layout(sep, width=4, columns=(0, 1, 2, 3)) for sep in ("\t", "::"))  # user, item, rating, time


def read_100k(path: ZipPath, ratings: str = "u.data") -> Dataset:
    """MovieLens 100K: 943 users, 1682 items, ratings 1 to 5; ratings: the member to read, such as u1.base."""
    data = read_ratings(path, f"ml-100k/{ratings}", TABS, scale=(1, 5), name="ml-100k")
    names, _ = read_info(path, "ml-100k/u.genre", "|", 2)
    movie, title, _, _, _, *flags = read_info(path, "ml-100k/u.item", "|", 5 + len(names))  # flags: 0 or 1 per genre
    genres = ["|".join(np.array(names)[np.array(row) == "1"]) for row in zip(*flags, strict=True)]
    user, age, gender, occupation, zip_code = read_info(path, "ml-100k/u.user", "|", 5)
    return replace(
        data,
        item_info=align(data.items, movie, title=title, genres=genres),
        user_info=align(data.users, user, gender=gender, age=age, occupation=occupation, zip=zip_code),
    )


def read_1m(path: ZipPath) -> Dataset:
    """MovieLens 1M: 6040 users, 3706 rated items, ratings 1 to 5; age and occupation are codes, see its README."""
    data = read_ratings(path, "ml-1m/ratings.dat", COLONS, scale=(1, 5), name="ml-1m")
    movie, title, genres = read_info(path, "ml-1m/movies.dat", "::", 3)
    user, gender, age, occupation, zip_code = read_info(path, "ml-1m/users.dat", "::", 5)
    return replace(
        data,
        item_info=align(data.items, movie, title=title, genres=genres),
        user_info=align(data.users, user, gender=gender, age=age, occupation=occupation, zip=zip_code),
    )


def read_10m(path: ZipPath) -> Dataset:
    """MovieLens 10M: 69878 users, 10677 rated items, ratings 0.5 to 5 in steps of 0.5; no information about users.

    item_info["tags"]: repeated as often as users assigned them, such as "funny|classic|funny"
    """
    data = read_ratings(path, "ml-10M100K/ratings.dat", COLONS, scale=(0.5, 5), name="ml-10m")
    movie, title, genres = read_info(path, "ml-10M100K/movies.dat", "::", 3, encoding="utf-8")
    _, tagged, tag, _ = read_info(path, "ml-10M100K/tags.dat", "::", 4, encoding="utf-8")
    tags = join_texts(data.items, data.items.parse_all(tagged), tag)
    return replace(data, item_info={**align(data.items, movie, title=title, genres=genres), "tags": tags})


READERS = {"ml-100k": read_100k, "ml-1m": read_1m, "ml-10m": read_10m}
