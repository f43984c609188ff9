"""What the baselines for implicit feedback share: which cells there are is all that counts; no value is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.sparse import Ratings


def ones(R: Ratings) -> Any:
    """X: 1 at the cells of R, else 0, as a scipy.sparse.csr_array (n, d) of float64."""
    from scipy.sparse import csr_array  # takes a while to import

    return csr_array((np.ones(R.size), R.cols, R.pattern.indptr), shape=R.shape)


def draw_unobserved(R: Ratings, users: Array, rng: np.random.Generator) -> Array:
    """For each of these users (b,) an item (b,) that they do not have in R, each such item being as likely.

    The r-th item that a user does not have is item r + c, where c of those that they have come before it: the i-th
    item that they have, counted from 0, comes before it if (its number - i) <= r. Who has all items must not be asked.
    """
    indptr, d = R.pattern.indptr, R.shape[1]
    gaps = R.cols - (np.arange(R.size) - indptr[R.rows])  # items not had before each cell, ascending within a row
    r = rng.integers(0, d - np.diff(indptr)[users])
    before = np.searchsorted(R.rows * np.int64(d + 1) + gaps, users * np.int64(d + 1) + r, side="right")
    return r + before - indptr[users]
