"""Encode text columns about users or items as numeric features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tinyrec.backend import Array
from tinyrec.checks import check_choice
from tinyrec.data.features.embedding import Embedding
from tinyrec.data.features.values import ENCODINGS, is_embedded, is_numeric, number_of, scale_of
from tinyrec.errors import DataError, UsageError
from tinyrec.sparse import Ratings

Columns = Mapping[str, Sequence[str]]
Cells = tuple[Array, Array, Array]  # rows, columns and values of the cells of a matrix, (p,) each


@dataclass(frozen=True, eq=False)
class Features:
    """q numeric features for each of n users or items.

    names (q,): "genres=Comedy" is one-hot: 1 if the column contains this value, else 0; "year" is a numeric column,
        standardised, 0 if unknown; "tags~1", "tags~2", ... are the dimensions of the embedding of a column
    X (n, q): sparse, float32, in the order of the user or item ids; an unobserved cell is 0
    mean, spread (q,): mean and standard deviation of numeric columns; 0 and 1 for other features
    embeddings: column name -> embedding
    encodings: column name -> one of ENCODINGS, for columns that are not encoded by what is in them, see `of`
    DataError: the shapes do not match, or there are no features
    UsageError: X is not sparse, see `from_array`, or an encoding is unknown
    """

    names: tuple[str, ...]
    X: Ratings
    mean: Array
    spread: Array
    embeddings: dict[str, Embedding] = field(default_factory=dict)
    encodings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.X, Ratings):
            raise UsageError(f"X is a {type(self.X).__name__}; give Ratings, or call Features.from_array(names, X)")
        if not (q := len(self.names)):
            raise DataError("there are no features; give a table with the ids and at least one other column")
        if not (self.X.shape[1:] == self.mean.shape == self.spread.shape == (q,)):
            shapes = f"{self.X.shape}, means {self.mean.shape} and spreads {self.spread.shape}"
            raise DataError(f"{q} features have arrays of shape {shapes}; give q columns of each")
        for encoding in self.encodings.values():
            check_choice("encoding", encoding, ENCODINGS)
        for column, embedding in self.embeddings.items():
            if _dimensions(column, embedding) != [name for name in self.names if name.startswith(f"{column}~")]:
                raise DataError(f"the features do not match the embedding of {column}; give a name for each dimension")

    @classmethod
    def of(cls, columns: Columns, encodings: Mapping[str, str] | None = None) -> Features:
        """Fit and encode text columns, (n,) each. "Comedy|Drama" has two values, "" has none.

        A column named tags or friends, or with more than 1000 distinct values, is embedded, with repeats counted.
        encodings: of columns to encode otherwise, such as {"age": "one-hot", "zip": "first character"}, where ages are
            no number, and zip codes only regions; "words" makes a bag of words, 1 for each word that occurs in the text
        DataError: no columns, or a column in which hardly any value repeats, such as titles, without an encoding
        UsageError: an unknown encoding, or one of a column that is not there
        """
        encodings = dict(encodings or {})
        for column, encoding in encodings.items():
            check_choice("column", column, columns)
            check_choice("encoding", encoding, ENCODINGS)
        names: list[str] = []
        scales: list[tuple[float, float]] = []
        embeddings = {}
        for column, texts in columns.items():
            rows = _split(column, texts, encodings)
            values = [value for row in rows for value in row]
            by_content = column not in encodings
            if by_content and is_embedded(column, values):
                embeddings[column] = Embedding.of(rows)
                found = _dimensions(column, embeddings[column])
            elif by_content and is_numeric(values):
                found = [column]
            else:
                found = [f"{column}={value}" for value in sorted(set(values))]
            names += found
            scales += [scale_of(values)] if found == [column] else [(0.0, 1.0)] * len(found)
        mean, spread = np.array(scales).reshape(-1, 2).T
        empty = cls(tuple(names), sparse(np.zeros((0, len(names)))), mean, spread, embeddings, encodings)
        return replace(empty, X=empty.encode(columns))

    @classmethod
    def from_array(cls, names: Sequence[str], X: Array) -> Features:
        """Numeric features of your own, X (n, q), which are not standardised. DataError: other than q names"""
        return cls(tuple(names), sparse(X), np.zeros(len(names)), np.ones(len(names)))

    def encode(self, columns: Columns) -> Ratings:
        """Encode the columns of other users or items, (m, q); unknown values are ignored. DataError: missing column"""
        position = {name: j for j, name in enumerate(self.names)}
        parts = []
        for column in self.columns:
            if column not in columns:
                raise DataError(f"this model was trained with the column {column}, which is missing; add it")
            parts.append(self._encode(column, _split(column, columns[column], self.encodings), position))
        rows, cols, values = map(np.concatenate, zip(*parts, strict=True))
        return _nonzero(rows, cols, values, (len(next(iter(columns.values()))), len(self.names)))

    def _encode(self, column: str, rows: list[list[str]], position: Mapping[str, int]) -> Cells:
        """The cells of one column; position: the number of each feature."""
        if embedding := self.embeddings.get(column):
            dimensions = np.array([position[name] for name in _dimensions(column, embedding)], int)
            Y = embedding.encode(rows)
            numbers, at = np.indices(Y.shape).reshape(2, -1)
            return numbers, dimensions[at], Y.ravel()
        cells: dict[tuple[int, int], float] = {}
        for i, row in enumerate(rows):
            for value in row:
                if column in position:
                    j = position[column]
                    cells[i, j] = (number_of(value, column) - self.mean[j]) / self.spread[j]
                elif f"{column}={value}" in position:
                    cells[i, position[f"{column}={value}"]] = 1.0
        found = np.array(list(cells), int).reshape(-1, 2)
        return found[:, 0], found[:, 1], np.array(list(cells.values()), float)

    def placed(self, rows: Array, n: int) -> Features:
        """The same features with row j as row rows[j] of n, or left out where that is -1; the other rows are empty."""
        at = rows[self.X.rows]
        kept = at >= 0
        X = Ratings.from_cells(at[kept], self.X.cols[kept], self.X.values[kept], (n, len(self.names)))
        return replace(self, X=X)

    @property
    def known(self) -> Array:
        """Which rows have a feature that is not 0, (n,) bool."""
        return np.diff(self.X.pattern.indptr) > 0

    @property
    def columns(self) -> list[str]:
        """The names of the encoded columns."""
        columns = {name: column for column, e in self.embeddings.items() for name in _dimensions(column, e)}
        return list(dict.fromkeys(columns.get(name) or name.partition("=")[0] for name in self.names))

    def unseen(self, columns: Columns) -> list[str]:
        """Return what `encode` ignores: unknown columns, and unknown values as "column=value"."""
        found = [column for column in columns if column not in self.columns]
        for column in self.columns:
            if column in self.names:
                continue  # numeric
            known = self._values(column)
            rows = _split(column, columns.get(column, ()), self.encodings)
            values = dict.fromkeys(value for row in rows for value in row)
            found += [f"{column}={value}" for value in values if value not in known]
        return found

    def __repr__(self) -> str:
        kinds = [f"{column} ({self._kind(column)})" for column in self.columns]
        return f"{', '.join(kinds)}; known for {self.known.sum()} of {len(self.known)}"

    def _kind(self, column):
        if column in self.names:
            return "number"
        values = f"{len(self._values(column))} {'words' if self.encodings.get(column) == 'words' else 'values'}"
        return f"{values} in {self.embeddings[column].B.shape[1]} dimensions" if column in self.embeddings else values

    def _values(self, column):
        if column in self.embeddings:
            return set(self.embeddings[column].values)
        return {name[len(column) + 1 :] for name in self.names if name.startswith(f"{column}=")}


def sparse(X: Array) -> Ratings:
    """The cells of a dense X (n, q) that are not 0, as float32. DataError: X is no matrix"""
    X = np.asarray(X)
    if X.ndim != 2:
        raise DataError(f"X has shape {X.shape}; give one row for each id and one column for each feature")
    rows, cols = np.indices(X.shape).reshape(2, -1)
    return _nonzero(rows, cols, X.ravel(), X.shape)


def _nonzero(rows: Array, cols: Array, values: Array, shape: tuple[int, int]) -> Ratings:
    values = values.astype(np.float32)
    kept = values != 0
    return Ratings.from_cells(rows[kept], cols[kept], values[kept], shape)


def _split(column: str, texts: Sequence[str], encodings: Mapping[str, str]) -> list[list[str]]:
    """The values in each text of a column."""
    return list(map(ENCODINGS[encodings.get(column, "one-hot")], texts))


def _dimensions(column: str, embedding: Embedding) -> list[str]:
    return [f"{column}~{j + 1}" for j in range(embedding.B.shape[1])]
