"""--new-ratings: what was rated again, by new users and of new items, and what is said about it."""

import json
from pathlib import Path

import pytest

from tinyrec.cli import main

SMALL = ["--set", "hidden_units=4", "--epochs", "5", "--backend", "reference", "--quiet"]
RATINGS = ["new,1,5", "new,2,5", "new,3,1", "u1,77,4", "u2,77,5", "new,77,5", "alone,88,3"]


@pytest.fixture
def file(ratings, tmp_path):
    path = tmp_path / "more.csv"
    first_two = Path(ratings).read_text().splitlines()[:2]  # the header, and a pair that was rated before
    path.write_text("\n".join([*first_two, *RATINGS]) + "\n")
    return str(path)


@pytest.fixture(scope="module", params=["item", "user"])
def model(request, ratings, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model") / "model.npz")
    train = ["train", "--dataset", ratings, "--set", "l2=5", "--by", request.param, "--test", "0", *SMALL]
    assert main([*train, "--save", path]) == 0
    return path


def test_new_users_and_items_are_served_and_all_is_counted(capsys, model, file):
    assert main(["recommend", model, "--user", "new", "-n", "40", "--new-ratings", file, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert err == (
        "more.csv: columns: user=user, item=item, rating=rating\n"
        "new ratings: 7, in place of older ones: 1, new users folded in: 1, new items folded in: 1, "
        "left out: 1 (user and item both new)\n"
    )
    shown = [row["item"] for row in json.loads(out)["recommendations"]]
    assert not {1, 2, 3, 77, 88} & set(shown) and len(shown) == 27
    assert main(["predict", model, "--user", "u5", "--item", "77", "--new-ratings", file, "--json", "-"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["predictions"]
    assert row["rating"] != 3  # the default rating, for what is unknown


def test_ids_are_of_the_type_that_they_have_in_the_model(capsys, model, tmp_path):
    (tmp_path / "more.csv").write_text("user,item,rating\n7,1,5\n7,2,1\n")  # as text: other users are u1, u2, ...
    recommend = ["recommend", model, "--user", "7", "--new-ratings", str(tmp_path / "more.csv"), "--json", "-"]
    assert main(recommend) == 0
    assert {row["user"] for row in json.loads(capsys.readouterr().out)["recommendations"]} == {"7"}
    (tmp_path / "more.csv").write_text("user,item,rating\nu1,seven,5\n")
    assert main(recommend) == 3
    said = "tinyrec: the ids are integers but 'seven' is not; give an integer such as 0"
    assert capsys.readouterr().err.splitlines()[-1] == said


def test_the_file_is_read_with_the_flags_of_any_file(capsys, model, tmp_path):
    (tmp_path / "night.csv").write_bytes("wer;was;Sterne\nZoë;1;5\nZoë;2;0\n".encode("latin-1"))
    recommend = ["recommend", model, "--user", "Zoë", "--new-ratings", str(tmp_path / "night.csv"), "-n", "3"]
    assert main(recommend) == 3
    assert "which columns are user and item and rating" in capsys.readouterr().err
    flags = ["--encoding", "latin-1", "--columns", "wer, was, Sterne", "--missing", "0"]
    assert main([*recommend, *flags]) == 0
    said = capsys.readouterr().err
    assert "1 ratings of 0 were left out" in said and "new ratings: 1," in said
    assert main(["recommend", model, "--user", "u1", *flags]) == 2
    assert "are for --new-ratings" in capsys.readouterr().err


def test_events_are_no_ratings_for_a_model_of_ratings(capsys, model, tmp_path):
    (tmp_path / "night.csv").write_text("user,item\nu1,1\nu1,2\n")
    assert main(["recommend", model, "--user", "u1", "--new-ratings", str(tmp_path / "night.csv")]) == 2
    assert "night.csv has no column of ratings, and this model is for ratings" in capsys.readouterr().err


def test_implicit_feedback_takes_new_users_and_leaves_new_items_out(capsys, ratings, tmp_path):
    path, more = str(tmp_path / "m.npz"), tmp_path / "more.csv"
    train = ["train", "--dataset", ratings, "--model", "ncae", "--feedback", "implicit", *SMALL, "--save", path]
    assert main(train) == 0
    capsys.readouterr()
    more.write_text("user,item,rating\nnew,1,1\nnew,2,1\nu1,77,1\n")
    assert main(["recommend", path, "--user", "new", "-n", "40", "--new-ratings", str(more), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert err.endswith(
        "new users folded in: 1, new items folded in: 0, left out: 1 (new items, which need training)\n"
    )
    assert not {1, 2, 77} & {row["item"] for row in json.loads(out)["recommendations"]}
    more.write_text("user,item,rating\nu1,77,1\n")
    assert main(["recommend", path, "--user", "u1", "--new-ratings", str(more)]) == 3
    assert "none of the 1 new ratings can be used without training" in capsys.readouterr().err


def test_a_baseline_refuses_in_one_sentence(capsys, ratings, file, tmp_path):
    path = str(tmp_path / "m.npz")
    assert main(["train", "--dataset", ratings, "--model", "bias", "--quiet", "--save", path]) == 0
    capsys.readouterr()
    assert main(["recommend", path, "--user", "u1", "--new-ratings", file]) == 2
    said = "tinyrec: Bias cannot take new ratings without training; fit it to all ratings"
    assert capsys.readouterr().err.splitlines()[-1] == said
