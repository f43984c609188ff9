import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import datasets
from tinyrec.data import Dataset
from tinyrec.recommenders.scaling import Scaling

ZEROS = ["scale", "biases", "row means"]


def rated(ratings, scale):
    """A data set in which one user gives these ratings."""
    return Dataset.from_triples([1] * len(ratings), list(range(len(ratings))), ratings, scale=scale)


def seen_by_the_model(data, zero="scale", dtype=np.float32):
    return Scaling.of(data, zero).to_model(data.ratings, dtype)


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
    left = R.values - Scaling.of(data, "biases").offset.predict(R.rows, R.cols)
    assert 0 < np.abs(left).max() < R.values.std()
    np.testing.assert_allclose(seen_by_the_model(data, "biases").values, left / 2, rtol=1e-6)


@given(data=datasets(), zero=st.sampled_from(ZEROS), by=st.sampled_from(["item", "user"]))
def test_to_rating_undoes_to_model(data, zero, by):
    R, scaling = data.ratings, Scaling.of(data, zero, by)
    x = scaling.to_model(R, np.float64)
    assert x.pattern is R.pattern
    np.testing.assert_allclose(scaling.to_rating(x.values, R.rows, R.cols), R.values, atol=1e-12)


@pytest.mark.parametrize("zero, unknown", [("scale", 1.0), ("biases", 4.0), ("row means", 4.0)])
def test_zero_is_the_mean_for_an_unknown_user_and_item_where_it_is_centred(zero, unknown):
    data = rated([3, 5], (1, 5))
    assert Scaling.of(data, zero).to_rating(1.0 if zero == "scale" else 0.0, -1, -1) == unknown


def test_by_rows_it_is_counted_from_the_mean_of_the_item_or_of_the_user_in_halves_of_the_scale():
    data = Dataset.from_triples([1, 1, 2, 2], [1, 2, 1, 3], [1, 2, 5, 5], scale=(1, 5)).select([0, 1, 2])
    of_items, of_users = (Scaling.of(data, "row means", by) for by in ("item", "user"))
    assert of_items.to_model(data.ratings, np.float64).values.tolist() == pytest.approx(
        [-1, 0, 1]
    )  # item 1 has 1 and 5, item 2 has 2
    assert of_users.to_model(data.ratings, np.float64).values.tolist() == pytest.approx([-0.25, 0.25, 0])
    assert of_items.to_rating(0.0, np.zeros(3, int), np.arange(3)).tolist() == pytest.approx([3, 2, 8 / 3])  # 3 is cold
    damped = Scaling.of(data, "row means", "item", damping=2.0).to_rating(0.0, np.zeros(3, int), np.arange(3))
    assert damped.tolist() == pytest.approx([(6 + 16 / 3) / 4, (2 + 16 / 3) / 3, 8 / 3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("zero", ZEROS)
def test_the_model_gets_the_dtype_it_asks_for(zero, dtype):
    assert seen_by_the_model(rated([1, 5], None), zero, dtype).values.dtype == dtype
