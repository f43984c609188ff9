"""Gradient checks: is each hand-written backward the derivative of its forward?

Two answers, both in float64. The complex step, f'(x) = Im f(x + ih) / h, has no cancellation, so h = 1e-30 is exact to
rounding (Squire & Trapp 1998); it asks for every parameter. Central differences along random directions know nothing
of complex numbers, so they would also notice a forward that treats those wrongly.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tinyrec import nn
from tinyrec.backend import Array, Params, get_backend
from tinyrec.models import CFN, NCAE, AutoRec, DeepAutoRec, ImplicitNCAE
from tinyrec.models.base import Autoencoder
from tinyrec.sparse import Ratings
from tinyrec.training.pretraining import CodeAutoencoder, Rows

DIFFERENTIABLE = [name for name in nn.ACTIVATIONS if name != "binary"]  # its backward is no derivative, on purpose
COMPLEX_STEP, CENTRAL_STEP = 1e-30, 1e-6
TOLERANCE = {"complex": 1e-10, "central": 1e-6}  # relative


@dataclass(frozen=True)
class Case:
    """A function of params (a dict of float64 arrays) that returns its value and its hand-written gradients."""

    name: str
    of: type | Callable  # the layer, loss or model class under test
    function: Callable[[Params], tuple[Array, Params]]
    params: Params


def check(case: Case, rng: np.random.Generator) -> dict[str, float]:
    """The relative error of the gradients of one case: {"complex": , "central": }; 0 is perfect, 1 is hopeless."""
    _, grads = case.function(case.params)
    numeric = complex_step(case.function, case.params)
    worst = max(relative_error(grads[name], numeric[name]) for name in case.params)
    return {"complex": worst, "central": central_difference(case.function, case.params, grads, rng)}


def passed(errors: dict[str, float]) -> bool:
    return all(errors[way] <= TOLERANCE[way] for way in TOLERANCE)


def complex_step(function: Callable, params: Params) -> Params:
    """The derivative by every parameter: Im f(w + ih) / h, one entry at a time."""
    numeric = {}
    for name, w in params.items():
        numeric[name] = np.empty_like(w)
        for entry in np.ndindex(w.shape):
            moved = w.astype(complex)
            moved[entry] += 1j * COMPLEX_STEP
            value, _ = function({**params, name: moved})
            numeric[name][entry] = np.imag(value) / COMPLEX_STEP
    return numeric


def central_difference(function: Callable, params: Params, grads: Params, rng: np.random.Generator) -> float:
    """The worst error of the slope g · v along five random directions v, against (f(w + hv) - f(w - hv)) / 2h.

    It is relative to |g|, the size of a typical slope: along some direction the slope may be 0 by chance.
    """
    errors, norm = [], np.sqrt(sum((g * g).sum() for g in grads.values()))
    for _ in range(5):
        v = {name: rng.standard_normal(w.shape) for name, w in params.items()}
        high, _ = function({name: w + CENTRAL_STEP * v[name] for name, w in params.items()})
        low, _ = function({name: w - CENTRAL_STEP * v[name] for name, w in params.items()})
        slope = sum((grads[name] * v[name]).sum() for name in params)
        numeric = (high - low) / (2 * CENTRAL_STEP)
        errors.append(abs(slope - numeric) / max(norm, abs(numeric), 1e-300))
    return float(max(errors))


def relative_error(ours: Array, numeric: Array) -> float:
    """max |ours - numeric| / max(|ours|, |numeric|), over all entries."""
    size = max(np.abs(ours).max(), np.abs(numeric).max())
    return float(np.abs(ours - numeric).max() / size) if size else 0.0


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every public layer, activation, loss and model, on matrices with every trap that we know of."""
    for name, R in matrices(rng).items():
        yield from layer_cases(name, R, rng)
        yield from model_cases(name, R, rng)
    yield from element_cases(rng)


def matrices(rng: np.random.Generator) -> dict[str, Ratings]:
    """Rating matrices (n, d) by name; the square ones let a forgotten transpose through the shape checks."""

    def draw(mask, values=None):
        rows, cols = np.nonzero(mask)
        values = rng.integers(1, 6, len(rows)) if values is None else values
        return Ratings.from_cells(rows, cols, np.asarray(values, float), mask.shape)

    full = rng.random((5, 7)) < 0.5
    empty_row, empty_column = full.copy(), full.copy()
    empty_row[2] = empty_column[:, 3] = False
    return {
        "5 x 7": draw(full),
        "square": draw(rng.random((4, 4)) < 0.6),
        "an empty row": draw(empty_row),
        "an empty column": draw(empty_column),
        "observed zeros": draw(full, rng.integers(-1, 2, full.sum())),
        "one cell": draw(np.ones((1, 1), bool)),
        "no cell": draw(np.zeros((3, 2), bool)),
    }


def layer_cases(name: str, R: Ratings, rng: np.random.Generator) -> Iterator[Case]:
    (n, d), k = R.shape, 4 if R.shape == (4, 4) else 3

    def with_cotangent(layer, shape):
        cotangent = rng.standard_normal(shape)  # a random direction of the output: loss = Σ cotangent * output

        def function(params):
            out, backward = layer(params)
            return (cotangent * out).sum(), dict(zip(params, backward(cotangent), strict=True))

        return function

    params = {"V": rng.standard_normal((d, k)), "mu": rng.standard_normal(k)}
    yield Case(f"sparse_in, {name}", nn.sparse_in, with_cotangent(lambda p: nn.sparse_in(R, **p), (n, k)), params)
    params = {"H": rng.standard_normal((n, k)), "W": rng.standard_normal((d, k)), "b": rng.standard_normal(d)}
    yield Case(
        f"sampled_out, {name}", nn.sampled_out, with_cotangent(lambda p: nn.sampled_out(**p, at=R), R.size), params
    )
    rows = R.with_side(rng.standard_normal((n, 2)))
    shapes = {"V1": (d, 3), "mu1": (3,), "S1": (2, 3), "V2": (3 + 2, k), "mu2": (k,)}
    params = {key: rng.standard_normal(shape) for key, shape in shapes.items()}
    cotangent = rng.standard_normal((n, k + 2))

    def chain(params):
        H, backward = nn.hidden_layers(rows, params, nn.sigmoid)
        return (cotangent * H).sum(), backward(cotangent)

    yield Case(f"hidden_layers, {name}", nn.hidden_layers, chain, params)
    params = {"X": rng.standard_normal((n, d)), "V": rng.standard_normal((d, k)), "mu": rng.standard_normal(k)}
    shapes = {"H": (n, k), "W": (d, k), "b": (d,)}
    params_of_cells = {key: 0.4 * rng.standard_normal(shape) for key, shape in shapes.items()}  # where tanh is not flat
    absent = rng.uniform(0, 1, d)
    for error_of, f in (
        (nn.all_cells_error, nn.tanh),
        (nn.all_cells_error, nn.identity),
        (nn.linear_error, nn.identity),
    ):

        def error(params, error_of=error_of, f=f):
            loss, grads = error_of(params["H"], params["W"], params["b"], R, absent, f)
            return loss, dict(zip(params, grads, strict=True))

        yield Case(f"{error_of.__name__}, {f.__name__}, {name}", error_of, error, params_of_cells)
    yield Case(f"dense, {name}", nn.dense, with_cotangent(lambda p: nn.dense(**p), (n, k)), params)


def element_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Activations and losses, which work element by element."""
    X = rng.uniform(0.1, 2, (3, 4)) * rng.choice([-1, 1], (3, 4))  # away from 0, the kink of relu
    cotangent = rng.standard_normal(X.shape)
    outputs = {f"output {name}": activation for name, activation in nn.OUTPUTS.items()}
    for name, activation in {**{name: nn.ACTIVATIONS[name] for name in DIFFERENTIABLE}, **outputs}.items():

        def function(params, activation=activation):
            Y, backward = activation(params["X"])
            return (cotangent * Y).sum(), {"X": backward(cotangent)}

        yield Case(name, activation, function, {"X": X})

    def error(params):
        loss, backward = nn.squared_error(params["y"], np.arange(4.0))
        return loss, {"y": backward()}

    def penalty(params):
        grads = {name: 0 * w for name, w in params.items()}
        return nn.l2_penalty(0.7, params, grads, get_backend("reference")), grads

    def weighted_error(params):
        loss, backward = nn.weighted_squared_error(params["y"], np.arange(4.0), np.array([0, 0.5, 1, 2]))
        return loss, {"y": backward()}

    yield Case("squared_error", nn.squared_error, error, {"y": rng.standard_normal(4)})
    y = {"y": rng.standard_normal(4)}
    yield Case("weighted_squared_error", nn.weighted_squared_error, weighted_error, y)
    yield Case(
        "l2_penalty", nn.l2_penalty, penalty, {"W": rng.standard_normal((2, 3)), "V": rng.standard_normal((3, 2))}
    )


def model_cases(name: str, R: Ratings, rng: np.random.Generator) -> Iterator[Case]:
    features = rng.standard_normal((R.shape[0], 2))
    for model, q in models():
        params = {key: rng.standard_normal(shape) for key, shape in model.shapes(R.shape[1], q).items()}
        rows = R.with_side(features) if q else R
        rows = model.prepare(R.with_values(R.values**0)) if model.implicit else rows  # clicks are 1

        def function(params, model=model, rows=rows):
            return model.loss_and_grads(params, rows, 0.5, np.random.default_rng(0))  # the same noise each time

        yield Case(f"{model}, {name}{', with features' if q else ''}", type(model), function, params)
    X = Rows(rng.standard_normal(R.shape), R.backend)
    stacked = CodeAutoencoder(hidden_units=2, activation="sigmoid", l2=0.7)
    params = {key: rng.standard_normal(w.shape) for key, w in stacked.init(X, rng).items()}
    yield Case(
        f"{stacked}, {name}", CodeAutoencoder, lambda params: stacked.loss_and_grads(params, X, share=0.5), params
    )


def models() -> Iterator[tuple[Autoencoder, int]]:
    """Each kind of model, with each setting that takes another way through its mathematics, and its features."""
    for activation, center in itertools.product(DIFFERENTIABLE, (False, True)):
        yield AutoRec(hidden_units=4, l2=0.7, activation=activation, center=center), 0
        yield DeepAutoRec(hidden_units=(4, 3, 4), l2=0.7, activation=activation, center=center), 0
    yield DeepAutoRec(hidden_units=(4, 3), l2=0.7, l2_hidden=3.0, pretrain=0), 0
    for kind, output in itertools.product((AutoRec, DeepAutoRec), nn.OUTPUTS):
        yield kind(hidden_units=4, l2=0.7, output=output, dropout=0.5), 0
    for units, q in itertools.product(((4,), (4, 3)), (0, 2)):
        yield CFN(hidden_units=units, l2=0.7, noise=0.3), q
    for units in ((4,), (4, 3)):
        yield NCAE(hidden_units=units, l2=0.7, alpha=0.6, beta=1.3), 0
        yield ImplicitNCAE(hidden_units=units, l2=0.7, c0=2.0), 0
        yield (
            ImplicitNCAE(hidden_units=units, l2=0.7, c0=2.0, output="identity", augment_below=0.6, augment_drop=0.5),
            0,
        )
    yield ImplicitNCAE(hidden_units=(4,), l2=0.7, unobserved_weight=0.05), 0
    yield CFN(hidden_units=(4, 3), l2=0.7, dropout=1 - 1e-9, activation="identity", output="identity"), 2
