"""A case for each activation, loss, layer and model of tinyrec."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.random import default_rng

from tinyrec import nn
from tinyrec.backend import Array, Params, get_backend
from tinyrec.baselines import NeuMF
from tinyrec.gradcheck.compare import Case, Function, draw
from tinyrec.gradcheck.predictions import wrong_predictions
from tinyrec.models import (
    ACCM,
    ASDAE,
    CFN,
    DHA,
    DSSM,
    MF,
    NCAE,
    NRP,
    NRPDHA,
    Autoencoder,
    AutoRec,
    DeepAutoRec,
    ImplicitNCAE,
    NRPaSDAE,
    RatingNeuMF,
)
from tinyrec.models.nrp import HEADS, TARGETS
from tinyrec.models.pairs import Sides
from tinyrec.models.stages import CodeAutoencoder, Frozen, Rows
from tinyrec.nn.activations import stretched
from tinyrec.sparse import Ratings


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every public activation, loss, layer and model, in this order, on all of `matrices`."""
    yield from element_cases(rng)
    for some_cases in (layer_cases, model_cases):
        for name, R in matrices(rng).items():
            yield from some_cases(name, R, rng)


def matrices(rng: np.random.Generator) -> dict[str, Ratings]:
    """Rating matrices (n, d) by name, with special cases; in a square one, no shape shows a forgotten transpose."""

    def matrix(mask, values=None):
        rows, cols = np.nonzero(mask)
        values = rng.integers(1, 6, len(rows)) if values is None else values
        return Ratings.from_cells(rows, cols, np.asarray(values, float), mask.shape)

    full = rng.random((5, 7)) < 0.5
    empty_row, empty_column = full.copy(), full.copy()
    empty_row[2] = empty_column[:, 3] = False
    return {
        "5x7": matrix(full),
        "4x4": matrix(rng.random((4, 4)) < 0.6),
        "5x7 with an empty row": matrix(empty_row),
        "5x7 with an empty column": matrix(empty_column),
        "5x7 with observed zeros": matrix(full, rng.integers(-1, 2, full.sum())),
        "1x1": matrix(np.ones((1, 1), bool)),
        "3x2 without a cell": matrix(np.zeros((3, 2), bool)),
    }


def differentiable() -> list[str]:
    """The names in nn.ACTIVATIONS, without "binary", whose backward is not its derivative, on purpose."""
    return [name for name in nn.ACTIVATIONS if name != "binary"]


def element_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Activations and losses, which work element by element."""
    for name in differentiable():
        yield activation_case(name, nn.ACTIVATIONS[name], rng)
    for name, output in nn.OUTPUTS.items():
        yield replace(activation_case(f"output {name}", output, rng), of=stretched)
    y, r = rng.standard_normal(4), np.arange(4.0)
    yield loss_case(nn.squared_error, y, r)
    yield loss_case(nn.weighted_squared_error, y, r, np.array([0, 0.5, 1, 2]))
    yield loss_case(nn.cross_entropy, y, r % 2)

    def penalty(params):
        grads = {name: 0 * w for name, w in params.items()}
        return nn.l2_penalty(0.7, params, grads, Rows(y, get_backend("reference"))), grads

    yield Case("l2_penalty", nn.l2_penalty, penalty, draw({"W": (2, 3), "V": (3, 2)}, rng))


def activation_case(name: str, activation: Callable, rng: np.random.Generator) -> Case:
    X = rng.uniform(0.1, 2, (3, 4)) * rng.choice([-1, 1], (3, 4))  # away from 0, the kink of relu
    return Case(name, activation, as_loss(lambda params: activation(params["X"]), X.shape, rng), {"X": X})


def loss_case(loss_of: Callable, y: Array, *others: Array) -> Case:
    def function(params):
        loss, backward = loss_of(params["y"], *others)
        return loss, {"y": backward()}

    return Case(loss_of.__name__, loss_of, function, {"y": y})


def as_loss(layer: Callable, shape: Any, rng: np.random.Generator) -> Function:
    """Σ cotangent * output: the slope of a layer along a random direction of its output, which has this shape."""
    cotangent = rng.standard_normal(shape)

    def function(params):
        out, backward = layer(params)
        grads = backward(cotangent.copy())
        if not isinstance(grads, dict):
            grads = dict(zip(params, grads if isinstance(grads, tuple) else (grads,), strict=True))
        return (cotangent * out).sum(), grads

    return function


def layer_cases(name: str, R: Ratings, rng: np.random.Generator) -> Iterator[Case]:
    (n, d), k = R.shape, 4 if R.shape == (4, 4) else 3
    rows, unobserved = R.with_side(rng.standard_normal((n, 2))), rng.uniform(0, 1, d)
    network = {"V1": (d, 3), "mu1": (3,), "S1": (2, 3), "V2": (3 + 2, k), "mu2": (k,)}
    head = {"Z": (n, 3), "V2": (3, k), "mu2": (k,), "w": (k, 1), "b": (1,)}
    codes = {"P": (n, k), "Q": (d, k)}
    layers = {"H": (n, d), "V1": (d, 3), "S1": (2, 3), "mu1": (3,), "V2": (3, k), "S2": (2, k), "mu2": (k,)}
    for layer, function, out, shapes in (
        (nn.sparse_in, lambda p: nn.sparse_in(R, **p), (n, k), {"V": (d, k), "mu": (k,)}),
        (nn.dense, lambda p: nn.dense(**p), (n, k), {"X": (n, d), "V": (d, k), "mu": (k,)}),
        (nn.sampled_out, lambda p: nn.sampled_out(**p, at=R), R.size, {"H": (n, k), "W": (d, k), "b": (d,)}),
        (nn.embedding, lambda p: nn.embedding(**p, rows=R.rows, backend=R.backend), (R.size, k), {"E": (n, k)}),
        (nn.hidden_layers, lambda p: nn.hidden_layers(rows, p, nn.sigmoid), (n, k + 2), network),
        (
            nn.unit_dropout,
            lambda p: nn.unit_dropout(**p, q=0.5, rng=default_rng(0), backend=R.backend),
            (n, k),
            {"H": (n, k)},
        ),
        (nn.side_layers, partial(as_side_layers, with_features(R, rng).user_features), (n, k), layers),
        (nn.mlp, as_mlp, n, head),
        (nn.mix, lambda p: nn.mix(**p), (n, k), {"P": (n, k), "X": (n, k), "V": (k, 2), "w": (2, 1)}),
        (nn.pair_sums, lambda p: nn.pair_sums(**p, at=R), (R.size, k), codes),
        (nn.pair_products, lambda p: nn.pair_products(**p, at=R), R.size, codes),
    ):
        yield Case(f"{layer.__name__}, {name}", layer, as_loss(function, out, rng), draw(shapes, rng))
    for error, f in ((nn.all_cells_error, nn.tanh), (nn.all_cells_error, nn.identity), (nn.linear_error, nn.identity)):

        def function(params, error=error, f=f):
            loss, grads = error(**params, at=R, unobserved=unobserved, f=f)
            return loss, dict(zip(params, grads, strict=True))

        params = draw({"H": (n, k), "W": (d, k), "b": (d,)}, rng)
        params["W"] *= 0.2  # where tanh is not flat
        yield Case(f"{error.__name__}, {f.__name__}, {name}", error, function, params)


def as_mlp(params: Params) -> tuple[Array, Callable[[Array], Params]]:
    """nn.mlp with Z among the parameters."""
    y, back = nn.mlp(params["Z"], params, nn.selu)

    def backward(dy):
        dZ, grads = back(dy)
        return {"Z": dZ, **grads}

    return y, backward


def as_side_layers(X: Ratings | None, params: Params) -> tuple[Array, Callable[[Array], Params]]:
    """nn.side_layers, of a dense H among the parameters and with noise."""
    rng = default_rng(0)
    H, back = nn.side_layers(
        params["H"], params, nn.tanh, X, lambda H: nn.unit_dropout(H, 0.5, rng, get_backend("reference"))
    )

    def backward(dH):
        dX, grads = back(dH)
        return {"H": dX, **grads}

    return H, backward


def model_cases(name: str, R: Ratings, rng: np.random.Generator) -> Iterator[Case]:
    for make in autoencoders():
        yield from autoencoder_cases(make.func, make, name, R, rng)
    codes = Rows(rng.standard_normal(R.shape), R.backend, share=0.5)
    stacked = partial(CodeAutoencoder, hidden_units=2, activation="sigmoid", l2=0.7)
    yield model_case(CodeAutoencoder, stacked, name, codes, rng)
    frozen = partial(Frozen, NCAE(hidden_units=(4, 3)), draw({"V1": (R.shape[1], 4), "mu1": (4,)}, rng))
    yield model_case(Frozen, frozen, name, R, rng)
    if R.size > 1:
        yield model_case(NeuMF, partial(NeuMF, factors=4), name, R, rng)
        for make in pair_models():
            yield from pair_cases(make.func, make, name, R, rng)


def pair_models() -> Iterator[partial]:
    """Each model of pairs, with each setting that changes its mathematics."""
    yield from nrps()
    yield from hybrids()
    small: dict[str, Any] = {"hidden_units": (4, 3), "l2": 0.7}
    yield partial(ACCM, **small, cold=0.5)
    yield partial(ACCM, **small, cold=0.5, head="mlp", head_units=(3, 2), hidden_dropout=0.5)
    yield partial(DSSM, **small, head_units=(3, 2), hidden_dropout=0.5)
    yield partial(RatingNeuMF, factors=3, head_units=(4, 2), l2=0.7)
    yield partial(MF, factors=3, l2=0.7)


def nrps() -> Iterator[partial]:
    """NRP with each setting that changes its mathematics."""
    small = partial(NRP, hidden_units=(4, 3), head_units=(3, 2), l2=0.7)
    for head, target in itertools.product(HEADS, TARGETS):
        yield partial(small, head=head, target_in_input=target)
    yield partial(small, activation="tanh", center=False, dropout=0.0, hidden_dropout=0.0, target_in_input="as printed")


def hybrids() -> Iterator[partial]:
    """Each hybrid of two autoencoders, with each setting that changes its mathematics."""
    eq_2: dict[str, Any] = {"l2": 0.7, "alpha": 0.3, "lambda1": 1.7}
    eq_1 = {**eq_2, "lambda2": 0.6, "lambda3": 1.2}
    for kind, own in ((NRPaSDAE, eq_2), (NRPDHA, eq_2), (ASDAE, eq_1), (DHA, eq_1)):
        yield partial(kind, hidden_units=(3, 2), **own)
    yield partial(NRPaSDAE, hidden_units=(2,), activation="sigmoid", center=False, dropout=0.0, **eq_2)


def pair_cases(kind: Any, make: Callable, name: str, R: Ratings, rng: np.random.Generator) -> Iterator[Case]:
    """A batch of half of the ratings, of which there must be two."""
    if not kind.needs_features:
        yield model_case(kind, make, name, Sides(R), rng, R.size // 2)
    if kind.reads_features:
        yield model_case(kind, make, f"{name}, features", with_features(R, rng), rng, R.size // 2)


def with_features(R: Ratings, rng: np.random.Generator) -> Sides:
    """The ratings with two sparse features of each user, and three of each item."""
    shapes = ((R.shape[0], 2), (R.shape[1], 3))
    cells = [np.nonzero(rng.random(shape) < 0.5) for shape in shapes]
    X, Y = (Ratings.from_cells(i, j, np.ones(len(i)), shape) for (i, j), shape in zip(cells, shapes, strict=True))
    return Sides(R, X, Y)


def autoencoders() -> Iterator[partial]:
    """Each kind of autoencoder, with each setting that changes its mathematics."""
    for activation, center in itertools.product(differentiable(), (False, True)):
        yield partial(AutoRec, hidden_units=4, l2=0.7, activation=activation, center=center)
        yield partial(DeepAutoRec, hidden_units=(4, 3, 4), l2=0.7, activation=activation, center=center)
    yield partial(DeepAutoRec, hidden_units=(4, 3), l2=0.7, l2_hidden=3.0, pretrain=0)
    for kind, output in itertools.product((AutoRec, DeepAutoRec), nn.OUTPUTS):
        yield partial(kind, hidden_units=4, l2=0.7, output=output, dropout=0.5)
    for units in ((4,), (4, 3)):
        yield partial(CFN, hidden_units=units, l2=0.7, noise=0.3)
        yield partial(NCAE, hidden_units=units, l2=0.7, alpha=0.6, beta=1.3)
        yield partial(ImplicitNCAE, hidden_units=units, l2=0.7, c0=2.0)
        yield partial(ImplicitNCAE, hidden_units=units, output="identity", augment_below=0.6, augment_drop=0.5)
    yield partial(ImplicitNCAE, hidden_units=(4,), l2=0.7, unobserved_weight=0.05)
    yield partial(CFN, hidden_units=(4, 3), l2=0.7, dropout=1 - 1e-9, activation="identity", output="identity")


def autoencoder_cases(kind: Any, make: Callable, name: str, R: Ratings, rng: np.random.Generator) -> Iterator[Case]:
    R = R.with_values(R.values**0) if kind.implicit else R  # interactions are 1
    yield model_case(kind, make, name, R, rng)
    if kind.reads_features:
        yield model_case(kind, make, f"{name}, features", R.with_side(rng.standard_normal((R.shape[0], 2))), rng)


def model_case(
    kind: type, make: Callable, name: str, rows: Any, rng: np.random.Generator, batch_size: int = 100
) -> Case:
    """The loss of a batch, with the same noise each time; an error in making the model is raised by the case.

    On the matrix 5x7, the predictions of an autoencoder are checked, too; those of NeuMF have no encoder and decoder.
    """
    try:
        model = make()
        rows = model.prepare(rows).with_share(0.5) if isinstance(model, Autoencoder) else rows
        batch = next(iter(model.batches(rows, batch_size, rng)))
        params = draw({key: np.shape(w) for key, w in model.init(rows, rng).items()}, rng)
    except Exception as problem:
        return Case(f"{kind.__name__}, {name}", kind, partial(_raise, problem), {})
    settings = {field.name: getattr(model, field.name) for field in fields(model) if kind is not Frozen}
    changed = [f"{key}={value!r}" for key, value in settings.items() if value != getattr(kind, key, None)]

    def function(params):
        return model.loss_and_grads(params, batch, np.random.default_rng(0))

    case = Case(f"{kind.__name__}({', '.join(changed)}), {name}", kind, function, params)
    predicts = isinstance(model, Autoencoder) and isinstance(batch, Ratings) and name in ("5x7", "5x7, features")
    return replace(case, further=partial(wrong_predictions, model, params, batch)) if predicts else case


def _raise(problem: Exception, params: Params) -> Any:
    raise problem
