"""ALS-WR: matrix factorisation by alternating least squares, regularised in proportion to the number of ratings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import EPSILON
from tinyrec.baselines.factors import RatingFactors, ridge
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class ALSWR(RatingFactors):
    """min Σ (r - p_u · q_i)² + λ (Σ n_u |p_u|² + Σ n_i |q_i|²)                         (Zhou et al. 2008, section 3.1)

    over the observed ratings, of which user u has n_u and item i has n_i. Alternating least squares: solve for all p
    with q fixed, then for all q with p fixed, and repeat.

    factors: k;  l2: λ. Defaults: our search on a validation part of MovieLens 1M. As in the paper, the mean is not
    subtracted from the ratings; subtracting it made the validation RMSE worse by 0.008.
    """

    factors: int = 50
    l2: float = 0.07
    iterations: int = 20

    minimum: ClassVar = {"factors": 1, "l2": EPSILON, "iterations": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        (n, d), rng = R.shape, np.random.default_rng(seed)
        Q = rng.normal(0, 0.1, (d, self.factors))
        counts = np.bincount(R.cols, minlength=d)
        Q[:, 0] = np.bincount(R.cols, R.values, minlength=d) / np.maximum(counts, 1)  # the mean rating, as in the paper
        for _ in range(self.iterations):
            P = ridge(R, Q, np.ones(d), self.l2)
            Q = ridge(R.T, P, np.ones(n), self.l2)
        return self.learned(R, Biases.constant(0.0, R.shape), P, Q)

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        return ridge(new, params["Q"], np.ones(R.shape[1]), self.l2) @ params["Q"].T
