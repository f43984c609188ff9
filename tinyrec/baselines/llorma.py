"""LLORMA: many matrix factorisations, each fitted to the cells near an anchor, averaged by distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import EPSILON, Baseline
from tinyrec.baselines.factors import ridge
from tinyrec.evaluation.top_n import blocks
from tinyrec.sparse import Ratings

LOCAL = "local_P", "local_Q", "near_users", "near_items"  # the arrays of the local models


@dataclass(frozen=True)
class LLORMA(Baseline):
    """r̂_ui = Σ_t K_t(u, i) p_u^t · q_i^t / Σ_t K_t(u, i)                                     (Lee et al. 2013, eq. 5)

    The anchors (u_t, i_t) are observed cells drawn at random. K_t(u, i) = K(u_t, u) K(i_t, i) says how near the cell
    (u, i) is to anchor t: K(u_t, u) = max(0, 1 - s² / h²), where s is 2/π arccos of the cosine of the users' vectors in
    a factorisation of all ratings; K(i_t, i) likewise for items. Local model t is

        min Σ K_t(u, i) [(r_ui - p_u · q_i)² + λ (|p_u|² + |q_i|²)]

    over the observed ratings, by alternating least squares. The global factorisation, of all ratings, has K_t = 1; it
    predicts where no anchor is near.

    rank: of the local models;  width: h;  l2: λ;  global_rank, global_l2: of the global factorisation
    Anchors, rank and width are the paper's. The paper uses gradient descent, and does not weight λ by K. We do, so that
    λ counts once for each rating as in ALS-WR; otherwise, vectors far from the anchor would shrink to 0. λ, iterations
    and the settings of the global factorisation are from a search on a validation part of MovieLens 1M.
    """

    anchors: int = 50
    rank: int = 20
    width: float = 0.8
    l2: float = 0.05
    iterations: int = 10
    global_rank: int = 10
    global_l2: float = 0.05

    derived = ("mean", "near_users", "near_items")
    minimum: ClassVar = {"anchors": 1, "rank": 1, "iterations": 1, "global_rank": 1}
    minimum |= {"width": EPSILON, "l2": EPSILON, "global_l2": EPSILON}

    def learn(self, R: Ratings, seed: int) -> Params:
        """P, Q: the global factorisation; the other arrays: the local models, stacked along their first axis."""
        rng, all_users, all_items = np.random.default_rng(seed), np.ones(R.shape[0]), np.ones(R.shape[1])
        P, Q = fit_local(R, all_users, all_items, self.global_rank, self.global_l2, self.iterations, rng)
        local: list[tuple[Array, ...]] = []
        for anchor in rng.choice(R.size, min(self.anchors, R.size), replace=False):
            near_users = kernel(distances(P, R.rows[anchor]), self.width)
            near_items = kernel(distances(Q, R.cols[anchor]), self.width)
            factors = fit_local(R, near_users, near_items, self.rank, self.l2, self.iterations, rng)
            local.append((*factors, near_users, near_items))
        mean = np.array([R.values.mean(dtype=np.float64)])
        return {"mean": mean, "P": P, "Q": Q, **dict(zip(LOCAL, map(np.stack, zip(*local, strict=True)), strict=True))}

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        local = {"local_P": (None, n, self.rank), "local_Q": (None, d, self.rank)}
        near = {"near_users": (None, n), "near_items": (None, d)}
        return {"mean": (1,), "P": (n, self.global_rank), "Q": (d, self.global_rank), **local, **near}

    def check_params(self, params: Params, n: int, d: int) -> None:
        if len({len(params[name]) for name in LOCAL}) > 1:
            raise ValueError("its arrays have different numbers of local models")

    def predict_cells(self, params: Params, R: Ratings, users: Array, items: Array) -> Array:
        """The predicted ratings; the mean rating for users and items that are unknown, -1, or have no ratings."""
        y = np.full(len(users), params["mean"][0])
        rated_users, rated_items = (np.append(params[name].any(axis=1), False) for name in "PQ")
        warm = np.flatnonzero(rated_users[users] & rated_items[items])
        for block in blocks(len(warm), self.global_rank):
            at = warm[block]
            y[at] = _average(params, users[at], items[at])
        return y


def _average(params: Params, users: Array, items: Array) -> Array:
    total = weight = np.zeros(len(users))
    for P, Q, near_users, near_items in zip(*(params[name] for name in LOCAL), strict=True):
        near = near_users[users] * near_items[items]
        total, weight = total + near * np.einsum("bk,bk->b", P[users], Q[items]), weight + near
    overall = np.einsum("bk,bk->b", params["P"][users], params["Q"][items])
    return np.where(weight > 0, total / np.maximum(weight, EPSILON), overall)


def distances(P: Array, u: int) -> Array:
    """s = 2/π arccos(p_u · p_v / (|p_u| |p_v|)) for each row v, 1 without ratings; P (n, k) -> (n,)

    The paper leaves 2/π out, the authors' code (PREA) does not.
    """
    unit = P / np.maximum(np.linalg.norm(P, axis=1, keepdims=True), EPSILON)
    return 2 / np.pi * np.arccos(np.clip(unit @ unit[u], -1, 1))


def kernel(s: Array, h: float) -> Array:
    """K = max(0, 1 - s² / h²): Epanechnikov's kernel, as in the authors' code; the paper has 1 - s² where s < h."""
    return np.maximum(1 - (s / h) ** 2, 0)


def fit_local(
    R: Ratings, near_users: Array, near_items: Array, rank: int, l2: float, iterations: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """One factorisation: R (n, d), near_users (n,), near_items (d,)  ->  P (n, k), Q (d, k)"""
    Q = rng.normal(0, 0.1, (R.shape[1], rank))
    Q[:, 0] += 1  # so that p_u starts near the mean of user u
    for _ in range(iterations):
        P = ridge(R, Q, near_items, l2)
        Q = ridge(R.T, P, near_users, l2)
    return P, Q
