"""What train holds out, and where evaluate finds it again."""

import json
import zipfile
from pathlib import Path

import pytest

import tinyrec as tr
from tinyrec.cli import main

TRAIN = ["train", "--model", "bias", "--quiet"]


@pytest.fixture(scope="module")
def timed(ratings, tmp_path_factory):
    """The ratings with a day each, those of two lines in a row at the same time."""
    path = tmp_path_factory.mktemp("data") / "timed.csv"
    head, *lines = Path(ratings).read_text().split()
    days = (86400 * (number * 7 % 500 // 2) for number in range(500))
    path.write_text(f"{head},timestamp\n" + "".join(f"{line},{day}\n" for line, day in zip(lines, days, strict=True)))
    return str(path)


def run_json(capsys, *argv):
    assert main([*argv, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("text, options", [("0.2", {"test": 0.2}), ("1970-08-20", {"at": "1970-08-20"})])
def test_a_split_by_time_is_found_again(capsys, timed, tmp_path, text, options):
    path = str(tmp_path / "m.npz")
    trained = run_json(capsys, *TRAIN, "--dataset", timed, "--split-time", text, "--save", path)
    train, test = tr.split_time(tr.load_dataset(timed), **options)
    scores, _ = tr.Bias().fit(train).examine(test)
    assert trained["test_rmse"] == scores["rmse"] and 30 < trained["n_test"] == scores["n"] <= 100
    assert run_json(capsys, "evaluate", path)["rmse"] == scores["rmse"]


def test_a_split_by_time_needs_times_and_no_other_split(capsys, ratings, timed):
    for flags, code, message in (
        (["--dataset", ratings, "--split-time", "0.1"], 2, "has no times; split it at random"),
        (["--dataset", timed, "--split-time", "0.1", "--folds", "3"], 2, "exclude each other"),
        (["--dataset", timed, "--split-time", "soon"], 2, "'soon' is no date"),
        (["--dataset", timed, "--split-time", "2030-01-01"], 3, "0 of the 500 ratings"),
    ):
        assert main([*TRAIN, *flags]) == code
        assert message in capsys.readouterr().err


@pytest.fixture
def ml_100k(tmp_path, monkeypatch):
    """A small ml-100k.zip in the folder TINYREC_DATA."""
    (tmp_path / "known").mkdir()
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path / "known"))
    members = {"u.genre": "unknown|0\n", "u.item": "1|A|||u|1\n", "u.user": "1|30|F|writer|12345\n"}
    members["u.data"] = "".join(f"{j % 9}\t{j % 10}\t{1 + j % 5}\t{j}\n" for j in range(90))
    with zipfile.ZipFile(tmp_path / "known" / "ml-100k.zip", "w") as file:
        for name, text in members.items():
            file.writestr(f"ml-100k/{name}", text)


@pytest.mark.parametrize("lies_about", ["folder", "file"])
def test_a_known_data_set_is_remembered_by_its_name(capsys, ml_100k, monkeypatch, tmp_path, lies_about):
    here, path = tmp_path / "here", str(tmp_path / "m.npz")
    here.mkdir()
    (here / "ml-100k").mkdir() if lies_about == "folder" else (here / "ml-100k").write_text("1,2,3\n")
    monkeypatch.chdir(here)
    trained = run_json(capsys, *TRAIN, "--dataset", "ml-100k", "--save", path)
    assert trained["n_train"] == 81 and tr.load(path).info["split"]["dataset"] == "ml-100k"
    for folder in (here, tmp_path):
        monkeypatch.chdir(folder)
        assert run_json(capsys, "evaluate", path)["rmse"] == trained["test_rmse"]
