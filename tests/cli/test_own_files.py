"""Files of strangers on the command line: what was assumed is printed, and what cannot be known is asked for."""

import json

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli.main import main

TRAIN = ["train", "--set", "l2=10", "--set", "hidden_units=5", "--epochs", "2"]


def write(path, header, rows, sep=","):
    path.write_text("\n".join([header, *(sep.join(map(str, row)) for row in rows)]) + "\n")
    return str(path)


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    chosen = rng.permutation(40 * 20)[:300]
    return [(f"u{cell // 20}", cell % 20, 1 + cell % 5) for cell in chosen.tolist()]


def test_what_was_taken_is_printed_and_kept(capsys, tmp_path, cells):
    rows = [(k, item, user, rating, 978300760000 + k) for k, (user, item, rating) in enumerate(cells)]
    path = write(tmp_path / "export.csv", "row,ISBN,User-ID,Book-Rating,ts", rows)
    assert main([*TRAIN, "--dataset", path, "--save", str(tmp_path / "m.npz")]) == 0
    said = capsys.readouterr().err
    assert (
        "columns: user=User-ID, item=ISBN, rating=Book-Rating, time=ts" in said and "times are in milliseconds" in said
    )
    assert main(["data", "describe", path]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["columns"] == "user=User-ID, item=ISBN, rating=Book-Rating, time=ts"
    assert shown["notes"] == "times are in milliseconds" and shown["times"] == "2000-12-31 to 2000-12-31"
    assert main(["data", "check", path, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["columns"]["item"] == "ISBN"
    assert tr.load(tmp_path / "m.npz").data.columns["user"] == "User-ID"


def test_columns_that_are_not_known_are_asked_for(capsys, tmp_path, cells):
    path = write(tmp_path / "a.csv", "who,what,mark", cells)
    assert main([*TRAIN, "--dataset", path]) == 3
    assert "of who, what, mark, is not known; name them with columns" in capsys.readouterr().err
    for columns in ("who,what,mark", "0,1,2", "rating=mark,user=who,item=1"):
        assert main(["data", "check", path, "--columns", columns]) == 0
        assert "columns: user=who, item=what, rating=mark" in capsys.readouterr().out
    assert main(["data", "check", path, "--columns", "user=who,item=what"]) == 0
    assert "implicit; columns: user=who, item=what" in capsys.readouterr().out


def test_a_value_that_may_mean_not_rated_is_one_line_and_missing_leaves_it_out(capsys, tmp_path, cells):
    rows = [(user, item, 0 if k % 2 else rating) for k, (user, item, rating) in enumerate(cells)]
    path = write(tmp_path / "a.csv", "user,item,rating", rows)
    assert main(["data", "check", path]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == ["tinyrec: a.csv: 50% of the ratings are 0; if that means not rated, add missing=(0,) (--missing 0)"]
    assert main(["data", "check", path, "--missing", "0", "--missing", "-1"]) == 0
    out, err = capsys.readouterr()
    assert "150 ratings" in out and "150 ratings of 0 or -1 were left out as not rated" in out and not err


def test_events_are_never_trained_on_as_ratings(capsys, tmp_path, cells):
    path = write(tmp_path / "a.csv", "user,item", [row[:2] for row in cells] * 2)
    assert main([*TRAIN, "--dataset", path]) == 2
    assert "a.csv is implicit feedback; use --model ncae" in capsys.readouterr().err
    assert main(["train", "--model", "ease", "--dataset", path]) == 0
    assert "300 repeats of a pair were merged" in capsys.readouterr().err


def test_a_matrix_is_read_with_wide_only(capsys, tmp_path):
    rows = [(f"u{k}", *((k * j) % 6 or "" for j in range(9))) for k in range(12)]
    path = write(tmp_path / "a.csv", "user," + ",".join(f"film {j}" for j in range(9)), rows)
    assert main(["data", "check", path, "--duplicates", "last"]) == 3
    assert "look like a matrix of users x items" in capsys.readouterr().err
    assert main(["data", "check", path, "--wide"]) == 0
    assert "ok: <a.csv: 12 users x 9 items, 60 ratings" in capsys.readouterr().out


def test_an_encoding_and_a_delimiter_are_given(capsys, tmp_path):
    (tmp_path / "a.csv").write_bytes("Zoë;Blümchen;3\nAnaïs;x;4\n".encode("latin-1"))
    assert main(["data", "check", str(tmp_path / "a.csv")]) == 3
    assert "bytes that are not UTF-8; give the encoding, such as latin-1 (--encoding)" in capsys.readouterr().err
    assert main(["data", "check", str(tmp_path / "a.csv"), "--encoding", "latin-1"]) == 0


def test_the_ids_of_other_files_are_read_as_those_of_the_model(capsys, tmp_path, cells):
    rows = [(f"{k % 40:02d}", f"{item}x" if item == 3 else item, rating) for k, (_, item, rating) in enumerate(cells)]
    rows = list({row[:2]: row for row in rows}.values())
    path, model = write(tmp_path / "a.csv", "user,item,rating", rows), str(tmp_path / "m.npz")
    assert main([*TRAIN, "--dataset", path, "--test", "0", "--save", model]) == 0
    some = [(user, item) for user, item, _ in rows if user >= "10" and item != "3x"][:4]  # digits only
    capsys.readouterr()
    for header in ("user,item", "User-ID;ISBN"):
        pairs = write(tmp_path / "pairs.csv", header, some, sep=header[-5] if ";" in header else ",")
        assert main(["predict", model, "--pairs", pairs, "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)["predictions"]
        assert [(its["user"], its["item"]) for its in found] == [(user, str(item)) for user, item in some]
        assert all(its["known"] for its in found)
    held_out = write(tmp_path / "test.csv", "user,item,rating", [("10", 100, 3), ("11", 101, 4)])
    assert main(["evaluate", model, "--dataset", held_out, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 2


def test_a_model_that_is_not_better_than_biases_says_so(capsys, tmp_path, cells):
    path = write(tmp_path / "a.csv", "user,item,rating", cells)
    assert main(["train", "--dataset", path, "--set", "l2=1e6", "--epochs", "2"]) == 0
    assert "NOT better than user and item biases alone." in capsys.readouterr().out.splitlines()


def test_one_rating_a_user_makes_all_pairs_cold_and_is_told(capsys, tmp_path, cells):
    path = write(tmp_path / "a.csv", "user,item,rating", [(k, *row[1:]) for k, row in enumerate(cells)])
    assert main(["train", "--dataset", path]) == 0
    told = "All test pairs are cold, so these scores are those of the default rating alone."
    assert told in capsys.readouterr().out.splitlines()


def test_bad_rows_are_left_out_with_one_line(capsys, tmp_path, cells):
    rows = [*cells[:200], ("u1", 3), ("u2", 4, "nan"), ("", 4, 3), *cells[200:]]
    path, model = write(tmp_path / "a.csv", "user,item,rating", rows), str(tmp_path / "m.npz")
    assert main(["data", "check", path]) == 3
    assert "line 202: 2 fields, not 3; complete or remove the line (3 bad lines in all: 202, 203, 204)" in (
        capsys.readouterr().err
    )
    note, skip = "bad rows left out: 3, in lines 202, 203, 204 (line 202: 2 fields, not 3)", ["--bad-rows", "skip"]
    assert main([*TRAIN, "--dataset", path, *skip, "--save", model]) == 0
    assert capsys.readouterr().err.count(note) == 1
    assert note in tr.load(model).data.notes
    for command in (["data", "check"], ["data", "describe"]):
        assert main([*command, path, *skip]) == 0
        assert note in capsys.readouterr().out
    assert main(["evaluate", model]) == 0  # its test part is found again
    grid = ["--grid", "l2=1,2", "--epochs", "2", "--write", str(tmp_path / "best.toml")]
    assert main(["tune", "--dataset", path, *skip, *grid]) == 0
    assert capsys.readouterr().err.count(f"a.csv: {note}") == 1
    assert main(["train", "--config", str(tmp_path / "best.toml")]) == 0
    assert note in capsys.readouterr().err


def test_bad_rows_of_further_files_are_left_out_with_one_line(capsys, tmp_path, cells):
    path, model = write(tmp_path / "a.csv", "user,item,rating", cells[:200]), str(tmp_path / "m.npz")
    more = write(tmp_path / "b.csv", "user,item,rating", [*cells[200:], ("u1", 3)])
    note, skip = "b.csv: bad rows left out: 1, in line 102 (line 102: 2 fields, not 3)", ["--bad-rows", "skip"]
    for command in (
        [*TRAIN, "--dataset", path, "--split", more, "--save", model],
        ["evaluate", model, "--dataset", more],
        ["recommend", model, "--user", "u1", "--new-ratings", more],
        ["predict", model, "--user", "u1", "--item", "1", "--new-ratings", more],
    ):
        assert main([*command, *skip]) == 0
        assert capsys.readouterr().err.count(note) == 1
        assert main(command) == 3
        capsys.readouterr()
