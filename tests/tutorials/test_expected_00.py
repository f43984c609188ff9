"""What the questions of tutorials/00_is_0_83_good.py tell to expect."""

import functools
from pathlib import Path

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.recommenders.scaling import Biases

pytestmark = pytest.mark.expected

DAMPINGS = 5.63, 1.86  # what the tutorial estimates
RESULTS = Path(tr.__file__).parent / "reproduce" / "results" / "autorec-beyond.md"


@functools.cache
def split(test):
    return tr.split_random(tr.load_dataset("ml-1m"), test=test, seed=0)


def biases_rmse(dampings, test=0.1, change=lambda y: y):
    train, test = split(test)
    y = np.clip(Biases.fit(train.ratings, *dampings).predict(test.ratings.rows, test.ratings.cols), 1, 5)
    return rmse(change(y), test.ratings.values)


def test_00_rounding():
    assert round(biases_rmse(DAMPINGS, change=np.rint), 3) == 0.950


def test_00_rounding_guessed():
    assert round(np.sqrt(biases_rmse(DAMPINGS) ** 2 + 1 / 12), 3) == 0.951


def test_00_too_much_damping():
    assert round(biases_rmse((100, 100)), 3) == 0.928


def test_00_damping_of_few_ratings():
    assert round(biases_rmse(DAMPINGS, test=0.99), 2) == 1.02


def test_00_no_damping_of_few_ratings():
    assert round(biases_rmse((1e-9, 1e-9), test=0.99), 2) == 1.20


def test_00_reported_elsewhere():
    text = RESULTS.read_text(encoding="utf-8")
    assert "0.8164 ± 0.0027" in text and "| SparseFC, a kernel autoencoder (Muller et al. 2018) | 0.823 |" in text
