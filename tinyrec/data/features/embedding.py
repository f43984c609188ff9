"""Text with very many values, such as tags, in few numbers: T ≈ P D Qᵀ, Y = P D^½  (Strub et al. 2016, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError

DIMENSIONS = 50  # of the CFN paper
LEAST = 1e-6  # of the largest singular value: below it, they are rounding errors


@dataclass(frozen=True, eq=False)
class Embedding:
    """Y = T B with B = Q D^-½, which is P D^½ for the rows that it was made of, and places others among these.

    T (m, v): how often each of v values is in each of m texts;  Y (m, k), as the paper has it: large for long texts
    values (v,): in order;  B (v, k)
    """

    values: tuple[str, ...]
    B: Array

    def __post_init__(self):
        if self.B.ndim != 2 or len(self.B) != len(self.values):
            raise DataError(f"an embedding of {len(self.values)} values has shape {self.B.shape}; make it anew")

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> Embedding:
        """From the values of each of n rows; k is 50, or as many as T has singular values that are not 0."""
        values = tuple(sorted({value for row in rows for value in row}))
        d, Q = _right_part(count(rows, values))
        return cls(values, Q / np.sqrt(d))

    def encode(self, rows: Sequence[Sequence[str]]) -> Array:
        """Y of other rows, (m, k); values never seen count for nothing."""
        return count(rows, self.values) @ self.B


def count(rows: Sequence[Sequence[str]], values: Sequence[str]):
    """T, a sparse array of SciPy, (m, v): how often each of the values is in each row."""
    from scipy.sparse import csr_array  # takes a while to import

    place = {value: j for j, value in enumerate(values)}
    cells = [(i, place[value]) for i, row in enumerate(rows) for value in row if value in place]
    i, j = np.array(cells, np.int64).reshape(-1, 2).T
    return csr_array((np.ones(len(cells)), (i, j)), shape=(len(rows), len(values)))  # adds what comes twice


def _right_part(T) -> tuple[Array, Array]:
    """The largest singular values d (k,) of T (n, v), descending, and their right vectors Q (v, k).

    The same at every call: the search starts from a fixed vector, and of each column the largest entry is positive.
    """
    from scipy.sparse.linalg import svds
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same bits for any number of them, and faster
        if min(T.shape) <= DIMENSIONS:  # svds gives fewer than all
            _, d, Qt = np.linalg.svd(T.toarray(), full_matrices=False)
        else:
            _, d, Qt = svds(T, DIMENSIONS, v0=np.random.default_rng(0).standard_normal(min(T.shape)))
    order = np.argsort(-d)[: np.count_nonzero(d > LEAST * d.max(initial=0))]
    d, Q = d[order], Qt[order].T
    largest = Q[np.abs(Q).argmax(axis=0), np.arange(len(d))]
    return d, Q * np.sign(largest)
