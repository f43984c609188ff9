"""The base class of all models, and that of the autoencoders, which encode rows of ratings and decode the codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least, check_choice, check_type, setting_types
from tinyrec.errors import UsageError
from tinyrec.nn import ACTIVATIONS, OUTPUTS, hidden_layers, sampled_out
from tinyrec.sparse import Ratings

if TYPE_CHECKING:
    from tinyrec.data import Dataset
    from tinyrec.recommenders import Recommender

USED_AFTER_FIT = "predict", "recommend", "score", "rank", "save", "params"
Train = Callable[[int, Any, Any, int, int], Params]  # (layer, model, rows, epochs, seed) -> the parameters learned


class Model:
    """Base of everything that is fitted to a data set: a frozen dataclass of hyper-parameters, without parameters.

    implicit: for implicit feedback, where an observed cell is 1, and not for ratings
    """

    implicit: ClassVar[bool] = False

    def __getattr__(self, name: str) -> Any:
        """AttributeError: with a hint for users of libraries in which `fit` changes the model itself"""
        hint = ": use what fit returns, as in fitted = model.fit(data)" if name in USED_AFTER_FIT else ""
        raise AttributeError(f"a {type(self).__name__} has no {name}{hint}")

    def fit(self, data: Dataset, *, seed: int = 0) -> Recommender:
        """Train on `data`, and return what predicts, recommends, scores and saves."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Autoencoder(Model):
    """Base of the autoencoders.

    A model defines `shapes` and `loss_and_grads`. If its parameters are not V1, mu1, V2, mu2, ... for the hidden layers
    and W (d, k) and b (d,) for the output layer, it also defines `encode` and `decoder`.

    by: what a row is: "item" for the matrix of items x users, "user" for that of users x items
    l2: λ of the paper's equation, for ratings after `Scaling`; None: by the number of ratings, see `candidates`
    center: False for raw ratings; True for ratings minus user and item biases (see `tinyrec.recommenders.scaling`);
        None: raw if l2 is set, else chosen on a validation part, if both are `candidates`

    A model may declare these fields, too. They are checked here, and `output` is applied to predictions:

    output: f, one of identity, sigmoid, tanh; the last two are stretched to the rating scale
    activation: g, of the hidden layers: identity, sigmoid, tanh, relu, binary, or a name added to `nn.ACTIVATIONS`
    dropout: the fraction of the ratings that is hidden from the autoencoder, drawn again in each step
    hidden_units: the sizes of the hidden layers, an int or a tuple[int, ...]
    """

    by: str = "item"
    l2: float | None = None
    center: bool | None = None

    default_optimizer: ClassVar[str] = "rprop"
    default_epochs: ClassVar[int | None] = None
    default_batch_size: ClassVar[int] = 64
    reads_features: ClassVar[bool] = False

    def __post_init__(self):
        for name, kind in setting_types(type(self)).items():
            value = getattr(self, name)
            if get_origin(kind) is tuple and isinstance(value, Integral | list):  # one number, or a list from JSON
                value = tuple(value) if isinstance(value, list) else (value,)
                object.__setattr__(self, name, value)
            check_type(name, value, kind)
        for name, choices in (("by", ("item", "user")), ("output", OUTPUTS), ("activation", ACTIVATIONS)):
            if hasattr(self, name):
                check_choice(name, getattr(self, name), choices)
        for size in np.atleast_1d(getattr(self, "hidden_units", 1)):
            check_at_least("hidden_units", size, 1)
        check_at_least("l2", self.l2 or 0, 0)
        if not 0 <= (dropout := getattr(self, "dropout", 0)) < 1:
            raise UsageError(f"dropout is {dropout}, but must be at least 0 and less than 1")
        if self.offset == "biases" and (output := getattr(self, "output", "identity")) != "identity":
            raise UsageError(f"centred ratings have no bounds, and output {output} has; set output to identity")

    def fit(self, data: Dataset, *, seed: int = 0, **options: Any) -> Recommender:
        """Train on `data`; see `tinyrec.training.train` for the options."""
        from tinyrec.training import train  # the one import that goes up, so that model.fit(data) reads well

        return train(self, data, seed=seed, **options)

    @property
    def offset(self) -> str:
        """What is subtracted from the ratings: "scale", "biases", "row means" or "nothing", see `Scaling`."""
        return "biases" if self.center else "scale"

    @property
    def damping(self) -> float:
        """With how many additional ratings of average value the mean of a row is computed, for "row means"."""
        return 0.0

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

    def check_params(self, params: Params, R: Ratings) -> None:
        """UsageError: the parameters before training are not those of `shapes`"""
        found, wanted = {name: w.shape for name, w in params.items()}, self.checked_shapes(R.shape[1], R.side_width)
        for name in wanted | found:
            if (has := found.get(name, "missing")) != (should := wanted.get(name, "missing")):
                raise UsageError(f"{name} is {has} in what init returns, but {should} in shapes; make them agree")

    def count(self, d: int, q: int = 0) -> int:
        """The number of parameters."""
        return sum(math.prod(shape) for shape in self.checked_shapes(d, q).values())

    def candidates(self, n_ratings: int) -> Sequence[Autoencoder]:
        """The models to compare on a validation part, given the number of ratings; [self] where l2 is set."""
        return [self]

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        """The parameters before training, in the dtype of R, drawn on the host, so that every backend starts alike."""
        return glorot(self.checked_shapes(R.shape[1], R.side_width), R.values.dtype, rng)

    def pretrained(self, R: Ratings, seed: int, train: Train) -> Params | None:
        """Parameters to start from, learned by training shallow models; None: start from `init`.

        train(layer, model, rows, epochs, seed): trains a shallow model for one layer, and returns its parameters
        """
        return None

    def prepare(self, R: Ratings) -> Ratings:
        """The rows to train on, made once from all rows R before training."""
        return R

    def batches(self, R: Ratings, batch_size: int | None, rng: np.random.Generator) -> Iterator[Any]:
        """The batches of one epoch, each with its `share` of all rows."""
        return row_batches(R, batch_size, rng)

    def loss_and_grads(
        self, params: Params, R: Ratings, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        """The objective on the rows of a batch R, with the fraction R.share of the penalty, and its gradients.

        rng: draws the noise; None: no noise
        """
        cure = "define loss_and_grads(params, R, rng) to return the loss and the gradients"
        raise UsageError(f"{type(self).__name__} has no loss_and_grads; {cure}")

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


def glorot(shapes: dict[str, tuple[int, ...]], dtype: Any, rng: np.random.Generator) -> Params:
    """Normal weights of variance 2 / (units below + units above), biases of 0         (Glorot & Bengio 2010, eq. 12)"""
    params = {}
    for name, shape in shapes.items():
        drawn = rng.normal(0, (2 / sum(shape)) ** 0.5, shape) if len(shape) == 2 else np.zeros(shape)
        params[name] = drawn.astype(dtype)
    return params


def row_batches(R: Any, batch_size: int | None, rng: np.random.Generator) -> Iterator[Any]:
    """All rows of R at once, or `batch_size` of them at a time in random order."""
    if batch_size is None:
        yield R
        return
    order = rng.permutation(R.shape[0])
    for first in range(0, len(order), batch_size):
        yield R.take_rows(order[first : first + batch_size])


def layer_shapes(d: int, hidden_units: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shapes of a network from d units through hidden ones to d units: V1, mu1, V2, mu2, ..., W, b."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (j, k) in enumerate(pairwise((d, *hidden_units)), start=1):
        shapes |= {f"V{layer}": (j, k), f"mu{layer}": (k,)}
    return shapes | {"W": (d, hidden_units[-1]), "b": (d,)}
