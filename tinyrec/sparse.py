"""The observed ratings: a sparse matrix that knows its backend.

An unobserved cell is not a zero. The pattern is the mask: a stored 0 is an observed rating like any other, and no code
tests a value to decide whether a cell is observed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from tinyrec.backend import Array, Backend, Params, get_backend, to_host
from tinyrec.errors import DataError, UsageError

CORNER = 6  # the number of rows and of columns that repr shows
BOUNDS = 2**22  # of rows and columns of batches, computed in one launch on a GPU; 32 MB


class Pattern:
    """Which cells of an (n, d) matrix are observed, row by row; the columns ascend within a row.

    shape (n, d), indptr (n + 1,) int64, cols (p,) int32; row i owns the cells indptr[i] to indptr[i + 1]
    xp: the module of these arrays
    """

    def __init__(self, shape: tuple[int, int], indptr: Array, cols: Array, xp: ModuleType = np):
        self.shape, self.indptr, self.cols, self.xp = shape, indptr, cols, xp

    @cached_property
    def rows(self) -> Array:
        """The row of each cell, (p,)."""
        return self._owner(self.indptr, len(self.cols))

    @property
    def order(self) -> Array:
        """Cell j of the transpose is cell order[j] of this pattern, (p,) int32, or int64 if int32 would overflow."""
        return self._transpose[1]

    @property
    def T(self) -> Pattern:
        return self._transpose[0]

    @cached_property
    def _transpose(self) -> tuple[Pattern, Array]:
        (n, d), xp = self.shape, self.xp
        if xp is np:  # SciPy counts the cells of each column, in half the time of a sort
            from scipy.sparse import csr_array  # slow to import

            numbers = np.arange(len(self.cols), dtype=np.int32 if len(self.cols) <= 2**31 else np.int64)
            its = csr_array((numbers, self.cols, self.indptr), self.shape).tocsc()
            return Pattern((d, n), its.indptr.astype(np.int64), its.indices.astype(np.int32, copy=False)), its.data
        order = xp.argsort(self.cols, kind="stable").astype(np.int32 if len(self.cols) <= 2**31 else np.int64)
        indptr = xp.searchsorted(self.cols[order], xp.arange(d + 1, dtype=np.int32))
        return Pattern((d, n), indptr, self.rows[order], xp), order

    def take_rows(self, rows: Array) -> tuple[Pattern, Array]:
        """The pattern of these rows, in the order given, and which cell of this pattern each of its cells is, (q,)."""
        xp, counts = self.xp, self.xp.diff(self.indptr)[rows]
        indptr = xp.zeros(len(rows) + 1, np.int64)
        indptr[1:] = xp.cumsum(counts)
        p = int(indptr[-1] if xp is np else to_host(indptr[-1]))  # waits for the GPU: the next arrays need a size
        owner = self._owner(indptr, p)
        cells = (self.indptr[rows] - indptr[:-1])[owner] + xp.arange(p)
        taken = Pattern((len(rows), self.shape[1]), indptr, self.cols[cells], xp)
        taken.rows = owner
        return taken, cells

    def batches(self, size: int) -> Iterator[tuple[Pattern, slice]]:
        """The patterns of `size` rows at a time, and which cells of this pattern theirs are, for a pattern on a GPU.

        All cells are sorted at once, by batch, column and row. A batch has the same cells before and after the sort, so
        its transpose is a part of the sorted ones. The bounds of the rows and columns of many batches take one launch.
        """
        (n, d), xp = self.shape, self.xp
        starts = self.indptr[:-1:size]  # of the cells of each batch
        bounds = [*to_host(starts).tolist(), len(self.cols)]
        batch, local = self.rows // size, self.rows % size
        keys = batch.astype(np.int64) * d + self.cols
        order = xp.argsort(keys, kind="stable")
        keys, its_rows = keys[order], local[order]
        numbers = (order - self.indptr[batch * size]).astype(np.int32)  # of the cells within their batch
        together = max(1, BOUNDS // (size + d))  # batches
        for i, (start, stop) in enumerate(pairwise(bounds)):
            if i % together == 0:
                group = xp.arange(i, min(i + together, len(starts)))[:, None]
                indptrs = self.indptr[xp.minimum(group * size + xp.arange(size + 1), n)] - starts[group]
                indptrs_T = xp.searchsorted(keys, group * d + xp.arange(d + 1)) - starts[group]
            m, cells = min(size, n - i * size), slice(start, stop)
            pattern = Pattern((m, d), indptrs[i % together, : m + 1], self.cols[cells], xp)
            pattern.rows = local[cells]
            pattern._transpose = Pattern((d, m), indptrs_T[i % together], its_rows[cells], xp), numbers[cells]
            yield pattern, cells

    def _owner(self, indptr: Array, p: int) -> Array:
        """The row that owns each of p cells, (p,) int32."""
        if self.xp is np:
            return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
        return self.xp.searchsorted(indptr[1:], self.xp.arange(p), side="right").astype(np.int32)


class Whole:
    """Data that are all in this process. Where each process has some of the columns, see `tinyrec.shard`."""

    is_first = True  # of the processes: the one that writes
    in_parts = False  # whether each process has files of its own, see `tinyrec.parts`

    def total(self, x: Array) -> Array:
        """x, a sum over columns, with the terms of the columns that other processes have."""
        return x

    def joined(self, x: Array) -> Array:
        """x (p,), a number for each cell, 0 for those of other processes, with theirs."""
        return x

    def once(self, x: Array) -> Array:
        """x, a part of the loss that all processes know, unless another process counts it."""
        return x

    def penalty(self, arrays: dict[str, tuple[Array, Array]], l2: float) -> Array:
        """l2/2 Σ w² over the weights w of the pairs (w, g), as far as this process counts it; adds l2 w to each g."""
        return self.backend.add_l2(list(arrays.values()), l2)  # type: ignore[attr-defined]

    def noise(self, rng: np.random.Generator) -> np.random.Generator:
        """The generator that draws a number for each cell."""
        return rng

    def start(self, model: Any, rng: np.random.Generator) -> Params:
        """The parameters of a model before training, in host memory."""
        return model.init(self, rng)

    def own(self, cells: Ratings) -> Ratings:
        """Those cells of a matrix (n, d) that are in the columns of this process."""
        return cells

    def cut(self, tree: dict[str, Any]) -> dict[str, Any]:
        """This process's rows of parameters, or of the state of an optimiser, in nested dicts."""
        return tree

    def gathered(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The inverse of `cut`."""
        return tree

    def agreed(self, number: float) -> float:
        """The largest of the processes' numbers."""
        return number

    def check_same(self, params: Params) -> None:
        """BackendError: a parameter that all processes have is not the same in all"""


class Ratings(Whole):
    """The ratings r at the observed cells of an (n, d) matrix.

    pattern: a Pattern with p cells; values (p,); backend: whose kernels multiply it
    side: features of each row, dense (n, q), such as the genres of a movie; None: no features
    unobserved_weights (d,): the weight of an unobserved cell in each column, for implicit feedback; None: not used
    share: these rows as a fraction of all rows, 1 for the whole matrix; a batch has this share of the L2 penalty
    """

    def __init__(
        self,
        pattern: Pattern,
        values: Array,
        backend: Backend,
        side: Array | None = None,
        unobserved_weights: Array | None = None,
        share: float = 1.0,
    ):
        self.pattern, self.values, self.backend = pattern, values, backend
        self.side, self.unobserved_weights, self.share = side, unobserved_weights, share

    @classmethod
    def from_cells(cls, rows: Array, cols: Array, values: Array, shape: tuple[int, int]) -> Ratings:
        """The matrix with values[j] at (rows[j], cols[j]), in any order, on the "reference" backend.

        Integers become float64: parameters take the dtype of the ratings that they are trained on.
        DataError: a cell outside the matrix, or one given twice
        """
        (n, d), rows, cols, values = shape, _whole(rows), _whole(cols), np.asarray(values)
        values = values if values.dtype.kind in "fc" else values.astype(np.float64)
        if not len(rows) == len(cols) == len(values):
            raise DataError(f"{len(rows)} rows, {len(cols)} columns and {len(values)} values; give as many of each")
        if not (_within(rows, n) and _within(cols, d)):
            raise DataError(f"a cell lies outside the {n} x {d} matrix; count rows and columns from 0")
        cells = rows.astype(np.int64) * d + cols
        if not (cells[1:] > cells[:-1]).all():
            order = np.argsort(cells)
            rows, cols, values, cells = rows[order], cols[order], values[order], cells[order]
        twice = np.flatnonzero(cells[1:] == cells[:-1])
        if len(twice):
            row, col = divmod(int(cells[twice[0]]), d)
            raise DataError(f"row {row}, column {col} is rated twice; keep one rating of each cell")
        return cls.from_sorted(rows, cols, values, shape)

    @classmethod
    def from_sorted(cls, rows: Array, cols: Array, values: Array, shape: tuple[int, int]) -> Ratings:
        """The same, where the cells ascend row by row and are known to lie in the matrix."""
        indptr = np.zeros(shape[0] + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
        return cls(Pattern(shape, indptr, cols.astype(np.int32, copy=False)), values, get_backend("reference"))

    @property
    def shape(self) -> tuple[int, int]:
        return self.pattern.shape

    @property
    def side_width(self) -> int:
        """The number q of features of a row."""
        return 0 if self.side is None else self.side.shape[1]

    @property
    def size(self) -> int:
        """The number p of observed cells."""
        return len(self.values)

    @property
    def rows(self) -> Array:
        """The row of each cell, (p,)."""
        return self.pattern.rows

    @property
    def cols(self) -> Array:
        """The column of each cell, (p,)."""
        return self.pattern.cols

    @property
    def counts(self) -> Array:
        """The number of observed cells of each row, (n,)."""
        return self.xp.diff(self.pattern.indptr)

    @property
    def xp(self) -> Any:
        return self.backend.xp

    @cached_property
    def T(self) -> Ratings:
        """The transpose, (d, n), without features and weights."""
        return Ratings(self.pattern.T, self.backend.take(self.values, self.pattern.order), self.backend)

    def __matmul__(self, X: Array) -> Array:
        """R X, (n, d) by (d, k) -> (n, k). UsageError: X has another shape"""
        if X.ndim != 2 or len(X) != self.shape[1]:
            raise UsageError(
                f"R is {self._shape_text()}, so R @ X needs X of shape ({self.shape[1]}, k), not {X.shape}"
            )
        return self.backend.spmm(self.pattern.indptr, self.cols, self.values, X)

    def sampled(self, H: Array, W: Array) -> Array:
        """H Wᵀ at the observed cells alone, (n, k) and (d, k) -> (p,). UsageError: H or W has another shape"""
        n, d = self.shape
        if not (H.ndim == W.ndim == 2 and len(H) == n and len(W) == d and H.shape[1] == W.shape[1]):
            needed = f"H of shape ({n}, k) and W of shape ({d}, k)"
            raise UsageError(f"R is {self._shape_text()}, so R.sampled needs {needed}, not {H.shape} and {W.shape}")
        return self.backend.sddmm(self.pattern.indptr, self.cols, H, W)

    def with_values(self, values: Array) -> Ratings:
        """Other values (p,) at the same cells."""
        return self._with(values=values)

    def with_side(self, side: Array | None) -> Ratings:
        """With features of the rows, (n, q), in the dtype of the values."""
        return self if side is None else self._with(side=self.backend.asarray(side.astype(self.values.dtype)))

    def with_unobserved_weights(self, weights: Array) -> Ratings:
        """With weights of unobserved cells, (d,), in the dtype of the values."""
        return self._with(unobserved_weights=self.backend.asarray(weights.astype(self.values.dtype)))

    def with_share(self, share: float) -> Ratings:
        """The same rows, counted as another fraction of all rows."""
        return self._with(share=share)

    def _with(self, **changes: Any) -> Ratings:
        names = "pattern", "values", "backend", "side", "unobserved_weights", "share"
        return Ratings(**({name: getattr(self, name) for name in names} | changes))

    def take_rows(self, rows: Array) -> Ratings:
        """The matrix of these rows alone, in the order given, (len(rows), d). DataError: there is no such row."""
        rows = np.asarray(rows, np.int64)
        if not _within(rows, self.shape[0]):
            raise DataError(f"a row is outside 0 to {self.shape[0] - 1}; -1 stands for an unknown id")
        share = self.share * len(rows) / self.shape[0] if self.shape[0] else self.share
        rows = self.backend.asarray(rows)
        pattern, cells = self.pattern.take_rows(rows)
        side = None if self.side is None else self.side[rows]
        return self._with(pattern=pattern, values=self.values[cells], side=side, share=share)

    def batches(self, order: Array, size: int) -> Iterator[Ratings]:
        """The rows in this order, `size` of them at a time."""
        if self.xp is np:
            yield from (self.take_rows(order[first : first + size]) for first in range(0, len(order), size))
            return
        R = self.take_rows(order)  # once an epoch: then nothing is sent to the GPU for a batch
        first = 0
        for pattern, cells in R.pattern.batches(size):
            n = pattern.shape[0]
            side = None if R.side is None else R.side[first : first + n]
            share = R.share * n / len(order)
            yield R._with(pattern=pattern, values=R.values[cells], side=side, share=share)
            first += n

    def sum_rows(self) -> Array:
        """The sum of each column over the rows, (d,)."""
        return (self.T @ _ones(self.xp, self.shape[0], self.values.dtype))[:, 0]

    def to(self, backend: str, dtype=None) -> Ratings:
        """The same ratings on another backend, as `dtype` (by default, unchanged)."""
        target, pattern = get_backend(backend), self.pattern
        dtype = dtype or self.values.dtype
        moves = target.xp is not self.xp

        def move(array):
            return target.asarray(to_host(array)) if moves else array

        if moves:
            pattern = Pattern(self.shape, move(pattern.indptr), move(pattern.cols), target.xp)
        parts = self.values, self.side, self.unobserved_weights
        values, side, weights = (None if part is None else move(part.astype(dtype, copy=False)) for part in parts)
        return Ratings(pattern, values, target, side, weights, self.share)

    def to_dense(self, fill: float = np.nan) -> Array:
        """The matrix as a NumPy array (n, d), with `fill` where nothing is observed; for small matrices."""
        dense = np.full(self.shape, fill, to_host(self.values).dtype)
        dense[to_host(self.rows), to_host(self.cols)] = to_host(self.values)
        return dense

    def to_scipy(self) -> Any:
        """The matrix as a scipy.sparse.csr_array (n, d), which keeps observed zeros as stored zeros."""
        from scipy.sparse import csr_array  # slow to import

        arrays = to_host(self.values), to_host(self.cols), to_host(self.pattern.indptr)
        return csr_array(tuple(map(np.array, arrays)), shape=self.shape)

    def __repr__(self) -> str:
        """Shape, number of cells, and the upper left corner, where . is an unobserved cell."""
        R = self.take_rows(np.arange(min(CORNER, self.shape[0]))).to("reference")
        texts = np.full((R.shape[0], min(CORNER, R.shape[1])), f"{'.':>8}", object)
        shown = R.cols < CORNER
        texts[R.rows[shown], R.cols[shown]] = [f"{value:8.4g}" for value in R.values[shown]]
        more = " ..." if self.shape[1] > CORNER else ""
        lines = ["".join(row) + more for row in texts]
        lines += ["     ..."] if self.shape[0] > CORNER else []
        kind = f"{self.values.dtype}, on {self.backend.name}"
        return "\n".join([f"<Ratings, {self._shape_text()}, {self.size} cells observed, {kind}>", *lines])

    def _shape_text(self) -> str:
        return f"{self.shape[0]} x {self.shape[1]}"

    def __reduce__(self):
        """Pickle and deepcopy: arrays on the host, and the backend by its name."""
        R = self.to("reference")
        arrays = R.pattern.indptr, R.cols, R.values, R.side, R.unobserved_weights
        return _restored, (self.shape, *arrays, self.share, self.backend.name)


def _restored(shape, indptr, cols, values, side, unobserved_weights, share, backend):
    pattern = Pattern(shape, indptr, cols)
    return Ratings(pattern, values, get_backend("reference"), side, unobserved_weights, share).to(backend)


@functools.lru_cache(4)  # the batches of an epoch have two heights
def _ones(xp: ModuleType, n: int, dtype: Any) -> Array:
    return xp.ones((n, 1), dtype)


def _whole(numbers: Any) -> Array:
    numbers = np.asarray(numbers)
    return numbers if numbers.dtype in (np.int32, np.int64) else numbers.astype(np.int64)


def _within(numbers: Array, end: int) -> bool:
    """Whether 0 <= number < end for all of them: NumPy wraps negative indices, and the kernels check none."""
    return len(numbers) == 0 or bool(numbers.min() >= 0 and numbers.max() < end)
