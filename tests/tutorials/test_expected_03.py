"""What the text and the questions of tutorials/03_signs_and_steps.py tell to expect."""

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.optim import SGD, Adam, RProp
from tinyrec.sparse import Ratings
from tinyrec.training import fit

pytestmark = pytest.mark.expected

X = np.array([[5, 4, 0, 1, 0], [4, 0, 5, 1, 2], [1, 0, 2, 0, 5], [0, 1, 1, 4, 5]], float)
MODEL = tr.AutoRec(by="item", hidden_units=2, l2=1.0)
OBSERVED = Ratings.from_cells(*np.nonzero(X.T), X.T[X.T > 0], (5, 4))


class Valley:
    """The valley as a model that `fit` can train."""

    def __init__(self, degrees):
        turn = np.radians(degrees)
        self.axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def init(self, R, rng):
        return {"w": np.array([-3.0, 1.0])}

    def batches(self, R, batch_size, rng):
        yield R

    def loss_and_grads(self, params, R, rng=None):
        p, q = self.axes @ params["w"]
        return (p**2 + 100 * q**2) / 2, {"w": self.axes.T @ np.array([p, 100 * q])}


def losses(model, optimizer, epochs, R=OBSERVED):
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            return [epoch.loss for epoch in fit(model, R, optimizer, epochs=epochs, seed=0)]
        except tr.Diverged:
            return [np.inf]


@pytest.mark.parametrize(
    "model, epochs, rates", [(Valley(30), 80, (0.016, 0.004, 1.024)), (MODEL, 200, (0.064, 0.032, 0.512))]
)
def test_03_best_rates(model, epochs, rates):
    tried = 0.001 * 2.0 ** np.arange(12)
    for best, rule in zip(rates, (lambda rate: SGD(rate, 0.0), SGD, Adam), strict=True):
        assert best == tried[np.argmin([losses(model, rule(rate), epochs)[-1] for rate in tried])]


def test_03_a_valley_along_the_axes():
    assert f"{losses(Valley(0), RProp(), 80)[-1]:.0e}" == "2e-12"


def test_03_a_valley_that_is_turned():
    assert f"{losses(Valley(30), RProp(), 80)[-1]:.0e}" == "2e-02"


def ann_and_casablanca(R):
    *_, last = fit(MODEL, R, RProp(), epochs=200, seed=0)
    return MODEL.decode(last.params, MODEL.encode(last.params, R), cols=np.array([0]))[2, 0]


def test_03_zeros_as_ratings():
    assert round(ann_and_casablanca(Ratings.from_cells(*np.nonzero(X.T > -1), X.T.ravel(), (5, 4))), 1) == 1.0


def test_03_observed_ratings():
    assert round(ann_and_casablanca(OBSERVED), 1) == 4.1


@pytest.mark.parametrize("step_init, evaluations", [(1e-6, 144), (0.0125, 110)])
def test_03_first_step(step_init, evaluations):
    near = np.array(losses(MODEL, RProp(step_init=step_init), 200)) < 14.514 + 0.01
    assert near.argmax() + 1 == evaluations
