"""What is scored: cold pairs get 3 of 5 stars, or biases on other scales, and everything is on the scale."""

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.recommenders.protocol import Protocol
from tinyrec.recommenders.scaling import Biases
from tinyrec.training.run import try_candidate
from tinyrec.training.search import biases_alone

# users and items 0 and 1 have training ratings, with mean 60; user 2 and item 2 are cold
CELLS = [0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 0, 1, 1, 2], [90, 60, 50, 70, 20, 30, 99]
WHOLE = tr.Dataset.from_triples(*CELLS, scale=(0, 100))
TRAIN, TEST = WHOLE.select([0, 1, 3, 4]), WHOLE.select([2, 5, 6])


def on_scale(low, high):
    return tr.Dataset.from_triples([0, 1], [0, 1], [high, low], scale=(low, high)).select([0])


@pytest.mark.parametrize("scale", [(1, 5), (0.5, 5)])
def test_on_the_scales_of_the_papers_the_default_is_3(scale):
    protocol = Protocol.of(on_scale(*scale))
    assert protocol.default == 3
    assert protocol.follow(np.array([4.0, 4.0]), np.array([0, 1]), np.array([0, 0])).tolist() == [4, 3]


@pytest.mark.parametrize("scale", [(0, 5), (1, 100), (-10, 10), (-5, 5), (2, 5)])
def test_on_any_other_scale_it_is_what_the_biases_know(scale):
    protocol = Protocol.of(on_scale(*scale))
    assert protocol.default == "user and item biases"
    assert protocol.follow(np.array([4.0, 4.0]), np.array([0, 1]), np.array([0, 1])).tolist() == [4, scale[1]]


def test_a_cold_pair_gets_the_bias_of_the_user_or_item_that_is_known():
    biases = Biases.fit(TRAIN.ratings)
    expected = {(0, 2): 60 + biases.user[0], (2, 1): 60 + biases.item[1], (2, 2): 60, (-1, -1): 60}
    users, items = np.array(list(expected)).T
    found = Protocol.of(TRAIN).follow(np.zeros(len(users)), users, items)
    np.testing.assert_allclose(found, list(expected.values()))
    assert biases.user[0] > 0 > biases.item[1]


@pytest.mark.parametrize(
    "options, scored",
    [
        ({}, [1, 3, 5, 3]),
        ({"clip": False}, [0.4, 3, 5.5, 3]),
        ({"default": False}, [1, 2.5, 5, 5]),
        ({"default": False, "clip": False}, [0.4, 2.5, 5.5, 9]),
    ],
)
def test_it_replaces_cold_predictions_and_clips_the_others(options, scored):
    y, users = np.array([0.4, 2.5, 5.5, 9.0]), np.array([0, 1, 0, 1])
    assert Protocol.of(on_scale(1, 5)).follow(y, users, np.zeros(4, int), **options).tolist() == scored
    assert y.tolist() == [0.4, 2.5, 5.5, 9]


def test_score_is_rmse_and_mae_of_what_follows_it():
    train = tr.Dataset.from_triples([0, 1, 0, 1, 2], [0, 1, 1, 0, 0], [1, 1, 4, 5, 1], scale=(1, 5))
    test, train = train.select([1, 2, 4]), train.select([0, 3])  # in the order of the cells; user 2 is cold
    scored = Protocol.of(train).score(np.array([3.0, 6.0, 1.0]), test.ratings)
    assert scored == pytest.approx({"rmse": (5 / 3) ** 0.5, "mae": 1.0})


def test_predict_score_and_the_search_have_the_same_default():
    fitted = tr.Bias(user_damping=1, item_damping=1).fit(TRAIN)
    y = Biases.fit(TRAIN.ratings).predict(TEST.ratings.rows, TEST.ratings.cols)  # all test pairs are cold
    np.testing.assert_array_equal(fitted.predict(TEST.ratings.rows, TEST.ratings.cols), y)
    expected = rmse(y, TEST.ratings.values)
    assert fitted.score(TEST)["rmse"] == biases_alone(TRAIN, TEST) == expected
    assert fitted.protocol.biases is fitted.protocol.biases  # fitted once


def test_validation_has_the_same_default_as_the_score():
    rng = np.random.default_rng(0)
    cells = rng.choice(30 * 20, 300, replace=False)
    data = tr.Dataset.from_triples(cells // 20, cells % 20, rng.integers(0, 101, 300), scale=(0, 100))
    is_cold = data.ratings.cols < 3
    part, held_out = data.select(~is_cold), data.select(is_cold)
    fitted = tr.AutoRec(hidden_units=3, l2=1.0).fit(part, epochs=3, backend="reference")
    trial = try_candidate(fitted.model, part, held_out, epochs=3, backend="reference")
    assert trial["valid_rmse"] == pytest.approx(fitted.score(held_out)["rmse"], rel=1e-9)
