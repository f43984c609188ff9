"""eALS: matrix factorisation of all cells, weighted by popularity, one coordinate at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import EPSILON
from tinyrec.baselines.factors import Factors, solve
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class EALS(Factors):
    """min Σ (1 - p_u · q_i)² over observed cells + Σ c_i (p_u · q_i)² over all others + λ (Σ |p_u|² + Σ |q_i|²)

    with c_i = c₀ f_i^ω / Σ_j f_j^ω, where f_i users have item i                           (He et al. 2016, eq. 7 and 8)

    factors: k;  c0: c₀;  omega: ω;  l2: λ. c₀ and ω are those of NCAE, section 5.1, which has λ = 0.05; our λ and
    iterations are from a search on a validation part of Last.fm.
    """

    factors: int = 128
    c0: float = 512.0
    omega: float = 0.5
    l2: float = 5.0
    iterations: int = 8

    minimum: ClassVar = {"factors": 1, "l2": EPSILON, "iterations": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        (n, d), rng, c = R.shape, np.random.default_rng(seed), self.unobserved_weights(R)
        P, Q = rng.normal(0, 0.1, (n, self.factors)), rng.normal(0, 0.1, (d, self.factors))
        for _ in range(self.iterations):
            update_factors(R, P, Q, (Q.T * c) @ Q, np.ones(n), 1 - c[R.cols], self.l2)
            update_factors(R.T, Q, P, P.T @ P, c, 1 - c[R.T.rows], self.l2)
        return {"P": P, "Q": Q}

    def unobserved_weights(self, R: Ratings) -> Array:
        """c_i of each item, (d,)."""
        counts = np.bincount(R.cols, minlength=R.shape[1]).astype(float)
        powers = counts**self.omega
        return self.c0 * powers / max(powers.sum(), EPSILON)

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        return solve(new, params["Q"], self.unobserved_weights(R), self.l2) @ params["Q"].T


def update_factors(R: Ratings, P: Array, Q: Array, S: Array, c: Array, excess: Array, l2: float) -> None:
    """p_uf <- the minimiser given all else, for f = 1, ..., k                       (He et al. 2016, eq. 12 and 13)

    p_uf = (Σ_i [1 - (1 - c_i) ŷ_ui^f] q_if - Σ_{g≠f} p_ug s_gf) / (Σ_i (1 - c_i) q_if² + s_ff + λ), sums over the items
    i that user u has, where ŷ^f is the prediction without factor f, and S = Σ c_i q_i q_iᵀ over all items.

    R (n, d) with p cells, P (n, k), changed in place, Q (d, k), S (k, k), excess (p,): 1 - c at the cells
    c (n,): the weight of S in each row: 1 for users. For items, P and Q are swapped, S = PᵀP, and its weight is c_i.
    The paper updates user by user; updating all users at once is the same, since no p_u depends on another one.
    """
    y = R.sampled(P, Q)
    for f in range(P.shape[1]):
        q = Q[R.cols, f]
        y -= P[R.rows, f] * q  # ŷ^f
        fit = _sum_rows(R, (1 - excess * y) * q) - c * (P @ S[:, f] - P[:, f] * S[f, f])
        P[:, f] = fit / (_sum_rows(R, excess * q * q) + c * S[f, f] + l2)
        y += P[R.rows, f] * q


def _sum_rows(R, values):
    return np.bincount(R.rows, values, minlength=R.shape[0])
