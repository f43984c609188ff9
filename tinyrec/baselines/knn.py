"""Items that the same users have: the oldest method of collaborative filtering that is still hard to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.baselines.common import check_settings
from tinyrec.baselines.implicit import ones
from tinyrec.evaluation.top_n import blocks, top
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class ItemKNN:
    """ŷ_ui = Σ s_ij over the items j that user u has, of the `neighbours` items most similar to i

    s_ij = |U_i ∩ U_j| / (√(|U_i| |U_j|) + shrink), where U_i are the users of item i: the cosine of two columns, made
    smaller where few users stand behind it (Sarwar et al. 2001, section 3.1.1; with the shrinkage, Ferrari Dacrema et
    al. 2019). Defaults: our search on a validation part of Last.fm.
    """

    neighbours: int = 100
    shrink: float = 10.0

    def __post_init__(self):
        check_settings(self, neighbours=1)

    def fit(self, R: Ratings, seed: int = 0) -> LinearItems:
        """R (n, d); nothing is random, so `seed` changes nothing."""
        from scipy.sparse import csr_array, vstack

        X, d = ones(R), R.shape[1]
        columns = X.T.tocsr()
        norms = np.sqrt(np.diff(columns.indptr))
        nearest = [csr_array((0, d))]
        for block in blocks(d, d):
            items = np.arange(d)[block]
            s = (columns[items] @ X).toarray()  # (b, d): |U_i ∩ U_j|
            s /= np.maximum(norms[items, np.newaxis] * norms + self.shrink, 1)  # 0 without users, and else at least 1
            s[s == 0] = s[np.arange(len(items)), items] = -np.inf  # nobody's neighbour, and its own
            i, j = top(s, self.neighbours)
            nearest.append(csr_array((s[i, j], (i, j)), shape=s.shape))
        return LinearItems(X, vstack(nearest).T.tocsr())


@dataclass(frozen=True)
class LinearItems:
    """ŷ = X S

    X (n, d), S (d, d): sparse arrays of SciPy
    """

    X: Any
    S: Any

    def scores(self, users: Array) -> Array:
        """users (b,) -> (b, d)"""
        return (self.X[users] @ self.S).toarray()

    def scores_of_new(self, R: Ratings) -> Array:
        """R (m, d) -> (m, d)"""
        return (ones(R) @ self.S).toarray()
