"""BPR: matrix factorisation that learns which of two items a user has, by SGD on triples (user, item, other item)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import draw_unobserved, fastest
from tinyrec.baselines.factors import Factors
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class BPR(Factors):
    """max Σ ln σ(p_u · (q_i - q_j)) - λ/2 (|p_u|² + |q_i|² + |q_j|²)         (Rendle et al. 2009, section 4.1, BPR-Opt)

    over triples of a user u, an item i that the user has and an item j that the user does not have. An epoch draws as
    many triples as there are observed cells: a random observed cell (u, i), and a random j for it.

    factors: k;  l2: λ. Learning rate and λ are those of NCAE, section 5.1; the number of epochs is from a search on a
    validation part of Last.fm.
    """

    factors: int = 128
    learning_rate: float = 0.1
    l2: float = 0.01
    epochs: int = 300

    minimum: ClassVar = {"factors": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        (n, d), rng = R.shape, np.random.default_rng(seed)
        P, Q = (rng.normal(0, 0.1, (size, self.factors)).astype(np.float32) for size in (n, d))
        cells = np.flatnonzero(np.diff(R.pattern.indptr)[R.rows] < d)  # users with all items have no j
        for _ in range(self.epochs if len(cells) else 0):
            drawn = rng.choice(cells, R.size)
            users, items = R.rows[drawn], R.cols[drawn]
            fastest(descend, "bpr")(users, items, draw_unobserved(R, users, rng), P, Q, self.learning_rate, self.l2)
        return {"P": P, "Q": Q}


def descend(users: Array, items: Array, others: Array, P: Array, Q: Array, rate: float, l2: float) -> None:
    """Θ <- Θ + rate (σ(-x) ∂x/∂Θ - λ Θ) with x = p_u · (q_i - q_j), triple by triple       (Rendle et al. 2009, fig. 4)

    users, items, others (b,): u, i and j;  P (n, k), Q (d, k) are changed in place
    """
    for u, i, j in zip(users, items, others, strict=True):
        p, q, r = P[u].copy(), Q[i].copy(), Q[j].copy()
        e = 1 / (1 + np.exp(p @ (q - r)))  # σ(-x), near 0 when i already ranks well above j
        P[u] += rate * (e * (q - r) - l2 * p)
        Q[i] += rate * (e * p - l2 * q)
        Q[j] += rate * (-e * p - l2 * r)
