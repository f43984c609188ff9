"""The numbers that the page on more than one machine tells its reader to expect."""

import runpy
from pathlib import Path

import pytest

from tinyrec.bench.shapes import SHAPES

pytestmark = pytest.mark.expected
TUTORIAL = Path(__file__).parents[2] / "tutorials" / "more_than_one_machine.py"


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("matplotlib.pyplot.show", lambda: None)
        return runpy.run_path(str(TUTORIAL))


def test_bytes_of_an_epoch_on_ml_1m():
    assert 2 * SHAPES["ml-1m"].items * 500 * 4 == pytest.approx(14.8e6, abs=0.05e6)


def test_share_of_the_network_on_64_machines(page):
    _, computing, sending = page["epoch"](64, 10)
    assert sending / (computing + sending) == pytest.approx(0.75, abs=0.02)


def test_half_of_the_bytes_and_another_loss_without_a_sum(page):
    def without(comm):
        S = page["Shard"].of(page["small"], comm)
        S.total, before = lambda x: x, S.traffic.bytes
        loss, _ = page["model"].loss_and_grads(S.cut(params), S)
        return loss, S.traffic.bytes - before

    params = page["model"].init(page["small"], page["np"].random.default_rng(0))
    right, _ = page["model"].loss_and_grads(params, page["small"])
    found = page["on_ranks"](4, without)
    assert [bytes_ for _, bytes_ in found] == [300 * 20 * 8] * 4
    assert sum(loss for loss, _ in found) != pytest.approx(right, rel=1e-9)
