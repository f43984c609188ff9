"""CFN against equations 1 and 4 of the paper, written down as plainly as they are printed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrec as tr
from tests.strategies import GENERATORS, as_dense, fast_backends, fetch, from_dense, matrices, put
from tinyrec.data import Dataset
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.models import CFN
from tinyrec.nn import ACTIVATIONS
from tinyrec.optim import Adam
from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.scaling import Scaling

UNITS = st.sampled_from([(1,), (3,), (3, 2), (2, 3, 1)])


@st.composite
def problems(draw):
    """(model, parameters, ratings, with features or without)"""
    R, rng, q = draw(matrices()), draw(GENERATORS), draw(st.sampled_from([0, 2]))
    sigma = draw(st.sampled_from(["tanh", "identity", "sigmoid"]))
    model = CFN(
        hidden_units=draw(UNITS),
        l2=draw(st.sampled_from([0.0, 0.3])),
        activation=sigma,
        output=draw(st.sampled_from(["tanh", "identity"])),
        alpha=draw(st.sampled_from([0.0, 1.0, 1.3])),
        beta=draw(st.sampled_from([0.0, 0.5])),
        dropout=draw(st.sampled_from([0.0, 0.4, 0.999999])),
    )
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes(R.shape[1], q).items()}
    return model, params, R.with_side(rng.standard_normal((R.shape[0], q))) if q else R


def nn(model, params, x, side):
    """σ(V' {σ(W' {x, s} + mu), s} + b)                       (eq. 4; without s, section 2.2)"""
    sigma, last = ACTIVATIONS[model.activation], ACTIVATIONS[model.output]
    for layer in range(1, len(model.hidden_units) + 1):
        V, mu = params[f"V{layer}"], params[f"mu{layer}"]
        from_side = params["S1"].T @ side if layer == 1 and len(side) else 0
        x = np.concatenate([sigma(V.T @ x + from_side + mu)[0], side])
    return last(params["W"] @ x + params["b"])[0]


def sides(R):
    return R.side if R.side is not None else np.zeros((R.shape[0], 0))


def loss_and_grads(model, params, R, backend, share=1.0, rng=None):
    return fetch(model.loss_and_grads(put(params, backend), R.to(backend).with_share(share), rng))


@given(problem=problems(), seed=st.integers(0, 99), share=st.sampled_from([1.0, 0.25]))
def test_loss_is_equation_1(backend, problem, seed, share):
    model, params, R = problem
    loss, _ = loss_and_grads(model, params, R, backend, share, np.random.default_rng(seed))
    is_masked = np.random.default_rng(seed).random(R.size, dtype=np.float32) < model.dropout
    masked, _ = as_dense(R.with_values(is_masked))
    expected = share * model.l2 * sum((w**2).sum() for w in params.values())
    for x, observed, hidden, side in zip(*as_dense(R), masked, sides(R), strict=True):
        error = (nn(model, params, np.where(hidden, 0, x), side) - x)[observed] ** 2
        expected += (np.where(hidden[observed], model.alpha, model.beta) * error).sum()
    assert loss == pytest.approx(expected, rel=1e-12)


@given(problem=problems())
def test_nothing_is_masked_where_there_is_no_generator(problem):
    model, params, R = problem
    loss, _ = model.loss_and_grads(params, R)
    error = sum(
        ((nn(model, params, x, side) - x)[observed] ** 2).sum()
        for x, observed, side in zip(*as_dense(R), sides(R), strict=True)
    )
    assert loss == pytest.approx(model.beta * error + model.l2 * sum((w**2).sum() for w in params.values()), rel=1e-12)


@fast_backends
@given(problem=problems(), seed=st.integers(0, 99))
def test_every_backend_draws_the_same_noise_and_gets_the_same_gradients(backend, problem, seed):
    runs = [loss_and_grads(*problem, name, 1.0, np.random.default_rng(seed))[1] for name in (backend, "reference")]
    for name, grad in runs[0].items():
        np.testing.assert_allclose(grad, runs[1][name], rtol=1e-9, atol=1e-9 * (1 + np.abs(grad).max(initial=0)))


@given(problem=problems())
def test_a_prediction_is_the_network_on_what_was_not_masked(problem):
    model, params, R = problem
    everywhere = from_dense(np.zeros(R.shape), np.ones(R.shape, bool))
    expected = [nn(model, params, x, side) for x, side in zip(as_dense(R)[0], sides(R), strict=True)]
    np.testing.assert_allclose(model.predict_cells(params, R, everywhere), np.ravel(expected), rtol=1e-9, atol=1e-9)
    whole = model.decode(params, model.encode(params, R), np.arange(R.shape[1]))
    np.testing.assert_allclose(whole, expected, rtol=1e-9, atol=1e-9)


@given(R=matrices(), rng=GENERATORS, q=st.sampled_from([0, 3]), units=UNITS)
def test_weights_start_within_one_over_the_root_of_what_a_layer_reads(R, rng, q, units):
    model = CFN(hidden_units=units)
    params = model.init(R.with_side(np.ones((R.shape[0], q))) if q else R, rng)
    assert {name: w.shape for name, w in params.items()} == model.shapes(R.shape[1], q)
    assert model.count(R.shape[1], q) == sum(w.size for w in params.values())
    for name, w in params.items():
        reads = w.shape[-1] if name == "W" else w.shape[0]
        assert (np.abs(w) <= 1 / reads**0.5).all() and w.any() == (w.ndim == 2)


def test_gaussian_noise_reaches_the_deeper_layers_alone():
    R = from_dense(np.ones((4, 3)), np.ones((4, 3), bool))
    losses = {}
    for units in ((2,), (2, 2)):
        for noise in (0.0, 0.5):
            model = CFN(hidden_units=units, l2=0.1, noise=noise, dropout=0.0)
            params = model.init(R, np.random.default_rng(0))
            losses[units, noise] = model.loss_and_grads(params, R, np.random.default_rng(1))[0]
    assert losses[(2,), 0.0] == losses[(2,), 0.5] and losses[(2, 2), 0.0] != losses[(2, 2), 0.5]


def test_it_learns_what_the_mean_of_a_row_cannot_tell():
    optimizer = Adam(0.003, linear_decay=True)
    train, test = tr.split_random(tr.make_synthetic(300, 200, 12_000, seed=3), 0.1)
    for by in ("item", "user"):
        fitted = CFN(by=by, hidden_units=30, l2=1.0).fit(train, epochs=15, optimizer=optimizer, backend="reference")
        mean = Scaling.of(train, "row means", by).offset.predict(test.ratings.rows, test.ratings.cols)
        assert fitted.score(test)["rmse"] < 0.97 * rmse(mean, test.ratings.values)


def test_sides_follow_their_rows():
    R = from_dense(np.arange(6.0).reshape(3, 2), np.ones((3, 2), bool)).with_side(np.array([[1], [2], [3]]))
    assert R.side.dtype == R.values.dtype and R.side_width == 1
    assert R.take_rows([2, 0]).side.tolist() == [[3], [1]]
    assert R.with_values(R.values + 1).side is R.side and R.T.side is None and R.with_side(None) is R
    assert R.to("reference", np.float32).side.dtype == np.float32


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"center": False}, "subtracts the mean of each row"),
        ({"beta": -1}, "beta is -1, but must be finite and at least 0"),
        ({"hidden_units": ()}, "each of hidden_units is"),
        ({"dropout": 1.0}, "dropout is 1.0, but must be at least 0 and less than 1"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        CFN(**settings)


@pytest.mark.parametrize("by", ["item", "user"])
def test_new_ratings_are_read_without_training(by):
    data = tr.make_synthetic(60, 40, 900, seed=2)
    few, more = data.select(np.arange(900) % 5 > 0), data.select(np.arange(900) % 5 == 0)
    fitted = CFN(by=by, hidden_units=5, l2=1.0).fit(few, epochs=3, optimizer=Adam(0.01), backend="reference")
    users, items = more.users.ids[more.ratings.rows], more.items.ids[more.ratings.cols]
    updated = fitted.with_ratings(more)
    assert updated.params is fitted.params and updated.data.ratings.size == 900
    assert updated.data.fingerprint() == data.fingerprint()
    # what a model would predict that had these parameters, and the mean of each row of all ratings, from the start
    whole = FittedAutoencoder(fitted.model, fitted.params, data, Scaling.of(data, "row means", by), "reference")
    rows, cols = np.indices(data.ratings.shape).reshape(2, -1)
    everything = whole.predict(data.users.ids[rows], data.items.ids[cols])
    np.testing.assert_allclose(updated.predict(data.users.ids[rows], data.items.ids[cols]), everything, rtol=1e-5)
    assert fitted.data.ratings.size == 720  # as it was
    one = Dataset.from_triples(users[:1], items[:1], [1.0], scale=(1, 5))
    again = updated.with_ratings(one)  # the pair had a rating, and gets another
    assert again.data.ratings.size == 900 and again.data.ratings.values.min() == 1
    with pytest.raises(UsageError, match="a list cannot be read; make a Dataset of it"):
        fitted.with_ratings([1, 2, 3.0])
    with pytest.raises(DataError, match="scale"):
        fitted.with_ratings(Dataset.from_triples(users[:1], items[:1], [9.0]))


def test_damping_counts_rows_of_few_ratings_from_near_the_mean_of_all():
    data = tr.make_synthetic(60, 40, 900, seed=2)
    zeros = {}
    for damping in (0.0, 1e9):
        fitted = CFN(hidden_units=3, l2=1.0, damping=damping).fit(data, epochs=1, optimizer=Adam(0.01))
        zeros[damping] = fitted.scaling.offset.item
    assert np.abs(zeros[0.0]).max() > 0.1 and np.abs(zeros[1e9]).max() < 1e-6


def test_without_l2_it_grows_with_the_root_of_the_number_of_ratings():
    (candidate,) = CFN(hidden_units=7).candidates(1_000_000)
    assert candidate.hidden_units == (7,) and candidate.l2 == pytest.approx(70)
    assert CFN(l2=3.0).candidates(1_000_000) == [CFN(l2=3.0)]
