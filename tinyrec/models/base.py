"""What all autoencoders share: they encode rows of ratings, and decode the codes into predicted ratings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.errors import UsageError
from tinyrec.nn import sampled_out
from tinyrec.sparse import Ratings

if TYPE_CHECKING:
    from tinyrec.data import Dataset
    from tinyrec.recommender import Recommender


@dataclass(frozen=True, kw_only=True)
class Autoencoder:
    """Base of the models, which are frozen dataclasses of hyper-parameters and hold no parameters themselves.

    A model defines init, encode, loss_and_grads and candidates; its output layer is W (d, k) and b (d,).

    by: what a row is: "item" for the matrix of items x users, "user" for that of users x items
    hidden_units: k;  l2: λ, in the units of the paper; None: chosen on a validation part among `candidates`
    center: False for raw ratings; True for what user and item biases leave over (see `tinyrec.scaling`); None: raw if
        l2 is set, else chosen with it
    """

    by: str = "item"
    hidden_units: int = 500
    l2: float | None = None
    center: bool | None = None

    def __post_init__(self):
        for field in fields(self):
            check_type(field.name, getattr(self, field.name), str(field.type))
        check_choice("by", self.by, ("item", "user"))
        check_at_least("hidden_units", self.hidden_units, 1)
        check_at_least("l2", self.l2 or 0, 0)

    def candidates(self, n_ratings: int) -> Sequence[Autoencoder]:
        """The models to compare on a validation part, given how many ratings there are; [self] if l2 is set."""
        raise NotImplementedError

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        """The parameters before training, drawn on the host in the dtype of R, so that every backend starts alike."""
        raise NotImplementedError

    def encode(self, params: Params, R: Ratings) -> Array:
        """The hidden codes H (n, k) of the rows of R (n, d)."""
        raise NotImplementedError

    def loss_and_grads(self, params: Params, R: Ratings, share: float = 1.0) -> tuple[Array, Params]:
        """The objective on the rows of R and its gradient; the penalty counts by `share`, these rows' part of all."""
        raise NotImplementedError

    def decode_cells(self, params: Params, H: Array, at: Ratings) -> Array:
        """The predicted ratings (p,) at the cells of `at` (n, d), from the codes H (n, k)."""
        y, _ = sampled_out(H, params["W"], params["b"], at)
        return y

    def decode(self, params: Params, H: Array, cols: Array) -> Array:
        """The predicted ratings of whole rows at some columns: H (n, k), cols (c,) -> (n, c)."""
        return H @ params["W"][cols].T + params["b"][cols]

    def predict_cells(self, params: Params, R: Ratings, at: Ratings) -> Array:
        """The predicted ratings at the cells of `at`, from the ratings R                     (AutoRec, eq. 3)"""
        return self.decode_cells(params, self.encode(params, R), at)

    def fit(self, data: Dataset, **options: Any) -> Recommender:
        """Train on `data`; see `tinyrec.fitting.train` for the options."""
        from tinyrec.fitting import train  # upwards, so that model.fit(data) reads well; nothing else here does so

        return train(self, data, **options)


def check_choice(what: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise UsageError(f"unknown {what} {value!r}; choose one of {', '.join(choices)}")


def check_at_least(what: str, value: float, lowest: float) -> None:
    if not lowest <= value < float("inf"):  # so written that nan fails, too
        raise UsageError(f"{what} is {value}, but must be finite and at least {lowest}")


def check_type(what: str, value: Any, wanted: str) -> None:
    """A value must be of the type that a dataclass declares, such as "float | None"; integers are floats, too."""
    kinds: dict[str, Any] = {"int": Integral, "float": Real, "str": str, "bool": bool, "None": type(None)}
    is_bool = isinstance(value, bool)
    if not any(isinstance(value, kinds[kind]) and is_bool == (kind == "bool") for kind in wanted.split(" | ")):
        raise UsageError(f"{what} is {value!r}, but must be {wanted.replace(' | ', ' or ')}")
