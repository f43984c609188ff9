"""NeuMF for ratings: matrix factorisation and a network, side by side (He et al. 2017), as compared with NRP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Params
from tinyrec.checks import check_at_least
from tinyrec.models.pairs import SIDES, Encoded, PairModel, Rows, Sides
from tinyrec.models.towers import head_shapes, mlp_head, with_mean
from tinyrec.models.vectors import id_vectors, with_small_vectors
from tinyrec.nn import pair_products

VECTORS = tuple(f"{branch}.{side}" for branch in ("shallow", "deep") for side in SIDES)


@dataclass(frozen=True, kw_only=True)
class RatingNeuMF(PairModel):
    """ŷ_jk = Σ_f h_f p_jf q_kf + m([s_j t_k])                                                 (He et al. 2017, eq. 12)

    Minimises  Σ [(R_jk - ŷ_jk)² + λ Σ |W|²]  over the observed cells, with all matrices W of parameters

    p, s: two vectors of the id of user j;  q, t: of item k;  m: a network of the sizes `head_units`, whose first layer
    reads s and t, with a linear output. It is `NeuMF` with squared errors of ratings instead of the cross-entropy of
    interactions, and the sizes of Raziperchikolaei, Li, Chung 2020, for whom the deep branch is the encoder of NRP.

    factors: f of all four vectors;  activation: of the hidden layers of m
    learns shallow.user (n, f) = p, shallow.item (d, f) = q, deep.user = s, deep.item = t, h (f, 1), and m as head.*
    """

    center: bool | None = False
    activation: str = "selu"
    factors: int = 100
    head_units: tuple[int, ...] = (500, 200, 100)

    reads_ratings: ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        check_at_least("factors", self.factors, 1)

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        k, sizes = self.factors, dict(zip(SIDES, R.shape, strict=True))
        vectors = {name: (sizes[name.split(".")[1]], k) for name in VECTORS}
        return {**vectors, "h": (k, 1), **head_shapes(k, k, self.head_units)}

    def init(self, R: Sides, rng: np.random.Generator) -> Params:
        return with_small_vectors(with_mean(super().init(R, rng), R), VECTORS, rng)

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        """[p s] or [q t] for each row, (u, 2f)"""
        names = [f"{branch}.{rows.side}" for branch in ("shallow", "deep")]
        (p, back_to_p), (s, back_to_s) = (id_vectors(params[its], rows.numbers, rows.ratings.backend) for its in names)

        def backward(dC):  # (u, 2f)
            return {names[0]: back_to_p(dC[:, : self.factors]), names[1]: back_to_s(dC[:, self.factors :])}

        return Encoded(rows.ratings.xp.concatenate([p, s], axis=1), backward)

    def decode(self, params, codes, at):
        (p, s), (q, t) = ((C[:, : self.factors], C[:, self.factors :]) for C in codes)
        h, xp = params["h"], at.xp
        shallow, back_to_products = pair_products(p * h[:, 0], xp.ascontiguousarray(q), at)
        deep, back_to_deep = mlp_head(params, (s, t), at, self.activation)

        def backward(dy):  # (p,)
            dph, dq = back_to_products(dy)
            ds, dt, grads = back_to_deep(dy)
            grads["h"] = (dph * p).sum(axis=0)[:, None]
            d_user, d_item = (xp.concatenate(halves, axis=1) for halves in ((dph * h[:, 0], ds), (dq, dt)))
            return d_user, d_item, grads

        return shallow + deep, backward
