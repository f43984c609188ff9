"""Models of other libraries are fitted to the same ratings, and scored as ours are."""

from dataclasses import dataclass

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.errors import UsageError
from tinyrec.evaluation.splits import split_leave_one_out
from tinyrec.reproduce import config, pages, run, tables
from tinyrec.reproduce.peers import PEERS, Peer, placed
from tinyrec.reproduce.plots import front_of
from tinyrec.reproduce.tables import Row, Table


@dataclass(frozen=True)
class Theirs(Peer):
    """A library that predicts the mean of the ratings plus a setting, and is slow to convert them."""

    shift: float = 0.0

    package = "numpy"

    def convert(self, R, scale):
        import time

        time.sleep(0.2)
        return R

    def learn(self, converted, seed):
        return converted.values.mean() + self.shift

    def predictor(self, learned, R):
        return lambda users, items: np.full(len(users), learned), 1


@dataclass(frozen=True)
class Missing(Theirs):
    package = "no_such_package"


@pytest.fixture(scope="module")
def parts():
    return tr.split_random(tr.make_synthetic(60, 40, 900, seed=1), test=0.1, seed=0)


@pytest.mark.parametrize("name", [name for name, kind in PEERS.items() if not kind.implicit])
def test_a_peer_is_better_than_the_mean_of_all_ratings(parts, name):
    pytest.importorskip(PEERS[name].package)
    data = tr.make_synthetic(200, 100, 8000, seed=1)
    train, test = tr.split_random(data, test=0.1, seed=0)
    fitted = PEERS[name]().fit(train, seed=0)
    scores = fitted.examine(test, clip=False, default=False)[0]
    assert scores["rmse"] < np.std(test.ratings.values) and fitted.n_parameters > 0
    assert fitted.info["seconds"] > 0 and fitted.info["version"]
    u, i, _ = test.triples()
    every = fitted.predict_users(train.users.find(u[:3]))
    assert every[np.arange(3), train.items.find(i[:3])] == pytest.approx(
        fitted.predict(u[:3], i[:3], clip=False), rel=1e-5
    )


@pytest.mark.parametrize("name", [name for name, kind in PEERS.items() if kind.implicit])
def test_a_peer_for_implicit_feedback_ranks_better_than_chance(name):
    pytest.importorskip(PEERS[name].package)
    train, test = split_leave_one_out(tr.make_synthetic(200, 100, 4000, seed=1).binarized(4))
    fitted = PEERS[name](factors=8).fit(train, seed=0)
    scores, rated = fitted.predict_users(np.arange(200)), train.ratings.to_scipy().toarray() > 0
    assert scores[rated].mean() > scores[~rated].mean() + 0.1 and 0 <= fitted.rank(test)["hr@10"] <= 1


def test_the_conversion_of_the_ratings_is_not_timed_and_what_is_predicted_is_kept(parts):
    train, test = parts
    fitted = Theirs(shift=0.5).fit(train, seed=0)
    assert fitted.info["seconds"] < 0.1
    expected = np.full(test.ratings.size, train.ratings.values.mean() + 0.5)
    assert fitted.predict(*test.triples()[:2], default=False) == pytest.approx(expected)
    fitted.predicted = None
    some = test.select(np.arange(0, test.ratings.size, 3))
    assert fitted.predict(*some.triples()[:2], default=False) == pytest.approx(expected[::3])


def test_a_library_that_is_missing_is_named(parts):
    with pytest.raises(UsageError, match=r'Missing is of the package no_such_package; pip install "tinyrec\[field\]"'):
        Missing().fit(parts[0])


def test_rows_of_a_library_that_is_missing_are_left_out_and_a_timed_table_takes_no_training_of_others(
    monkeypatch, tmp_path
):
    monkeypatch.setitem(config.KINDS, "theirs", Theirs)
    monkeypatch.setitem(config.KINDS, "missing", Missing)
    rows = [
        Row(name="biases", dataset="synthetic", train={"model": "bias"}),
        Row(name="theirs", dataset="synthetic", train={"model": "theirs", "set": {"shift": 0.25}}),
        Row(name="missing", dataset="synthetic", train={"model": "missing"}),
    ]
    about = {"title": "a title", "paper": "nothing", "about": "", "dataset": "synthetic", "plot": "seconds"}
    table = Table(name="field-x", rows=rows, splits=1, timed=True, columns=["seconds", "predicting"], **about)
    other = Table(name="other", rows=rows[:1], splits=1, **about)
    run.run(other, tmp_path)
    cells = run.run(table, tmp_path)
    assert [row.lacks for row in rows] == [None, None, "no_such_package"] and len(cells) == 2
    assert cells[0]["seconds"] != run.read(tmp_path / "other.json")[0]["seconds"]  # it was trained again
    measured = pages.measured(table, cells)
    assert [len(its.cells) for its in measured] == [1, 1, 0]
    page = pages.page(table, measured)
    assert f"* theirs: `Theirs(shift=0.25)`, of version {np.__version__}" in page and "| missing |" in page
    assert 0 < measured[1].mean("predicting") < 5 and measured[1].mean("seconds") < 0.1


def test_the_front_is_what_no_other_beats_in_both():
    points = [(3.0, 0.86), (1.0, 0.9), (2.0, 0.85), (4.0, 0.84), (1.0, 0.91), (9.0, 0.84)]
    assert front_of(points, lower=True) == [(1.0, 0.9), (2.0, 0.85), (4.0, 0.84)]
    assert front_of(points, lower=False) == [(1.0, 0.91)]


def test_on_ml_1m_no_other_library_is_on_the_front():
    """As the page says."""
    table = tables.read("field-ml-1m")
    rows = [its for its in pages.measured(table, run.read(pages.RESULTS / "field-ml-1m.json")) if its.cells]
    points = {(its.mean("seconds"), its.value): its.cells[0]["task"]["trainings"][0]["model"] for its in rows}
    front = front_of(list(points), lower=True)
    assert len(rows) == len(table.rows) and not {points[point] for point in front} & set(PEERS)


def test_places_of_numbers_that_another_library_has_not_seen():
    assert placed({0: 1, 2: 0}, 4).tolist() == [1, -1, 0, -1, -1]


def test_every_library_is_in_the_extra():
    import tomllib
    from pathlib import Path

    extra = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    needed = " ".join(extra["project"]["optional-dependencies"]["field"])
    for kind in PEERS.values():
        assert kind.package in needed
