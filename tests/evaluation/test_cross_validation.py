"""Cross-validation, in Python and by --folds."""

import json

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.errors import UsageError

DATA = tr.make_synthetic(60, 50, 1000)
AUTOREC, OPTIONS = tr.AutoRec(hidden_units=4, l2=5.0, center=True), {"epochs": 3, "backend": "reference"}
MF = tr.BiasedMF(factors=2, epochs=2)


@pytest.mark.parametrize("model, options", [(AUTOREC, OPTIONS), (tr.Bias(), {}), (MF, {})])
def test_each_fold_is_scored_by_a_model_of_the_others(model, options):
    found = tr.cross_validate(model, DATA, folds=3, seed=1, **options)
    parts = tr.split_folds(DATA, 3, seed=1)
    assert found["folds"] == [model.fit(train, seed=1, **options).score(test) for train, test in parts]
    for name in ("rmse", "mae", "rmse_warm"):
        values = [scores[name] for scores in found["folds"]]
        assert found[name] == pytest.approx(np.mean(values)) and len(set(values)) == 3
        # Student's t with 2 degrees of freedom has its 97.5 % point at 4.3027
        expected = 4.3027 * np.std(values, ddof=1) / 3**0.5
        assert found[f"{name}_interval"] == pytest.approx(expected, rel=1e-4)
    json.dumps(found)  # plain numbers


def test_the_command_line_says_the_same(capsys, tmp_path):
    path = tmp_path / "ratings.csv"
    cells = zip(DATA.ratings.rows, DATA.ratings.cols, DATA.ratings.values, strict=True)
    path.write_text("".join(f"{u},{i},{r:g}\n" for u, i, r in cells))
    flags = ["--set", "hidden_units=4", "--set", "l2=5", "--set", "center=true", "--epochs", "3", "--seed", "1"]
    assert main(["train", "--dataset", str(path), "--folds", "3", *flags, "--backend", "reference", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = tr.cross_validate(AUTOREC, tr.load_dataset(path), folds=3, seed=1, **OPTIONS)
    for name in ("rmse", "mae", "rmse_warm"):
        assert told[f"test_{name}"] == found[name] and told[f"test_{name}_interval"] == found[f"{name}_interval"]
    assert [run["test_rmse"] for run in told["runs"]] == [scores["rmse"] for scores in found["folds"]]


def test_what_cannot_be_cross_validated_is_refused():
    for model, data, folds, message in (
        (tr.AutoRec, DATA, 5, "cannot be fitted; give a model that is not fitted yet"),
        (tr.Bias().fit(DATA), DATA, 5, "cannot be fitted"),
        (tr.EASE(), DATA.binarized(), 5, "is implicit feedback; hold out one item of each user"),
        (tr.Bias(), DATA, 1, "give at least 2"),
    ):
        with pytest.raises(UsageError, match=message):
            tr.cross_validate(model, data, folds)


def test_a_model_of_no_use_is_warned_of_once():
    data = tr.Dataset.from_triples([0, 1, 2, 3] * 5, np.repeat(range(5), 4), [1, 5] * 10, scale=(1, 5))
    with pytest.warns(UserWarning) as caught:
        tr.cross_validate(tr.ALSWR(factors=1, iterations=1, l2=1000), data, folds=2)
    told = [str(warning.message) for warning in caught]
    assert sum(text.startswith("WORSE") for text in told) == 1 and {warning.filename for warning in caught} == {
        __file__
    }
