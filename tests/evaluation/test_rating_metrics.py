import numpy as np
import pytest

from tinyrec.evaluation.rating_metrics import mae, problems, rmse, warm
from tinyrec.sparse import Ratings

Y, R = np.array([1.0, 2.0, 5.0, 3.0]), np.array([1.0, 4.0, 2.0, 3.0])  # errors 0, -2, 3, 0


def test_rmse_is_the_root_of_the_mean_square():
    assert rmse(Y, R) == pytest.approx((13 / 4) ** 0.5)


def test_mae_is_the_mean_distance():
    assert mae(Y, R) == pytest.approx(5 / 4)


@pytest.mark.parametrize("metric", [rmse, mae])
def test_many_errors_in_float32_are_averaged_in_float64(metric):
    errors = np.random.default_rng(0).random(10**5, np.float32)
    exact = metric(errors.astype(np.float64), np.zeros(10**5))
    assert metric(errors, np.zeros_like(errors)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("metric", [rmse, mae])
def test_nan_is_not_averaged_away(metric):
    assert np.isnan(metric(np.array([np.nan, 1.0]), np.ones(2)))


def test_warm_is_who_has_a_rating_and_an_unknown_number_is_cold():
    train = Ratings.from_cells([0, 0, 2], [1, 3, 1], [0.0, 1.0, 2.0], (3, 5))
    users, items = warm(train)
    assert users.tolist() == [True, False, True, False]
    assert items.tolist() == [False, True, False, True, False, False]


def test_a_larger_rmse_than_that_of_the_mean_is_a_problem():
    r = np.array([1.0, 5.0])
    for y, found in (([1.1, 4.9], 0), ([3, 3], 0), ([3.1, 2.9], 1)):
        assert len(problems(np.array(y), r, 3.0, (0, 9))) == found


@pytest.mark.parametrize("end", [1.0, 5.0])
@pytest.mark.parametrize(
    "predicted, rated, found", [(5, 1, 0), (6, 1, 1), (6, 3, 0), (9, 4, 1), (10, 5, 0), (10, 0, 1)]
)  # of ten
def test_most_predictions_at_an_end_of_the_scale_are_a_problem_if_the_ratings_are_not(end, predicted, rated, found):
    y, r = np.full(10, 3.0), np.full(10, 3.0)
    y[:predicted], r[:rated] = end, end
    told = [text for text in problems(y, r, 100.0, (1, 5)) if "at the end" in text]
    assert len(told) == found
    if found:
        expected = f"{predicted}0% of the predictions are at the end {end:g} of the scale, and {rated * 10}% of the rat"
        assert told[0].startswith(expected)
