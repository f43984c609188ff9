"""The observed ratings: a sparse matrix in plain NumPy. An unobserved cell is not a zero.

Row i owns the cells indptr[i] to indptr[i + 1]: their columns are cols[...], ascending, and their ratings values[...].
"""

import numpy as np


class Ratings:
    """p observed cells of an (n, d) matrix: shape, indptr (n + 1,), cols (p,), values (p,), and rows (p,)."""

    def __init__(self, shape, indptr, cols, values):
        self.shape, self.indptr, self.cols, self.values = tuple(map(int, shape)), indptr, cols, values
        self.rows = np.repeat(np.arange(self.shape[0]), np.diff(indptr))

    @property
    def size(self):
        """The number p of observed cells."""
        return len(self.values)

    @property
    def T(self):
        """The transpose, (d, n)."""
        n, d = self.shape
        order = np.argsort(self.cols, kind="stable")
        indptr = np.searchsorted(self.cols[order], np.arange(d + 1))
        return Ratings((d, n), indptr, self.rows[order], self.values[order])

    def with_values(self, values):
        """Other values (p,) at the same cells."""
        if np.shape(values) != (self.size,):
            raise ValueError(f"{self.size} cells need values of shape ({self.size},), not {np.shape(values)}")
        return Ratings(self.shape, self.indptr, self.cols, values)

    def __matmul__(self, X):
        """R X, (n, d) by (d, k) -> (n, k)."""
        n, d = self.shape
        if X.ndim != 2 or len(X) != d:
            raise ValueError(f"R is {n} x {d}, so R @ X needs X of shape ({d}, k), not {X.shape}")
        out = np.zeros((n, X.shape[1]), np.result_type(self.values, X))
        for i in range(n):
            cells = slice(self.indptr[i], self.indptr[i + 1])
            out[i] = self.values[cells] @ X[self.cols[cells]]
        return out

    def sampled(self, H, W):
        """H Wᵀ at the observed cells alone, (n, k) and (d, k) -> (p,)."""
        n, d = self.shape
        if not (H.ndim == W.ndim == 2 and len(H) == n and len(W) == d and H.shape[1] == W.shape[1]):
            raise ValueError(f"R is {n} x {d}, so sampled needs H ({n}, k) and W ({d}, k), not {H.shape} and {W.shape}")
        out = np.zeros(self.size, np.result_type(H, W))
        for i in range(n):
            cells = slice(self.indptr[i], self.indptr[i + 1])
            out[cells] = W[self.cols[cells]] @ H[i]
        return out

    def sum_rows(self):
        """For each column, the sum over its rows, (d,)."""
        return np.bincount(self.cols, self.values, minlength=self.shape[1])
