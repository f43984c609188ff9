"""What the questions of tutorials/01_autorec_by_hand.py tell to expect."""

import numpy as np
import pytest

import tinyrec as tr

pytestmark = pytest.mark.expected

R0 = np.array([[5, 4, 1, 0], [4, 0, 0, 1], [0, 5, 2, 1], [1, 1, 0, 4], [0, 2, 5, 5]], float)  # movies x users


def loss(mask):
    rng = np.random.default_rng(0)
    V, W = rng.normal(0, 0.5, (4, 2)), rng.normal(0, 0.5, (4, 2))
    mu, b = rng.normal(0, 0.5, 2), rng.normal(3, 0.5, 4)
    E = mask * (1 / (1 + np.exp(-(R0 @ V + mu))) @ W.T + b - R0)
    return (E**2).sum() + ((W**2).sum() + (V**2).sum()) / 2


def test_01_loss_of_all_cells():
    assert round(loss(np.ones((5, 4))), 1) == 86.1


def test_01_loss_of_observed_cells():
    assert round(loss(R0 > 0), 1) == 46.9


def test_01_lambda_of_a_mean():
    assert round(1 / (R0 > 0).sum(), 3) == 0.071


def test_01_lambda_of_a_mean_on_ml_1m():
    train, _ = tr.split_random(tr.load_dataset("ml-1m"), test=0.1, seed=0)
    assert train.ratings.size == 900_188 and round(250 / train.ratings.size, 5) == 0.00028


def test_01_parameters():
    count = tr.AutoRec(by="item", hidden_units=500).count(6040)
    assert round(count / 1e6, 2) == 6.05 and 6.5 < count / 900_188 < 7
