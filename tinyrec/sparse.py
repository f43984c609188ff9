"""The observed ratings: a sparse matrix that knows its backend.

An absent cell is not a zero. The pattern is the mask: a stored 0 is an observed rating like any other, and nothing
here looks at a value to decide whether a cell is there.
"""

from __future__ import annotations

from functools import cached_property
from types import ModuleType

import numpy as np

from tinyrec.backend import Array, Backend, get_backend, to_host
from tinyrec.errors import DataError


class Pattern:
    """Which cells of an (n, d) matrix are observed, in row order; the columns ascend within a row.

    shape (n, d), indptr (n + 1,) int64, cols (p,) int32; row i owns the cells indptr[i] to indptr[i + 1]
    xp: the module of these arrays
    """

    def __init__(self, shape: tuple[int, int], indptr: Array, cols: Array, xp: ModuleType = np):
        self.shape, self.indptr, self.cols, self.xp = shape, indptr, cols, xp

    @cached_property
    def rows(self) -> Array:
        """The row of each cell, (p,)."""
        return self._spread(self.indptr, len(self.cols)).astype(np.int32)

    @cached_property
    def order(self) -> Array:
        """Cell j of the transpose is cell order[j] of this pattern, (p,) int32, or int64 where that is too short."""
        few_columns = self.shape[1] <= 2**16  # then NumPy sorts by radix, five times as fast
        order = self.xp.argsort(self.cols.astype(np.uint16) if few_columns else self.cols, kind="stable")
        return order.astype(np.int32 if len(order) <= 2**31 else np.int64)

    @cached_property
    def T(self) -> Pattern:
        n, d = self.shape
        indptr = self.xp.searchsorted(self.cols[self.order], self.xp.arange(d + 1, dtype=np.int32))
        return Pattern((d, n), indptr, self.rows[self.order], self.xp)

    def take_rows(self, rows: Array) -> tuple[Pattern, Array]:
        """The pattern of these rows alone, one after the other, and the cells of this one that it is made of."""
        xp, counts = self.xp, self.xp.diff(self.indptr)[rows]
        indptr = xp.zeros(len(rows) + 1, np.int64)
        indptr[1:] = xp.cumsum(counts)
        p = int(to_host(indptr[-1]))  # a card is waited for here, as the arrays to come need a size
        owner = self._spread(indptr, p)
        cells = (self.indptr[rows] - indptr[:-1])[owner] + xp.arange(p)
        taken = Pattern((len(rows), self.shape[1]), indptr, self.cols[cells], xp)
        taken.rows = owner.astype(np.int32)
        return taken, cells

    def _spread(self, indptr: Array, p: int) -> Array:
        """The number of the row that owns each of p cells."""
        return self.xp.searchsorted(indptr[1:], self.xp.arange(p), side="right")


class Ratings:
    """The ratings r at the observed cells of an (n, d) matrix.

    pattern: a Pattern with p cells; values (p,); backend: whose kernels multiply it
    side: what else is known about each row, dense (n, q), such as the genres of a film; None: nothing
    unobserved_weights (d,): what an absent cell of each column weighs, where being absent says something; None: it says nothing
    """

    def __init__(
        self,
        pattern: Pattern,
        values: Array,
        backend: Backend,
        side: Array | None = None,
        unobserved_weights: Array | None = None,
    ):
        self.pattern, self.values, self.backend, self.side, self.unobserved_weights = (
            pattern,
            values,
            backend,
            side,
            unobserved_weights,
        )

    @classmethod
    def from_cells(cls, rows: Array, cols: Array, values: Array, shape: tuple[int, int]) -> Ratings:
        """The matrix with values[j] at (rows[j], cols[j]), in any order.

        Integers become float64: parameters take the dtype of the ratings that they are trained on.
        DataError: a cell outside the matrix, or one given twice
        """
        (n, d), rows, cols, values = shape, np.asarray(rows, np.int64), np.asarray(cols, np.int64), np.asarray(values)
        values = values if values.dtype.kind in "fc" else values.astype(np.float64)
        if not len(rows) == len(cols) == len(values):
            raise DataError(f"{len(rows)} rows, {len(cols)} columns and {len(values)} values; give as many of each")
        if not (_within(rows, n) and _within(cols, d)):
            raise DataError(f"a cell lies outside the {n} x {d} matrix; count rows and columns from 0")
        cells = rows * d + cols
        order = np.argsort(cells, kind="stable")
        twice = np.flatnonzero(cells[order][1:] == cells[order][:-1])
        if len(twice):
            row, col = divmod(int(cells[order][twice[0]]), d)
            raise DataError(f"row {row}, column {col} is rated twice; keep one rating of each cell")
        indptr = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=n), out=indptr[1:])
        pattern = Pattern(shape, indptr, cols[order].astype(np.int32))
        return cls(pattern, values[order], get_backend("reference"))

    @property
    def shape(self) -> tuple[int, int]:
        return self.pattern.shape

    @property
    def side_width(self) -> int:
        """The number q of columns of the side information."""
        return 0 if self.side is None else self.side.shape[1]

    @property
    def size(self) -> int:
        """The number p of observed cells."""
        return len(self.values)

    @property
    def rows(self) -> Array:
        return self.pattern.rows

    @property
    def cols(self) -> Array:
        return self.pattern.cols

    @property
    def xp(self):
        return self.backend.xp

    @cached_property
    def T(self) -> Ratings:
        return Ratings(self.pattern.T, self.backend.take(self.values, self.pattern.order), self.backend)

    def __matmul__(self, X: Array) -> Array:
        """R X, (n, d) by (d, k) -> (n, k)."""
        return self.backend.spmm(self.pattern.indptr, self.cols, self.values, X)

    def sampled(self, H: Array, W: Array) -> Array:
        """H Wᵀ at the observed cells alone, (n, k) and (d, k) -> (p,)."""
        return self.backend.sddmm(self.pattern.indptr, self.cols, H, W)

    def with_values(self, values: Array) -> Ratings:
        """Other values (p,) at the same cells."""
        return Ratings(self.pattern, values, self.backend, self.side, self.unobserved_weights)

    def with_side(self, side: Array | None) -> Ratings:
        """With side information about the rows, (n, q), in the dtype of the values."""
        if side is None:
            return self
        side = self.backend.asarray(side.astype(self.values.dtype))
        return Ratings(self.pattern, self.values, self.backend, side, self.unobserved_weights)

    def with_unobserved_weights(self, unobserved_weights: Array) -> Ratings:
        """With weights of absent cells, (d,), in the dtype of the values."""
        unobserved_weights = self.backend.asarray(unobserved_weights.astype(self.values.dtype))
        return Ratings(self.pattern, self.values, self.backend, self.side, unobserved_weights)

    def take_rows(self, rows: Array) -> Ratings:
        """The matrix of these rows alone, in the order given, (len(rows), d). DataError: there is no such row."""
        rows = np.asarray(rows, np.int64)
        if not _within(rows, self.shape[0]):
            raise DataError(f"a row is outside 0 to {self.shape[0] - 1}; -1 stands for an unknown id")
        rows = self.backend.asarray(rows)
        pattern, cells = self.pattern.take_rows(rows)
        side = None if self.side is None else self.side[rows]
        return Ratings(pattern, self.values[cells], self.backend, side, self.unobserved_weights)

    def sum_rows(self) -> Array:
        """The sum of each column over the rows, (d,)."""
        ones = self.xp.ones((self.shape[0], 1), self.values.dtype)
        return (self.T @ ones)[:, 0]

    def to(self, backend: str, dtype=None) -> Ratings:
        """The same ratings on another backend, as `dtype` (by default, unchanged)."""
        target, pattern = get_backend(backend), self.pattern
        dtype = dtype or self.values.dtype
        parts = [
            part if part is None else part.astype(dtype, copy=False)
            for part in (self.values, self.side, self.unobserved_weights)
        ]
        if target.xp is not self.xp:
            parts = [part if part is None else target.asarray(to_host(part)) for part in parts]
            indptr, cols = (target.asarray(to_host(array)) for array in (pattern.indptr, pattern.cols))
            pattern = Pattern(self.shape, indptr, cols, target.xp)
        values, side, unobserved_weights = parts
        return Ratings(pattern, values, target, side, unobserved_weights)


def _within(numbers: Array, end: int) -> bool:
    """Whether all of 0 <= number < end: NumPy wraps negative ones, and the kernels read whatever is there."""
    return len(numbers) == 0 or bool(numbers.min() >= 0 and numbers.max() < end)
