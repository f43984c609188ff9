"""A mistake in a model of one's own is said in one sentence, without a traceback."""

import pytest

from tests.cli.test_models import OWN, fails

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
    "no gradients": ("R.backend), grads\n", "R.backend)\n", "loss_and_grads must return two things, the loss"),
    "gradients in a tuple": ("R.backend), grads\n", "R.backend), (dA, dc, de)\n", "the loss and a dict of gradients"),
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
