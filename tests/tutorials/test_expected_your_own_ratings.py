"""What the questions of tutorials/your_own_ratings.py tell to expect."""

import functools

import pytest

import tinyrec as tr
from tests.tutorials.variant import run

pytestmark = pytest.mark.expected


@functools.cache
def page():
    return run("your_own_ratings", "holder.cleanup()")


def test_your_own_ratings_cold_pairs():
    time = page()["scores"]["time"]
    assert round(time["rmse"] - time["rmse_warm"], 3) == 0.050


def test_your_own_ratings_difference():
    gain = page()["folds"]["BiasedMF"] - page()["folds"]["AutoRec"]
    half = 2.78 * gain.std(ddof=1) / 5**0.5
    assert (round(gain.mean(), 3), round(half, 3)) == (0.010, 0.006)


def test_your_own_ratings_update():
    its = page()
    lines = ["user;item;rating;time", *its["rows"][its["day"] >= 351]]
    (its["folder"] / "week.csv").write_text("\n".join(lines), encoding="utf-8")
    week = tr.load_dataset(its["folder"] / "week.csv", scale=its["new"].scale)
    cold = [its[name].score(week)["cold"] for name in ("fitted", "updated")]
    assert (week.ratings.size, *cold) == (1878, 702, 657)
