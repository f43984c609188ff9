"""CFN: a hybrid recommender system based on autoencoders (Strub, Gaudel, Mary 2016)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least
from tinyrec.errors import UsageError
from tinyrec.models.autoencoder import Autoencoder
from tinyrec.nn import (
    ACTIVATIONS,
    hidden_layers,
    identity,
    l2_penalty,
    masked,
    sampled_out,
    weighted_squared_error,
)
from tinyrec.sparse import Ratings


@dataclass(frozen=True, kw_only=True)
class CFN(Autoencoder):
    """nn(x) = σ(W σ(V x + mu) + b), trained on x̃: x with a part of its entries masked                    (section 2.2)

    Minimises  Σ over the rows x of  α Σ_masked (nn(x̃)_j - x_j)²  +  β Σ_kept (nn(x̃)_j - x_j)²,  plus λ ||θ||²  (eq. 1)

    x: the ratings of an item (I-CFN) or of a user (U-CFN) minus their mean, divided by half the width of the scale
    θ, all parameters: V1 (d, k_1), V2 (k_1, k_2), ..., transposes of V; mu1 (k_1,), ...; W (d, k); b (d,)
    CFN++ is a CFN on data with q features for each row. Every layer reads them: V2 is (k_1 + q, k_2), W is (d, k + q),
    and S1 (q, k_1) are their weights in the first layer                                               (fig. 2, eq. 4)
    hidden_units: k_1, ...;  activation, output: σ of the hidden layers and of the last one; identity: linear
    dropout: the fraction of observed cells that is masked;  alpha, beta: the weights of masked and kept cells;  l2: λ
    noise: the standard deviation of Gaussian noise on the codes read by hidden layers after the first; 0 in the paper
    damping: the mean of a row is computed with so many additional ratings of average value; 0 in the paper. But once
        its own mean is subtracted from each row, the model cannot learn that dramas are rated higher. To predict rows
        without ratings from features alone, set a large damping and mask nearly all ratings (dropout 0.97)
    """

    output: str = "tanh"
    center: bool | None = True
    dropout: float = 0.25
    activation: str = "tanh"
    hidden_units: tuple[int, ...] = (600,)
    alpha: float = 1.0
    beta: float = 0.5
    noise: float = 0.0
    damping: float = 0.0

    default_optimizer = "adam"
    reads_features = True

    def __post_init__(self):
        super().__post_init__()
        for name in ("alpha", "beta", "noise", "damping"):
            check_at_least(name, getattr(self, name), 0)
        if not self.center:
            raise UsageError("CFN always subtracts the mean of each row; leave center out, or use autorec")

    def candidates(self, n_ratings: int) -> list[CFN]:
        """λ = 0.07 √(number of ratings): 60 on ML-1M, the best of 15, 30, 60 and 120 on its validation part."""
        return [self] if self.l2 is not None else [replace(self, l2=0.07 * n_ratings**0.5)]

    @property
    def offset(self) -> str:
        return "row means"

    def column_l2(self, R: Ratings) -> float:
        """2 λ divided by the mean weight of a rating, see `noisy`."""
        return 2 * (self.l2 or 0.0) / max(self.alpha * self.dropout + self.beta * (1 - self.dropout), 1e-9)

    def f(self, a: Array) -> Array:
        y, _ = ACTIVATIONS[self.output](a)
        return y

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        reads = d
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, k in enumerate(self.hidden_units, start=1):
            shapes |= {f"V{layer}": (reads, k), f"mu{layer}": (k,)}
            reads = k + q
        shapes |= {"S1": (q, self.hidden_units[0])} if q else {}
        return shapes | {"W": (d, reads), "b": (d,)}

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        """Uniform within ±1/√n, where a matrix reads n units, such as d for V1, q for S1; biases 0     (section 4.1)"""
        params = {}
        for name, shape in self.shapes(R.shape[1], R.side_width).items():
            reads = shape[1] if name == "W" else shape[0]
            drawn = np.zeros(shape) if len(shape) == 1 else rng.uniform(-1, 1, shape) / reads**0.5
            params[name] = drawn.astype(R.values.dtype)
        return params

    def loss_and_grads(self, params, R, rng=None):
        seen, weight, noise = self.noisy(R, rng)
        H, back_to_params = hidden_layers(seen, params, ACTIVATIONS[self.activation], noise)  # (n, k + q)
        a, back_to_H = sampled_out(H, params["W"], params["b"], at=R)  # (p,)
        y, back_to_a = ACTIVATIONS[self.output](a)
        error, back_to_y = weighted_squared_error(y, R.values, weight)

        dH, dW, db = back_to_H(back_to_a(back_to_y()))
        grads = {**back_to_params(dH), "W": dW, "b": db}
        assert self.l2 is not None, "give l2, or let fit choose it"
        penalty = l2_penalty(2 * R.share * self.l2, params, grads, R)
        return error + penalty, grads

    def noisy(self, R: Ratings, rng: np.random.Generator | None):
        """x̃, the weight of each cell in the loss, and the layer that adds noise between hidden layers."""
        real, asarray = R.values.dtype.type, R.backend.asarray
        if rng is None:
            return R, self.beta, identity
        seen, hidden = masked(R, self.dropout, rng)
        weight = R.xp.where(hidden, real(self.alpha), real(self.beta))

        def add_noise(H):
            if not self.noise:
                return identity(H)
            return identity(H + asarray((self.noise * rng.standard_normal(H.shape)).astype(R.values.dtype)))

        return seen, weight, add_noise
