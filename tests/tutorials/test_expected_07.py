"""What the questions of tutorials/07_deep_layer_by_layer.py tell to expect."""

import numpy as np
import pytest

import tinyrec as tr
from tests.tutorials.variant import run
from tinyrec.optim import Adam
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training import fit
from tinyrec.training.early_stopping import validator

pytestmark = pytest.mark.expected


@pytest.mark.parametrize(("start", "expected"), [("random", 5600), ("unfolded", 5200)])
def test_07_fine_tuned(start, expected):
    its = run("07_deep_layer_by_layer", "# %% [markdown]\n# ## 2.")
    params = {name: w.copy() for name, w in its[start].items()}
    _, _, losses = its["trained"](its["deep"], its["R"], its["adam"], 30, 20, 0, params=params)
    assert round(losses[-1], -2) == expected


def last_rmse(epochs, **settings):
    """On split 0, from random weights, as in part 3."""
    train, test = tr.split_random(tr.load_dataset("ml-100k"), test=0.1, seed=0)
    model = tr.NCAE(l2=0.15, balance=0.0, **settings)
    scaling = Scaling.of(train, model.offset)
    R = scaling.to_model(train.ratings, np.float32).T.to("auto")
    *_, last = fit(model, R, Adam(0.005, beta1=0.7, beta2=0.9, linear_decay=True), epochs=epochs, batch_size=128)
    return validator(model, R, scaling, train, test)(last.params)


def test_07_as_many_epochs():
    assert round(last_rmse(22, hidden_units=(100, 100)), 3) == 0.887


def test_07_shallow():
    assert round(last_rmse(10, hidden_units=(100,)), 3) == 0.902
