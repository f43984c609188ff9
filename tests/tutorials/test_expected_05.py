"""The numbers that tutorial 05 tells its reader to expect."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from tinyrec.bench.shapes import SHAPES

pytestmark = pytest.mark.expected
TUTORIAL = Path(__file__).parents[2] / "tutorials" / "05_only_the_cells_there_are.py"


def test_05_bytes_of_the_three_arrays():
    its = SHAPES["ml-1m"]
    assert (4 + 4) * its.ratings + 8 * (its.users + 1) == pytest.approx(8_050_000, abs=500)
    assert 4 * its.users * its.items == 89_536_960


def test_05_share_at_which_csr_is_larger():
    its = SHAPES["ml-1m"]
    cells = its.users * its.items
    assert (4 * cells - 8 * (its.users + 1)) / 8 / cells == pytest.approx(0.50, abs=0.005)


def test_05_sums_left_in_float64(monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    page = runpy.run_path(str(TUTORIAL))
    many, rng = page["many"], np.random.default_rng(1)
    sums = {np.float32(np.cumsum(many[rng.permutation(1000)], dtype=np.float64)[-1]) for _ in range(100)}
    assert len(sums) == 1
