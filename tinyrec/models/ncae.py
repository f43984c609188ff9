"""NCAE for ratings: neural collaborative autoencoder (Li et al.)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least, check_choice
from tinyrec.models.autoencoder import Autoencoder, layer_shapes
from tinyrec.models.base import Train
from tinyrec.models.stages import CodeAutoencoder, Frozen, Rows
from tinyrec.nn import ACTIVATIONS, OUTPUTS, hidden_layers, l2_penalty, masked, sampled_out, weighted_squared_error
from tinyrec.sparse import Ratings

# How the first hidden layer, the deeper ones and W are pretrained: supervised or unsupervised (section 4.3, figure 5)
PRETRAINING = ("S+U+S", "S+S+S", "S+U", "S+S", "U+S", "U+U", "none")


@dataclass(frozen=True, kw_only=True)
class NCAE(Autoencoder):
    """nn(ũ) = f(W g(V_L ... g(V_1 ũ + mu_1) ... + mu_L) + b)                                               (eq. 1)

    Minimises  1/M Σ_i 1/|K_i| (α Σ_dropped (nn(ũ_i)_j - u_ij)² + β Σ_kept (nn(ũ_i)_j - u_ij)²) + λ/2 ||θ||²  (eq. 5-6)

    u_i: the |K_i| ratings of row i of M; ũ_i: a fraction q, `dropout`, of them is set to 0, and the rest is divided by
    1 - q (eq. 3);  f, output: 3 + 2 tanh, as ratings are mapped to 1 to 5;  g, activation: tanh
    θ, all parameters: V1 (d, k_1), V2 (k_1, k_2), ..., transposes of the above; mu1 (k_1,), ...; W (d, k_L); b (d,)
    hidden_units: k_1 to k_L;  alpha, beta: the weights of dropped and kept ratings;  l2: λ
    balance: a rating has the weight |K_i|^-balance; 1 in the paper: all rows count the same; 0: all ratings do
    pretrain: how layers are pretrained, see `pretrained`, for `pretrain_epochs` epochs each
    """

    output: str = "tanh"
    l2: float | None = 0.0002
    center: bool | None = False
    dropout: float = 0.5
    activation: str = "tanh"
    hidden_units: tuple[int, ...] = (500, 500)
    alpha: float = 1.0
    beta: float = 1.0
    balance: float = 1.0
    pretrain: str = "S+U+S"
    pretrain_epochs: int = 10

    default_optimizer = "adam"
    default_batch_size = 128

    def __post_init__(self):
        super().__post_init__()
        for name in ("alpha", "beta", "balance"):
            check_at_least(name, getattr(self, name), 0)
        check_at_least("pretrain_epochs", self.pretrain_epochs, 1)
        check_choice("pretrain", self.pretrain, PRETRAINING)

    def candidates(self, n_ratings: int) -> list[NCAE]:
        """The λ of the paper: the loss is a mean, so λ need not grow with the data."""
        return [self] if self.l2 is not None else [replace(self, l2=0.0002)]

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        return layer_shapes(d, self.hidden_units)

    def pretrained(self, R: Ratings, seed: int, train: Train) -> Params | None:
        """Layer by layer, each with the layers below frozen                                             (section 4.3)

        Supervised (S): a decoder on top of the layer predicts the ratings, after dropout; λ as above. Unsupervised (U):
        it reconstructs the input of the layer without noise: the observed ratings or, if deeper, the codes of u_i with
        λ = 0 (in eq. 12-13, those of ũ_i). "S+U+S" is the paper's: the first layer supervised, the deeper ones
        unsupervised, then the last layer W supervised. Parameters that no stage trains keep their random values.
        """
        if self.pretrain == "none":
            return None
        first, deeper, *top = self.pretrain.split("+")
        params = {name: R.backend.asarray(w) for name, w in R.start(self, np.random.default_rng(seed)).items()}
        epochs, last = self.pretrain_epochs, len(self.hidden_units)
        for layer, way in enumerate([first] + [deeper] * (last - 1), start=1):
            below = {name: params[name] for j in range(1, layer) for name in (f"V{j}", f"mu{j}")}
            if way == "U" and layer > 1:
                H = replace(self, hidden_units=self.hidden_units[: layer - 1]).encode(below, R)
                codes = CodeAutoencoder(hidden_units=self.hidden_units[layer - 1], activation=self.activation, l2=0.0)
                learned = train(layer, codes, Rows(H, R.backend), epochs, seed + layer)
                params |= {f"V{layer}": learned["V"], f"mu{layer}": learned["mu"]}
                continue
            noise = self.dropout if way == "S" else 0.0
            shallower = replace(self, hidden_units=self.hidden_units[:layer], dropout=noise)
            learned = train(layer, Frozen(shallower, below), R, epochs, seed + layer)
            decoder = ("W", "b") if layer == last and way == "S" else ()  # W starts as the last layer's decoder
            params |= {name: learned[name] for name in (f"V{layer}", f"mu{layer}", *decoder)}
        if top:
            below = {name: w for name, w in params.items() if name not in ("W", "b")}
            params |= train(last + 1, Frozen(self, below), R, epochs, seed + last + 1)
        return params

    def column_l2(self, R: Ratings) -> float:
        """λ divided by the mean weight of a rating, see `dropped`."""
        counts = R.counts
        of_row = (counts[counts > 0] ** (1.0 - self.balance)).sum() / (R.shape[0] * counts.sum())
        return (self.l2 or 0.0) / max(of_row * (self.alpha * self.dropout + self.beta * (1 - self.dropout)), 1e-9)

    def loss_and_grads(self, params, R, rng=None):
        seen, weight = self.dropped(R, rng)
        H, back_to_params = hidden_layers(seen, params, ACTIVATIONS[self.activation])  # (n, k_L)
        a, back_to_H = sampled_out(H, params["W"], params["b"], at=R)  # (p,)
        y, back_to_a = OUTPUTS[self.output](a)
        error, back_to_y = weighted_squared_error(y, R.values, weight)

        dH, dW, db = back_to_H(back_to_a(back_to_y()))
        grads = {**back_to_params(dH), "W": dW, "b": db}
        assert self.l2 is not None, "give l2, or let fit choose it"
        penalty = l2_penalty(R.share * self.l2, params, grads, R)
        return error + penalty, grads

    def dropped(self, R: Ratings, rng: np.random.Generator | None) -> tuple[Ratings, Array]:
        """ũ, and the weight of each cell: α or β, divided by M, the number of all rows, and by |K_i|^balance."""
        real, xp = R.values.dtype.type, R.xp
        of_row: Any = real(R.share / R.shape[0])
        if self.balance:
            of_row = of_row * R.counts[R.rows].astype(real) ** real(-self.balance)  # (p,)
        if rng is None:
            return R, self.beta * of_row
        seen, hidden = masked(R, self.dropout, rng)
        weight = xp.where(hidden, real(self.alpha), real(self.beta)) * of_row
        return seen.with_values(seen.values * real(1 / (1 - self.dropout))), weight
