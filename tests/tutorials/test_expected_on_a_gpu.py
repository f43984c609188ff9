"""The numbers that the tutorial on GPUs tells its reader to expect."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import load_gpu_backend
from tinyrec.backend import get_backend
from tinyrec.models import AutoRec
from tinyrec.optim import Adam
from tinyrec.training.loop import begin, fit

pytestmark = pytest.mark.expected
TUTORIAL = Path(__file__).parents[2] / "tutorials" / "on_a_gpu.py"


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    return runpy.run_path(str(TUTORIAL))


def test_on_a_gpu_steps_and_chunks_of_ml_1m():
    load_gpu_backend(real=False)
    from tinyrec.backend.gpu import _split

    assert 3_706 + 1_000_209 == 1_003_915
    assert _split(1_003_915, 500 // 2)[0] == 120  # a thread has two columns


def added_at_once(page, order):
    """Part 2 with the additions in the order of the blocks."""
    indptr, cols, values = page["arrays"]
    n, p, X = len(indptr) - 1, len(cols), page["X"]
    starts, out = indptr[:-1] + np.arange(n), np.zeros((n + 1, X.shape[1]))
    for chunk in order:
        start, stop = chunk * 32, min((chunk + 1) * 32, n + p)
        row, last = np.searchsorted(starts, [start, stop])
        j, end = start - row, stop - last
        for i in range(row, last + 1):
            row_end = min(indptr[i], end)
            out[i - 1] += values[j:row_end] @ X[cols[j:row_end]]
            j = row_end
    return out[:-1]


def test_on_a_gpu_two_orders_of_blocks(page):
    orders = [np.random.default_rng(seed).permutation(page["chunks"]) for seed in range(3)]
    first, second, third = (added_at_once(page, order) for order in orders)
    assert np.allclose(first, page["ascending"])
    assert max(np.abs(first - second).max(), np.abs(first - third).max()) == pytest.approx(6e-14, rel=0.5)


def test_on_a_gpu_copies_of_a_batch(page):
    load_gpu_backend(real=False)
    R, model, counts = page["small"].to("cupy"), AutoRec(hidden_units=40, l2=1.0), get_backend("cupy").xp.fake_counts
    epochs = fit(model, R, Adam(), epochs=1, batch_size=10, start=begin(model, R, Adam()))
    counts.reset()
    next(epochs)
    assert counts.to_device == 1
