"""LLORMA: many matrix factorisations, each of which need only be right near one cell, averaged by how near that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.baselines.common import TINY, check_settings
from tinyrec.baselines.factors import ridge
from tinyrec.evaluation.top_n import blocks
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class LLORMA:
    """r̂_ui = Σ_t K_t(u, i) p_u^t · q_i^t / Σ_t K_t(u, i)                                     (Lee et al. 2013, eq. 5)

    K_t(u, i) = K(u_t, u) K(i_t, i) says how near the cell is to (u_t, i_t), one of some observed cells drawn at random,
    the anchors. K(u_t, u) = max(0, 1 - s² / h²) with s = 2/π arccos of the cosine of the vectors that these two users
    have in a factorisation of all ratings; and so of items. Local model t is

        min Σ K_t(u, i) [(r_ui - p_u · q_i)² + λ (|p_u|² + |q_i|²)]

    over the observed ratings, by alternating least squares. The factorisation of all has 1 for K_t, and predicts where
    no anchor is near.

    rank: of the local models;  width: h;  l2: λ;  global_rank, global_l2: of the factorisation of all
    Anchors, rank and width are the paper's. There the model is fitted by gradient descent, and λ is not weighted by K;
    ours counts once for each rating, as in ALS-WR, since else a vector that is far from the anchor shrinks to 0. λ, the
    iterations and the factorisation of all are from a search on a validation part of MovieLens 1M.
    """

    anchors: int = 50
    rank: int = 20
    width: float = 0.8
    l2: float = 0.05
    iterations: int = 10
    global_rank: int = 10
    global_l2: float = 0.05

    def __post_init__(self):
        check_settings(self, anchors=1, rank=1, width=TINY, l2=TINY, iterations=1, global_rank=1, global_l2=TINY)

    def fit(self, R: Ratings, seed: int = 0) -> LocalModels:
        """R (n, d)"""
        rng, everybody, everything = np.random.default_rng(seed), np.ones(R.shape[0]), np.ones(R.shape[1])
        overall = fit_local(R, everybody, everything, self.global_rank, self.global_l2, self.iterations, rng)
        local = []
        for anchor in rng.choice(R.size, min(self.anchors, R.size), replace=False):
            near_users = kernel(distances(overall.P, R.rows[anchor]), self.width)
            near_items = kernel(distances(overall.Q, R.cols[anchor]), self.width)
            local.append(fit_local(R, near_users, near_items, self.rank, self.l2, self.iterations, rng))
        return LocalModels(float(R.values.mean(dtype=np.float64)), overall, local)


@dataclass(frozen=True)
class Local:
    """One factorisation, P (n, k), Q (d, k), and how near users and items are to its anchor, (n,) and (d,)."""

    P: Array
    Q: Array
    near_users: Array
    near_items: Array

    def predict(self, users: Array, items: Array) -> tuple[Array, Array]:
        """users, items (b,)  ->  p_u · q_i and K(u, i), (b,) each"""
        return np.einsum("bk,bk->b", self.P[users], self.Q[items]), self.near_users[users] * self.near_items[items]


@dataclass(frozen=True)
class LocalModels:
    """mean: of all ratings;  overall: what was fitted to all of them;  local: one model an anchor"""

    mean: float
    overall: Local
    local: list[Local]

    def predict(self, users: Array, items: Array) -> Array:
        """users, items (b,) -> (b,); the mean for who has no ratings, be it an unknown one, -1."""
        y = np.full(len(users), self.mean)
        rated_users, rated_items = (np.append(A.any(axis=1), False) for A in (self.overall.P, self.overall.Q))
        warm = np.flatnonzero(rated_users[users] & rated_items[items])
        for block in blocks(len(warm), self.overall.P.shape[1]):
            at = warm[block]
            y[at] = self._average(users[at], items[at])
        return y

    def _average(self, users, items):
        total = weight = np.zeros(len(users))
        for model in self.local:
            y, near = model.predict(users, items)
            total, weight = total + near * y, weight + near
        overall, _ = self.overall.predict(users, items)
        return np.where(weight > 0, total / np.maximum(weight, TINY), overall)

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(model.P.size + model.Q.size for model in (self.overall, *self.local))


def distances(P: Array, u: int) -> Array:
    """s = 2/π arccos(p_u · p_v / (|p_u| |p_v|)) for each row v: 0 to 2, and 1 for who has no ratings; P (n, k) -> (n,)

    The paper leaves 2/π out, the authors' code (PREA) does not.
    """
    unit = P / np.maximum(np.linalg.norm(P, axis=1, keepdims=True), TINY)
    return 2 / np.pi * np.arccos(np.clip(unit @ unit[u], -1, 1))


def kernel(s: Array, h: float) -> Array:
    """K = max(0, 1 - s² / h²): Epanechnikov's kernel, as in the authors' code; the paper has 1 - s² where s < h."""
    return np.maximum(1 - (s / h) ** 2, 0)


def fit_local(
    R: Ratings, near_users: Array, near_items: Array, rank: int, l2: float, iterations: int, rng: np.random.Generator
) -> Local:
    """R (n, d), near_users (n,), near_items (d,)"""
    Q = rng.normal(0, 0.1, (R.shape[1], rank))
    Q[:, 0] += 1  # and so p_u starts near the mean of user u
    for _ in range(iterations):
        P = ridge(R, Q, near_items, l2)
        Q = ridge(R.T, P, near_users, l2)
    return Local(P, Q, near_users, near_items)
