import numpy as np
import pytest
from scipy.stats import norm

from tinyrec.data import load_dataset, make_synthetic
from tinyrec.data.sets.synthetic import NOISE, _draw_cells, _draw_scores, expected_rating
from tinyrec.errors import UsageError


@pytest.fixture(scope="module")
def data():
    return make_synthetic()


def bias_model_error(data):
    """Test RMSE of mean + user bias + item bias, fitted by shrunken means, on a tenth of the cells."""
    R, test = data.ratings, np.random.default_rng(0).random(data.ratings.size) < 0.1
    rows, cols, values = R.rows[~test], R.cols[~test], R.values[~test].astype(float)
    mean, b, c = values.mean(), np.zeros(R.shape[0]), np.zeros(R.shape[1])
    for _ in range(10):
        c = np.bincount(cols, values - mean - b[rows], len(c)) / (np.bincount(cols, minlength=len(c)) + 3)
        b = np.bincount(rows, values - mean - c[cols], len(b)) / (np.bincount(rows, minlength=len(b)) + 3)
    error = R.values[test] - np.clip(mean + b[R.rows[test]] + c[R.cols[test]], 1, 5)
    return np.sqrt(np.mean(error**2))


def test_default_size_and_values(data):
    assert data.ratings.shape == (1000, 1500) and data.ratings.size == 100_000
    assert set(np.unique(data.ratings.values)) == {1, 2, 3, 4, 5}
    assert data.scale == (1, 5) and data.name == "synthetic"
    assert np.diff(data.ratings.pattern.indptr).min() >= 10


def test_errors_are_like_those_of_movielens(data):
    assert 1.05 < data.ratings.values.std() < 1.15
    assert 0.92 < bias_model_error(data) < 0.96
    assert 0.75 < data.noise_floor < 0.80


def test_users_and_items_are_skewed_like_movielens(data):
    per_user, per_item = data.describe()["per_user"], data.describe()["per_item"]
    assert per_user["max"] > 5 * per_user["median"] and per_item["max"] > 10 * per_item["median"]


def level_shares(score):
    """P(r = 1..5 | z), (5, p), by SciPy's normal distribution."""
    edges = np.array([-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf])
    return np.diff(norm.cdf((edges[:, None] - score) / NOISE), axis=0)


def test_expected_rating_is_the_mean_of_the_rounded_rating():
    score = np.linspace(-2, 8, 41)
    np.testing.assert_allclose(expected_rating(score), np.arange(1, 6) @ level_shares(score), rtol=1e-12)


def test_noise_floor_is_the_standard_deviation_of_the_ratings_around_their_expectation(data):
    rng = np.random.default_rng(0)
    rows, cols = _draw_cells(1000, 1500, 100_000, rng)
    share = level_shares(_draw_scores(1000, 1500, rows, cols, rng))
    level = np.arange(1, 6)
    variance = level**2 @ share - (level @ share) ** 2
    assert data.noise_floor == pytest.approx(np.sqrt(variance.mean()), rel=0.01)


def test_the_seed_determines_the_ratings():
    first, again, other = (make_synthetic(50, 40, 600, seed).fingerprint() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 7, 7), (7, 1, 7), (5, 5, 25), (10, 3, 4), (30, 200, 3000)])
def test_extreme_sizes(sizes):
    data = load_dataset("synthetic", n_users=sizes[0], n_items=sizes[1], n_ratings=sizes[2])
    assert data.ratings.shape == sizes[:2] and data.ratings.size == sizes[2]


@pytest.mark.parametrize("sizes", [(0, 5, 1), (5, 0, 1), (5, 5, 0), (5, 5, 26)])
def test_impossible_sizes_raise(sizes):
    with pytest.raises(UsageError, match="do not fit"):
        make_synthetic(*sizes)
