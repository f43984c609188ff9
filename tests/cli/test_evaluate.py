"""evaluate: ranking metrics of a model of ratings."""

import json

import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.recommenders import storage


@pytest.fixture(scope="module")
def model(ratings, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model") / "model.npz")
    assert main(["train", "--dataset", ratings, "--model", "bias", "--quiet", "--save", path]) == 0
    return path


def test_a_model_of_ratings_is_ranked_by_its_own_test_part(capsys, ratings, model):
    _, test = tr.split_random(tr.load_dataset(ratings), 0.1, seed=0)
    for flags, relevant in ((["--relevant", "4"], 4.0), ([], None)):
        assert main(["evaluate", model, "--ranking", *flags, "--json", "-"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result == {"model": model, "dataset": "ratings.csv", "relevant": relevant} | tr.load(model).rank(
            test, relevant=relevant
        )
    assert main(["evaluate", model, "--ranking", "--relevant", "4"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert "HR@10" in head and row.startswith("ratings.csv")


def test_it_is_ranked_by_another_file_with_known_ids(capsys, ratings, model, tmp_path):
    _, test = tr.split_random(tr.load_dataset(ratings), 0.1, seed=0)
    test = test.select(test.ratings.values >= 4)
    pairs = zip(test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols], strict=True)
    lines = [f"{user},{item},4\n" for user, item in pairs]
    (tmp_path / "more.csv").write_text("".join(lines))
    evaluate = ["evaluate", model, "--ranking", "--dataset", str(tmp_path / "more.csv")]
    assert main([*evaluate, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["ndcg@10"] == pytest.approx(tr.load(model).rank(test)["ndcg@10"])
    (tmp_path / "more.csv").write_text("".join(lines) + "u3,1000,5\n")
    assert main(evaluate) == 3
    assert "item 1000 of the test part is not in the training data" in capsys.readouterr().err


def test_relevant_without_ranking_is_refused(capsys, model):
    assert main(["evaluate", model, "--relevant", "4"]) == 2
    assert "--relevant goes with --ranking" in capsys.readouterr().err


@pytest.mark.parametrize("field, value", [
    ("test", "x"), ("test", float("nan")), ("dataset", 7), ("seed", -1), ("options", [1]), ("options", {"sep": 7}),
    ("options", {"like": "x"}), ("split", {}), ("more", 1),
])  # fmt: skip
def test_a_damaged_test_part_is_refused_in_one_sentence(capsys, model, tmp_path, field, value):
    header, arrays = storage.read(model, "model")
    header["members"][0]["info"]["split"][field] = value
    storage.write(tmp_path / "model.npz", "model", header, arrays)
    assert main(["evaluate", str(tmp_path / "model.npz")]) == 5
    said = capsys.readouterr().err
    assert "the model's test part is damaged" in said and len(said.splitlines()) == 1


def test_the_precision_is_shown_beside_that_of_a_random_order(capsys, ratings, model):
    _, test = tr.split_random(tr.load_dataset(ratings), 0.1, seed=0)
    evaluate = ["evaluate", model, "--precision-at", "40,50"]
    assert main([*evaluate, "--json", "-"]) == 0
    result, expected = json.loads(capsys.readouterr().out), tr.load(model).score(test, precision_at=(40, 50))
    assert {name: result[name] for name in expected} == expected and "precision@50%_random" in expected
    assert main(evaluate) == 0
    head = capsys.readouterr().out.splitlines()[0]
    assert head.endswith("precision@40%  precision@40%, random  precision@50%  precision@50%, random")


@pytest.mark.parametrize("flags, said", [
    (["--precision-at", "0"], "0.0 in precision_at is no percentage"),
    (["--precision-at", "10,nan"], "nan in precision_at is no percentage"),
    (["--precision-at", "10", "--ranking"], "--precision-at goes with a model of ratings, and without --ranking"),
])  # fmt: skip
def test_a_precision_that_cannot_be_had_is_refused(capsys, model, flags, said):
    assert main(["evaluate", model, *flags]) == 2
    assert said in capsys.readouterr().err
