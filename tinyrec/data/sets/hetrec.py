"""Implicit feedback from Last.fm and Delicious (HetRec 2011; Cantador, Brusilovsky, Kuflik).

The tags of an item are repeated as often as users assigned them: "rock|indie|rock".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.data.reading.layout import Layout
from tinyrec.data.reading.stream import PATH
from tinyrec.data.sets.members import align, join_texts, read_info, read_numbers, read_ratings
from tinyrec.errors import DataError

PLAYS = Layout("\t", 3, {"user": 0, "item": 1, "rating": 2}, header=True)


def read_lastfm(path: PATH) -> Dataset:
    """Last.fm: 1892 users, 17632 artists, 92834 pairs of a user who has listened to an artist; no timestamps.

    Play counts are dropped. user_info: friends, as ids "12|34";  item_info: name and tags of the artist
    """
    plays = read_ratings(path, "user_artists.dat", PLAYS, scale=None, name="lastfm")
    artist, name, _, _ = read_info(path, "artists.dat", _tabs(4))
    tagging = read_numbers(path, "user_taggedartists.dat", 6)  # user, artist, tag, day, month, year
    tags = join_texts(plays.items, tagging[:, 1], _read_tags(path, tagging[:, 2]))
    friends = read_numbers(path, "user_friends.dat", 2)
    return replace(
        plays.binarized(),
        item_info={**align(plays.items, artist, name=name), "tags": tags},
        user_info=_friends(plays.users, friends),
    )


def read_delicious(path: PATH) -> Dataset:
    """Delicious: 1867 users, 69226 web pages, 104799 pairs of a user who has bookmarked a page.

    A user bookmarks a page by tagging it; the time is that of the first tag.
    user_info: friends, as ids "12|34";  item_info: title, url and tags of the page
    """
    user, page, tag, time = read_numbers(path, "user_taggedbookmarks-timestamps.dat", 4).T  # in milliseconds
    order = np.argsort(time, kind="stable")
    _, first = np.unique((user * (page.max() + 1) + page)[order], return_index=True)
    first = np.sort(order[first])  # the row of the first tag of each pair
    ones, seconds = np.ones(len(first)), time[first] // 1000
    data = Dataset.from_triples(user[first], page[first], ones, scale=(0, 1), name="delicious", times=seconds)
    raw, _, title, url, _, _ = read_info(path, "bookmarks.dat", _tabs(6), "latin-1")
    tags = join_texts(data.items, page, _read_tags(path, tag))
    friends = read_numbers(path, "user_contacts-timestamps.dat", 3)
    return replace(
        data.binarized(),
        item_info={**align(data.items, raw, title=title, url=url), "tags": tags},
        user_info=_friends(data.users, friends),
    )


READERS = {"lastfm": read_lastfm, "delicious": read_delicious}


def _read_tags(path: PATH, tag: Array) -> list[str]:
    """Return the text of each tag id, (m,)."""
    ids, texts = read_info(path, "tags.dat", _tabs(2), "latin-1")
    text_of = {int(raw): text for raw, text in zip(ids, texts, strict=True)}
    try:
        return [text_of[raw] for raw in tag.tolist()]
    except KeyError as missing:
        raise DataError(f"tags.dat in {path} does not list tag {missing}; download the file again") from None


def _tabs(width: int) -> Layout:
    return Layout("\t", width, header=True, quotes=False)


def _friends(users: Index, pairs: Array) -> dict[str, Array]:
    return {"friends": join_texts(users, pairs[:, 0], list(map(str, pairs[:, 1].tolist())))}
