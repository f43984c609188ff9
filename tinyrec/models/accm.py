"""ACCM: attention to the id and to the features of a user and of an item (Shi et al. 2018), as compared with NRP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least, check_choice
from tinyrec.errors import UsageError
from tinyrec.models.base import hidden_shapes
from tinyrec.models.pairs import SIDES, Encoded, PairModel, Rows, Sides, named, part
from tinyrec.models.towers import head_shapes, mlp_head, tower, with_mean
from tinyrec.models.vectors import SPREAD, id_vectors, with_small_vectors
from tinyrec.nn import mix, pair_products, pair_sums

HEADS = "dot", "mlp"


@dataclass(frozen=True, kw_only=True)
class ACCM(PairModel):
    """ŷ_jk = μ + b_j + b_k + P_j · Q_k,  P_j = a U_j + (1 - a) s_u(X_j),  Q_k = c V_k + (1 - c) s_i(Y_k)

    Minimises  Σ [(R_jk - ŷ_jk)² + λ Σ |W|²]  over the observed cells, with all matrices W of parameters, biases too

    U, V: vectors of the ids;  s: multi-layer perceptrons of the sizes `hidden_units`, the last of which is also that of
    U and V, for the features X_j and Y_k. A side without features has P_j = U_j.
    a, c: attention of j and of k, see `nn.mix`, with `attention_units` and parameters of its own for each side
    head: "dot";  "mlp": ŷ_jk = h([P_j Q_k]) without biases, with h as in NRP (ACCM_MLP, Raziperchikolaei et al. 2020)
    cold: the fraction of the users and of the items of a batch whose id counts as unknown in it: without a bias, and
        with a random vector. The authors draw it for each pair. Their loss is a sum of three root mean squares, which
        also fits the ids alone and the features alone; here, it is that of NRP's comparison.
    activation: of all hidden layers;  hidden_dropout: the fraction of the hidden units of s that is dropped
    center: the target is the rating as it is;  True: the rating minus user and item biases
    learns user.E (n, k + 1) = [U b], for head "mlp" (n, k) = U; user.V (k, a) and user.w (a, 1), the V and w of
        `nn.mix`; the tower user_features.*; the same of the item; and mu (1,) or the head as head.*
    """

    center: bool | None = False
    activation: str = "tanh"
    hidden_units: tuple[int, ...] = (500, 200, 100)
    attention_units: int = 16
    head: str = "dot"
    head_units: tuple[int, ...] = (500, 200, 100, 50)
    hidden_dropout: float = 0.0
    cold: float = 0.0

    reads_features: ClassVar[bool] = True
    reads_ratings: ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        check_choice("head", self.head, HEADS)
        check_at_least("attention_units", self.attention_units, 1)
        if not 0 <= self.cold < 1:
            raise UsageError(f"cold is {self.cold}, but must be at least 0 and less than 1")

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        k, a, with_bias = self.hidden_units[-1], self.attention_units, self.head == "dot"
        shapes: dict[str, tuple[int, ...]] = {"mu": (1,)} if with_bias else head_shapes(k, k, self.head_units)
        for side, n in zip(SIDES, R.shape, strict=True):
            shapes[f"{side}.E"] = n, k + with_bias
            if features := R.features(side):
                shapes |= named(side, {"V": (k, a), "w": (a, 1)})
                shapes |= named(f"{side}_features", hidden_shapes(features.shape[1], self.hidden_units))
        return shapes

    def init(self, R: Sides, rng: np.random.Generator) -> Params:
        params = with_small_vectors(super().init(R, rng), tuple(f"{side}.E" for side in SIDES), rng)
        return with_mean(params, R, "mu" if self.head == "dot" else "head.b")

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        """P (u, k), and for the dot product with the bias as a further column"""
        k, name, backend = self.hidden_units[-1], f"{rows.side}.E", rows.ratings.backend
        e, back_to_E = id_vectors(params[name], rows.numbers, backend)
        known, noise = (backend.asarray(its.astype(e.real.dtype)) for its in self._cold_ids(e.shape, rng))
        e = known * e + noise
        P, back_to_parts = self._mixed(params, rows, e[:, :k], rng)

        def joined(P, b):
            return backend.xp.concatenate([P, b], axis=1)

        def backward(dC):
            dU, grads = back_to_parts(dC[:, :k])
            return {name: back_to_E(known * joined(dU, dC[:, k:])), **grads}

        return Encoded(joined(P, e[:, k:]), backward)

    def _cold_ids(self, shape: tuple[int, int], rng: np.random.Generator | None) -> tuple[Array, Array]:
        """Whose id is known (u, 1), and what replaces the vectors and biases of the others (u, k) or (u, k + 1)."""
        if not rng or not self.cold:
            return np.ones((shape[0], 1)), np.zeros((shape[0], 1))
        known, noise = rng.random((shape[0], 1)) >= self.cold, rng.normal(0, SPREAD, shape)
        noise[:, self.hidden_units[-1] :] = 0
        return known, ~known * noise

    def _mixed(
        self, params: Params, rows: Rows, U: Array, rng: np.random.Generator | None
    ) -> tuple[Array, Callable[[Array], tuple[Array, Params]]]:
        """P (u, k) from U; backward: dP -> dU, and the gradients of the tower and of the attention"""
        if not rows.features:
            return U, lambda dP: (dP, {})
        side, own, how = rows.side, part(params, rows.side), (self.activation, self.hidden_dropout, rng)
        X, back_to_tower = tower(rows.features, part(params, f"{side}_features"), *how)
        P, back = mix(U, X, own["V"], own["w"])

        def backward(dP):
            dU, dX, dV, dw = back(dP)
            return dU, named(side, {"V": dV, "w": dw}) | named(f"{side}_features", back_to_tower(dX))

        return P, backward

    def decode(self, params, codes, at):
        if self.head == "mlp":
            return mlp_head(params, codes, at, self.activation)
        k, xp = self.hidden_units[-1], at.xp
        (P, b_u), (Q, b_i) = ((xp.ascontiguousarray(C[:, :k]), C[:, k:]) for C in codes)
        products, back_to_vectors = pair_products(P, Q, at)
        biases, back_to_biases = pair_sums(b_u, b_i, at)  # (p, 1)

        def backward(dy):  # (p,)
            both = zip(back_to_vectors(dy), back_to_biases(dy[:, None]), strict=True)
            d_user, d_item = (xp.concatenate(its, axis=1) for its in both)
            return d_user, d_item, {"mu": dy.sum(keepdims=True)}

        return params["mu"] + products + biases[:, 0], backward
