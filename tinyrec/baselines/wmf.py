"""WMF: matrix factorisation of all cells, where those that were not observed weigh less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.baselines.common import TINY, check_settings
from tinyrec.baselines.factors import WeightedFactors, solve
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class WMF:
    """min Σ_ui c_ui (y_ui - p_u · q_i)² + λ (Σ |p_u|² + Σ |q_i|²)          (Hu, Koren, Volinsky 2008, eq. 3)

    over all cells; y_ui = c_ui = 1 where user u has item i, else y_ui = 0 and c_ui = c
    Alternating least squares: all q exactly given all p, then all p exactly given all q, and so on.

    factors: k;  unobserved_weight: c;  l2: λ. c is that of NCAE, section 5.1, whose λ is 0.1; ours and the iterations are from a
    search on a validation part of Last.fm.
    """

    factors: int = 128
    unobserved_weight: float = 0.05
    l2: float = 5.0
    iterations: int = 10

    def __post_init__(self):
        check_settings(self, factors=1, l2=TINY, iterations=1)

    def fit(self, R: Ratings, seed: int = 0) -> WeightedFactors:
        """R (n, d)"""
        n, d = R.shape
        of_items, of_users = np.full(d, float(self.unobserved_weight)), np.full(n, float(self.unobserved_weight))
        P = np.random.default_rng(seed).normal(0, 0.1, (n, self.factors))
        for _ in range(self.iterations):
            Q = solve(R.T, P, of_users, self.l2)
            P = solve(R, Q, of_items, self.l2)
        return WeightedFactors(P, Q, of_items, self.l2)
