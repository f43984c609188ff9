import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import from_dense, matrices
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings

DAMPINGS = st.sampled_from([0.5, 5.0, 15.0])


def solve(R, user_damping, item_damping):
    """The minimiser of Σ (r - μ - b_u - b_i)² + user_damping Σ b_u² + item_damping Σ b_i², as one ridge regression."""
    n, d = R.shape
    A = np.hstack([np.eye(n)[R.rows], np.eye(d)[R.cols]])  # (p, n + d): a one for the user and a one for the item
    damping = np.diag([user_damping] * n + [item_damping] * d)
    b = np.linalg.solve(A.T @ A + damping, A.T @ (R.values - R.values.mean()))
    return b[:n], b[n:]


@given(R=matrices(min_cells=1), user_damping=DAMPINGS, item_damping=DAMPINGS)
def test_sweeps_converge_to_the_ridge_regression(R, user_damping, item_damping):
    bias = Biases.fit(R, user_damping, item_damping, iterations=300)
    user, item = solve(R, user_damping, item_damping)
    assert bias.mean == pytest.approx(R.values.mean())
    np.testing.assert_allclose(bias.user, user, atol=1e-10)
    np.testing.assert_allclose(bias.item, item, atol=1e-10)


def test_estimate_learns_the_dampings_from_the_spread_of_the_ratings():
    rng, (n, d) = np.random.default_rng(0), (300, 200)
    user, item = rng.normal(0, 0.5, n), rng.normal(0, 0.25, d)  # noise of variance 1: the dampings are 4 and 16
    r = 3 + user[:, np.newaxis] + item + rng.standard_normal((n, d))
    R = from_dense(r, rng.random((n, d)) < 0.1)
    estimated, best = Biases.estimate(R), Biases.fit(R, user_damping=4, item_damping=16)
    np.testing.assert_allclose(estimated.user, best.user, atol=0.05)
    np.testing.assert_allclose(estimated.item, best.item, atol=0.05)


@given(R=matrices(min_cells=1))
def test_estimate_is_finite_however_few_or_equal_the_ratings_are(R):
    for values in (R.values, np.full(R.size, 7.0)):
        bias = Biases.estimate(R.with_values(values))
        assert np.isfinite([bias.mean, *bias.user, *bias.item]).all()


def test_who_has_no_rating_has_bias_0():
    bias = Biases.fit(Ratings.from_cells([0, 2], [1, 1], np.array([1.0, 4.0]), (3, 2)))
    assert bias.user[1] == bias.item[0] == 0


def test_an_unknown_user_or_item_has_bias_0():
    bias = Biases(3.0, np.array([0.5, -0.5]), np.array([0.25]))
    assert bias.predict(np.array([0, 1, -1, -1]), np.array([0, -1, 0, -1])).tolist() == [3.75, 2.5, 3.25, 3]


def test_ratings_of_float32_are_summed_in_float64():
    R = Ratings.from_cells(np.zeros(4, int), np.arange(4), np.array([2**24, 1, 1, 1], np.float32), (1, 4))
    assert Biases.fit(R).mean == (2**24 + 3) / 4
