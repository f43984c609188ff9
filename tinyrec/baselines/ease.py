"""EASE: each item from all the others, by one linear regression in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.baselines.common import TINY, check_settings
from tinyrec.baselines.implicit import ones
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class EASE:
    """Ŷ = X B with B = I - P diag(P)⁻¹, P = (XᵀX + λ I)⁻¹                                           (Steck 2019, eq. 8)

    the minimiser of |X - X B|² + λ |B|² with diag B = 0;  l2: λ; 100 by a search on a validation part of Last.fm

    With fewer users than items, the inverse is taken in the space of the users: by the identity of Woodbury
    P = (I - Xᵀ A X) / λ with A = (X Xᵀ + λ I)⁻¹, an (n, n) matrix. No (d, d) matrix is ever made then.
    """

    l2: float = 100.0

    def __post_init__(self):
        check_settings(self, l2=TINY)

    def fit(self, R: Ratings, seed: int = 0) -> Regression:
        """R (n, d); nothing is random, so `seed` changes nothing."""
        X, (n, d) = ones(R), R.shape
        if n >= d:
            P = np.linalg.inv((X.T @ X).toarray() + self.l2 * np.eye(d))
            return Regression(X, self.l2, P, np.diag(P).copy(), by_user=False)
        A = np.linalg.inv((X @ X.T).toarray() + self.l2 * np.eye(n))
        users = np.split(R.T.cols, R.T.pattern.indptr[1:-1])  # of each item
        fitted = np.array([A[np.ix_(U, U)].sum() for U in users])  # diag of Xᵀ A X
        return Regression(X, self.l2, A, (1 - fitted) / self.l2, by_user=True)


@dataclass(frozen=True)
class Regression:
    """ŷ = x - x P diag(P)⁻¹

    X (n, d), a sparse array of SciPy: what was trained on;  l2: λ;  diagonal (d,): of P
    inverse: P (d, d); or by_user, A (n, n)
    """

    X: Any
    l2: float
    inverse: Array
    diagonal: Array
    by_user: bool

    def scores(self, users: Array) -> Array:
        """users (b,) -> (b, d)"""
        return self._scores(self.X[users])

    def scores_of_new(self, R: Ratings) -> Array:
        """R (m, d) -> (m, d)"""
        return self._scores(ones(R))

    def _scores(self, x):
        if self.by_user:
            shared = (x @ self.X.T).toarray()  # (b, n): how many items two users share; dense, as few share none
            return x - (x - shared @ self.inverse @ self.X) / (self.l2 * self.diagonal)
        return x - (x @ self.inverse) / self.diagonal
