"""The models that layer-wise pretraining trains: an autoencoder of codes, and a network with frozen layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array, Backend, Params
from tinyrec.models.autoencoder import row_batches
from tinyrec.models.base import glorot
from tinyrec.nn import ACTIVATIONS, dense, l2_penalty, squared_error
from tinyrec.sparse import Ratings, Whole


@dataclass(frozen=True)
class Rows(Whole):
    """Dense rows X (n, j), such as codes, with the attributes and methods of Ratings that training needs."""

    values: Array
    backend: Backend
    share: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape

    def batches(self, order: Array, size: int) -> Iterator[Rows]:
        """The rows in this order, `size` of them at a time."""
        X, n = self.values[self.backend.asarray(order)], len(order)
        for first in range(0, n, size):
            some = X[first : first + size]
            yield Rows(some, self.backend, self.share * len(some) / n)


@dataclass(frozen=True, kw_only=True)
class CodeAutoencoder:
    """h(x) = g(W g(V x + mu) + b), which reconstructs codes x, themselves outputs of g

    Minimises  Σ ||x - h(x)||²  +  l2/2 (||W||² + ||V||²)             (NCAE, eq. 13: the mean over cells, and no l2)

    x (j,);  parameters, each the transpose of the above: V (j, k), mu (k,), W (k, j), b (j,)
    """

    hidden_units: int
    activation: str
    l2: float

    def init(self, X: Rows, rng: np.random.Generator) -> Params:
        j, k = X.shape[1], self.hidden_units
        return glorot({"V": (j, k), "mu": (k,), "W": (k, j), "b": (j,)}, X.values.dtype, rng)

    def batches(self, X: Rows, batch_size: int | None, rng: np.random.Generator) -> Iterator[Rows]:
        return row_batches(X, batch_size, rng)

    def encode(self, params: Params, X: Array) -> Array:
        Z, _ = dense(X, params["V"], params["mu"])
        H, _ = ACTIVATIONS[self.activation](Z)
        return H

    def loss_and_grads(self, params: Params, X: Rows, rng: np.random.Generator | None = None) -> tuple[Array, Params]:
        g = ACTIVATIONS[self.activation]
        Z, back_to_input = dense(X.values, params["V"], params["mu"])  # (n, k)
        H, back_to_Z = g(Z)
        A, back_to_H = dense(H, params["W"], params["b"])  # (n, j)
        Y, back_to_A = g(A)
        error, back_to_Y = squared_error(Y, X.values)

        dH, dW, db = back_to_H(back_to_A(back_to_Y()))
        _, dV, dmu = back_to_input(back_to_Z(dH))
        penalty = l2_penalty(X.share * self.l2, params, {"V": dV, "W": dW}, X)
        return error + penalty, {"V": dV, "mu": dmu, "W": dW, "b": db}


@dataclass(frozen=True)
class Frozen:
    """A model with some of its parameters given; the others are trained. The loss includes the penalty on all."""

    model: Any
    given: Params

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        return {name: w for name, w in self.model.init(R, rng).items() if name not in self.given}

    def batches(self, R: Ratings, batch_size: int | None, rng: np.random.Generator) -> Iterator[Ratings]:
        return row_batches(R, batch_size, rng)

    def loss_and_grads(
        self, params: Params, R: Ratings, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        loss, grads = self.model.loss_and_grads({**self.given, **params}, R, rng)
        return loss, {name: grads[name] for name in params}
