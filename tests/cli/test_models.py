"""Every model by its name, and a model of one's own by its file: trained, saved, evaluated, asked."""

import json
from pathlib import Path

import numpy as np
import pytest

from tinyrec.cli import main
from tinyrec.models import Network
from tinyrec.reproduce.config import ALL_MODELS

SMALL = {
    "hidden_units": "4",
    "factors": "4",
    "epochs": "2",
    "iterations": "2",
    "samples": "2",
    "burn_in": "1",
    "anchors": "2",
    "pretrain_epochs": "1",
}
OWN = """
from dataclasses import dataclass

from tinyrec import Autoencoder
from tinyrec.nn import ACTIVATIONS, l2_penalty, sampled_out, sparse_in, squared_error


@dataclass(frozen=True, kw_only=True)
class TiedAutoRec(Autoencoder):
    l2: float = 3.0
    activation: str = "sigmoid"
    hidden_units: int = 4
    strength: float = 1.0

    def shapes(self, d, q=0):
        return {"A": (d, self.hidden_units), "c": (self.hidden_units,), "e": (d,)}

    def encode(self, params, R):
        Z, _ = sparse_in(R, params["A"], params["c"])
        return ACTIVATIONS[self.activation](Z)[0]

    def decoder(self, params):
        return {"W": params["A"], "b": params["e"]}

    def loss_and_grads(self, params, R, rng=None):
        Z, back_to_params = sparse_in(R, params["A"], params["c"])
        H, back_to_Z = ACTIVATIONS[self.activation](Z)
        y, back_to_H = sampled_out(H, params["A"], params["e"], at=R)
        error, back_to_y = squared_error(y, R.values)
        dH, dA, de = back_to_H(back_to_y())
        dA_in, dc = back_to_params(back_to_Z(dH))
        grads = {"A": dA + dA_in, "c": dc, "e": de}
        return error + l2_penalty(R.share * self.l2, params, {"A": grads["A"]}, R), grads
"""


def run_json(capsys, *argv):
    assert main([*argv, "--quiet", "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def fails(capsys, code, *argv):
    assert main(list(argv)) == code
    (line,) = capsys.readouterr().err.splitlines()
    return line


def small(model):
    """Flags that make a model small."""
    fields = ALL_MODELS[model].__dataclass_fields__
    flags = [flag for name, value in SMALL.items() if name in fields for flag in ("--set", f"{name}={value}")]
    return [*flags, "--epochs", "2", "--set", "l2=3"] if issubclass(ALL_MODELS[model], Network) else flags


@pytest.mark.parametrize("model", ALL_MODELS)
def test_every_model_is_trained_saved_evaluated_and_recommends(capsys, ratings, tmp_path, model):
    path, implicit = str(tmp_path / "m.npz"), ALL_MODELS[model].implicit
    flags = [*small(model), *(["--feedback", "implicit"] if implicit else [])]
    if model == "deep-autorec":
        flags += ["--set", "pretrain=1"]
    if model == "dssm":  # it reads nothing else
        for kind, prefix, n in (("user", "u", 40), ("item", "", 30)):
            table = tmp_path / f"{kind}s.csv"
            table.write_text(f"{kind},kind\n" + "".join(f"{prefix}{i},{'abc'[i % 3]}\n" for i in range(n)))
            flags += [f"--{kind}-features", str(table)]
    result = run_json(capsys, "train", "--dataset", ratings, "--model", model, *flags, "--save", path)
    assert result["model"] == model and result["n_test"] > 0 and result["parameters"] > 0
    again = run_json(capsys, "evaluate", path)
    if implicit:
        assert again["ndcg@100"] == pytest.approx(result["ranking"]["ndcg@100"])
    else:
        assert again["rmse"] == pytest.approx(result["test_rmse"], rel=1e-6)
    rows = run_json(capsys, "recommend", path, "--user", "u3", "-n", "2")["recommendations"]
    what = "score" if implicit else "rating"
    assert len(rows) == 2 and rows[0][what] >= rows[1][what]
    (row,) = run_json(capsys, "predict", path, "--user", "u3", "--item", str(rows[0]["item"]))["predictions"]
    assert row[what] == pytest.approx(rows[0][what], rel=1e-5)


def test_what_a_person_reads_about_a_baseline(capsys, ratings):
    assert main(["train", "--dataset", ratings, "--model", "biased-mf", *small("biased-mf")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("biased-mf on ratings.csv, factors 4, learning_rate 0.05") and "user and item bias" in out
    flags = ["--model", "ease", "--feedback", "implicit"]
    assert main(["train", "--dataset", ratings, *flags]) == 0
    assert capsys.readouterr().out.startswith("ease on ratings.csv, l2 100.0")


@pytest.mark.parametrize("flags, said", [
    (["--model", "als-wr", "--epochs", "3"], "ALSWR has no epochs; set its own settings: factors, l2, iterations"),
    (["--model", "biased-mf", "--epochs", "3", "--set", "epochs=4"], "epochs is given twice: 3 and 4"),
    (["--model", "biased-mf", "--optimizer", "adam"], "BiasedMF has no optimizer; set its own settings: factors"),
    (["--model", "biased-mf", "--checkpoint", "c"], "--checkpoint is for trained networks, and biased-mf is none"),
    (["--model", "nrp", "--max-memory", "1"], "--max-memory is for models whose memory is estimated, and nrp is none"),
    (["--model", "biased-mf", "--set", "factor=3"], "unknown setting 'factor' of BiasedMF; choose one of factors"),
    (["--model", "biased-mf", "--feedback", "implicit"], "biased-mf is for ratings; for implicit feedback use"),
    (["--model", "ease"], "ratings.csv has ratings, and this model is for implicit feedback; add --feedback implicit"),
    (["--model", "biased-fm"], "unknown model 'biased-fm'; did you mean biased-mf?"),
    (["--optimizer", "adm"], "unknown optimizer 'adm'; choose one of rprop"),
    (["--epohs", "3"], "unknown argument --epohs; did you mean --epochs?"),
    (["--set", "hiden_units=3"], "unknown setting 'hiden_units' of AutoRec; did you mean hidden_units?"),
])  # fmt: skip
def test_wrong_flags_get_one_sentence(capsys, ratings, flags, said):
    assert said in fails(capsys, 2, "train", "--dataset", ratings, *flags, "--quiet")


def test_an_unknown_key_of_a_config_names_the_file(capsys, ratings, tmp_path):
    (tmp_path / "best.toml").write_text("epohs = 3\n")
    said = fails(capsys, 2, "train", "--dataset", ratings, "--config", str(tmp_path / "best.toml"), "--quiet")
    assert said.endswith("best.toml: unknown key 'epohs'; did you mean epochs?")


def test_folds_are_shown_by_their_number(capsys, ratings):
    flags = ["--folds", "3", "--epochs", "1", "--set", "l2=3", "--set", "hidden_units=2", "--quiet"]
    assert main(["train", "--dataset", ratings, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[0] == "fold" and [line.split()[0] for line in lines[3:6]] == ["0", "1", "2"]


def test_a_separator_is_taken_as_typed(capsys, ratings, tmp_path):
    text = Path(ratings).read_text()
    for name, flag, sep in (("tab", "\\t", "\t"), ("two", "é", "é")):
        (tmp_path / name).write_text(text.replace(",", sep), encoding="utf-8")
        assert main(["data", "check", str(tmp_path / name), "--sep", flag]) == 0
        assert "40 users x 30 items" in capsys.readouterr().out


@pytest.mark.parametrize("head", ["", "from __future__ import annotations\n"])
def test_a_model_of_ones_own_is_trained_tuned_saved_and_asked(capsys, ratings, tmp_path, head):
    (tmp_path / "mine.py").write_text(head + OWN)
    own, path = f"{tmp_path / 'mine.py'}:TiedAutoRec", str(tmp_path / "m.npz")
    flags = ["--dataset", ratings, "--model", own, "--set", "strength=2"]
    result = run_json(capsys, "train", *flags, "--epochs", "30", "--save", path)
    assert result["model"] == "TiedAutoRec" and result["settings"]["strength"] == 2
    assert np.isfinite(result["test_rmse"])
    assert run_json(capsys, "evaluate", path, "--model", own)["rmse"] == pytest.approx(result["test_rmse"], rel=1e-6)
    assert len(run_json(capsys, "recommend", path, "--model", own, "--user", "u3")["recommendations"]) > 0
    rows = run_json(capsys, "tune", *flags, "--grid", "l2=1,9", "--epochs", "3")["candidates"]
    assert {row["set"]["l2"] for row in rows} == {1, 9}
    said = fails(capsys, 2, "train", *flags, "--set", "strenght=2", "--quiet")
    assert "unknown setting 'strenght' of TiedAutoRec; did you mean strength?" in said


BROKEN = {
    "no decoder": (
        '    def decoder(self, params):\n        return {"W": params["A"], "b": params["e"]}\n',
        "",
        "define decoder",
    ),
    "no encode": ("    def encode(self, params, R):", "    def encoded(self, params, R):", "define encode"),
    "no gradient of e": ('"c": dc, "e": de}', '"c": dc}', "the gradient of e is missing; fix loss_and_grads"),
    "a transposed gradient": (
        "R), grads\n",
        "R), {**grads, 'A': grads['A'].T}\n",
        "the gradient of A has shape (4, 40), but A has (40, 4)",
    ),
    "no dataclass": (
        "@dataclass(frozen=True, kw_only=True)\n",
        "",
        "declares activation, hidden_units, strength, but is no dataclass",
    ),
    "no l2": ("    l2: float = 3.0\n", "    l2: float | None = None\n", "has no candidates to choose it from; give l2"),
    "a setting without a default": (
        "    strength: float = 1.0\n",
        "    strength: float\n",
        "strength of TiedAutoRec has no default",
    ),
}


@pytest.mark.parametrize("right, wrong, said", BROKEN.values(), ids=BROKEN)
def test_what_is_forgotten_in_a_model_of_ones_own_is_named_before_training(
    capsys, ratings, tmp_path, right, wrong, said
):
    assert OWN.count(right) == 1
    (tmp_path / "mine.py").write_text(OWN.replace(right, wrong))
    flags = ["--dataset", ratings, "--model", f"{tmp_path / 'mine.py'}:TiedAutoRec", "--epochs", "2", "--quiet"]
    assert said in fails(capsys, 2, "train", *flags)


def test_a_setting_without_annotation_is_named(capsys, ratings, tmp_path):
    (tmp_path / "mine.py").write_text(OWN.replace("    strength: float = 1.0\n", "    strength = 1.0\n"))
    flags = ["--dataset", ratings, "--model", f"{tmp_path / 'mine.py'}:TiedAutoRec", "--set", "strength=2", "--quiet"]
    assert "it needs an annotation, such as strength: float = 1.0" in fails(capsys, 2, "train", *flags)


def test_a_function_is_no_model(capsys, ratings, tmp_path):
    (tmp_path / "mine.py").write_text("def f(X):\n    return X, lambda dY: dY\n")
    flags = ["--dataset", ratings, "--model", f"{tmp_path / 'mine.py'}:f", "--quiet"]
    assert "mine.py:f is no model; name a subclass of tinyrec.Autoencoder" in fails(capsys, 2, "train", *flags)


def test_a_model_may_be_named_by_its_class_and_has_its_epochs(capsys, ratings):
    for name in ("BiasedMF", "biased_mf", "biasedmf"):
        result = run_json(capsys, "train", "--dataset", ratings, "--model", name, "--epochs", "2")
        assert result["model"] == "biased-mf" and result["settings"]["epochs"] == 2


def test_the_settings_of_a_config_name_the_file(capsys, ratings, tmp_path):
    (tmp_path / "best.toml").write_text("epochs = 3\n[set]\nhiden_units = 3\n")
    said = fails(capsys, 2, "train", "--dataset", ratings, "--config", str(tmp_path / "best.toml"), "--quiet")
    assert "did you mean hidden_units? (flags of " in said and "best.toml included)" in said
    (tmp_path / "best.toml").write_text("l2 = 3\n")
    said = fails(capsys, 2, "train", "--dataset", ratings, "--config", str(tmp_path / "best.toml"), "--quiet")
    assert "unknown key 'l2'; a setting of the model goes below a line [set]" in said
