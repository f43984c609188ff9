"""Searching for settings: on validation parts of the training ratings alone, on a grid or at random."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrec as tr
from tests.strategies import GENERATORS
from tinyrec.cli import main, tune
from tinyrec.optim import Adam, RProp
from tinyrec.training.parallel import each
from tinyrec.training.run import try_candidate

MODEL = tr.AutoRec(hidden_units=3, l2=4.0)
KEYS = "model", "by", "optimizer", "epochs", "batch_size", "set"


def command(ratings, *flags):
    flags = map(str, flags)
    return ["tune", "--dataset", ratings, "--backend", "reference", "--set", "hidden_units=3", "--quiet", *flags]


@pytest.fixture
def search(capsys):
    """A function (ratings, *flags) -> the candidates, best first, without the seconds they took."""

    def search(ratings, *flags):
        assert main([*command(ratings, *flags), "--json", "-"]) == 0
        rows = json.loads(capsys.readouterr().out)["candidates"]
        assert [row["valid_rmse"] for row in rows] == sorted(row["valid_rmse"] for row in rows)
        assert all(row.pop("seconds") > 0 for row in rows)
        return rows

    return search


def settings(rows, *keys):
    return [tuple(row["set"].get(key, row.get(key)) for key in keys) for row in rows]


@pytest.mark.parametrize("optimizer, epochs", [(RProp(), None), (RProp(), 5), (Adam(0.01, linear_decay=True), 9)])
def test_a_candidate_is_tried_as_training_would_try_it(optimizer, epochs):
    data = tr.make_synthetic(40, 30, 500, seed=1)
    options = {"epochs": epochs, "optimizer": optimizer, "valid": 0.2, "seed": 3, "backend": "reference"}
    trial = MODEL.fit(data, **options).info["trials"][0]
    assert try_candidate(MODEL, *tr.split_random(data, options.pop("valid"), 3), **options) == trial


def test_the_test_part_is_never_used(search, ratings, tmp_path):
    """Other ratings in the test part change nothing; those in the training part do."""
    data = tr.load_dataset(ratings)
    parts = tr.split_random(data, 0.2, seed=0)
    flags = ("--test", "0.2", "--grid", "l2=1,9", "--scale", "1", "5")
    found = []
    for number, part in enumerate(parts):
        mirrored = {
            (u, i): 6 - r for u, i, r in zip(part.ratings.rows, part.ratings.cols, part.ratings.values, strict=True)
        }
        cells = zip(data.ratings.rows, data.ratings.cols, data.ratings.values, strict=True)
        lines = [f"{data.users.ids[u]},{data.items.ids[i]},{mirrored.get((u, i), r):g}" for u, i, r in cells]
        (tmp_path / f"{number}.csv").write_text("\n".join(["user,item,rating", *lines]))
        found.append(search(str(tmp_path / f"{number}.csv"), *flags))
    assert found[1] == search(ratings, *flags) != found[0]
    train, _ = parts
    parts = tr.split_random(train, 0.1, seed=0)
    expected = [try_candidate(tr.AutoRec(hidden_units=3, l2=l2), *parts, backend="reference") for l2 in (1.0, 9.0)]
    assert {row["valid_rmse"] for row in found[1]} == {trial["valid_rmse"] for trial in expected}


def test_a_grid_is_all_combinations(search, ratings):
    rows = search(ratings, "--grid", "l2=2,8", "--grid", "center=true,false", "--by", "user")
    assert sorted(settings(rows, "l2", "center")) == [(2, False), (2, True), (8, False), (8, True)]
    assert {(row["model"], row["by"], row["set"]["hidden_units"]) for row in rows} == {("autorec", "user", 3)}


def test_where_l2_is_not_given_five_values_around_the_usual_one_are_tried(search, ratings):
    usual = tr.AutoRec().candidates(500)[0].l2
    found = sorted(l2 for (l2,) in settings(search(ratings), "l2"))
    assert found == pytest.approx([factor * usual for factor in (0.25, 0.5, 1, 2, 4)], rel=0.01)
    assert len(search(ratings, "--epochs", "2", "--grid", "activation=tanh,relu")) == 10
    assert settings(search(ratings, "--set", "l2=7"), "l2") == [(7,)]


def test_epochs_and_batches_can_be_tried_too(search, ratings):
    flags = ("--optimizer", "adam", "--set", "l2=4", "--set", "linear_decay=true", "--set", "learning_rate=0.3")
    rows = search(ratings, *flags, "--grid", "epochs=2,5", "--grid", "batch_size=0,8")
    assert sorted(settings(rows, "epochs", "batch_size")) == [(2, 0), (2, 8), (5, 0), (5, 8)]
    assert len({row["valid_rmse"] for row in rows}) == 4


def test_candidates_at_random_are_drawn_from_lists_and_ranges(search, ratings):
    flags = ("--random", "6", "--grid", "l2=0.5..50", "--grid", "activation=sigmoid,tanh", "--epochs", "2")
    rows = search(ratings, *flags)
    assert len(rows) == 6 == len(set(settings(rows, "l2")))
    assert {row["set"]["activation"] for row in rows} == {"sigmoid", "tanh"}
    assert all(0.5 <= row["set"]["l2"] <= 50 for row in rows)
    assert rows == search(ratings, *flags)
    assert not set(settings(rows, "l2")) & set(settings(search(ratings, *flags, "--seed", "1"), "l2"))


@given(bounds=st.lists(st.integers(1, 10**6), min_size=2, max_size=2, unique=True).map(sorted), rng=GENERATORS)
def test_a_range_of_whole_numbers_gives_whole_numbers_within_it(bounds, rng):
    low, high = bounds
    (values,) = tune.parse_grid([f"batch_size={low}..{high}"]).values()
    value = tune.draw(values, rng)
    assert type(value) is int and low <= value <= high


@given(low=st.floats(0.001, 1000), times=st.floats(1.0001, 2), rng=GENERATORS)
def test_a_range_of_any_numbers_gives_numbers_within_it(low, times, rng):
    assert low <= tune.draw((low, low * times), rng) <= low * times


def test_a_range_is_on_a_logarithmic_scale():
    rng = np.random.default_rng(0)
    values = [tune.draw((0.01, 100.0), rng) for _ in range(2000)]
    quartiles = np.quantile(np.log10(values), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [-1, 0, 1], atol=0.15)


def test_repeats_give_the_mean_over_splits(search, ratings):
    flags = ("--grid", "l2=2,8")
    rows = search(ratings, *flags, "--repeats", "3", "--seed", "5")
    alone = [{row["set"]["l2"]: row for row in search(ratings, *flags, "--seed", seed)} for seed in (5, 6, 7)]
    for row in rows:
        its = [run[row["set"]["l2"]] for run in alone]
        assert row["valid_rmses"] == [run["valid_rmse"] for run in its] and len(set(row["valid_rmses"])) == 3
        assert row["valid_rmse"] == pytest.approx(np.mean(row["valid_rmses"]), rel=1e-12)
        assert row["epochs"] == round(np.mean([run["epochs"] for run in its]))


def test_the_results_of_splits_are_in_the_order_of_the_splits_whichever_ends_first(search, monkeypatch, ratings):
    flags = ("--grid", "l2=2,8", "--repeats", "3")
    expected = search(ratings, *flags)
    monkeypatch.setattr(tune, "each", lambda *its: reversed(list(each(*its))))
    assert search(ratings, *flags) == expected


def test_one_that_diverges_is_the_last_and_stops_nothing(capsys, ratings):
    flags = ("--set", "l2=4", "--optimizer", "sgd", "--grid", "learning_rate=1e30,1e-4", "--epochs", "5", "--json", "-")
    assert main(command(ratings, *flags)) == 0
    rows = json.loads(capsys.readouterr().out)["candidates"]
    assert settings(rows, "learning_rate") == [(1e-4,), (1e30,)]
    assert rows[0]["valid_rmse"] > 0 and rows[1]["valid_rmse"] is None


def test_side_by_side_gives_what_one_after_another_gives(search, ratings, capsys, monkeypatch):
    flags, seen = ("--grid", "l2=2,8,32"), []
    monkeypatch.setattr(tune, "each", lambda *its: seen.append(its[-1]) or each(*its))
    assert search(ratings, *flags, "--jobs", "2") == search(ratings, *flags) and seen == [2, 1]
    assert os.getpid() not in {process for _, process in each(lambda _: os.getpid(), range(4), jobs=2)}
    assert main(command(ratings, *flags, "--jobs", "2", "--valid", "3")) == 2
    assert "valid is 3.0, but must be a fraction" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [
    ["--grid", "l2=2,8", "--set", "output=sigmoid"],
    ["--grid", "l2=2,8", "--set", "learning_rate=0.3", "--optimizer", "adam", "--epochs", "3", "--batch-size", "8"],
    ["--model", "deep-autorec", "--set", "l2=3", "--set", "pretrain=2", "--grid", "hidden_units=3x2x3,4x1x4"],
    ["--grid", "center=true", "--set", "l2=9", "--by", "user"],
])  # fmt: skip
def test_what_is_written_is_what_train_takes(search, capsys, ratings, tmp_path, flags):
    best, *_ = search(ratings, *flags, "--write", tmp_path / "best.toml")
    flags = ["--config", str(tmp_path / "best.toml"), "--quiet", "--backend", "reference", "--json", "-"]
    assert main(["train", *flags]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert all(trained["settings"].get(key, value) == value for key, value in best["set"].items())
    assert [trained[key] for key in ("model", "by", "epochs", "valid_rmse")] == [
        best["model"],
        best["by"],
        best["epochs"],
        None,
    ]
    config = tune.TrainingConfig.from_names(**{key: best[key] for key in KEYS})
    train, test = tr.split_random(tr.load_dataset(ratings), 0.1, seed=0)
    again = config.fit(train, backend="reference")
    assert trained["test_rmse"] == again.examine(test)[0]["rmse"] and trained["optimizer"] == repr(config.optimizer)


@pytest.mark.parametrize("flags, message", [
    (["--grid", "l2"], "--grid l2 has no values; write --grid l2=A,B,..."),
    (["--grid", "l2=1..2"], "l2 has a range, from which values are drawn; say how many with --random N"),
    (["--grid", "l2=2..1", "--random", "3"], "is not a range; write --grid l2=LOW..HIGH, with 0 < LOW < HIGH"),
    (["--grid", "l2=0..1", "--random", "3"], "is not a range"),
    (["--grid", "l2=5,-1"], "l2 is -1, but must be finite and at least 0"),
    (["--grid", "l2=5,much"], "l2 is 'much', but must be float or None"),
    (["--grid", "hiden_units=3,4"], "unknown setting 'hiden_units' of AutoRec; did you mean hidden_units?"),
    (["--grid", "units=3,4"], "unknown setting 'units' of AutoRec; choose one of by,"),
    (["--grid", "learning_rate=1"], "learning_rate is a setting of sgd, rmsprop, adam"),
    (["--grid", "hidden_units=3.5"], "hidden_units is 3.5, but must be int"),
    (["--model", "deep-autorec", "--grid", "hidden_units=4x2"], "must read the same from both ends"),
    (["--model", "average"], "unknown model 'average'"),
    (["--grid", "l2=5", "--grid", "epochs=0"], "epochs is 0, but must be a whole number of at least 1"),
    (["--grid", "l2=5", "--grid", "epochs=few"], "epochs is 'few', but must be a whole number"),
    (["--grid", "l2=5", "--grid", "batch_size=8"], "RProp needs all rows in each step"),
    (["--grid", "l2=5", "--optimizer", "adam", "--set", "linear_decay=true"], "give the number of epochs"),
    (["--grid", "l2=5", "--set", "dropout=0.5"], "dropout makes the gradient noisy, and RProp needs an exact one"),
    (["--grid", "l2=5", "--valid", "2"], "valid is 2.0, but must be a fraction"),
    (["--grid", "l2=5", "--test", "2"], "test=2.0 is no fraction"),
    (["--jobs", "0"], "0 is less than 1"),
    (["--grid", "l2=5", "--grid", "batch_size=few", "--optimizer", "adam"], "batch_size is 'few', but must be a whole"),
    (["--grid", "l2=1..inf", "--random", "3"], "is not a range"),
])  # fmt: skip
def test_usage_errors_exit_2_with_one_sentence(capsys, ratings, flags, message):
    try:
        code = main(command(ratings, *flags))
    except SystemExit as problem:  # argparse
        code = problem.code
    lines = capsys.readouterr().err.splitlines()
    assert code == 2 and message in lines[-1] and (len(lines) == 1 or lines[0].startswith("usage: "))


def test_a_place_that_cannot_be_written_is_named_before_any_work(capsys, monkeypatch, ratings):
    monkeypatch.setattr(tune, "try_cell", lambda cell: pytest.fail("it was tried first"))
    assert main(command(ratings, "--write", "/nowhere/best.toml")) == 5
    assert "cannot write /nowhere/best.toml" in capsys.readouterr().err


def test_what_is_read_is_never_overwritten(capsys, ratings, tmp_path):
    own = tmp_path / "own.csv"
    own.write_bytes(content := Path(ratings).read_bytes())
    assert main(command(str(own), "--grid", "l2=5", "--epochs", "1", "--write", own)) == 2
    assert "is an input, so it cannot be written" in capsys.readouterr().err and own.read_bytes() == content


def test_train_reads_the_ratings_as_the_search_has_read_them(search, capsys, ratings, tmp_path):
    lines = [line.split(",") for line in Path(ratings).read_text().splitlines()]
    (tmp_path / "columns.csv").write_text("\n".join(";".join(line[::-1]) for line in lines))
    flags = ("--columns", "user,item,rating", "--sep", ";", "--scale", "0", "5", "--test", "0.3")
    search(str(tmp_path / "columns.csv"), *flags, "--grid", "l2=5", "--write", tmp_path / "best.toml")
    assert main(["train", "--config", str(tmp_path / "best.toml"), "--quiet", "--json", "-"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["protocol"]["scale"] == [0, 5] and trained["n_train"] == 350


def test_baselines_are_compared_by_their_own_settings(search, ratings, capsys, tmp_path):
    flags = ("--model", "biased-mf", "--set", "epochs=3", "--set", "factors=2")
    assert main(["tune", "--dataset", ratings, "--quiet", *flags, "--grid", "l2=0.01,0.1", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)["candidates"]
    train, _ = tr.split_random(tr.load_dataset(ratings), 0.1, 0)
    part, held_out = tr.split_random(train, 0.1, 0)
    for row in rows:
        fitted = tr.BiasedMF(**row["set"]).fit(part, seed=0)
        assert row["valid_rmse"] == fitted.score(held_out)["rmse"] and row["epochs"] == 3


def test_implicit_feedback_is_compared_by_ndcg(ratings, capsys, tmp_path):
    flags = ["--dataset", ratings, "--quiet", "--feedback", "implicit", "--model", "ease", "--grid", "l2=1,1000"]
    assert main(["tune", *flags, "--json", "-", "--write", str(tmp_path / "best.toml")]) == 0
    rows = json.loads(capsys.readouterr().out)["candidates"]
    train, _ = tr.split_leave_one_out(tr.load_dataset(ratings).binarized(), seed=0)
    part, held_out = tr.split_leave_one_out(train, seed=0)
    for row in rows:
        assert row["valid_ndcg@100"] == tr.EASE(**row["set"]).fit(part).rank(held_out)["ndcg@100"]
    assert rows[0]["valid_ndcg@100"] >= rows[1]["valid_ndcg@100"]
    assert main(["train", "--config", str(tmp_path / "best.toml"), "--quiet", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"] == {"l2": rows[0]["set"]["l2"]}


def test_ncae_for_implicit_feedback_is_compared_by_ndcg_too(capsys, ratings):
    flags = [
        "tune",
        "--dataset",
        ratings,
        "--quiet",
        "--model",
        "ncae",
        "--grid",
        "l2=1,2",
        "--epochs",
        "1",
        "--json",
        "-",
    ]
    assert main([*flags, "--set", "hidden_units=2", "--feedback", "implicit"]) == 0
    assert len(json.loads(capsys.readouterr().out)["candidates"]) == 2
    for wrong in (["--threshold", "4"], ["--latest"], ["--feedback", "implicit", "--valid", "0.2"]):
        assert main([*flags, *wrong]) == 2
