"""SVDFeature: BiasedMF in which the features of a user or item, such as age or genres, have biases and vectors, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import fastest
from tinyrec.baselines.biased_mf import BiasedMF, spread
from tinyrec.data import Features
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings

Rows = tuple[Array, Array, Array]  # indptr, cols and values of a sparse matrix with a row for each user or item


@dataclass(frozen=True)
class SVDFeature(BiasedMF):
    """r̂ = μ + σ (Σ_a α_a b_a + Σ_c β_c b_c + (Σ_a α_a p_a) · (Σ_c β_c q_c))       (Chen et al. 2012, eq. 2, with σ = 1)

    where a are the features of the user u, and c those of the item i. The first of them is the id, with α = β = 1, so
    that without others this is BiasedMF. It minimises Σ ((r - r̂)/σ)² + λ Σ_a (b_a² + |p_a|²) + λ Σ_c (b_c² + |q_c|²),
    all summed over the observed ratings, which one thread visits in random order. The paper's features of pairs are
    left out.

    factors: k;  l2: λ;  see BiasedMF. It reads the features of users and items that the data set has.
    """

    factors: int = 64
    learning_rate: float = 0.02
    decay: float = 0.95
    l2: float = 0.06
    epochs: int = 60

    reads_features = True

    def learn(self, R: Ratings, seed: int, users: Features | None = None, items: Features | None = None) -> Params:
        """Learn biases, P (n, k), Q (d, k), sums over all features; user_features, item_features (q, 1 + k): b, p"""
        (n, d), k, rng = R.shape, self.factors, np.random.default_rng(seed)
        (U, A), (V, B) = with_ids(n, users), with_ids(d, items)
        P, Q = (np.zeros((matrix.shape[1], k)) for matrix in (U, V))
        P[:n], Q[:d] = rng.normal(0, 0.1, (n, k)), rng.normal(0, 0.1, (d, k))
        b, c, mean = np.zeros(len(P)), np.zeros(len(Q)), float(R.values.mean(dtype=np.float64))
        sigma = spread(R)
        x = (R.values - mean) / sigma
        rows = [(matrix.indptr, matrix.indices, matrix.data) for matrix in (U, V)]
        for epoch in range(self.epochs):
            order, rate = rng.permutation(R.size), self.learning_rate * self.decay**epoch
            cells = R.rows[order], R.cols[order], x[order]
            fastest(descend, "svd_feature")(*cells, *rows, b, c, P, Q, rate, self.l2)
        b, c, P, Q = sigma * b, sigma * c, sigma**0.5 * P, sigma**0.5 * Q
        params = self.learned(R, Biases(mean, b[:n], c[:d]), P[:n], Q[:d])
        sums = {"user": A @ b[n:], "item": B @ c[d:], "P": A @ P[n:], "Q": B @ Q[d:]}
        params |= {name: params[name] + more for name, more in sums.items()}
        of_features = {
            "user_features": np.column_stack([b[n:], P[n:]]),
            "item_features": np.column_stack([c[d:], Q[d:]]),
        }
        return params | of_features

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        features = dict.fromkeys(("user_features", "item_features"), (None, 1 + self.factors))
        return {**super().shapes(n, d), **features}


def with_ids(n: int, features: Features | None) -> tuple[Any, Any]:
    """([I X], X): the features of n users or items, (n, q), with and without their ids, as SciPy matrices."""
    from scipy import sparse  # slow to import

    X = sparse.csr_array((n, 0)) if features is None else features.X.to_scipy().astype(np.float64)
    return sparse.csr_array(sparse.hstack([sparse.eye_array(n), X], format="csr")), X


def descend(
    users: Array, items: Array, x: Array, U: Rows, V: Rows,
    b: Array, c: Array, P: Array, Q: Array, rate: float, l2: float,
) -> None:  # fmt: skip
    """Θ <- Θ + rate (e ∂r̂/∂Θ - λ Θ) with e = r - r̂, for the features of u and i, rating by rating

    users, items, x (p,): u, i and (r - μ)/σ;  U, V: the features of users (n, n + q) and items (d, d + q')
    b (n + q,), c (d + q',), P (n + q, k), Q (d + q', k): their biases and vectors, which are changed in place
    """
    for u, i, x_ui in zip(users, items, x, strict=True):
        (a, alpha), (f, beta) = _row(U, u), _row(V, i)
        p, q = alpha @ P[a], beta @ Q[f]
        e = x_ui - alpha @ b[a] - beta @ c[f] - p @ q
        b[a] += rate * (e * alpha - l2 * b[a])
        c[f] += rate * (e * beta - l2 * c[f])
        P[a] += rate * (e * np.outer(alpha, q) - l2 * P[a])
        Q[f] += rate * (e * np.outer(beta, p) - l2 * Q[f])


def _row(rows: Rows, at: int) -> tuple[Array, Array]:
    indptr, cols, values = rows
    cells = slice(indptr[at], indptr[at + 1])
    return cols[cells], values[cells]
