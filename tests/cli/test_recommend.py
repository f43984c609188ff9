"""recommend to a file, with candidates and exclusions."""

import json
import os
import sys

import polars
import pytest

import tinyrec as tr
from tinyrec.cli import main, recommend
from tinyrec.recommenders import FittedAutoencoder


def rows_of(capsys, *argv):
    assert main(["recommend", *argv, "--quiet", "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)["recommendations"]


@pytest.mark.parametrize("name", ["all.csv", "all.parquet"])
@pytest.mark.parametrize("block", [1, 30, 10**6])
def test_recommendations_to_all_go_to_a_file(capsys, model, tmp_path, monkeypatch, name, block):
    monkeypatch.setattr(recommend, "BLOCK", block)
    path = tmp_path / name
    assert main(["recommend", model, "--all", "-n", "7", "--csv", str(path), "--json", str(tmp_path / "j.json")]) == 0
    assert capsys.readouterr().out == f"wrote 280 recommendations for 40 users to {path}\n"
    assert json.loads((tmp_path / "j.json").read_text()) == {"csv": str(path), "users": 40, "rows": 280}
    table = polars.read_csv(path) if name == "all.csv" else polars.read_parquet(path)
    assert table.columns == ["user", "rank", "item", "rating"]
    expected = [
        (user, rank, item, rating)
        for user, ranking in tr.load(model).recommend_many(tr.load(model).data.users.ids, 7)
        for rank, (item, rating) in enumerate(ranking, 1)
    ]
    assert [row[:3] for row in table.rows()] == [row[:3] for row in expected]
    assert table["rating"].to_list() == pytest.approx([row[3] for row in expected], abs=5e-5)


def test_a_bar_counts_the_users_on_a_terminal(capsys, model, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    argv = ["recommend", model, "--all", "--csv", str(tmp_path / "all.csv")]
    for flags, shown in (([], True), (["--quiet"], False)):
        assert main([*argv, *flags]) == 0
        assert ("/40" in capsys.readouterr().err) == shown


def test_a_new_user_has_no_id_in_the_file(model, tmp_path):
    path = tmp_path / "new.csv"
    assert main(["recommend", model, "--rate", "7=5", "-n", "2", "--csv", str(path)]) == 0
    assert [row[:2] for row in polars.read_csv(path).rows()] == [(None, 1), (None, 2)]


def test_candidates_and_exclude_are_files_of_items(capsys, model, tmp_path):
    (tmp_path / "few.csv").write_text("itemId\n3\n7\n8\n9\n12345\n")
    few = str(tmp_path / "few.csv")
    for who in (["--user", "u3"], ["--rate", "1=5"]):
        whole = rows_of(capsys, model, *who, "-n", "30")
        for flag, kept in (("--candidates", True), ("--exclude", False)):
            found = rows_of(capsys, model, *who, "-n", "30", flag, few)
            expected = [row["item"] for row in whole if (row["item"] in {3, 7, 8, 9}) == kept]
            assert [row["item"] for row in found] == expected
    assert main(["recommend", model, "--user", "u3", "--exclude", few]) == 0
    assert capsys.readouterr().err == f"1 of 5 items in {few} are not in the training data\n"


def test_a_table_that_cannot_be_finished_leaves_the_old_one(capsys, model, tmp_path, monkeypatch):
    path = tmp_path / "all.csv"
    path.write_text("old")

    def fail(self, users):
        raise tr.DataError("no; give up")

    monkeypatch.setattr(FittedAutoencoder, "predict_users", fail)
    assert main(["recommend", model, "--all", "--csv", str(path)]) == 3
    assert capsys.readouterr().err.endswith("tinyrec: no; give up\n")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["all.csv"]


@pytest.mark.parametrize("flag", ["--csv", "--candidates", "--exclude"])
def test_users_for_new_items_take_no_list_of_items(capsys, model, tmp_path, flag):
    argv = ["recommend", model, "--for-new-items", "--item-features", "f.csv", flag, str(tmp_path / "x.csv")]
    assert main(argv) == 2
    assert "are for recommendations to users" in capsys.readouterr().err
