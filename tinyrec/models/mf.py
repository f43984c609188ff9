"""MF: matrix factorisation without biases, as the neural models are compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Params
from tinyrec.checks import check_at_least
from tinyrec.models.pairs import SIDES, Encoded, PairModel, Rows, Sides
from tinyrec.models.vectors import id_vectors, with_small_vectors


@dataclass(frozen=True, kw_only=True)
class MF(PairModel):
    """ŷ_jk = U_j · V_k

    Minimises  Σ [(R_jk - ŷ_jk)² + λ Σ |W|²]  over the observed cells, with W in {U, V}: the penalty counts for every
    cell, also for users and items that do not occur in it

    factors: k, 100 in the paper on NRP, where the number of parameters leaves no room for biases
    learns user (n, k) = U, item (d, k) = V
    """

    center: bool | None = False
    factors: int = 100

    reads_ratings: ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        check_at_least("factors", self.factors, 1)

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        return {side: (rows, self.factors) for side, rows in zip(SIDES, R.shape, strict=True)}

    def init(self, R: Sides, rng: np.random.Generator) -> Params:
        return with_small_vectors(super().init(R, rng), SIDES, rng)

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        e, back = id_vectors(params[rows.side], rows.numbers, rows.ratings.backend)
        return Encoded(e, lambda dC: {rows.side: back(dC)})
