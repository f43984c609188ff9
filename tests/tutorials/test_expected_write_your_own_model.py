"""What the questions of tutorials/write_your_own_model.py tell to expect."""

import functools

import numpy as np
import pytest

import tinyrec as tr
from tests.tutorials.variant import run

pytestmark = pytest.mark.expected


@functools.cache
def page():
    return run("write_your_own_model", "print(fitted.recommend")


def score(train, **settings):
    its = page()
    fitted = its["TiedAutoRec"](center=True, **settings).fit(train, epochs=60, seed=0)
    return round(fitted.score(its["test"])["rmse"], 3)


@pytest.mark.parametrize(("delta", "expected"), [(1.0, 0.926), (100.0, 0.915)])
def test_write_your_own_model_clean_ratings(delta, expected):
    assert score(page()["clean"], delta=delta) == expected


@pytest.mark.parametrize(("model", "expected"), [("tied", 15_350), ("AutoRec", 30_350)])
def test_write_your_own_model_parameters(model, expected):
    its = page()
    kind = its["TiedAutoRec"] if model == "tied" else tr.AutoRec
    fitted = kind(hidden_units=50, l2=150.0).fit(its["train"], epochs=1, seed=0)
    assert fitted.n_parameters == expected


def test_write_your_own_model_log_cosh(monkeypatch):
    def log_cosh(y, r, delta):
        e = y - r
        return np.log(np.cosh(e)).sum(), lambda: np.tanh(e)

    monkeypatch.setitem(page(), "huber", log_cosh)
    assert score(page()["train"]) == 1.014
