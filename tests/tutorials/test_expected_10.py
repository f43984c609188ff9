"""The numbers that tutorial 10 tells its reader to expect."""

import numpy as np
import pytest

from tinyrec.evaluation.rating_metrics import interval
from tinyrec.reproduce import pages, run, tables

pytestmark = pytest.mark.expected


def values(table, row):
    rows = pages.measured(tables.read(table), run.read(pages.RESULTS / f"{table}.json"))
    return next(its.values for its in rows if its.row.name == row)


def test_10_interval_of_two_splits():
    assert interval(values("autorec-table-1a", "I-AutoRec, RProp")[:2]) == pytest.approx(0.023, abs=0.0005)


def test_10_correction_of_5_and_of_50_splits():
    wider = [((1 / n + 1 / 9) * n) ** 0.5 for n in (5, 50)]
    assert wider == pytest.approx([1.25, 2.56], abs=0.005)


def test_10_the_deep_model_paired():
    deep = values("autorec-beyond", "deep I-AutoRec, pretrained, dropout 0.5")
    gain = np.subtract(deep, values("autorec-beyond", "I-AutoRec, Adam, dropout 0.5"))
    assert [gain.mean(), interval(gain)] == pytest.approx([-0.0036, 0.0008], abs=0.00005)
