"""AutoRec against equations 1 and 2 of the paper, written down as plainly as they are printed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import GENERATORS, as_dense, fast_backends, fetch, from_dense, matrices, problems, put
from tinyrec.errors import UsageError
from tinyrec.gradcheck import complex_step
from tinyrec.models import AutoRec
from tinyrec.models.autoencoder import row_batches as batches
from tinyrec.nn import ACTIVATIONS, OUTPUTS
from tinyrec.optim.lbfgs import flatten


def h(model, params, r):
    """h(r; θ) = f(W g(V r + mu) + b)                            (eq. 1; V here is the transpose of the paper's)"""
    V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
    f, g = OUTPUTS[model.output], ACTIVATIONS[model.activation]
    return f(W @ g(V.T @ r + mu)[0] + b)[0]


def objective(model, params, R, share=1.0):
    """Σ ||r - h(r; θ)||² over the observed cells + λ/2 (||W||² + ||V||²)                                    (eq. 2)"""
    error = sum(((r - h(model, params, r))[observed] ** 2).sum() for r, observed in zip(*as_dense(R), strict=True))
    penalized = ("W", "V", "b") if model.center else ("W", "V")
    return error + share * model.l2 / 2 * sum((params[name] ** 2).sum() for name in penalized)


def loss_and_grads(model, params, R, backend, share=1.0):
    return fetch(model.loss_and_grads(put(params, backend), R.to(backend).with_share(share)))


def assert_equal(some, others):
    assert some.keys() == others.keys()
    for name, array in some.items():
        np.testing.assert_array_equal(array, others[name])


def assert_close(some, others, tolerance=1e-12):
    """Relative to the largest entry of each array."""
    assert some.keys() == others.keys()
    for name, array in some.items():
        np.testing.assert_allclose(array, others[name], rtol=0, atol=tolerance * (1 + np.abs(array).max()))


@given(problem=problems(), share=st.sampled_from([0.0, 0.25, 1.0]))
def test_loss_is_equation_2(backend, problem, share):
    model, params, R = problem
    loss, _ = loss_and_grads(model, params, R, backend, share)
    assert loss == pytest.approx(objective(*problem, share), rel=1e-12)


@given(problem=problems())
def test_gradient_is_that_of_equation_2(problem):
    model, params, R = problem
    _, grads = model.loss_and_grads(params, R)
    assert_close(grads, complex_step(lambda params: (objective(model, params, R), None), params), 1e-10)


@fast_backends
@given(problem=problems())
def test_gradients_of_the_fast_kernels_are_those_of_the_reference(backend, problem):
    assert_close(*(loss_and_grads(*problem, name)[1] for name in (backend, "reference")))


@given(problem=problems())
def test_prediction_of_a_cell_is_equation_3(backend, problem):
    model, params, R = problem
    everywhere = from_dense(np.zeros(R.shape), np.ones(R.shape, bool)).to(backend)
    expected = np.array([h(model, params, r) for r in as_dense(R)[0]])
    R, params, columns = R.to(backend), put(params, backend), put(np.arange(R.shape[1]), backend)
    cells = model.predict_cells(params, R, everywhere)
    np.testing.assert_allclose(fetch(cells), expected.ravel(), rtol=1e-9, atol=1e-9)
    whole_rows = model.decode(params, model.encode(params, R), columns)
    np.testing.assert_allclose(fetch(whole_rows), expected, rtol=1e-9, atol=1e-9)


@given(problem=problems(), rng=GENERATORS)
def test_what_stands_in_an_unobserved_cell_does_not_matter(backend, problem, rng):
    model, params, R = problem
    r, observed = as_dense(R)
    other = from_dense(np.where(observed, r, rng.choice([np.nan, 1e9, -1.0], R.shape)), observed)
    (loss, grads), (other_loss, other_grads) = (
        loss_and_grads(model, params, S, backend) for S in (from_dense(r, observed), other)
    )
    assert loss == other_loss
    assert_equal(grads, other_grads)


@given(problem=problems())
def test_an_unobserved_column_feels_the_penalty_alone(backend, problem):
    model, params, R = problem
    _, grads = loss_and_grads(model, params, R, backend)
    unobserved = ~as_dense(R)[1].any(axis=0)
    np.testing.assert_array_equal(grads["W"][unobserved], model.l2 * params["W"][unobserved])
    np.testing.assert_array_equal(grads["V"][unobserved], model.l2 * params["V"][unobserved])
    np.testing.assert_array_equal(grads["b"][unobserved], model.center * model.l2 * params["b"][unobserved])


@given(problem=problems())
def test_an_all_missing_row_adds_nothing(backend, problem):
    model, params, R = problem
    r, observed = (np.vstack([array, np.zeros_like(array[:1])]) for array in as_dense(R))
    loss, grads = loss_and_grads(model, params, R, backend)
    longer_loss, longer_grads = loss_and_grads(model, params, from_dense(r, observed), backend)
    assert longer_loss == pytest.approx(loss, rel=1e-12)
    assert_close(grads, longer_grads)


@given(problem=problems(), batch_size=st.integers(1, 4), rng=GENERATORS)
def test_losses_and_gradients_of_the_mini_batches_sum_to_those_of_all_rows(backend, problem, batch_size, rng):
    model, params, R = problem
    R = R.to(backend)
    parts = [loss_and_grads(model, params, S, backend, S.shape[0] / R.shape[0]) for S in batches(R, batch_size, rng)]
    loss, grads = loss_and_grads(model, params, R, backend)
    assert sum(part for part, _ in parts) == pytest.approx(loss, rel=1e-12)
    assert_close(grads, {name: sum(part[name] for _, part in parts) for name in grads}, 1e-11)


@given(problem=problems())
def test_the_same_call_gives_the_same_bits_and_changes_no_parameter(backend, problem):
    model, params, R = problem
    before = {name: w.copy() for name, w in params.items()}
    params = put(params, backend)
    (loss, grads), (again, grads_again) = (loss_and_grads(model, params, R, backend) for _ in range(2))
    assert loss == again
    assert_equal(grads, grads_again)
    assert_equal(fetch(params), before)


@given(problem=problems(np.float32))
def test_float32_stays_float32_and_is_as_good_as_it_can_be(backend, problem):
    model, params, R = problem[0], put(problem[1], backend), problem[2].to(backend)
    loss, grads = model.loss_and_grads(params, R)
    arrays = [loss, *grads.values(), model.encode(params, R), model.predict_cells(params, R, R)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    double = {name: w.astype(np.float64) for name, w in params.items()}
    _, exact = model.loss_and_grads(double, R.to(backend, np.float64))
    norm = np.linalg.norm(flatten(exact))
    if model.output == "identity":  # where a bounded one is near its bound, 1 - Y² has lost digits already
        assert np.linalg.norm(flatten(grads) - flatten(exact)) <= 1e-5 * (1 + norm)


@given(R=matrices(dtype=np.float32), center=st.booleans())
def test_init_draws_the_parameters_that_the_paper_counts(R, center):
    d, k = R.shape[1], 3
    params = AutoRec(hidden_units=k, center=center).init(R, np.random.default_rng(0))
    assert {name: w.shape for name, w in params.items()} == {"V": (d, k), "mu": (k,), "W": (d, k), "b": (d,)}
    assert sum(w.size for w in params.values()) == 2 * d * k + d + k
    assert {w.dtype for w in params.values()} == {np.dtype(np.float32)}
    assert params["V"].any() and params["W"].any() == (not center) and not params["mu"].any() and not params["b"].any()


def test_weights_start_with_the_spread_of_the_authors_code():
    R = from_dense(np.ones((2, 300)), np.ones((2, 300), bool))
    params = AutoRec(hidden_units=100).init(R, np.random.default_rng(0))
    for name in ("V", "W"):
        assert params[name].std() == pytest.approx(0.01, rel=0.05) and abs(params[name].mean()) < 0.001


def test_centred_and_untrained_it_predicts_nothing_but_the_biases(backend):
    R, model = from_dense(np.eye(4), np.eye(4, dtype=bool)).to(backend), AutoRec(hidden_units=3, center=True)
    params = put(model.init(R, np.random.default_rng(0)), backend)
    assert not fetch(model.predict_cells(params, R, R)).any()


@pytest.mark.parametrize("center", [None, False, True])
def test_without_l2_raw_and_centred_ratings_are_tried_and_each_candidate_is_complete(center):
    candidates = AutoRec(hidden_units=7, center=center).candidates(10_000)
    assert {candidate.hidden_units for candidate in candidates} == {7}
    assert {candidate.center for candidate in candidates} == ({False, True} if center is None else {center})
    for candidate in candidates:
        assert list(candidate.candidates(10_000)) == [candidate]
        assert candidate.l2 == (100.0 if candidate.center else 30.0)  # 0.3 √10,000; centred: at least 100
    assert {candidate.l2 for candidate in AutoRec().candidates(1_000_000)} == {300.0}


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"by": "movie"}, "unknown by 'movie'; choose one of item, user"),
        ({"activation": "gelu"}, "unknown activation 'gelu'; choose one of identity, sigmoid, tanh, relu, selu"),
        ({"hidden_units": 0}, "hidden_units is 0, but must be finite and at least 1"),
        ({"l2": -1.0}, "l2 is -1.0, but must be finite and at least 0"),
        ({"l2": float("nan")}, "l2 is nan, but must be finite and at least 0"),
        ({"l2": float("inf")}, "l2 is inf, but must be finite and at least 0"),
    ],
)
def test_a_wrong_hyper_parameter_is_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        AutoRec(**wrong)
