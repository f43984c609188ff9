"""Deep AutoRec against its equations, written down as plainly as they are printed, and against AutoRec."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import DIFFERENTIABLE, GENERATORS, as_dense, fetch, from_dense, matrices, put
from tinyrec.errors import UsageError
from tinyrec.gradcheck import complex_step
from tinyrec.models import AutoRec, DeepAutoRec
from tinyrec.nn import ACTIVATIONS, OUTPUTS, dropout
from tinyrec.sparse import Ratings

DEPTHS = st.integers(1, 4)


@st.composite
def problems(draw, depths=DEPTHS, q=0.0, dtype=np.float64):
    """What loss_and_grads takes: (a deep AutoRec of any kind, random parameters, a matrix)."""
    R, rng, depth = draw(matrices(max_rows=4, max_cols=4, dtype=dtype)), draw(GENERATORS), draw(depths)
    model = DeepAutoRec(
        hidden_units=draw(st.tuples(*[st.integers(1, 3)] * depth)),
        l2=draw(st.sampled_from([0.0, 0.7, 30.0])),
        l2_hidden=draw(st.sampled_from([0.0, 0.4, 20.0])),
        activation=draw(st.sampled_from(DIFFERENTIABLE)),
        center=(center := draw(st.booleans())),
        output="identity" if center else draw(st.sampled_from(sorted(OUTPUTS))),
        dropout=q,
        pretrain=0,
    )
    params = {name: rng.standard_normal(shape).astype(dtype) for name, shape in model.shapes(R.shape[1]).items()}
    return model, params, R


def h(model, params, r):
    """h(r; θ) = f(W g(V_L ... g(V_1 r + mu_1) ... + mu_L) + b); the V of the parameters are the transposes"""
    code = r
    for layer in range(1, len(model.hidden_units) + 1):
        code, _ = ACTIVATIONS[model.activation](params[f"V{layer}"].T @ code + params[f"mu{layer}"])
    y, _ = OUTPUTS[model.output](params["W"] @ code + params["b"])
    return y


def objective(model, params, R, share=1.0, seen=None):
    """Σ ||r - h(r; θ)||² over the observed cells + λ/2 (||W||² + ||V_1||²) + λ'/2 (||V_2||² + ... ||V_L||²)"""
    r, observed = as_dense(R)
    read, _ = as_dense(seen or R)
    error = sum(((r[row] - h(model, params, read[row]))[observed[row]] ** 2).sum() for row in range(len(r)))
    outer = [params[name] for name in (("W", "V1", "b") if model.center else ("W", "V1"))]
    inner = [params[f"V{layer}"] for layer in range(2, len(model.hidden_units) + 1)]
    penalty = model.l2 / 2 * sum((w**2).sum() for w in outer) + model.l2_hidden / 2 * sum((w**2).sum() for w in inner)
    return error + share * penalty


def loss_and_grads(model, params, R, backend, share=1.0, **options):
    return fetch(model.loss_and_grads(put(params, backend), R.to(backend).with_share(share), **options))


def assert_close(some, others, tolerance=1e-12):
    """Relative to the largest entry of each array."""
    assert some.keys() == others.keys()
    for name, array in some.items():
        np.testing.assert_allclose(array, others[name], rtol=0, atol=tolerance * (1 + np.abs(array).max()))


@given(problem=problems(), share=st.sampled_from([0.0, 0.25, 1.0]))
def test_loss_is_the_equation_at_any_depth(backend, problem, share):
    loss, _ = loss_and_grads(*problem, backend, share=share)
    assert loss == pytest.approx(objective(*problem, share), rel=1e-12)


@given(problem=problems(), share=st.sampled_from([0.25, 1.0]))
def test_gradient_is_that_of_the_equation(problem, share):
    model, params, R = problem
    _, grads = model.loss_and_grads(params, R.with_share(share))
    assert_close(grads, complex_step(lambda params: (objective(model, params, R, share), None), params), 1e-10)


@given(problem=problems())
def test_prediction_of_a_cell_is_the_forward_equation(backend, problem):
    model, params, R = problem
    everywhere = from_dense(np.zeros(R.shape), np.ones(R.shape, bool)).to(backend)
    cells = model.predict_cells(put(params, backend), R.to(backend), everywhere)
    expected = np.concatenate([h(model, params, r) for r in as_dense(R)[0]])
    np.testing.assert_allclose(fetch(cells), expected, rtol=1e-9, atol=1e-9)


@given(problem=problems(depths=st.just(1), q=0.3), share=st.sampled_from([0.25, 1.0]), seed=st.integers(0, 9))
def test_with_one_hidden_layer_it_is_an_autorec(backend, problem, share, seed):
    model, params, R = problem
    own = {name: getattr(model, name) for name in ("l2", "activation", "center", "output", "dropout")}
    shallow = AutoRec(hidden_units=model.hidden_units[0], **own)
    names = {"V1": "V", "mu1": "mu", "W": "W", "b": "b"}
    renamed = {names[name]: w for name, w in params.items()}
    (loss, grads), (expected, expected_grads) = (
        loss_and_grads(kind, w, R, backend, share=share, rng=np.random.default_rng(seed))
        for kind, w in ((model, params), (shallow, renamed))
    )
    assert loss == pytest.approx(expected, rel=1e-12)
    assert_close({names[name]: grad for name, grad in grads.items()}, expected_grads)


@given(problem=problems(q=0.5), seed=st.integers(0, 99))
def test_with_dropout_it_reads_noisy_ratings_and_must_reconstruct_the_clean_ones(backend, problem, seed):
    model, params, R = problem
    noisy = dropout(R, 0.5, np.random.default_rng(seed))
    loss, _ = loss_and_grads(*problem, backend, rng=np.random.default_rng(seed))
    assert loss == pytest.approx(objective(model, params, R, seen=noisy), rel=1e-12)
    without_noise, _ = loss_and_grads(*problem, backend, rng=None)
    assert without_noise == pytest.approx(objective(model, params, R), rel=1e-12)


@given(problem=problems(dtype=np.float32))
def test_float32_stays_float32(backend, problem):
    model, params, R = problem[0], put(problem[1], backend), problem[2].to(backend)
    loss, grads = model.loss_and_grads(params, R)
    arrays = [loss, *grads.values(), model.encode(params, R), model.predict_cells(params, R, R)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@given(R=matrices(dtype=np.float32), units=st.lists(st.integers(1, 4), min_size=1, max_size=4), center=st.booleans())
def test_shapes_and_count_are_those_of_what_init_draws(R, units, center):
    model, d = DeepAutoRec(hidden_units=units, center=center, pretrain=0), R.shape[1]
    params = model.init(R, np.random.default_rng(0))
    assert {name: w.shape for name, w in params.items()} == model.shapes(d)
    sizes = [d, *units, d]
    assert model.count(d) == sum(w.size for w in params.values())
    assert model.count(d) == sum(sizes[i] * sizes[i + 1] + sizes[i + 1] for i in range(len(units) + 1))
    assert {w.dtype for w in params.values()} == {np.dtype(np.float32)}
    assert {name for name, w in params.items() if not w.any()} == {
        name for name in params if name.startswith(("mu", "b")) or (center and name == "W")
    }


def test_hidden_layers_start_wide_enough_to_let_a_signal_through():
    R = from_dense(np.ones((2, 50)), np.ones((2, 50), bool))
    params = DeepAutoRec(hidden_units=(200, 100, 200)).init(R, np.random.default_rng(0))
    for name, spread in {"V1": 0.01, "V2": (2 / 300) ** 0.5, "V3": (2 / 300) ** 0.5, "W": 0.01}.items():
        assert params[name].std() == pytest.approx(spread, rel=0.05)


def test_without_l2_there_is_one_candidate_and_it_is_complete():
    (candidate,) = DeepAutoRec(hidden_units=(3, 2, 3), l2_hidden=7.0).candidates(10_000)
    assert candidate == DeepAutoRec(hidden_units=(3, 2, 3), l2_hidden=7.0, l2=30.0)
    assert candidate.candidates(99) == [candidate]


@pytest.mark.parametrize("given", [5, [5], (5,), np.int64(5)])
def test_one_layer_may_be_given_as_a_number(given):
    assert DeepAutoRec(hidden_units=given).hidden_units == (5,)


@pytest.mark.parametrize("wrong, message", [
    ({"hidden_units": ()}, "each of hidden_units is (), but must be int"),
    ({"hidden_units": (3, 0, 3)}, "hidden_units is 0, but must be finite and at least 1"),
    ({"hidden_units": (3, 2.5, 3)}, "each of hidden_units is 2.5, but must be int"),
    ({"hidden_units": True}, "each of hidden_units is True, but must be int"),
    ({"hidden_units": (3, 2)}, "must read the same from both ends, as in 500, 250, 500, and not 3, 2"),
    ({"hidden_units": (3, 3)}, "must read the same from both ends"),
    ({"hidden_units": (4, 2, 3)}, "or set pretrain to 0"),
    ({"activation": "gelu"}, "unknown activation 'gelu'"),
    ({"l2_hidden": -1.0}, "l2_hidden is -1.0, but must be finite and at least 0"),
    ({"pretrain": -1}, "pretrain is -1, but must be finite and at least 0"),
    ({"pretrain": 2.5}, "pretrain is 2.5, but must be int"),
    ({"dropout": 1.0}, "dropout is 1.0, but must be at least 0 and less than 1"),
    ({"center": True, "output": "tanh"}, "centred ratings have no bounds"),
])  # fmt: skip
def test_a_wrong_hyper_parameter_is_refused(wrong, message):
    with pytest.raises(UsageError) as problem:
        DeepAutoRec(**wrong)
    assert message in str(problem.value)


def test_weights_start_around_zero_with_the_scale_of_their_layer():
    R = Ratings.from_cells([0], [0], [1.0], (2, 400))
    params = DeepAutoRec(hidden_units=(300, 200, 300), l2=1.0).init(R, np.random.default_rng(0))
    for name, scale in {"V1": 0.01, "V2": (2 / 500) ** 0.5, "V3": (2 / 500) ** 0.5, "W": 0.01}.items():
        assert params[name].std() == pytest.approx(scale, rel=0.02)
        assert abs(params[name].mean()) < 5 * scale / params[name].size ** 0.5
