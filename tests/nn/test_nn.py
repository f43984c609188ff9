import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import GENERATORS, as_dense, fetch, matrices, put
from tinyrec.backend import get_backend
from tinyrec.nn import (
    ACTIVATIONS,
    OUTPUTS,
    dense,
    dropout,
    l2_penalty,
    sampled_out,
    sigmoid,
    sparse_in,
    squared_error,
    unit_dropout,
)
from tinyrec.sparse import Ratings

FORMULAS = {
    "identity": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    "relu": lambda x: np.where(x > 0, x, 0),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "binary": lambda x: np.where(x > 0, 1, 0),
}


def assert_close(actual, expected):
    np.testing.assert_allclose(fetch(actual), expected, rtol=1e-12, atol=1e-12)


@given(R=matrices(), rng=GENERATORS)
def test_sparse_in_is_the_dense_layer(backend, R, rng):
    V, mu, dZ = (rng.standard_normal(shape) for shape in ((R.shape[1], 3), 3, (R.shape[0], 3)))
    r, _ = as_dense(R)
    Z, backward = sparse_in(R.to(backend), *put((V, mu), backend))
    dV, dmu = backward(put(dZ, backend))
    assert_close(Z, r @ V + mu)
    assert_close(dV, r.T @ dZ)
    assert_close(dmu, dZ.sum(axis=0))


@given(R=matrices(), rng=GENERATORS)
def test_sampled_out_is_the_dense_layer_under_a_mask(backend, R, rng):
    n, d = R.shape
    H, W, b, dy = (rng.standard_normal(shape) for shape in ((n, 3), (d, 3), d, R.size))
    E, observed = as_dense(R.with_values(dy))
    y, backward = sampled_out(*put((H, W, b), backend), at=R.to(backend))
    dH, dW, db = backward(put(dy, backend))
    assert_close(y, (H @ W.T + b)[observed])
    assert_close(dH, E @ W)
    assert_close(dW, E.T @ H)
    assert_close(db, E.sum(axis=0))


@given(rng=GENERATORS, n=st.integers(1, 4), j=st.integers(1, 4), k=st.integers(1, 4))
def test_dense_is_a_product_and_a_bias(backend, rng, n, j, k):
    X, V, mu, dZ = (rng.standard_normal(shape) for shape in ((n, j), (j, k), k, (n, k)))
    Z, backward = dense(*put((X, V, mu), backend))
    assert_close(
        Z, [[sum(X[row, i] * V[i, unit] for i in range(j)) + mu[unit] for unit in range(k)] for row in range(n)]
    )
    dX, dV, dmu = backward(put(dZ, backend))
    assert_close(dX, dZ @ V.T)
    assert_close(dV, X.T @ dZ)
    assert_close(dmu, dZ.sum(axis=0))


@given(R=matrices(), rng=GENERATORS, seed=st.integers(0, 99), q=st.sampled_from([0.0, 0.3, 0.9]))
def test_dropout_hides_some_cells_and_raises_the_others_alike_on_every_backend(backend, R, rng, seed, q):
    noisy = dropout(R.to(backend), q, np.random.default_rng(seed))
    kept = np.random.default_rng(seed).random(R.size, dtype=np.float32) >= q
    assert_close(noisy.values, np.where(kept, R.values / (1 - q), 0))
    assert noisy.shape == R.shape and fetch(noisy.cols).tolist() == R.cols.tolist()
    assert noisy.values.dtype == R.values.dtype


def test_dropout_keeps_the_mean():
    R = Ratings.from_cells(np.zeros(100_000, int), np.arange(100_000), np.full(100_000, 3.0), (1, 100_000))
    noisy = dropout(R, 0.5, np.random.default_rng(0))
    assert noisy.values.mean() == pytest.approx(3, abs=0.05)
    assert (noisy.values == 0).mean() == pytest.approx(0.5, abs=0.01)


def test_a_binary_unit_sends_the_gradient_of_a_sigmoid_back():
    X, dY = np.linspace(-3, 3, 7), np.arange(7.0)
    assert_close(ACTIVATIONS["binary"](X)[1](dY), sigmoid(X)[1](dY))


@pytest.mark.parametrize("name, low, high", [("sigmoid", 1, 5), ("tanh", 1, 5)])
def test_an_output_with_bounds_ends_where_the_ratings_do(name, low, high):
    y, _ = OUTPUTS[name](np.array([-1e3, 0.0, 1e3]))
    assert y.tolist() == [low, 3, high]


def test_squared_error_is_a_sum_without_a_half():
    loss, backward = squared_error(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 0.0]))
    assert loss == 4 + 9
    assert backward().tolist() == [0, -4, 6]


def test_l2_penalty_is_half_lambda_times_the_squares():
    params = {"W": np.array([[1.0, 2.0]]), "free": np.array([7.0]), "b": np.array([3.0])}
    grads = {"W": np.zeros((1, 2)), "b": np.ones(1)}
    assert l2_penalty(10.0, params, grads, Ratings.from_cells([], [], [], (1, 1))) == 5 * (1 + 4 + 9)
    assert grads["W"].tolist() == [[10, 20]] and grads["b"].tolist() == [1 + 30]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_its_formula(backend, name):
    X = np.linspace(-5, 5, 31).reshape(1, 31)
    Y, _ = ACTIVATIONS[name](put(X, backend))
    assert_close(Y, FORMULAS[name](X))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activation_keeps_the_dtype_and_its_input(backend, name, dtype):
    X = put(np.linspace(-2, 2, 5, dtype=dtype), backend)
    Y, backward = ACTIVATIONS[name](X)
    assert Y.dtype == backward(np.ones_like(X)).dtype == dtype
    np.testing.assert_array_equal(fetch(X), np.linspace(-2, 2, 5, dtype=dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_saturates_without_a_warning(dtype):
    Y, backward = sigmoid(np.array([-1e4, 0, 1e4], dtype))
    assert Y.tolist() == [0, 0.5, 1]
    assert backward(np.ones(3, dtype)).tolist() == [0, 0.25, 0]


def test_relu_has_gradient_0_at_its_kink():
    _, backward = ACTIVATIONS["relu"](np.array([-1.0, 0.0, 1.0]))
    assert backward(np.ones(3)).tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "binary"])  # its backward does not hide it
def test_activation_does_not_hide_what_is_not_finite(backend, name):
    Y, _ = ACTIVATIONS[name](put(np.array([np.nan, 0.0]), backend))
    assert np.isnan(fetch(Y)).tolist() == [True, False]


@given(X=st.lists(st.floats(-30, 30), min_size=1).map(np.array), name=st.sampled_from(sorted(ACTIVATIONS)))
def test_backward_can_be_called_again_and_gives_the_same_bits(X, name):
    _, backward = ACTIVATIONS[name](X)
    assert backward(X).tobytes() == backward(X).tobytes()


def test_dropout_of_hidden_units_keeps_their_mean():
    H = np.full((200, 100), 2.0)
    dropped, back = unit_dropout(H, 0.3, np.random.default_rng(0), get_backend("reference"))
    assert set(np.unique(dropped).round(12)) == {0.0, round(2 / 0.7, 12)}
    assert dropped.mean() == pytest.approx(2.0, abs=0.05) and (dropped == 0).mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(back(np.ones_like(H)), dropped / 2)
