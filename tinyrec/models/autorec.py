"""AutoRec: autoencoders meet collaborative filtering (Sedhain, Menon, Sanner, Xie 2015)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.models.autoencoder import Autoencoder
from tinyrec.nn import ACTIVATIONS, OUTPUTS, dropout, l2_penalty, sampled_out, sparse_in, squared_error
from tinyrec.sparse import Ratings


@dataclass(frozen=True, kw_only=True)
class AutoRec(Autoencoder):
    """h(r; θ) = f(W g(V r + mu) + b)                                                         (below eq. 1)

    Minimises  Σ ||r - h(r; θ)||² over the observed cells  +  λ/2 (||W||² + ||V||²)                    (eq. 2)

    r: the ratings of one item by d users (I-AutoRec, by="item") or of one user for d items (U-AutoRec, by="user")
    parameters: V (d, k), the transpose of the paper's V; mu (k,); W (d, k); b (d,): 2dk + d + k numbers
    hidden_units: k;  by, activation (g), output (f), l2, center, dropout: see Autoencoder. The paper has no dropout.
    center adds λ/2 ||b||² to eq. 2. It helps if data are sparse: a large λ leaves little but user and item biases.
    """

    output: str = "identity"
    dropout: float = 0.0
    activation: str = "sigmoid"
    hidden_units: int = 500

    def candidates(self, n_ratings: int) -> list[AutoRec]:
        """The settings to try on a validation part when l2 is not given: raw and centred ratings.

        On validation parts, λ = 0.3 √(number of ratings) was within 0.001 RMSE of the best λ tried on ML-1M, and within
        0.005 on ML-100K. For centred ratings λ is at least 100, as small samples of ML-1M overfit with less.
        """
        if self.l2 is not None:
            return [self]
        l2, candidates = 0.3 * n_ratings**0.5, []
        if not self.center:
            candidates.append(replace(self, l2=l2, center=False))
        if self.center is not False and self.output == "identity":
            candidates.append(replace(self, l2=max(l2, 100.0), center=True))
        return candidates

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        k = self.hidden_units
        return {"V": (d, k), "mu": (k,), "W": (d, k), "b": (d,)}

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        shapes, dtype = self.shapes(R.shape[1]), R.values.dtype
        return {
            # 0.01 is from the authors' code, which also draws the biases, with 0.001
            "V": rng.normal(0, 0.01, shapes["V"]).astype(dtype),
            "mu": np.zeros(shapes["mu"], dtype),
            # with W = 0, a centred model starts from user and item biases alone
            "W": rng.normal(0, 0.0 if self.center else 0.01, shapes["W"]).astype(dtype),
            "b": np.zeros(shapes["b"], dtype),
        }

    def encode(self, params: Params, R: Ratings) -> Array:
        Z, _ = sparse_in(R, params["V"], params["mu"])
        H, _ = ACTIVATIONS[self.activation](Z)
        return H

    def loss_and_grads(self, params, R, rng=None):
        V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
        seen = dropout(R, self.dropout, rng) if self.dropout and rng else R
        Z, back_to_params = sparse_in(seen, V, mu)  # (n, k)
        H, back_to_Z = ACTIVATIONS[self.activation](Z)  # (n, k)
        a, back_to_H = sampled_out(H, W, b, at=R)  # (p,)
        y, back_to_a = OUTPUTS[self.output](a)  # (p,)
        error, back_to_y = squared_error(y, R.values)

        dH, dW, db = back_to_H(back_to_a(back_to_y()))
        dV, dmu = back_to_params(back_to_Z(dH))
        assert self.l2 is not None, "give l2, or let fit choose it"
        penalized = {"W": dW, "V": dV, "b": db} if self.center else {"W": dW, "V": dV}
        penalty = l2_penalty(R.share * self.l2, params, penalized, R)
        return error + penalty, {"V": dV, "mu": dmu, "W": dW, "b": db}
