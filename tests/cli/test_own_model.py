"""A mistake in a model of one's own is said in one sentence, without a traceback."""

import pytest

from tests.cli.test_models import OWN, fails
from tinyrec.cli.main import main

ENCODE = "    def encode("
INIT = "    def init(self, R, rng):\n        start = super().init(R, rng)\n        return {}\n\n    def encode("
CURE = "cannot inherit non-frozen dataclass from a frozen one; write @dataclass(frozen=True, kw_only=True)"
MISTAKES = {
    "no shapes": ("def shapes(", "def forms(", "TiedAutoRec has no shapes; define shapes(d, q) to return"),
    "no loss": ("def loss_and_grads(", "def loss(", "TiedAutoRec has no loss_and_grads; define loss_and_grads(params"),
    "a number as shape": ('"e": (d,)', '"e": d', "shapes gives e the shape 40; write the tuple (40,), with a comma"),
    "no start": (
        ENCODE,
        INIT.format('{"A": start["A"], "e": start["e"]}'),
        "c is missing in what init returns, but (4,) in shapes; make them agree",
    ),
    "a start of another shape": (
        ENCODE,
        INIT.format('start | {"A": start["A"].T}'),
        "A is (4, 40) in what init returns, but (40, 4) in shapes",
    ),
    "a start without shape": (
        ENCODE,
        INIT.format('start | {"f": start["c"]}'),
        "f is (4,) in what init returns, but missing in shapes",
    ),
    "no gradients": ("R), grads\n", "R)\n", "loss_and_grads must return two things, the loss"),
    "gradients in a tuple": ("R), grads\n", "R), (dA, dc, de)\n", "the loss and a dict of gradients"),
    "a plain dataclass": ("@dataclass(frozen=True, kw_only=True)", "@dataclass", CURE),
    "a dataclass that is not frozen": ("frozen=True, ", "", CURE),
}


@pytest.mark.parametrize("optimizer", ["rprop", "lbfgs"])
@pytest.mark.parametrize("right, wrong, said", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_model_of_ones_own_gets_one_sentence(capsys, ratings, tmp_path, right, wrong, said, optimizer):
    assert OWN.count(right) == 1
    (tmp_path / "mine.py").write_text(OWN.replace(right, wrong))
    flags = ["--dataset", ratings, "--test", "0", "--optimizer", optimizer, "--epochs", "2"]
    assert said in fails(capsys, 2, "train", *flags, "--model", f"{tmp_path / 'mine.py'}:TiedAutoRec", "--quiet")


PAIRS = """
from dataclasses import dataclass

import tinyrec as tr
from tinyrec.models.pairs import Encoded
from tinyrec.nn import sparse_in, tanh


@dataclass(frozen=True, kw_only=True)
class Shallow(tr.PairModel):
    hidden_units: int = 50

    def shapes_of(self, R):
        (n, d), k = R.shape, self.hidden_units
        return {"A": (d, k), "a": (k,), "B": (n, k), "b": (k,)}

    def encode(self, params, rows, rng=None):
        V, mu = ("A", "a") if rows.side == "user" else ("B", "b")
        Z, back_to_params = sparse_in(rows.ratings, params[V], params[mu])
        C, back_to_Z = tanh(Z)

        def backward(dC):
            dV, dmu = back_to_params(back_to_Z(dC))
            return {V: dV, mu: dmu}

        return Encoded(C, backward)
"""
PAIR_MISTAKES = {
    "no shapes": ("def shapes_of(", "def forms(", "Shallow has no shapes_of; define shapes_of(R) to return"),
    "no codes": ("def encode(", "def code(", "Shallow has no encode; define encode(params, rows, rng) to return"),
}


def test_a_model_of_pairs_of_ones_own_runs_like_ours(capsys, ratings, tmp_path):
    (tmp_path / "mine.py").write_text(PAIRS)
    own, saved = ["--model", f"{tmp_path / 'mine.py'}:Shallow"], str(tmp_path / "m.npz")
    assert main(["gradcheck", *own]) == 0
    flags = ["--batch-size", "100", "--epochs", "3", "--save", saved, "--quiet"]
    assert main(["train", "--dataset", ratings, *own, *flags]) == 0
    assert main(["evaluate", saved, *own]) == 0
    (tmp_path / "mine.py").write_text(PAIRS.replace("{V: dV, mu: dmu}", "{V: dV, mu: 2 * dmu}"))
    assert main(["gradcheck", *own]) == 1
    assert "da: relative error 5e-01" in capsys.readouterr().out


@pytest.mark.parametrize("right, wrong, said", PAIR_MISTAKES.values(), ids=PAIR_MISTAKES)
def test_a_mistake_in_a_model_of_pairs_gets_one_sentence(capsys, ratings, tmp_path, right, wrong, said):
    (tmp_path / "mine.py").write_text(PAIRS.replace(right, wrong))
    flags = ["--dataset", ratings, "--epochs", "2", "--quiet"]
    assert said in fails(capsys, 2, "train", *flags, "--model", f"{tmp_path / 'mine.py'}:Shallow")


@pytest.mark.parametrize("optimizer", ["rprop", "lbfgs"])
def test_a_model_that_reads_some_ratings_at_a_time_needs_another_optimizer(capsys, ratings, optimizer):
    flags = ["--dataset", ratings, "--model", "nrp", "--optimizer", optimizer, "--epochs", "2", "--quiet"]
    said = "hidden_dropout makes the gradient noisy"
    assert said in fails(capsys, 2, "train", *flags, "--set", "dropout=0")
    none = ["--set", "dropout=0", "--set", "hidden_dropout=0"]
    assert "needs all rows in each step, and the model takes some" in fails(capsys, 2, "train", *flags, *none)
    main(
        ["train", *flags, *none, "--set", "hidden_units=3", "--set", "head=dot", "--set", "target_in_input=as printed"]
    )


def test_what_tune_writes_for_a_model_of_pairs_can_be_trained(ratings, tmp_path):
    best = str(tmp_path / "best.toml")
    small = ["--set", "hidden_units=3", "--set", "head=dot"]
    assert main(["tune", "--dataset", ratings, "--model", "nrp", *small, "--epochs", "2", "--write", best]) == 0
    assert main(["train", "--config", best]) == 0
