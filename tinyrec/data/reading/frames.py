"""Ratings in data frames, matrices, and files that hold typed columns: Parquet, Arrow and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.dataset import Dataset
from tinyrec.data.ids import Index, as_ids
from tinyrec.data.reading.kinds import refuse_document
from tinyrec.data.reading.layout import MIN_WIDE, Columns, Found, columns_by_name, find_columns
from tinyrec.data.reading.stream import blocks_of_lines
from tinyrec.errors import DataError, FileError, UsageError

Scale = tuple[float, float] | None


def from_frame(
    frame: Any,
    columns: Columns | None = None,
    scale: Scale = None,
    duplicates: str = "error",
    missing: Sequence[float] = (),
    wide: bool = False,
    name: str = "ratings",
) -> Dataset:
    """A pandas or polars DataFrame with a rating a row; wide: with a user a row and an item a column."""
    options: dict[str, Any] = {"scale": scale, "duplicates": duplicates, "missing": missing, "name": name}
    if getattr(getattr(frame, "index", None), "name", None) is not None:
        frame = frame.reset_index()  # pandas keeps ids there after a pivot
    names = [str(name) for name in frame.columns]
    if wide:
        numbers = [_floats(frame[name]) for name in frame.columns[1:]]
        notes = [f"wide: {names[0]} holds the users, and each other column is an item"]
        ids = _whole_ids(frame[frame.columns[0]], "user", notes)
        return from_matrix(np.stack(numbers, axis=1), users=ids, items=names[1:], notes=notes, **options)
    found = _find(frame, names, columns)
    taken = {role: frame[frame.columns[at]] for role, at in found.items()}
    notes = []
    users, items = (_whole_ids(taken[what], what, notes) for what in ("user", "item"))
    ratings = _numbers(taken["rating"]) if "rating" in taken else None
    options |= {"times": taken.get("time"), "columns": {role: names[at] for role, at in found.items()}}
    return Dataset.from_triples(users, items, ratings, notes=notes, **options)


def _find(frame: Any, names: list[str], columns: Columns | None) -> Found:
    if columns is not None:
        return find_columns(columns, names, len(names))
    try:
        return columns_by_name(names)
    except DataError as problem:
        kinds = [str(kind).lower() for kind in frame.dtypes][1:]
        if len(names) >= MIN_WIDE and sum("int" in kind or "float" in kind for kind in kinds) >= 0.9 * len(kinds):
            cause = f"{len(names)} columns of numbers look like a matrix of users x items, not a list of ratings"
            raise DataError(f"{cause}; read it with wide=True (--wide), or name the columns") from None
        raise problem


def _numbers(column: Any) -> Any:
    """The numbers of a column; pandas gives those that may be missing as objects."""
    values = column.to_numpy()
    return (
        column.to_numpy(dtype=float, na_value=np.nan)
        if str(column.dtype).startswith(("Int", "Float")) and (values.dtype.kind == "O")
        else values
    )


def _floats(column: Any) -> Array:
    values = _numbers(column)
    if values.dtype.kind not in "iuf":
        raise DataError(f"the column {column.name!r} holds {values.dtype}; a matrix has numbers, and no other columns")
    return values.astype(float)


def _whole_ids(column: Any, what: str, notes: list[str]) -> Any:
    """The ids in a column; whole floats, as pandas makes of integers, become integers."""
    values = column.to_numpy()
    if values.dtype.kind == "f" and len(values) and (np.abs(values) < 2**53).all() and not (values % 1).any():
        notes.append(f"{what} ids such as {values[0]} were read as integers")
        return values.astype(np.int64)
    return column


def from_matrix(
    X: Any,
    scale: Scale = None,
    duplicates: str = "error",
    missing: Sequence[float] = (),
    wide: bool = False,
    name: str = "ratings",
    users: Any = None,
    items: Any = None,
    **more: Any,
) -> Dataset:
    """A matrix of users x items in which NaN, or one of `missing`, is "not rated".

    users, items: the ids of rows and columns; None: their numbers;  wide: each cell may be a rating
    """
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "iuf":
        raise UsageError(
            f"an array of {X.dtype} of shape {X.shape} is no matrix of ratings; give numbers, users x items"
        )
    rated = ~np.isnan(X) & ~np.isin(X, list(missing))
    if users is None and rated.all() and not wide:
        cause = f"an array of shape {X.shape} without a NaN is a matrix in which each cell is a rating, or a list"
        cure = "give missing=(0,) if 0 means not rated, wide=True if each is a rating, or (users, items, ratings)"
        raise DataError(f"{cause}; {cure}")
    rows, cols = np.nonzero(rated)
    row_ids = np.arange(X.shape[0]) if users is None else as_ids(users, "user")
    index, row_of = Index.of(row_ids, "user")
    item_index, col_of = Index.of(np.arange(X.shape[1]) if items is None else as_ids(items, "item"), "item")
    options: dict[str, Any] = {"scale": scale, "duplicates": duplicates, "name": name, **more}
    return Dataset.from_cells(index, item_index, row_of[rows], col_of[cols], X[rows, cols], **options)


def from_sparse(matrix: Any, scale: Scale = None, duplicates: str = "error", name: str = "ratings") -> Dataset:
    """A scipy.sparse matrix of users x items; ids are row and column numbers. A stored 0 is a rating."""
    cells = matrix.tocoo()
    if len(cells.shape) != 2:
        raise DataError(f"the sparse matrix has {len(cells.shape)} dimensions; give a matrix of users x items")
    users, items = (Index(np.arange(size)) for size in cells.shape)
    triple = cells.row, cells.col, cells.data
    return Dataset.from_cells(users, items, *triple, scale=scale, duplicates=duplicates, name=name)


def read_typed(path: Path, kind: str, columns: Columns | None, wide: bool) -> Any:
    """The columns that are needed of a Parquet or Arrow file, as a polars DataFrame."""
    import polars as pl

    try:
        lazy = (pl.scan_parquet if kind == "parquet" else pl.scan_ipc)(path)
        names = lazy.collect_schema().names()
        found = range(len(names)) if wide else find_columns(columns, names, len(names)).values() if columns else None
        if found is None:
            try:
                found = columns_by_name(names).values()
            except DataError:
                found = range(len(names))  # from_frame says what is wrong
        return lazy.select([names[at] for at in sorted(found)]).collect()
    except (pl.exceptions.PolarsError, OSError, ValueError) as problem:
        if isinstance(problem, DataError | UsageError):
            raise
        text = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise FileError(f"{path} is a damaged {kind} file ({text}); copy or download it again") from None


def read_json_lines(stream: Any, name: str, columns: Columns | None, encoding: str | None) -> Any:
    """The columns that are needed of a file with a JSON object a line, as a polars DataFrame."""
    import polars as pl

    parts, number, schema = [], 1, None
    for block in blocks_of_lines(stream, name, encoding):
        try:
            if schema is None:
                schema = _schema(block.lstrip().partition(b"\n")[0], name, columns)
            parts.append(pl.read_ndjson(block, schema=schema))
        except (pl.exceptions.PolarsError, json.JSONDecodeError, UnicodeDecodeError) as problem:
            bad = next((k for k, line in enumerate(block.splitlines()) if not _is_object(line)), None)
            where = f"line {number}" if bad is None else f"line {number + bad}"
            text = "no JSON object" if bad is not None else str(problem).splitlines()[0]
            raise DataError(f"{name}, {where}: {text}; write one object a line, with the same types") from None
        number += block.count(b"\n")
    return pl.concat(parts)


def _schema(line: bytes, name: str, columns: Columns | None) -> dict[str, Any]:
    """The types of the columns that are needed, by the first object."""
    import polars as pl

    if not _is_object(line):
        refuse_document(line.decode("utf-8", "replace"), name)
    first = json.loads(line)
    names = list(first)
    try:
        found = find_columns(columns, names, len(names)) if columns else columns_by_name(names)
    except DataError as problem:
        raise DataError(f"{name}, line 1: {problem}") from None
    types = {str: pl.String, int: pl.Int64, float: pl.Float64}
    return {names[at]: types.get(type(first[names[at]]), pl.String) for at in found.values()}


def _is_object(line: bytes) -> bool:
    try:
        return not line.strip() or isinstance(json.loads(line), dict)
    except ValueError:
        return False
