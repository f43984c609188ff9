"""Greedy layer-wise pretraining: a deep network starts from shallow ones that were trained one on top of the other.

The AutoRec paper says "greedy pretraining" and no more. Here, as its sizes (500, 250, 500) suggest, autoencoders are
stacked and then unfolded (Hinton & Salakhutdinov 2006, fig. 1): an AutoRec learns to reconstruct the ratings from codes
of 500 units, a second autoencoder learns to reconstruct these codes from codes of 250 units; then the encoders one
after the other, followed by the decoders in reverse, are the deep network, which is fine-tuned as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tinyrec.backend import Array, Backend, Params
from tinyrec.models import AutoRec, DeepAutoRec
from tinyrec.nn import ACTIVATIONS, dense, l2_penalty, squared_error
from tinyrec.sparse import Ratings
from tinyrec.training.loop import Epoch, fit

CODES_L2 = 0.1  # there is little to overfit in codes, dense and without noise; 20, good in fine-tuning, was far worse


def pretrain(
    model: DeepAutoRec,
    R: Ratings,
    optimizer: Any,
    *,
    batch_size: int | None = None,
    seed: int = 0,
    observe: Callable[[int, Epoch], None] = lambda layer, epoch: None,
) -> Params:
    """The parameters from which fine-tuning starts, after model.pretrain epochs of each stage.

    observe: called with the number of the layer and each Epoch
    """

    def trained(layer, shallow, rows):
        for epoch in fit(shallow, rows, optimizer, epochs=model.pretrain, batch_size=batch_size, seed=seed + layer - 1):
            observe(layer, epoch)
        return epoch.params

    last, (first, *deeper) = len(model.hidden_units), model.hidden_units[: len(model.hidden_units) // 2 + 1]
    settings = {field.name: getattr(model, field.name) for field in fields(AutoRec)}
    shallow = AutoRec(**(settings | {"hidden_units": first}))
    learned = trained(1, shallow, R)
    params = {"V1": learned["V"], "mu1": learned["mu"], "W": learned["W"], "b": learned["b"]}
    H = shallow.encode(learned, R)
    for layer, units in enumerate(deeper, start=2):
        stacked = CodeAutoencoder(hidden_units=units, activation=model.activation, l2=CODES_L2)
        learned = trained(layer, stacked, Rows(H, R.backend))
        mirror = last + 2 - layer  # where its decoder goes
        params |= {f"V{layer}": learned["V"], f"mu{layer}": learned["mu"]}
        params |= {f"V{mirror}": learned["W"], f"mu{mirror}": learned["b"]}
        H = stacked.encode(learned, H)
    return {name: params[name] for name in model.shapes(R.shape[1])}


@dataclass(frozen=True)
class Rows:
    """Dense rows X (n, j), such as codes, with what `fit` asks of Ratings."""

    values: Array
    backend: Backend

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape

    @property
    def xp(self) -> Any:
        return self.backend.xp

    def take_rows(self, rows: Array) -> Rows:
        return Rows(self.values[self.backend.asarray(rows)], self.backend)


@dataclass(frozen=True, kw_only=True)
class CodeAutoencoder:
    """h(x) = g(W g(V x + mu) + b), which reconstructs codes x that came out of g, too

    Minimises  Σ ||x - h(x)||²  +  l2/2 (||W||² + ||V||²)

    x (j,);  parameters, each the transpose of the above: V (j, k), mu (k,), W (k, j), b (j,)
    """

    hidden_units: int
    activation: str
    l2: float

    def init(self, X: Rows, rng: np.random.Generator) -> Params:
        j, k, dtype = X.shape[1], self.hidden_units, X.values.dtype
        scale = (2 / (j + k)) ** 0.5  # Glorot & Bengio 2010, eq. 16
        return {
            "V": rng.normal(0, scale, (j, k)).astype(dtype),
            "mu": np.zeros(k, dtype),
            "W": rng.normal(0, scale, (k, j)).astype(dtype),
            "b": np.zeros(j, dtype),
        }

    def encode(self, params: Params, X: Array) -> Array:
        Z, _ = dense(X, params["V"], params["mu"])
        H, _ = ACTIVATIONS[self.activation](Z)
        return H

    def loss_and_grads(
        self, params: Params, X: Rows, share: float = 1.0, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        g = ACTIVATIONS[self.activation]
        Z, back_to_input = dense(X.values, params["V"], params["mu"])  # (n, k)
        H, back_to_Z = g(Z)
        A, back_to_H = dense(H, params["W"], params["b"])  # (n, j)
        Y, back_to_A = g(A)
        error, back_to_Y = squared_error(Y, X.values)

        dH, dW, db = back_to_H(back_to_A(back_to_Y()))
        _, dV, dmu = back_to_input(back_to_Z(dH))
        penalty = l2_penalty(share * self.l2, params, {"V": dV, "W": dW}, X.backend)
        return error + penalty, {"V": dV, "mu": dmu, "W": dW, "b": db}
