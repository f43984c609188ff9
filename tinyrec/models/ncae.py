"""NCAE for ratings: neural collaborative autoencoder (Li et al.)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least, check_choice
from tinyrec.models.base import Autoencoder, layer_shapes
from tinyrec.nn import ACTIVATIONS, OUTPUTS, hidden_layers, l2_penalty, masked, sampled_out, weighted_squared_error
from tinyrec.sparse import Ratings

# How the first hidden layer, deeper ones and the last layer are pretrained: supervised or unsupervised (section 4.3)
PRETRAINING = ("S+U+S", "S+S+S", "S+U", "S+S", "U+S", "U+U", "none")


def xavier(shapes: dict[str, tuple[int, ...]], dtype: np.dtype, rng: np.random.Generator) -> Params:
    """Weights of variance 2 / (units below + units above); biases of 0                (Glorot & Bengio 2010, eq. 16)"""
    params = {}
    for name, shape in shapes.items():
        drawn = rng.normal(0, (2 / sum(shape)) ** 0.5, shape) if len(shape) == 2 else np.zeros(shape)
        params[name] = drawn.astype(dtype)
    return params


@dataclass(frozen=True, kw_only=True)
class NCAE(Autoencoder):
    """nn(ũ) = f(W g(V_L ... g(V_1 ũ + mu_1) ... + mu_L) + b)                                               (eq. 1)

    Minimises  1/M Σ_i 1/|K_i| (α Σ_dropped (nn(ũ_i)_j - u_ij)² + β Σ_kept (nn(ũ_i)_j - u_ij)²) + λ/2 ||θ||²  (eq. 5-6)

    u_i: the ratings of row i of M, |K_i| in number; ũ_i: of them, a part of `dropout` is 0, the rest 1/(1 - q) of what
    they were (eq. 3);  f: tanh, stretched to the rating scale;  g, activation: tanh
    θ, all parameters: V1 (d, k_1), V2 (k_1, k_2), ..., transposes of the above; mu1 (k_1,), ...; W (d, k_L); b (d,)
    hidden_units: k_1 to k_L;  alpha, beta: the weights of the dropped and of the kept;  l2: λ
    balance: a row of |K_i| ratings counts |K_i|^-balance; 1 in the paper, so that all rows count alike; 0: all ratings
    pretrain: how layers are pretrained, see `tinyrec.training.stages`, for so many epochs a stage, `pretrain_epochs`
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

    @property
    def is_pretrained(self) -> bool:
        return self.pretrain != "none"

    def candidates(self, n_ratings: int) -> list[NCAE]:
        """λ of the paper: the loss is a mean, so it need not grow with the data."""
        return [self] if self.l2 is not None else [replace(self, l2=0.0002)]

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        return layer_shapes(d, self.hidden_units)

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        return xavier(self.shapes(R.shape[1]), R.values.dtype, rng)

    def loss_and_grads(self, params, R, share=1.0, rng=None):
        seen, weight = self.dropped(R, share, rng)
        H, back_to_params = hidden_layers(seen, params, ACTIVATIONS[self.activation])  # (n, k_L)
        a, back_to_H = sampled_out(H, params["W"], params["b"], at=R)  # (p,)
        y, back_to_a = OUTPUTS[self.output](a)
        error, back_to_y = weighted_squared_error(y, R.values, weight)

        dH, dW, db = back_to_H(back_to_a(back_to_y()))
        grads = {**back_to_params(dH), "W": dW, "b": db}
        assert self.l2 is not None, "give l2, or let fit choose it"
        penalty = l2_penalty(share * self.l2, params, grads, R.backend)
        return error + penalty, grads

    def dropped(self, R: Ratings, share: float, rng: np.random.Generator | None) -> tuple[Ratings, Array]:
        """ũ, and the weight of each cell: α or β, by the ratings of its row, by all M rows, of which R has a share."""
        real, xp = R.values.dtype.type, R.xp
        counts = xp.diff(R.pattern.indptr)[R.rows].astype(real)  # (p,)
        of_row = real(share / R.shape[0]) * counts ** real(-self.balance)
        if rng is None:
            return R, self.beta * of_row
        seen, hidden = masked(R, self.dropout, rng)
        weight = xp.where(hidden, real(self.alpha), real(self.beta)) * of_row
        return seen.with_values(seen.values * real(1 / (1 - self.dropout))), weight
