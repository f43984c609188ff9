"""Matrix factorisation that is regularised by the codes of two autoencoders (NRP, eq. 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array, Params, to_host
from tinyrec.checks import check_at_least, check_choice
from tinyrec.errors import UsageError
from tinyrec.models.hybrid import Hybrid
from tinyrec.models.pairs import SIDES, Encoded, Rows, Sides
from tinyrec.nn import embedding

FACTORS = {"user": "U", "item": "V"}
TRAININGS = "alternating", "joint"


@dataclass(frozen=True, kw_only=True)
class Factored(Hybrid):
    """ŷ_jk = U_j · V_k                                                                                  (NRP, eq. 1)

    Minimises  J_u + J_i + λ₁ Σ (R_jk - ŷ_jk)² + λ₂ Σ |U_j - g_u(R_j, X_j)|² + λ₃ Σ |V_k - g_i(R'_k, Y_k)|²
        + p λ Σ |W|² + λ_f Σ (|U_j|² + |V_k|²),  the first and the last sum over the observed cells

    J, g, λ: of `Hybrid`;  λ_f: l2_factors, so that λ₂ and λ₃ near 0 give a regularised matrix factorisation
    training: "alternating": before each epoch, U is solved exactly with V and the networks fixed, then V; the epoch
        trains the networks.  "joint": the optimiser trains U and V with the networks, in the same steps
    A batch weights the terms of λ₂ and λ₃ like J_u and J_i. A new user or item gets the vector that is solved for it.
    """

    lambda2: float = 0.5
    lambda3: float = 0.5
    l2_factors: float = 0.05
    training: str = "alternating"

    def __post_init__(self):
        super().__post_init__()
        check_choice("training", self.training, TRAININGS)
        check_at_least("l2_factors", self.l2_factors, 0)
        for name in ("lambda2", "lambda3"):
            if not (value := getattr(self, name)) > 0:
                raise UsageError(f"{name} is {value}, but must be more than 0; near 0 it is matrix factorisation")

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        (n, d), k = R.shape, self.hidden_units[-1]
        return {**super().shapes_of(R), "U": (n, k), "V": (d, k)}

    def match(self, params, rows, codes, at):
        users, items = (self.encode(params, its) for its in rows)
        error, d_vectors, _ = super().match(params, rows, (users.codes, items.codes), at)
        d_codes, grads, pulls = [], {}, (self.lambda2, self.lambda3)
        for of_side, C, its, dU, cells, pull in zip(
            (users, items), codes, rows, d_vectors, (at, at.T), pulls, strict=True
        ):
            U, weight = of_side.codes, pull * at.size / max(its.ratings.size, 1)
            counts = at.xp.diff(cells.pattern.indptr)[:, None].astype(at.values.dtype)
            error = error + weight * ((U - C) ** 2).sum() + self.l2_factors * (counts * U * U).sum()
            d_codes.append(-2 * weight * (U - C))
            grads |= of_side.backward(dU + 2 * weight * (U - C) + 2 * self.l2_factors * counts * U)
        return error, tuple(d_codes), grads

    def distance(self, params: Params, R: Sides) -> float:
        """√[(Σ |U_j - g_u(R_j, X_j)|² + Σ |V_k - g_i(R'_k, Y_k)|²) / (Σ |U_j|² + Σ |V_k|²)]: how far they are apart"""
        apart = size = 0.0
        for side in SIDES:
            U, C = (to_host(its) for its in (params[FACTORS[side]], self.code(params, R.rows(side)).codes))
            apart, size = apart + float(((U - C) ** 2).sum()), size + float((U**2).sum())
        return (apart / size) ** 0.5

    def solve(self, params: Params, R: Sides) -> Params:
        """The parameters that are solved before each epoch, which then trains the others."""
        if self.training == "joint":
            return {}
        params = dict(params)
        for side in SIDES:
            rows = R.rows(side)
            params[FACTORS[side]] = self.solved(params, rows, self.code(params, rows).codes)
        return {name: params[name] for name in FACTORS.values()}

    def solved(self, params: Params, rows: Rows, C: Array) -> Array:
        """U_j = (λ₁ Σ_k V_k V_kᵀ + (λ₂ + λ_f n_j) I)⁻¹ (λ₁ Σ_k R_jk V_k + λ₂ C_j),  sums over the n_j ratings of j

        C: codes (u, k)  ->  U (u, k), the minimiser of eq. 1 with V and the networks fixed
        """
        other, pull = ("V", self.lambda2) if rows.side == "user" else ("U", self.lambda3)
        V, C, R = to_host(params[other]), to_host(C), rows.ratings.to("reference")
        U = np.empty_like(C)
        for j, (first, last) in enumerate(zip(R.pattern.indptr, R.pattern.indptr[1:], strict=False)):
            V_j, r = V[R.cols[first:last]], R.values[first:last]
            A = self.lambda1 * V_j.T @ V_j
            A[np.diag_indices(len(A))] += pull + self.l2_factors * len(r)
            U[j] = np.linalg.solve(A, self.lambda1 * r @ V_j + pull * C[j])
        return rows.ratings.backend.asarray(U)

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        """U_j of each row; where a row has no number, -1, they are solved, and have no gradient."""
        name = FACTORS[rows.side]
        if (rows.numbers < 0).any():
            return Encoded(self.solved(params, rows, self.code(params, rows).codes), lambda dU: {})
        U, back = embedding(params[name], rows.numbers, rows.ratings.backend)
        return Encoded(U, lambda dU: {name: back(dU)})
