"""DSSM for ratings: towers that read features alone (Huang et al. 2013), as compared with NRP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Params
from tinyrec.errors import UsageError
from tinyrec.models.base import hidden_shapes
from tinyrec.models.pairs import SIDES, Encoded, PairModel, Rows, Sides, named, part
from tinyrec.models.towers import head_shapes, mlp_head, tower, with_mean


@dataclass(frozen=True, kw_only=True)
class DSSM(PairModel):
    """ŷ_jk = h([s_u(X_j) s_i(Y_k)])                        (Raziperchikolaei, Li, Chung 2020, section 4, on the rivals)

    Minimises  Σ [(R_jk - ŷ_jk)² + λ Σ |W|²]  over the observed cells, with all matrices W of parameters

    X_j, Y_k: the features of user j and of item k, which both sides must have; no id and no rating is read, so that two
        users with the same features get the same predictions
    s: multi-layer perceptrons of the sizes `hidden_units`;  h: one of the sizes `head_units`, with a linear output
    activation: of all hidden layers;  hidden_dropout: the fraction of the hidden units of s that is dropped
    center: the target is the rating as it is;  True: the rating minus user and item biases, which read the ids
    """

    l2: float | None = 1e-5
    center: bool | None = False
    activation: str = "selu"
    hidden_units: tuple[int, ...] = (500, 200, 100)
    head_units: tuple[int, ...] = (500, 200, 100, 50)
    hidden_dropout: float = 0.0

    reads_features: ClassVar[bool] = True
    reads_ratings: ClassVar[bool] = False
    needs_features: ClassVar[bool] = True

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        k = self.hidden_units[-1]
        shapes = head_shapes(k, k, self.head_units)
        for side in SIDES:
            if not (features := R.features(side)):
                raise UsageError(f"DSSM reads only features, and there are none of {side}s; add some with_features")
            shapes |= named(side, hidden_shapes(features.shape[1], self.hidden_units))
        return shapes

    def init(self, R: Sides, rng: np.random.Generator) -> Params:
        return with_mean(super().init(R, rng), R)

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        assert rows.features, "DSSM reads features"
        H, back = tower(rows.features, part(params, rows.side), self.activation, self.hidden_dropout, rng)
        return Encoded(H, lambda dC: named(rows.side, back(dC)))

    def decode(self, params, codes, at):
        return mlp_head(params, codes, at, self.activation)
