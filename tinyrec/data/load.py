"""Load a data set from a known name, a file, a data frame, three arrays or a sparse matrix."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyrec.data.align import align_ids
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index
from tinyrec.data.reading.layout import find_columns
from tinyrec.data.reading.readers import read_ratings
from tinyrec.data.sets import hetrec, movielens
from tinyrec.data.sets.fetch import locate
from tinyrec.data.sets.synthetic import make_synthetic
from tinyrec.errors import DataError, UsageError

READERS = {**movielens.READERS, **hetrec.READERS}
DATASETS = ("synthetic", *READERS)


def load_dataset(source: Any = "synthetic", **options: Any) -> Dataset:
    """Load the ratings of `source` as a Dataset.

    source                                    options
    "synthetic"                               n_users, n_items, n_ratings, seed
    "ml-100k", "ml-1m", "ml-10m"              none; see tinyrec.data.sets.fetch for where the file is searched
    "lastfm", "delicious"                     none; implicit feedback
    the path of a CSV or TSV file             columns, sep, header, scale, duplicates; see read_ratings
    a pandas or polars DataFrame              columns, scale, duplicates, name
    three arrays (users, items, ratings)      scale, duplicates, name; see Dataset.from_triples
    a scipy.sparse matrix, users x items      scale, duplicates, name; ids are row and column numbers

    A stored 0 of a sparse matrix is a rating. UsageError: an unknown name or option
    """
    read, arguments = _reader(source)
    allowed = list(inspect.signature(read).parameters)[len(arguments) :]
    for option in options:
        if option not in allowed:
            raise UsageError(f"{option!r} is not an option of this source; its options: {', '.join(allowed) or 'none'}")
    return read(*arguments, **options)


def load_split(train: Any, test: Any, **options: Any) -> tuple[Dataset, Dataset]:
    """Load a train and a test set; both get the same users and items, so that row numbers agree.

    train, test: two sources of load_dataset, with the same options; or "ml-100k" and one of its splits u1, ..., u5,
    ua, ub.  DataError: a (user, item) pair is in both
    """
    if not (isinstance(train, str) and train == "ml-100k"):
        return align_ids(load_dataset(train, **options), load_dataset(test, **options))
    if options:
        raise UsageError("the splits of ml-100k have no options; leave them out")
    if test not in movielens.SPLITS_100K:
        raise UsageError(f"ml-100k has no split {test!r}; choose one of {', '.join(movielens.SPLITS_100K)}")
    path = locate(train)
    return align_ids(movielens.read_100k(path, f"{test}.base"), movielens.read_100k(path, f"{test}.test"))


def _reader(source: Any) -> tuple[Callable[..., Dataset], Sequence[Any]]:
    """Return the function that reads the source, and its positional arguments."""
    if isinstance(source, str) and source == "synthetic":
        return make_synthetic, ()
    if isinstance(source, str) and source in READERS:
        return lambda: READERS[source](locate(source)), ()
    if isinstance(source, str) and not os.path.exists(source):  # read_ratings checks Path objects itself
        close = difflib.get_close_matches(source, DATASETS, n=1)
        cure = f"did you mean {close[0]}?" if close else "check the name or the path"
        raise UsageError(f"{source!r} is neither a known data set ({', '.join(DATASETS)}) nor an existing file; {cure}")
    if isinstance(source, str | os.PathLike):
        return read_ratings, (source,)
    if hasattr(source, "tocoo"):
        return _from_sparse, (source,)
    if hasattr(source, "columns"):
        return _from_frame, (source,)
    if isinstance(source, tuple | list) and len(source) == 3:
        return Dataset.from_triples, source
    kind = type(source).__name__
    raise UsageError(f"cannot read type {kind}; give a name, path, data frame, sparse matrix or three arrays")


def _from_frame(
    frame: Any,
    columns: Sequence[int | str] | None = None,
    scale: tuple[float, float] | None = None,
    duplicates: str = "error",
    name: str = "ratings",
) -> Dataset:
    names = [str(name) for name in frame.columns]
    if len(names) < 3:
        raise DataError(f"the data frame has {len(names)} columns; give it three: user, item and rating")
    found = find_columns(names, len(names), columns)
    user, item, rating, *rest = (frame[frame.columns[at]] for at in found)
    times = rest[0].to_numpy() if rest else None
    if times is not None and columns is None and times.dtype.kind not in "iu":
        times = None  # the column is named like a timestamp but holds something else
    options: dict[str, Any] = {"scale": scale, "duplicates": duplicates, "name": name, "times": times}
    return Dataset.from_triples(user, item, rating, **options)


def _from_sparse(
    matrix: Any, scale: tuple[float, float] | None = None, duplicates: str = "error", name: str = "ratings"
) -> Dataset:
    cells = matrix.tocoo()
    if len(cells.shape) != 2:
        raise DataError(f"the sparse matrix has {len(cells.shape)} dimensions; give a matrix of users x items")
    users, items = (Index(np.arange(size)) for size in cells.shape)
    triple = cells.row, cells.col, cells.data
    return Dataset.from_cells(users, items, *triple, scale=scale, duplicates=duplicates, name=name)
