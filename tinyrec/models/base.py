"""What all autoencoders share: they encode rows of ratings, and decode the codes into predicted ratings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least, check_choice, check_type
from tinyrec.errors import UsageError
from tinyrec.nn import ACTIVATIONS, OUTPUTS, hidden_layers, sampled_out
from tinyrec.sparse import Ratings

if TYPE_CHECKING:
    from tinyrec.data import Dataset, Features
    from tinyrec.recommenders.base import Recommender


@dataclass(frozen=True, kw_only=True)
class Autoencoder:
    """Base of the models, which are frozen dataclasses of hyper-parameters and hold no parameters themselves.

    A model defines shapes, init, loss_and_grads and candidates; its hidden layers are V1, mu1, V2, mu2, ..., or it
    defines encode, too; its output layer is W (d, k) and b (d,).

    by: what a row is: "item" for the matrix of items x users, "user" for that of users x items
    output: f, one of identity, sigmoid, tanh; the two with bounds are stretched to the rating scale
    l2: λ, in the units of the paper; None: chosen on a validation part among `candidates`
    center: False for raw ratings; True for what user and item biases leave over (see
        `tinyrec.recommenders.scaling`); None: raw if l2 is set, else chosen with it
    dropout: the part of the ratings that is hidden from the autoencoder in each step, another one each time
    activation: g, of the hidden layers, one of identity, sigmoid, tanh, relu, binary
    """

    by: str = "item"
    output: str = "identity"
    l2: float | None = None
    center: bool | None = None
    dropout: float = 0.0
    activation: str = "sigmoid"

    default_optimizer: ClassVar[str] = "rprop"
    default_epochs: ClassVar[int | None] = None
    default_batch_size: ClassVar[int] = 64
    reads_features: ClassVar[bool] = False
    implicit: ClassVar[bool] = False

    def __post_init__(self):
        for field in fields(self):
            if str(field.type) == "tuple[int, ...]":
                self._make_sizes(field.name)
            check_type(field.name, getattr(self, field.name), str(field.type))
        check_choice("by", self.by, ("item", "user"))
        check_choice("output", self.output, OUTPUTS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_at_least("l2", self.l2 or 0, 0)
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}, but must be at least 0 and less than 1")
        if self.zero == "biases" and self.output != "identity":
            raise UsageError(f"centred ratings have no bounds, and output {self.output} has; take output identity")

    @property
    def zero(self) -> str:
        """Where ratings are counted from, see `tinyrec.recommenders.scaling`."""
        return "biases" if self.center else "scale"

    @property
    def is_pretrained(self) -> bool:
        """Whether training begins with one layer after the other, see `tinyrec.training`."""
        return False

    @property
    def centring(self) -> tuple[str, str, float]:
        """What `tinyrec.recommenders.scaling.Scaling.of` takes, besides the data: zero, by, damping."""
        return self.zero, self.by, 0.0

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        """Those of the parameters, by name, for rows of d ratings and q features, if it is a model that reads these."""
        raise NotImplementedError

    def count(self, d: int, q: int = 0) -> int:
        """How many numbers the parameters are."""
        return sum(math.prod(shape) for shape in self.shapes(d, q).values())

    def _make_sizes(self, name: str) -> None:
        """Let sizes of layers be a tuple, where they are one number, or a list, which is what JSON has."""
        value = getattr(self, name)
        if isinstance(value, Integral | list):
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else (value,))
        check_type(name, getattr(self, name), "tuple[int, ...]")
        for size in getattr(self, name):
            check_at_least(name, size, 1)

    def candidates(self, n_ratings: int) -> Sequence[Autoencoder]:
        """The models to compare on a validation part, given how many ratings there are; [self] if l2 is set."""
        raise NotImplementedError

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        """The parameters before training, drawn on the host in the dtype of R, so that every backend starts alike."""
        raise NotImplementedError

    def prepare(self, R: Ratings) -> Ratings:
        """What is trained on, made of all rows R, before any of them is read."""
        return R

    def encode(self, params: Params, R: Ratings) -> Array:
        """The hidden codes H (n, k) of the rows of R (n, d); beside them the features, if the model reads some."""
        H, _ = hidden_layers(R, params, ACTIVATIONS[self.activation])
        return H

    def loss_and_grads(
        self, params: Params, R: Ratings, share: float = 1.0, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        """The objective on the rows of R and its gradient; the penalty counts by `share`, these rows' part of all.

        rng: what noise is drawn from; None: there is none
        """
        raise NotImplementedError

    def decode_cells(self, params: Params, H: Array, at: Ratings) -> Array:
        """The predicted ratings (p,) at the cells of `at` (n, d), from the codes H (n, k)."""
        a, _ = sampled_out(H, params["W"], params["b"], at)
        return self.f(a)

    def decode(self, params: Params, H: Array, cols: Array) -> Array:
        """The predicted ratings of whole rows at some columns: H (n, k), cols (c,) -> (n, c)."""
        return self.f(H @ params["W"][cols].T + params["b"][cols])

    def f(self, a: Array) -> Array:
        """The output activation."""
        y, _ = OUTPUTS[self.output](a)
        return y

    def predict_cells(self, params: Params, R: Ratings, at: Ratings) -> Array:
        """The predicted ratings at the cells of `at`, from the ratings R                     (AutoRec, eq. 3)"""
        return self.decode_cells(params, self.encode(params, R), at)

    def features(self, data: Dataset) -> Features | None:
        """What this model reads about its rows besides their ratings."""
        of_rows = data.item_features if self.by == "item" else data.user_features
        return of_rows if self.reads_features else None

    def fit(self, data: Dataset, **options: Any) -> Recommender:
        """Train on `data`; see `tinyrec.training.train.train` for the options."""
        from tinyrec.training.train import (
            train,  # upwards, so that model.fit(data) reads well; nothing else here does so
        )

        return train(self, data, **options)


def layer_shapes(d: int, hidden_units: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Those of a network from d units through hidden ones to d units: V1, mu1, V2, mu2, ..., W, b."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (j, k) in enumerate(pairwise((d, *hidden_units)), start=1):
        shapes |= {f"V{layer}": (j, k), f"mu{layer}": (k,)}
    return shapes | {"W": (d, hidden_units[-1]), "b": (d,)}
