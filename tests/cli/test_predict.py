"""predict: what is known and what is not, and tables that other programs read."""

import json

import numpy as np
import polars
import pytest

import tinyrec as tr
from tinyrec.cli import main


@pytest.fixture(scope="module")
def model(ratings, tmp_path_factory):
    """A model of all ratings but those of item 3, which is cold."""
    path = str(tmp_path_factory.mktemp("model") / "model.npz")
    data = tr.load_dataset(ratings)
    tr.Bias().fit(data.select(data.ratings.cols != 3)).save(path)
    return path


@pytest.fixture
def pairs(tmp_path):
    """Two known pairs, one with the cold item, and two with ids that are in no training data."""
    path = tmp_path / "pairs.csv"
    path.write_text("u3,7\r\nu3,3\r\nu999,7\r\nu4,7\r\nu3,999\r\n")
    return str(path)


KNOWN = [True, False, False, True, False]


def test_a_pair_and_a_file_of_pairs(capsys, model, pairs):
    assert main(["predict", model, "--user", "u3", "--item", "7", "--json", "-"]) == 0
    one = json.loads(capsys.readouterr().out)["predictions"]
    assert main(["predict", model, "--pairs", pairs, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)["predictions"]
    assert rows[0] == one[0] and [row["known"] for row in rows] == KNOWN
    assert [row["rating"] for row in rows if not row["known"]] == [3, 3, 3]
    said = "3 of 5 pairs have a user or an item that is not in the training data; the first is user 'u3' with item 3\n"
    assert err == said


def test_the_text_is_csv_that_marks_what_is_known(capsys, model, pairs):
    assert main(["predict", model, "--pairs", pairs, "--quiet"]) == 0
    out, err = capsys.readouterr()
    lines = [line.split(",") for line in out.splitlines()]
    assert lines[0] == ["user", "item", "rating", "known"] and lines[2] == ["u3", "3", "3.0000", "false"]
    assert [line[3] for line in lines[1:]] == [str(known).lower() for known in KNOWN] and err == ""


@pytest.mark.parametrize(
    "user, item, what", [("u999", "7", "user 'u999'"), ("u3", "3", "item 3"), ("u9", "99", "item")]
)
def test_a_single_unknown_pair_is_refused(capsys, model, user, item, what):
    assert main(["predict", model, "--user", user, "--item", item]) == 3
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"tinyrec: {what}") and "is not in the training data; give one that is" in err


def test_a_known_pair_says_nothing_else(capsys, model):
    assert main(["predict", model, "--user", "u3", "--item", "7"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name, read", [("p.csv", polars.read_csv), ("p.parquet", polars.read_parquet)])
def test_a_table_holds_the_same_as_the_json(capsys, model, pairs, tmp_path, name, read):
    table, document = tmp_path / name, tmp_path / "p.json"
    assert main(["predict", model, "--pairs", pairs, "--csv", str(table), "--json", str(document)]) == 0
    assert capsys.readouterr().out == f"5 predictions are in {table}\n"
    frame, rows = read(table), json.loads(document.read_text())["predictions"]
    assert frame.columns == ["user", "item", "rating", "known"] and frame.dtypes[1::2] == [polars.Int64, polars.Boolean]
    if name.endswith(".csv"):  # four decimals, as on standard output
        rows = [row | {"rating": round(row["rating"], 4)} for row in rows]
    assert frame.to_dicts() == rows


def test_known_is_who_has_training_ratings(ratings):
    data = tr.load_dataset(ratings)
    fitted = tr.Bias().fit(data.select(data.ratings.cols != 3))
    users, items = fitted.known(["u0", "u999", "u1"], [3, 999, 4])
    np.testing.assert_array_equal([users, items], [[True, False, True], [False, False, True]])
