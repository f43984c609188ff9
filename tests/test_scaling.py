import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import datasets
from tinyrec.data import Dataset
from tinyrec.scaling import Scaling


def rated(ratings, scale):
    """A data set in which one user gives these ratings."""
    return Dataset.from_triples([1] * len(ratings), list(range(len(ratings))), ratings, scale=scale)


def seen_by_the_model(data, center=False, dtype=np.float32):
    return Scaling.of(data, center).to_model(data.ratings, dtype)


@pytest.mark.parametrize(
    "scale, ratings, seen",
    [
        ((1, 5), [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ((1, 5), [4, 4.5], [4, 4.5]),
        ((0.5, 5), [0.5, 2.75, 5], [1, 3, 5]),
        ((1, 100), [1, 50.5, 100], [1, 3, 5]),
        ((-10, 10), [-10, 0, 10], [1, 3, 5]),
        ((0, 1), [0, 1], [1, 5]),
    ],
)
def test_raw_scale_becomes_1_to_5_and_1_to_5_stays_as_it_is(scale, ratings, seen):
    assert seen_by_the_model(rated(ratings, scale)).values.tolist() == seen


def test_raw_ratings_that_are_all_the_same_are_1():
    assert seen_by_the_model(rated([7, 7, 7], None)).values.tolist() == [1, 1, 1]


def test_centred_ratings_are_what_the_biases_leave_over():
    data = Dataset.from_triples([1, 1, 2], [1, 2, 1], [1, 3, 9], scale=(1, 9))
    R = data.ratings
    left = R.values - Scaling.of(data, center=True).zero.predict(R.rows, R.cols)
    assert 0 < np.abs(left).max() < R.values.std()
    np.testing.assert_allclose(seen_by_the_model(data, center=True).values, left / 2, rtol=1e-6)


@given(data=datasets(), center=st.booleans())
def test_to_rating_undoes_to_model(data, center):
    R, scaling = data.ratings, Scaling.of(data, center)
    x = scaling.to_model(R, np.float64)
    assert x.pattern is R.pattern
    np.testing.assert_allclose(scaling.to_rating(x.values, R.rows, R.cols), R.values, atol=1e-12)


@pytest.mark.parametrize("center, unknown", [(False, 1.0), (True, 4.0)])
def test_zero_is_the_mean_for_an_unknown_user_and_item_where_it_is_centred(center, unknown):
    data = rated([3, 5], (1, 5))
    assert Scaling.of(data, center).to_rating(0.0 if center else 1.0, -1, -1) == unknown


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("center", [False, True])
def test_the_model_gets_the_dtype_it_asks_for(center, dtype):
    assert seen_by_the_model(rated([1, 5], None), center, dtype).values.dtype == dtype
