"""LLORMA: many matrix factorisations, each fitted to the cells near an anchor, averaged by distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import EPSILON, Baseline
from tinyrec.baselines.factors import ridge
from tinyrec.checks import check_settings
from tinyrec.evaluation.top_n import blocks
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class LLORMA(Baseline):
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

    derived = ("mean", "near_users", "near_items")

    def __post_init__(self):
        counts = dict.fromkeys(("anchors", "rank", "iterations", "global_rank"), 1)
        check_settings(self, **counts, **dict.fromkeys(("width", "l2", "global_l2"), EPSILON))

    def learn(self, R: Ratings, seed: int) -> Params:
        """The factorisation of all, and those of the local models, stacked along their first axis."""
        rng, all_users, all_items = np.random.default_rng(seed), np.ones(R.shape[0]), np.ones(R.shape[1])
        P, Q = fit_local(R, all_users, all_items, self.global_rank, self.global_l2, self.iterations, rng)
        local: dict[str, list[Array]] = {"local_P": [], "local_Q": [], "near_users": [], "near_items": []}
        for anchor in rng.choice(R.size, min(self.anchors, R.size), replace=False):
            near_users = kernel(distances(P, R.rows[anchor]), self.width)
            near_items = kernel(distances(Q, R.cols[anchor]), self.width)
            factors = fit_local(R, near_users, near_items, self.rank, self.l2, self.iterations, rng)
            for name, array in zip(local, (*factors, near_users, near_items), strict=True):
                local[name].append(array)
        mean = np.array([R.values.mean(dtype=np.float64)])
        return {"mean": mean, "P": P, "Q": Q, **{name: np.stack(arrays) for name, arrays in local.items()}}

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        local = {"local_P": (None, n, self.rank), "local_Q": (None, d, self.rank)}
        near = {"near_users": (None, n), "near_items": (None, d)}
        return {"mean": (1,), "P": (n, self.global_rank), "Q": (d, self.global_rank), **local, **near}

    def check_params(self, params: Params, n: int, d: int) -> None:
        if len({len(params[name]) for name in ("local_P", "local_Q", "near_users", "near_items")}) > 1:
            raise ValueError("the number of its local models is not clear")

    def predict_cells(self, params: Params, R: Ratings, users: Array, items: Array) -> Array:
        """The mean rating for users and items without ratings, unknown ones, -1, among them."""
        y = np.full(len(users), params["mean"][0])
        rated_users, rated_items = (np.append(params[name].any(axis=1), False) for name in "PQ")
        warm = np.flatnonzero(rated_users[users] & rated_items[items])
        for block in blocks(len(warm), self.global_rank):
            at = warm[block]
            y[at] = _average(params, users[at], items[at])
        return y


def _average(params: Params, users: Array, items: Array) -> Array:
    total = weight = np.zeros(len(users))
    local = zip(*(params[name] for name in ("local_P", "local_Q", "near_users", "near_items")), strict=True)
    for P, Q, near_users, near_items in local:
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
    Q[:, 0] += 1  # and so p_u starts near the mean of user u
    for _ in range(iterations):
        P = ridge(R, Q, near_items, l2)
        Q = ridge(R.T, P, near_users, l2)
    return P, Q
