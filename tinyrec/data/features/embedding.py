"""Embed columns with many values, such as tags, by truncated SVD: T ≈ P D Qᵀ, Y = P D^½  (Strub et al. 2016, 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError

MAX_DIMENSIONS = 50  # k in Strub et al. 2016
MIN_SINGULAR_VALUE = 1e-6  # relative to the largest; smaller ones are rounding errors


@dataclass(frozen=True, eq=False)
class Embedding:
    """Y = T B with B = Q D^-½: equals P D^½ for the rows of the SVD, and embeds new rows in the same space.

    T (m, v): how often each of the v values occurs in each of the m rows;  values (v,): sorted
    Y (m, k): not normalised, as in the paper, so rows with more values have larger norms;  B (v, k)
    """

    values: tuple[str, ...]
    B: Array

    def __post_init__(self):
        if self.B.ndim != 2 or len(self.B) != len(self.values):
            raise DataError(f"an embedding of {len(self.values)} values has shape {self.B.shape}; give one row each")

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> Embedding:
        """Fit to the values of each of n rows; k is 50 or the rank of T, whichever is smaller."""
        values = tuple(sorted({value for row in rows for value in row}))
        d, Q = _right_singular_vectors(count(rows, values))
        return cls(values, Q / np.sqrt(d))

    def encode(self, rows: Sequence[Sequence[str]]) -> Array:
        """Return Y for the given rows, (m, k); unknown values are ignored."""
        return count(rows, self.values) @ self.B


def count(rows: Sequence[Sequence[str]], values: Sequence[str]):
    """Return T (m, v), a SciPy sparse array: how often each value occurs in each row."""
    from scipy.sparse import csr_array  # slow to import

    column = {value: j for j, value in enumerate(values)}
    cells = [(i, column[value]) for i, row in enumerate(rows) for value in row if value in column]
    i, j = np.array(cells, np.int64).reshape(-1, 2).T
    return csr_array((np.ones(len(cells)), (i, j)), shape=(len(rows), len(values)))  # sums duplicates


def _right_singular_vectors(T) -> tuple[Array, Array]:
    """Return the largest singular values d (k,) of T (n, v), descending, and their right singular vectors Q (v, k).

    Deterministic: the solver starts from a fixed vector, and the entry of largest magnitude in each column is positive.
    """
    from scipy.sparse.linalg import svds
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # bitwise equal for any number of threads, and faster
        if min(T.shape) <= MAX_DIMENSIONS:  # svds cannot compute all of them
            _, d, Qt = np.linalg.svd(T.toarray(), full_matrices=False)
        else:
            _, d, Qt = svds(T, MAX_DIMENSIONS, v0=np.random.default_rng(0).standard_normal(min(T.shape)))
    order = np.argsort(-d)[: np.count_nonzero(d > MIN_SINGULAR_VALUE * d.max(initial=0))]
    d, Q = d[order], Qt[order].T
    largest = Q[np.abs(Q).argmax(axis=0), np.arange(len(d))]
    return d, Q * np.sign(largest)
