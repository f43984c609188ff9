"""Each optimiser against the formula of its paper, one weight at a time, and against problems with known answers."""

import json
import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from tests.strategies import fetch, leaves, put
from tinyrec.backend import get_backend
from tinyrec.errors import UsageError
from tinyrec.optim import LBFGS, OPTIMIZERS, SGD, Adam, RMSprop, RProp
from tinyrec.optim.lbfgs import fill, flatten

VARIANTS = ("rprop-", "irprop-", "irprop+")
GRADIENTS = st.tuples(*[st.sampled_from([-2.0, -0.5, 0.0, 1.0, 3.0])] * 3)  # of three weights


def sign(x):
    return (x > 0) - (x < 0)


# The rules: the constants; then a weight w, its gradients and the losses, step after step -> w after each step


def slow_sgd(rate, momentum, decay, w, gs, losses):
    move = 0
    for g in gs:
        move = momentum * move - rate * g
        w = w + move
        yield w


def slow_rmsprop(rate, decay, epsilon, w, gs, losses):
    mean_square = 0
    for g in gs:
        mean_square = decay * mean_square + (1 - decay) * g**2
        w = w - rate * g / (math.sqrt(mean_square) + epsilon)
        yield w


def slow_adam(rate, beta1, beta2, epsilon, linear_decay, w, gs, losses):
    """Algorithm 1 of Kingma & Ba."""
    m = v = 0
    for t, g in enumerate(gs, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        w = w - rate * m_hat / (math.sqrt(v_hat) + epsilon)
        yield w


def slow_rprop(variant, step_init, eta_plus, eta_minus, step_min, step_max, w, gs, losses):
    """Rprop-, iRprop- and iRprop+ of Igel & Hüsken 2000."""
    step, move, previous, previous_loss = step_init, 0, 0, math.inf
    for g, loss in zip(gs, losses, strict=True):
        undo = 0
        if previous * g > 0:
            step = min(step * eta_plus, step_max)
        elif previous * g < 0:
            step = max(step * eta_minus, step_min)
            if variant == "irprop+" and loss > previous_loss:
                undo = move
            if variant != "rprop-":
                g = 0
        move = -sign(g) * step
        w = w + move - undo
        previous, previous_loss = g, loss
        yield w


RULES = {SGD: slow_sgd, RMSprop: slow_rmsprop, Adam: slow_adam, RProp: slow_rprop}
UNUSUAL = [  # with constants far from the defaults, so that a few steps show a difference
    SGD(learning_rate=0.01, momentum=0.8, decay=0.5),
    RMSprop(learning_rate=0.01, decay=0.8, epsilon=1e-4),
    Adam(learning_rate=0.01, beta1=0.8, beta2=0.95, epsilon=1e-4),
    *(RProp(variant, step_init=0.5, step_min=0.1, step_max=1.0) for variant in VARIANTS),
]


def steps(optimizer, params, losses, gradients, backend):
    """Give the optimiser these losses and gradients, whatever the params are; yield the params after each step."""
    params = put(params, backend)
    state = optimizer.init(params)
    for loss, grads in zip(losses, gradients, strict=True):
        optimizer.step(params, put(grads, backend), state, get_backend(backend), loss)
        yield fetch(params)


@pytest.mark.parametrize("optimizer", UNUSUAL, ids=repr)
@given(losses_and_gradients=st.lists(st.tuples(st.floats(0, 9), GRADIENTS), min_size=1, max_size=12))
def test_each_step_is_that_of_the_paper(backend, optimizer, losses_and_gradients):
    losses, gradients = zip(*losses_and_gradients, strict=True)
    in_arrays = [{"two": np.array([g[:2]]), "one": np.array(g[2:])} for g in gradients]
    ours = steps(optimizer, {"two": np.array([[0.3, -0.2]]), "one": np.array([1.0])}, losses, in_arrays, backend)
    weights = zip([0.3, -0.2, 1.0], zip(*gradients, strict=True), strict=True)
    rule = RULES[type(optimizer)]
    papers = zip(*(rule(*astuple(optimizer), w, gs, losses) for w, gs in weights), strict=True)
    for after, expected in zip(ours, papers, strict=True):
        np.testing.assert_allclose(flatten(after), expected, rtol=1e-12, atol=1e-12)


def bowl(params):
    """Two round bowls of unequal steepness; the lowest points are at 1, 2, ... 6 and at -1."""
    shift = {"A": params["A"] - np.arange(1, 7).reshape(2, 3), "c": params["c"] + 1}
    loss = (shift["A"] ** 2).sum() + 5 * (shift["c"] ** 2).sum()
    return loss, {"c": 10 * shift["c"], "A": 2 * shift["A"]}  # not in the order of params


def step(optimizer, objective, params, state, backend):
    """One step on an objective of params on the host, and its loss, for any kind of optimiser."""

    def moved(params):
        loss, grads = objective(fetch(params))
        return float(loss), put(grads, backend)

    if optimizer.line_search:
        return optimizer.minimize(moved, params, get_backend(backend))
    loss, grads = moved(params)
    optimizer.step(params, grads, state, get_backend(backend), loss)
    return loss


@pytest.mark.parametrize(
    "optimizer",
    [SGD(0.01), RMSprop(0.01), Adam(0.05), LBFGS(), *(RProp(variant) for variant in VARIANTS)],
    ids=repr,
)
def test_each_finds_the_bottom_of_a_bowl(backend, optimizer):
    params = put({"A": np.zeros((2, 3)), "c": np.zeros(1)}, backend)
    state = optimizer.init(params)
    for _ in range(1000):
        step(optimizer, bowl, params, state, backend)
    np.testing.assert_allclose(flatten(params), [1, 2, 3, 4, 5, 6, -1], atol=0.02)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_in_float32_stays_in_float32_and_remembers_what_json_and_npz_can_hold(backend, name):
    optimizer, params = OPTIMIZERS[name](), put({"w": np.array([1.0, 2.0], np.float32)}, backend)
    state = optimizer.init(params)
    loss = step(optimizer, lambda params: (np.float32(7), {"w": np.ones(2, np.float32)}), params, state, backend)
    assert loss == 7 and params["w"].dtype == np.float32
    for value in leaves(fetch(state)):
        assert value.dtype == np.float32 if isinstance(value, np.ndarray) else json.dumps(value)


@pytest.mark.parametrize("variant", VARIANTS)
def test_rprop_stays_and_keeps_its_step_where_the_gradient_is_zero(backend, variant):
    optimizer, params, gradients = RProp(variant, step_init=0.5), {"w": np.zeros(1)}, [1.0, 0.0, 1.0]
    grads = [{"w": np.array([g])} for g in gradients]
    after = [params["w"].item() for params in steps(optimizer, params, [1, 1, 1], grads, backend)]
    assert after == [-0.5, -0.5, -1.0]


def test_an_unknown_variant_of_rprop_is_refused():
    with pytest.raises(UsageError, match="unknown RProp variant 'rprop'; choose one of rprop-, irprop-, irprop\\+"):
        RProp("rprop")


def test_lbfgs_hands_scipy_float64_and_takes_its_answer_whatever_the_dtype_is(monkeypatch):
    def spy(function, start, **_):
        _, gradient = function(start)
        assert start.dtype == gradient.dtype == np.float64
        return optimize.OptimizeResult(x=np.arange(7.0), fun=0.5)

    monkeypatch.setattr(optimize, "minimize", spy)
    params = {"A": np.zeros((2, 3), np.float32), "c": np.zeros(1, np.float32)}
    assert LBFGS().minimize(bowl, params, get_backend("reference")) == 0.5
    assert params["A"].dtype == np.float32 and flatten(params).tolist() == list(range(7))


def test_an_objective_that_raises_stops_lbfgs():
    def objective(params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LBFGS().minimize(objective, {"w": np.ones(2)}, get_backend("reference"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fill_undoes_flatten(dtype):
    params = {"V": np.arange(6, dtype=dtype).reshape(2, 3), "mu": np.array([7], dtype), "b": np.zeros(0, dtype)}
    vector = flatten(params)
    blank = {name: np.full_like(w, -1) for name, w in params.items()}
    fill(blank, vector)
    assert vector.dtype == np.float64 and vector.tolist() == [0, 1, 2, 3, 4, 5, 7]
    for name, w in params.items():
        np.testing.assert_array_equal(blank[name], w, strict=True)


def test_with_linear_decay_the_rate_falls_in_a_straight_line_to_nothing():
    optimizer = Adam(learning_rate=0.4, beta1=0.8, linear_decay=True)
    assert [optimizer.at(10 * part, 10).learning_rate for part in (0, 0.25, 0.5, 1)] == pytest.approx(
        [0.4, 0.3, 0.2, 0]
    )
    assert optimizer.at(5, 10) == Adam(learning_rate=optimizer.at(5, 10).learning_rate, beta1=0.8, linear_decay=True)
    assert optimizer.patience is None and Adam().patience == 20


def test_with_linear_decay_the_last_steps_are_small(backend):
    optimizer, params, moves = Adam(0.1, linear_decay=True), put({"w": np.zeros(1)}, backend), []
    state = optimizer.init(params)
    for part in np.arange(0, 1, 0.1):
        before = fetch(params)["w"].copy()
        step(optimizer.at(10 * part, 10), lambda params: (0.0, {"w": np.ones(1)}), params, state, backend)
        moves += [(before - fetch(params)["w"]).item()]
    np.testing.assert_allclose(moves, 0.1 * (1 - np.arange(0, 1, 0.1)), rtol=1e-6)  # Adam's step is the rate itself


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_otherwise_an_optimizer_is_the_same_throughout_the_training(name):
    optimizer = OPTIMIZERS[name]()
    assert not optimizer.decays and optimizer.patience


def test_with_decay_the_rate_of_sgd_falls_from_epoch_to_epoch():
    rates = [SGD(learning_rate=0.6, decay=0.5).at(done, 99).learning_rate for done in (0.0, 0.9, 1.0, 2.5, 4.0)]
    assert rates == pytest.approx([0.6, 0.6, 0.4, 0.3, 0.2])


def test_lbfgs_leaves_the_parameters_of_its_start_after_an_error():
    """Not those of a point that its line search tried."""
    params, calls = {"w": np.ones(3)}, []

    def objective(params):
        calls.append(params["w"].copy())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return float((params["w"] ** 4).sum()), {"w": 4 * params["w"] ** 3}

    with pytest.raises(KeyboardInterrupt):
        LBFGS().minimize(objective, params, get_backend("reference"))
    assert (calls[-1] != 1).all() and (params["w"] == 1).all()
