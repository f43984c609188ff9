"""The same list for everybody: the most popular items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Pop:
    """ŷ_ui = f_i, how many users have item i                                                    (NCAE, section 5.1)"""

    def fit(self, R: Ratings, seed: int = 0) -> Popularity:
        """R (n, d); nothing is random, so `seed` changes nothing."""
        return Popularity(np.bincount(R.cols, minlength=R.shape[1]))


@dataclass(frozen=True)
class Popularity:
    """counts (d,): f"""

    counts: Array

    def scores(self, users: Array) -> Array:
        """users (b,) -> (b, d)"""
        return np.tile(self.counts.astype(float), (len(users), 1))

    def scores_of_new(self, R: Ratings) -> Array:
        """R (m, d) -> (m, d)"""
        return np.tile(self.counts.astype(float), (R.shape[0], 1))
