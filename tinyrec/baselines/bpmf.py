"""BPMF: Bayesian matrix factorisation, predictions averaged over posterior samples, with no λ to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import EPSILON
from tinyrec.baselines.factors import RatingFactors, normal_equations
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings

BETA = 2  # β₀: the prior mean, 0, counts like two observed vectors; from the authors' code


@dataclass(frozen=True)
class BPMF(RatingFactors):
    """r̂_ui = μ + 1/T Σ_t p_u · q_i, with P and Q of each t drawn    (Salakhutdinov and Mnih 2008, eq. 10, section 3.3)

    from their posterior by Gibbs sampling: each variable in turn, given all others and the ratings. The model is

    r_ui ~ N(μ + p_u · q_i, 1/α),  p_u ~ N(m, Λ⁻¹),  m ~ N(0, (β₀ Λ)⁻¹),  Λ ~ Wishart(I, k)               (eq. 5 to 8)

    and the same for q_i with another m and Λ, μ being the mean of the ratings.

    factors: k;  precision: α, 2 in the paper;  samples: T, after `burn_in` samples that are discarded.
    `factors` was chosen among 10, 30 and 60 on a validation part of MovieLens 1M.
    """

    factors: int = 30
    precision: float = 2.0
    burn_in: int = 20
    samples: int = 60

    minimum: ClassVar = {"factors": 1, "precision": EPSILON, "samples": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        """The mean of T products P Qᵀ is one product of all P / T, side by side, (n, T k), and all Q, (d, T k)."""
        (n, d), k, T, rng = R.shape, self.factors, self.samples, np.random.default_rng(seed)
        bias = Biases.constant(float(R.values.mean(dtype=np.float64)), R.shape)
        X = R.with_values(R.values - bias.mean)
        P, Q = rng.normal(0, 0.1, (n, k)), rng.normal(0, 0.1, (d, k))
        all_P, all_Q = np.empty((n, T, k), np.float32), np.empty((d, T, k), np.float32)
        for t in range(-self.burn_in, T):
            P = draw_rows(X, Q, *draw_prior(P, rng), self.precision, rng)
            Q = draw_rows(X.T, P, *draw_prior(Q, rng), self.precision, rng)
            if t >= 0:
                all_P[:, t], all_Q[:, t] = P / T, Q
        return self.learned(R, bias, all_P.reshape(n, T * k), all_Q.reshape(d, T * k))

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        width = self.samples * self.factors
        return super().shapes(n, d) | {"P": (n, width), "Q": (d, width)}


def draw_rows(R: Ratings, Q: Array, m: Array, L: Array, precision: float, rng: np.random.Generator) -> Array:
    """p_u ~ N(A⁻¹ y, A⁻¹) with A = Λ + α Σ q_i q_iᵀ and y = Λ m + α Σ r_ui q_i for each row u of R      (eq. 11 to 13)

    R (n, d), Q (d, k), m (k,), L (k, k): Λ, precision: α  ->  P (n, k)

    With A = C Cᵀ and z ~ N(0, I), the covariance of C z is A, and that of A⁻¹ (y + C z) is A⁻¹ A A⁻¹ = A⁻¹.
    """
    z = rng.standard_normal((R.shape[0], len(m)))
    P = m + np.linalg.solve(np.linalg.cholesky(L).T, z.T).T  # rows without cells: N(m, Λ⁻¹)
    for rows, S, y in normal_equations(R, Q):
        A = L + precision * S  # (b, k, k)
        y = (L @ m + precision * y)[:, :, np.newaxis] + np.linalg.cholesky(A) @ z[rows, :, np.newaxis]
        P[rows] = np.linalg.solve(A, y)[:, :, 0]
    return P


def draw_prior(P: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw m (k,) and Λ (k, k) given the vectors P (n, k)                                               (eq. 7 and 14)

    Λ ~ Wishart(W, n + k), m ~ N(m₀, ((β₀ + n) Λ)⁻¹) with W and m₀ of `posterior`. By Bartlett's decomposition Λ = B Bᵀ
    with B = C T, W = C Cᵀ and a random triangular T; the covariance of B⁻ᵀ z with z ~ N(0, I) is Λ⁻¹.
    """
    n, k = P.shape
    m0, W = posterior(P)
    T = np.tril(rng.standard_normal((k, k)), -1) + np.diag(np.sqrt(rng.chisquare(n + k - np.arange(k))))
    B = np.linalg.cholesky(W) @ T
    return m0 + np.linalg.solve(B.T, rng.standard_normal(k)) / (BETA + n) ** 0.5, B @ B.T


def posterior(P: Array) -> tuple[Array, Array]:
    """m₀ = n a / (β₀ + n) and W⁻¹ = I + Σ (p_u - a) (p_u - a)ᵀ + β₀ n / (β₀ + n) a aᵀ                       (eq. 14)

    P (n, k), a the mean of its rows  ->  m₀ (k,), W (k, k). The paper prints the sum without "- a"; its code has it.
    """
    n, k = P.shape
    mean = P.mean(axis=0)
    scatter = (P - mean).T @ (P - mean)
    W = np.linalg.inv(np.eye(k) + scatter + BETA * n / (BETA + n) * np.outer(mean, mean))
    return n * mean / (BETA + n), (W + W.T) / 2
