import numpy as np
import pytest

from tinyrec.evaluation.rating_metrics import default_rating, follow_protocol, mae, rmse, score, warm
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


@pytest.mark.parametrize(
    "scale, rating", [((1, 5), 3), ((0.5, 5), 3), ((0, 5), 3), ((1, 100), 50.5), ((-10, 10), 0), ((-5, 5), 0)]
)
def test_default_rating_is_3_of_5_stars_or_the_middle(scale, rating):
    assert default_rating(scale) == rating


@pytest.mark.parametrize(
    "options, scored",
    [
        ({}, [1, 3, 5, 3]),
        ({"clip": False}, [0.4, 3, 5.5, 3]),
        ({"default": False}, [1, 2.5, 5, 5]),
        ({"default": False, "clip": False}, [0.4, 2.5, 5.5, 9]),
    ],
)
def test_protocol_replaces_cold_predictions_and_clips_the_others(options, scored):
    y = np.array([0.4, 2.5, 5.5, 9.0])
    assert follow_protocol(y, np.array([False, True, False, True]), (1, 5), **options).tolist() == scored
    assert y.tolist() == [0.4, 2.5, 5.5, 9]


def test_warm_is_who_has_a_rating_and_an_unknown_number_is_cold():
    train = Ratings.from_cells([0, 0, 2], [1, 3, 1], [0.0, 1.0, 2.0], (3, 5))
    users, items = warm(train)
    assert users.tolist() == [True, False, True, False]
    assert items.tolist() == [False, True, False, True, False, False]


def test_score_follows_the_protocol():
    train = Ratings.from_cells([0, 1], [0, 1], [1.0, 1.0], (3, 2))
    test = Ratings.from_cells([0, 1, 2], [1, 0, 0], [4.0, 5.0, 1.0], (3, 2))  # user 2 is cold: predicted as 3
    assert score(np.array([3.0, 6.0, 1.0]), train, test, (1, 5)) == pytest.approx({"rmse": (5 / 3) ** 0.5, "mae": 1.0})
