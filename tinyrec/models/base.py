"""The base classes of all models, and of those that are trained by gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least, check_choice, check_type, setting_types
from tinyrec.errors import UsageError
from tinyrec.nn import ACTIVATIONS, OUTPUTS
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
class Network(Model):
    """Base of the models that `tinyrec.training.train` trains: autoencoders, and models of pairs.

    A model defines `shapes_of`, `batches`, `loss_and_grads` and `predict_cells`, and has these fields:

    l2: λ of the paper's equation, for ratings after `Scaling`; None: by the number of ratings, see `candidates`
    center: False for raw ratings; True for ratings minus user and item biases (see `tinyrec.recommenders.scaling`);
        None: raw if l2 is set, else chosen on a validation part, if both are `candidates`

    It may have these fields, too. They are checked here; an autoencoder applies `output` to its predictions:

    by: what a row is: "item" for the matrix of items x users, "user" for that of users x items, also without this field
    output: f, one of identity, sigmoid, tanh; the last two are stretched to the rating scale
    activation: g, of the hidden layers: identity, sigmoid, tanh, relu, selu, binary, or a name added to
        `nn.ACTIVATIONS`
    dropout: the fraction of the ratings that is hidden from the model, drawn again in each step
    hidden_units: the sizes of the hidden layers, an int or a tuple[int, ...]
    """

    if TYPE_CHECKING:  # fields of the models themselves, each with its own default
        l2: float | None
        center: bool | None
    by = "user"

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

    def shapes_of(self, R: Any) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, by name, for training on R."""
        cure = "define shapes_of(R) to return that of each parameter"
        raise UsageError(f"{type(self).__name__} has no shapes_of; {cure}")

    def check_params(self, params: Params, R: Any) -> None:
        """UsageError: the parameters before training do not have their shapes"""
        found, wanted = {name: w.shape for name, w in params.items()}, self.shapes_of(R)
        for name in wanted | found:
            if (has := found.get(name, "missing")) != (should := wanted.get(name, "missing")):
                raise UsageError(f"{name} is {has} in what init returns, but {should} in shapes; make them agree")

    def candidates(self, n_ratings: int) -> Sequence[Network]:
        """The models to compare on a validation part, given the number of ratings; [self] where l2 is set."""
        return [self]

    def init(self, R: Any, rng: np.random.Generator) -> Params:
        """The parameters before training, in the dtype of R, drawn on the host, so that every backend starts alike."""
        return glorot(self.shapes_of(R), R.values.dtype, rng)

    def pretrained(self, R: Any, seed: int, train: Train) -> Params | None:
        """Parameters to start from, learned by training shallow models; None: start from `init`.

        train(layer, model, rows, epochs, seed): trains a shallow model for one layer, and returns its parameters
        """
        return None

    def prepare(self, R: Any) -> Any:
        """The rows to train on, made once from all rows R before training."""
        return R

    def batches(self, R: Any, batch_size: int | None, rng: np.random.Generator) -> Iterator[Any]:
        """The batches of one epoch, each with its `share` of the whole."""
        raise NotImplementedError

    def loss_and_grads(self, params: Params, R: Any, rng: np.random.Generator | None = None) -> tuple[Array, Params]:
        """The objective on a batch R, with the fraction R.share of the penalty, and its gradients.

        rng: draws the noise; None: no noise
        """
        cure = "define loss_and_grads(params, R, rng) to return the loss and the gradients"
        raise UsageError(f"{type(self).__name__} has no loss_and_grads; {cure}")

    def predict_cells(self, params: Params, R: Any, at: Ratings) -> Array:
        """The predicted ratings (p,) at the cells of `at` (n, d), from the ratings R (n, d)"""
        raise NotImplementedError


def hidden_shapes(d: int, hidden_units: Sequence[int], first: int = 1) -> dict[str, tuple[int, ...]]:
    """V1 (d, k_1), mu1 (k_1,), V2 (k_1, k_2), mu2, ...: hidden layers above d units, numbered from `first`"""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (j, k) in enumerate(pairwise((d, *hidden_units)), start=first):
        shapes |= {f"V{layer}": (j, k), f"mu{layer}": (k,)}
    return shapes


def glorot(shapes: dict[str, tuple[int, ...]], dtype: Any, rng: np.random.Generator) -> Params:
    """Normal weights of variance 2 / (units below + units above), biases of 0         (Glorot & Bengio 2010, eq. 12)"""
    params = {}
    for name, shape in shapes.items():
        drawn = rng.normal(0, (2 / sum(shape)) ** 0.5, shape) if len(shape) == 2 else np.zeros(shape)
        params[name] = drawn.astype(dtype)
    return params
