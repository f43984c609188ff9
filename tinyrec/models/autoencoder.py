"""The base class of the autoencoders, which encode rows of ratings and decode the codes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.errors import UsageError
from tinyrec.models.base import Network, hidden_shapes
from tinyrec.nn import ACTIVATIONS, OUTPUTS, hidden_layers, sampled_out
from tinyrec.sparse import Ratings


@dataclass(frozen=True, kw_only=True)
class Autoencoder(Network):
    """Base of the autoencoders.

    A model defines `shapes` and `loss_and_grads`. If its parameters are not V1, mu1, V2, mu2, ... for the hidden layers
    and W (d, k) and b (d,) for the output layer, it also defines `encode` and `decoder`.

    by: what a row is: "item" for the matrix of items x users, "user" for that of users x items;  others: see `Network`
    """

    by: str = "item"
    l2: float | None = None
    center: bool | None = None

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, by name, for rows of d ratings and q features."""
        raise UsageError(f"{type(self).__name__} has no shapes; define shapes(d, q) to return that of each parameter")

    def checked_shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        """`shapes`, as tuples. UsageError: a number in place of one"""
        shapes = self.shapes(d, q)
        for name, shape in shapes.items():
            if isinstance(shape, Integral):
                raise UsageError(f"shapes gives {name} the shape {shape}; write the tuple ({shape},), with a comma")
        return {name: tuple(shape) for name, shape in shapes.items()}

    def shapes_of(self, R: Ratings) -> dict[str, tuple[int, ...]]:
        return self.checked_shapes(R.shape[1], R.side_width)

    def check_params(self, params: Params, R: Ratings) -> None:
        """As in `Network`, and a model that cannot predict fails before it is trained."""
        super().check_params(params, R)
        row = R.take_rows([0])
        self.predict_cells(params, row, row)

    def count(self, d: int, q: int = 0) -> int:
        """The number of parameters."""
        return sum(math.prod(shape) for shape in self.checked_shapes(d, q).values())

    def batches(self, R: Ratings, batch_size: int | None, rng: np.random.Generator) -> Iterator[Any]:
        """The rows of an epoch, all at once or `batch_size` at a time."""
        return row_batches(R, batch_size, rng)

    def encode(self, params: Params, R: Ratings) -> Array:
        """The hidden codes H (n, k) of the rows of R (n, d), followed by their features, if the model reads any."""
        if "V1" not in params:
            raise UsageError(f"{type(self).__name__} has no parameter V1; define encode(params, R) to return H")
        H, _ = hidden_layers(R, params, ACTIVATIONS[self.activation])  # type: ignore[attr-defined]
        return H

    def decoder(self, params: Params) -> Params:
        """The output layer, W (d, k) and b (d,), among the parameters."""
        if not {"W", "b"} <= params.keys():
            raise UsageError(f"{type(self).__name__} has no parameters W and b; define decoder(params) to return them")
        return {"W": params["W"], "b": params["b"]}

    def decode(self, decoder: Params, H: Array, cols: Array) -> Array:
        """The predicted ratings of whole rows at some columns: H (n, k), cols (c,) -> (n, c)."""
        return self.f(H @ decoder["W"][cols].T + decoder["b"][cols])

    def decode_pairs(self, decoder: Params, H: Array, cols: Array) -> Array:
        """The predicted rating of each row at one column: H (p, k), cols (p,) -> (p,)."""
        return self.f(np.einsum("pk,pk->p", H, decoder["W"][cols]) + decoder["b"][cols])

    def column_l2(self, R: Ratings) -> float:
        """λ of Σ error² + λ/2 |w|², the part of the objective for one column of the decoder; R (n, d): all rows."""
        return self.l2 or 0.0

    def f(self, a: Array) -> Array:
        """The output activation, if the model has one."""
        y, _ = OUTPUTS[getattr(self, "output", "identity")](a)
        return y

    def predict_cells(self, params: Params, R: Ratings, at: Ratings) -> Array:
        """The predicted ratings (p,) at the cells of `at` (n, d), from the ratings R (n, d)      (AutoRec, eq. 3)"""
        a, _ = sampled_out(self.encode(params, R), **self.decoder(params), at=at)
        return self.f(a)


def row_batches(R: Any, batch_size: int | None, rng: np.random.Generator) -> Iterator[Any]:
    """All rows of R at once, or `batch_size` of them at a time in random order."""
    if batch_size is None:
        yield R
        return
    yield from R.batches(rng.permutation(R.shape[0]), batch_size)


def layer_shapes(d: int, hidden_units: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shapes of a network from d units through hidden ones to d units: V1, mu1, V2, mu2, ..., W, b."""
    return hidden_shapes(d, hidden_units) | {"W": (d, hidden_units[-1]), "b": (d,)}
