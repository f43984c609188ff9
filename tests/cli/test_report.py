"""What train and evaluate say of a result on a scale that is not of stars, with many cold pairs."""

import json

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.evaluation.rating_metrics import rmse


@pytest.fixture(scope="module")
def percent(tmp_path_factory):
    """Ratings of 0 to 100, where each of the last 20 items has a single one."""
    rng = np.random.default_rng(0)
    cells = rng.choice(40 * 20, 300, replace=False)
    users, items = np.append(cells // 20, rng.integers(0, 40, 20)), np.append(cells % 20, np.arange(20, 40))
    ratings = np.clip(60 + 2 * (users - 20) + rng.normal(0, 5, 320), 0, 100).round()
    ratings[:2] = 0, 100
    path = tmp_path_factory.mktemp("data") / "percent.csv"
    path.write_text("".join(f"{u},{i},{r:g}\n" for u, i, r in zip(users, items, ratings, strict=True)))
    return str(path)


def run_json(capsys, *argv):
    assert main([*argv, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_on_another_scale_cold_pairs_get_biases_but_not_in_the_row_of_the_global_mean(capsys, percent):
    result = run_json(capsys, "train", "--dataset", percent, "--model", "bias")
    assert result["protocol"]["default_rating"] == "user and item biases"
    train, test = tr.split_random(tr.load_dataset(percent), 0.1, seed=0)
    fitted = tr.Bias().fit(train)
    users, items = test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols]
    y = fitted.predict(users, items, default=False)  # its own biases
    assert result["n_cold"] > 0 and result["test_rmse"] == pytest.approx(rmse(y, test.ratings.values), rel=1e-12)
    mean = train.ratings.values.mean(dtype=float)
    assert result["baselines"]["global mean"]["rmse"] == pytest.approx(rmse(mean, test.ratings.values), rel=1e-12)
    assert main(["train", "--dataset", percent, "--model", "bias", "--quiet"]) == 0
    assert "here) get user and item biases." in capsys.readouterr().out


def test_the_rmse_with_and_without_many_cold_pairs_is_told(capsys, percent, tmp_path):
    path = str(tmp_path / "m.npz")
    train = ["train", "--dataset", percent, "--model", "bias"]
    result = run_json(capsys, *train, "--save", path)
    fitted, (_, test) = tr.load(path), tr.split_random(tr.load_dataset(percent), 0.1, seed=0)
    warm = np.all(fitted.known(test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols]), axis=0)
    assert result["test_rmse_warm"] == pytest.approx(fitted.score(test.select(warm))["rmse"], rel=1e-12)
    cold, rmse, rmse_warm = (result[name] for name in ("n_cold", "test_rmse", "test_rmse_warm"))
    line = f"RMSE {rmse:.4f} with and {rmse_warm:.4f} without the {cold} cold pairs, {cold / 32:.1%} of all."
    for command in (train, ["evaluate", path]):
        assert main([*command, "--quiet"]) == 0
        assert line in capsys.readouterr().out
    assert run_json(capsys, "evaluate", path)["rmse_warm"] == result["test_rmse_warm"]


def test_the_folds_tell_the_mean_without_cold_pairs(capsys, percent):
    folds = ["train", "--dataset", percent, "--model", "bias", "--folds", "3", "--quiet"]
    result = run_json(capsys, *folds)
    mean = np.mean([run["test_rmse_warm"] for run in result["runs"]])
    assert result["test_rmse_warm"] == pytest.approx(mean)
    assert main(folds) == 0
    assert f"with and {mean:.4f} without the 20 cold pairs, 6.2% of all." in capsys.readouterr().out


def test_a_few_cold_pairs_are_not_worth_a_line(capsys):
    assert main(["train", "--set", "hidden_units=2", "--set", "l2=1", "--epochs", "1", "--quiet"]) == 0
    assert "(2 here)" in (out := capsys.readouterr().out) and "without the" not in out


def test_a_result_of_no_use_says_so_in_one_line(capsys, ratings, tmp_path):
    path = str(tmp_path / "m.npz")
    train = ["train", "--dataset", ratings, "--epochs", "1", "--set", "l2=1000", "--set", "hidden_units=2", "--quiet"]
    line = "WORSE than predicting the mean of all ratings: check the columns, the scale and the settings."
    for command in ([*train, "--save", path], ["evaluate", path], [*train, "--folds", "2"]):
        assert main(command) == 0
        out, err = capsys.readouterr()
        assert out.splitlines().count(line) == 1 and err == ""
    assert line in run_json(capsys, *train)["warnings"] and line in run_json(capsys, "evaluate", path)["warnings"]
    assert run_json(capsys, "train", "--dataset", ratings, "--model", "bias")["warnings"] == []
