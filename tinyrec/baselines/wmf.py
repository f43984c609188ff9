"""WMF: matrix factorisation of all cells, with a smaller weight for the unobserved ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import EPSILON
from tinyrec.baselines.factors import Factors, solve
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class WMF(Factors):
    """min Σ_ui c_ui (y_ui - p_u · q_i)² + λ (Σ |p_u|² + Σ |q_i|²)          (Hu, Koren, Volinsky 2008, eq. 3)

    over all cells; y_ui = c_ui = 1 where user u has item i, else y_ui = 0 and c_ui = c
    Alternating least squares: solve for all q with p fixed, then for all p with q fixed, and repeat.

    factors: k;  unobserved_weight: c;  l2: λ. c is that of NCAE, section 5.1, which has λ = 0.1; our λ and iterations
    are from a search on a validation part of Last.fm.
    """

    factors: int = 128
    unobserved_weight: float = 0.05
    l2: float = 5.0
    iterations: int = 10

    minimum: ClassVar = {"factors": 1, "l2": EPSILON, "iterations": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        of_users, of_items = self.unobserved_weights(R.T), self.unobserved_weights(R)
        P = np.random.default_rng(seed).normal(0, 0.1, (R.shape[0], self.factors)).astype(np.float32)
        for _ in range(self.iterations):
            Q = solve(R.T, P, of_users, self.l2)
            P = solve(R, Q, of_items, self.l2)
        return {"P": P, "Q": Q}

    def unobserved_weights(self, R: Ratings) -> Array:
        """c for each column, (d,)."""
        return np.full(R.shape[1], float(self.unobserved_weight))

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        return solve(new, params["Q"], self.unobserved_weights(R), self.l2) @ params["Q"].T
