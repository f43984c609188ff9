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
from tinyrec.data.reading.fields import BLANKS
from tinyrec.data.reading.kinds import refuse_document
from tinyrec.data.reading.layout import MIN_WIDE, Columns, Found, columns_by_name, find_columns
from tinyrec.data.reading.stream import blocks_of_lines, check_ratio, count_lines
from tinyrec.data.validation import check_missing
from tinyrec.errors import DataError, FileError, TinyrecError, UsageError

Scale = tuple[float, float] | None
JSON_SAMPLE = 1000  # lines that are looked at for names and types
BYTES_A_ROW = 24  # of a user, an item and a rating
KIND_NAMES = {str: "a text", int: "a number"}


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
    index = getattr(frame, "index", None)  # pandas keeps ids there after a pivot
    if index is not None and (index.name is not None or (wide and type(index).__name__ != "RangeIndex")):
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    if wide:
        numbers = [_floats(frame[name]) for name in frame.columns[1:]]
        notes = [f"wide: {names[0]} holds the users, and each other column is an item"]
        ids = _ids(frame[frame.columns[0]], "user", notes)
        items = list(frame.columns[1:])
        items = items if all(isinstance(item, int) for item in items) else names[1:]
        return from_matrix(np.stack(numbers, axis=1), users=ids, items=items, notes=notes, **options)
    found = _find(frame, names, columns)
    if twice := [names[at] for at in found.values() if names.count(names[at]) > 1]:
        raise DataError(f"two columns of the data frame are named {twice[0]}; rename one")
    taken = {role: frame[frame.columns[at]] for role, at in found.items()}
    notes = []
    users, items = (_ids(taken[what], what, notes) for what in ("user", "item"))
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


def _ids(column: Any, what: str, notes: list[str]) -> Array:
    """The ids in a column, read as in a file: whole floats, as pandas makes of integers, and text without blanks."""
    if "128" in str(column.dtype):
        raise DataError(f"{what} ids of type {column.dtype} are not supported; convert them to text")
    values = column.to_numpy()
    if values.dtype.kind == "f" and len(values) and (np.abs(values) < 2**53).all() and not (values % 1).any():
        notes.append(f"{what} ids such as {values[0]} were read as integers")
        return values.astype(np.int64)
    ids = as_ids(column, what)
    if ids.dtype != object:
        return ids
    stripped = [text.strip(BLANKS) for text in ids.tolist()]
    if "" in stripped:
        raise DataError(f"row {stripped.index('')}: the {what} id is empty; complete or remove the row")
    return np.array(stripped, object)


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
    X = np.ma.filled(X.astype(float), np.nan) if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "iuf":
        raise UsageError(
            f"an array of {X.dtype} of shape {X.shape} is no matrix of ratings; give numbers, users x items"
        )
    rated = ~np.isnan(X) & ~np.isin(X, check_missing(missing))
    if users is None and rated.all() and not wide:
        cause = f"an array of shape {X.shape} without a NaN is a matrix in which each cell is a rating, or a list"
        cure = "give missing=(0,) if 0 means not rated, wide=True if each is a rating, or (users, items, ratings)"
        raise DataError(f"{cause}; {cure}")
    rows, cols = np.nonzero(rated)
    row_ids = np.arange(X.shape[0]) if users is None else as_ids(users, "user")
    index, row_of = Index.of(row_ids, "user")
    if len(index) < len(row_ids):
        twice = index.ids.tolist()[np.bincount(row_of).argmax()]
        raise DataError(f"the user {twice!r} has more than one row; a matrix has one row for each user")
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
        check_ratio(str(path), lazy.select(pl.len()).collect().item() * BYTES_A_ROW, path.stat().st_size)
        found = range(len(names)) if wide else find_columns(columns, names, len(names)).values() if columns else None
        if found is None:
            try:
                found = columns_by_name(names).values()
            except DataError:
                found = range(len(names))  # from_frame says what is wrong
        return lazy.select([names[at] for at in sorted(found)]).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as problem:
        if isinstance(problem, TinyrecError):
            raise
        text = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise FileError(f"{path} is a damaged {kind} file ({text}); copy or download it again") from None


def read_json_lines(stream: Any, name: str, columns: Columns | None, encoding: str | None) -> Any:
    """The columns that are needed of a file with a JSON object a line, as a polars DataFrame."""
    import polars as pl

    parts, number, schema = [], 1, None
    for block in blocks_of_lines(stream, name, encoding):
        schema = schema or _schema(block.splitlines()[:JSON_SAMPLE], name, columns)
        try:
            parts.append(pl.read_ndjson(block, schema=schema))
        except pl.exceptions.PolarsError:
            parts.append(_read_objects(block, number, name, schema))
        number += count_lines(block)
    return pl.concat(parts)


def _schema(lines: Sequence[bytes], name: str, columns: Columns | None) -> dict[str, Any]:
    """The types of the columns that are needed, by the first objects."""
    import polars as pl

    first = [line for line in lines if line.strip()]
    if not isinstance(_object(first[0]), dict):
        refuse_document(first[0].decode("utf-8", "replace"), name)
    kinds: dict[str, list[type]] = {}
    for line in first:
        row = _object(line)
        for field, value in row.items() if isinstance(row, dict) else ():
            kinds.setdefault(field, []).append(type(value))
    names = list(kinds)
    try:
        found = find_columns(columns, names, len(names)) if columns else columns_by_name(names)
    except DataError as problem:
        raise DataError(f"{name}, line 1: {problem}") from None
    types: dict[str, Any] = {names[at]: _type(set(kinds[names[at]])) for at in found.values()}
    if "rating" in found:
        types[names[found["rating"]]] = pl.Float64
    return types


def _type(kinds: set[type]) -> Any:
    """The type of a column in which these types of values occur."""
    import polars as pl

    return pl.Int64 if kinds <= {int} else pl.Float64 if kinds <= {int, float} else pl.String


def _read_objects(block: bytes, start: int, name: str, schema: dict[str, Any]) -> Any:
    """The same, one by one.  DataError: a line is no object, or a field has another type than in the first lines"""
    import polars as pl

    kinds = {pl.String: (str,), pl.Int64: (int,), pl.Float64: (int, float)}
    rows = []
    for number, line in enumerate(block.splitlines(), start):
        if not line.strip():
            continue
        row = _object(line)
        if not isinstance(row, dict):
            raise DataError(f"{name}, line {number}: no JSON object; write one object a line")
        for field, kind in schema.items():
            value = row.get(field)
            if type(value) not in kinds[kind] or (type(value) is int and abs(value) >= 2**63):
                cause = f"the field {field} is {value!r}, which is not {KIND_NAMES[kinds[kind][0]]}"
                raise DataError(f"{name}, line {number}: {cause}; write all of them alike")
        rows.append({field: row[field] for field in schema})
    return pl.DataFrame(rows, schema=schema)


def _object(line: bytes) -> Any:
    """What a line of JSON says; None: it is no JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return None
