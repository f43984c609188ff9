"""Load a data set from a known name, a file, a data frame, three arrays or a sparse matrix."""

from __future__ import annotations

import difflib
import inspect
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tinyrec.data.align import align_ids
from tinyrec.data.dataset import Dataset
from tinyrec.data.reading.frames import from_frame, from_matrix, from_sparse
from tinyrec.data.reading.readers import read_ratings
from tinyrec.data.reading.stream import PATH
from tinyrec.data.sets import hetrec, movielens
from tinyrec.data.sets.checksums import altered
from tinyrec.data.sets.fetch import locate
from tinyrec.data.sets.synthetic import make_synthetic
from tinyrec.data.validation import cautions
from tinyrec.errors import DataWarning, UsageError

READERS = {**movielens.READERS, **hetrec.READERS}
DATASETS = ("synthetic", *READERS)


def load_dataset(source: Any = "synthetic", **options: Any) -> Dataset:
    """Load the ratings of `source` as a Dataset.

    source                                    options
    "synthetic"                               n_users, n_items, n_ratings, seed
    "ml-100k", "ml-1m", ..., "ml-latest"      none; see tinyrec.data.sets.fetch for where the file is searched
    "lastfm", "delicious"                     none; implicit feedback
    the path of a file                        columns, sep, header, scale, duplicates, missing, wide, encoding, like,
                                              bad_rows; see tinyrec.data.reading.readers.read_ratings
    the folder or zip file of a MovieLens     none
    a pandas or polars DataFrame              columns, scale, duplicates, missing, wide, name
    two or three arrays (users, items[, ratings])  scale, duplicates, missing, times, name; see Dataset.from_triples
    a scipy.sparse matrix, users x items      scale, duplicates, name; ids are row and column numbers
    an array of users x items                 scale, duplicates, missing, wide, name; NaN is "not rated"

    A stored 0 of a sparse matrix is a rating. UsageError: an unknown name or option
    Warns (DataWarning) if one value may stand for "not rated", or all ratings are equal.
    """
    read, arguments = _reader(source)
    allowed = [name for name in list(inspect.signature(read).parameters)[len(arguments) :] if name != "more"]
    for option in options:
        if option not in allowed:
            raise UsageError(f"{option!r} is not an option of this source; its options: {', '.join(allowed) or 'none'}")
    data = read(*arguments, **options)
    is_known = isinstance(source, str) and source in DATASETS
    for caution in [] if data.implicit or is_known else cautions(data.ratings.values):
        warnings.warn(f"{data.name}: {caution}", DataWarning, stacklevel=2)
    return data


def load_split(train: Any, test: Any, **options: Any) -> tuple[Dataset, Dataset]:
    """Load a train and a test set; both get the same users and items, so that row numbers agree.

    train, test: two sources of load_dataset, with the same options; or "ml-100k" and one of its splits u1, ..., u5,
    ua, ub.  DataError: a (user, item) pair is in both
    """
    if not (isinstance(train, str) and train == "ml-100k"):
        first = load_dataset(train, **options)
        is_file = isinstance(test, str | os.PathLike) and test not in DATASETS
        return align_ids(first, load_dataset(test, **options, **({"like": first} if is_file else {})))
    if options:
        raise UsageError("the splits of ml-100k have no options; leave them out")
    if test not in movielens.SPLITS_100K:
        raise UsageError(f"ml-100k has no split {test!r}; choose one of {', '.join(movielens.SPLITS_100K)}")
    path = locate(train)
    base, held_out = (partial(movielens.read_100k, ratings=f"{test}.{part}") for part in ("base", "test"))
    return align_ids(_read_known(base, path, split=test), held_out(path))


def _reader(source: Any) -> tuple[Callable[..., Dataset], Sequence[Any]]:
    """Return the function that reads the source, and its positional arguments."""
    if isinstance(source, str) and source == "synthetic":
        return make_synthetic, ()
    if isinstance(source, str) and source in READERS:
        return lambda: _read_known(READERS[source], locate(source)), ()
    if isinstance(source, str) and not os.path.exists(source):  # read_ratings checks Path objects itself
        close = difflib.get_close_matches(source, DATASETS, n=1)
        cure = f"did you mean {close[0]}?" if close else "check the name or the path"
        raise UsageError(f"{source!r} is neither a known data set ({', '.join(DATASETS)}) nor an existing file; {cure}")
    if isinstance(source, str | os.PathLike):
        known = movielens.recognise(source)
        return (lambda: _read_known(known, source), ()) if known else (read_ratings, (source,))
    if hasattr(source, "tocoo"):
        return from_sparse, (source,)
    if hasattr(source, "collect"):
        raise UsageError(f"a {type(source).__name__} has not been computed; call its method collect first")
    if hasattr(source, "columns"):
        return from_frame, (source,)
    if isinstance(source, tuple | list) and len(source) in (2, 3):
        return Dataset.from_triples, (*source, None)[:3]
    if isinstance(source, np.ndarray):
        return from_matrix, (source,)
    kind = type(source).__name__
    raise UsageError(f"cannot read type {kind}; give a name, path, data frame, matrix or three arrays")


def _read_known(read: Callable[[PATH], Dataset], path: PATH, split: str = "") -> Dataset:
    """Read a known data set, with a note if it is not as it was published."""
    data = read(path)
    members = ", ".join([*altered(path, data.name), *altered(path, split)])
    return replace(data, notes=(*data.notes, f"not as published: {members} (by SHA-256)")) if members else data
