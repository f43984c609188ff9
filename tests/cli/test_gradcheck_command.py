"""gradcheck explains what is wrong, in our code and in a file of one's own."""

import json
import pickle
import sys

import numpy as np
import pytest

from tests.gradcheck.test_gradcheck import plant
from tinyrec import gradcheck
from tinyrec.checks import setting_types
from tinyrec.cli import main
from tinyrec.cli.own_model import is_own, load_all, load_own
from tinyrec.errors import FileError, UsageError

FUTURE = "from __future__ import annotations\n"
HEAD = """
from dataclasses import dataclass
import numpy as np
import tinyrec as tr
from tinyrec.nn import l2_penalty, sampled_out, sigmoid, sparse_in, squared_error
"""
TIED = """
@dataclass(frozen=True, kw_only=True)
class TiedAutoRec(tr.Autoencoder):
    hidden_units: int = 500
    strength: float | None = None

    def shapes(self, d, q=0):
        return {"V": (d, self.hidden_units), "mu": (self.hidden_units,), "b": (d,)}

    def encode(self, params, R):
        return sigmoid(sparse_in(R, params["V"], params["mu"])[0])[0]

    def decoder(self, params):
        return {"W": params["V"], "b": params["b"]}

    def loss_and_grads(self, params, R, rng=None):
        V, mu, b = params["V"], params["mu"], params["b"]
        Z, back_to_V = sparse_in(R, V, mu)
        H, back_to_Z = sigmoid(Z)
        y, back_to_H = sampled_out(H, V, b, at=R)
        error, back_to_y = squared_error(y, R.values)
        dH, dW, db = back_to_H(back_to_y())
        dV, dmu = back_to_V(back_to_Z(dH))
        grads = {"V": dV + dW}
        penalty = l2_penalty(R.share * self.l2, params, grads, R)
        return error + penalty, {**grads, "mu": dmu, "b": db}
"""
SOFTSIGN = """
def softsign(X):
    size = 1 + np.abs(X)  # what the complex step does not understand

    def backward(dY):
        return dY / size**2

    return X / size, backward
"""
CROSS_ENTROPY = """
def cross_entropy_of_probabilities(y, r):
    def backward():
        return (1 - r) / (1 - y) - r / y

    return -(r * np.log(y) + (1 - r) * np.log(1 - y)).sum(), backward
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A function that writes mine.py, with some of the text replaced, and returns its path."""
    monkeypatch.setattr(sys, "path", sys.path[:])

    def write(text, *changes, head=HEAD):
        for right, wrong in zip(changes[::2], changes[1::2], strict=True):
            assert text.count(right) == 1
            text = text.replace(right, wrong)
        (tmp_path / "mine.py").write_text(head + text)
        return str(tmp_path / "mine.py")

    return write


@pytest.fixture
def run(capsys, tmp_path):
    """A function argv -> (exit code, what it prints, its JSON)."""

    def command(*argv):
        path = tmp_path / "result.json"
        path.unlink(missing_ok=True)
        code, said = main(["gradcheck", "--json", str(path), *argv]), capsys.readouterr()
        assert all(len(line) <= 80 for line in said.out.splitlines())
        assert "Traceback" not in said.err
        return code, said.out + said.err, json.loads(path.read_text())

    return command


def test_it_points_at_the_smallest_piece_and_lists_the_rest(monkeypatch, run):
    plant(monkeypatch, "nn.layers", "R.T @ dZ,", "-(R.T @ dZ),")
    code, said, result = run()
    assert code == 1
    first, second, *_ = said.splitlines()
    assert first == "WRONG: sparse_in, 1x1"
    assert second.startswith("  dV: relative error 2e+00; at V[0, ") and "dmu" not in said
    text = " ".join(said.split())
    assert "all of ours is -1 times the numeric one 6 cases of sparse_in are wrong; this is the smallest" in text
    others = "hidden_layers, AutoRec, DeepAutoRec, CFN, NCAE, ImplicitNCAE, NRP, ACCM, DSSM"
    assert text.endswith(f"also wrong, probably because of it: {others}")
    [smallest] = [case for case in result["cases"] if case["case"] == "sparse_in, 1x1"]
    assert smallest["errors"]["V"] == pytest.approx(2) and smallest["errors"]["mu"] < 1e-10
    assert not result["passed"] and "sparse_in, 1x1" in result["wrong"] and result["explanation"] + "\n" == said


def test_only_what_has_the_pattern_in_its_name(run):
    code, said, result = run("--only", "cfn")
    assert code == 0 and result["passed"] and result["wrong"] == []
    assert {case["of"] for case in result["cases"]} == {"CFN"}
    assert said.splitlines()[0].split() == ["gradient", "of", "cases", "complex", "step", "central", "difference"]
    _, _, result = run("--only", "tanh, 4x4")
    assert [case["case"] for case in result["cases"]] == ["all_cells_error, tanh, 4x4"]


def test_a_pattern_that_nothing_has(run):
    code, said, result = run("--only", "spars_in")
    assert code == 2 and "nothing to check is called 'spars_in'; did you mean sparse_in?" in said
    assert result == {"passed": False, "wrong": [], "explanation": result["explanation"], "cases": []}
    assert result["explanation"] in said


def test_models_that_cannot_be_made_do_not_stop_the_others(monkeypatch, run):
    def broken(self):
        raise ArithmeticError("first line\nlast line")

    monkeypatch.setattr("tinyrec.models.cfn.CFN.__post_init__", broken)
    code, said, result = run("--only", "1x1")
    assert code == 1
    assert said.startswith("WRONG: CFN, 1x1\n  it raises ArithmeticError: last line (")
    assert {case["of"] for case in result["cases"] if not case["passed"]} == {"CFN"}
    assert {"AutoRec", "NCAE", "CFN"} <= {case["of"] for case in result["cases"]}


@pytest.mark.parametrize("future", ["", FUTURE])
def test_a_right_model_of_ones_own_passes(mine, run, future):
    code, said, result = run("--model", mine(TIED, head=future + HEAD))
    assert code == 0, said
    assert said.splitlines()[1].split()[:2] == ["TiedAutoRec", "7"]
    assert all(set(case["errors"]) == {"V", "mu", "b"} for case in result["cases"])


@pytest.mark.parametrize("future", ["", FUTURE])
def test_a_wrong_gradient_of_ones_own_is_named(mine, run, future):
    path = mine(TIED, '"V": dV + dW', '"V": dV', head=future + HEAD)
    code, said, result = run("--model", f"{path}:TiedAutoRec")
    assert code == 1
    assert said.startswith("WRONG: TiedAutoRec(l2=0.7, hidden_units=4), 1x1")
    assert "  dV: relative error " in said and "; at V[0, " in said and "dmu" not in said and "db" not in said
    assert all(case["errors"]["mu"] < 1e-10 for case in result["cases"])
    assert max(case["errors"]["V"] for case in result["cases"]) > 0.1


@pytest.mark.parametrize(
    "right, wrong, says",
    [
        ("{**grads, ", "{", "no gradient of V"),
        ('"b": db}', '"b": db, "W": dW}', "a gradient of W, which is no parameter"),
        ('"V": dV + dW', '"V": (dV + dW).T', "it raises ValueError: "),
        ('"mu": dmu', '"mu": dmu[:2]', "dmu has the shape (2,), but mu has (4,)"),
        ('"b": db}', '"b": None}', "db has the shape (), but b has "),
        ("return error + penalty", "return error / 0", "the loss is "),
        ("return error + penalty", "return error + penalty + b", "the loss is an array"),
        ("return error + penalty", "return error + np.random.default_rng().random()", "the loss of a second call"),
        ("return error + penalty, {**grads", "return {**grads", "it raises ValueError: too many values to unpack"),
        ("hidden_units: int = 500", "hidden_units: int", "missing 1 required keyword-only argument: 'hidden_units'"),
        ("hidden_units: int = 500", 'hidden_units: int = "many"', "hidden_units is 'many', but must be int"),
        ("def shapes(", "def forms(", "it raises UsageError: TiedAutoRec has no shapes; define shapes"),
    ],
)
def test_what_does_not_even_fit_is_said_in_a_sentence(mine, run, right, wrong, says):
    code, said, result = run("--model", mine(TIED, right, wrong))
    assert code == 1 and "WRONG: TiedAutoRec" in said
    assert says in " ".join(said.split())
    assert len(result["cases"]) == 7


def test_an_exception_in_one_case_leaves_the_others(mine, run):
    code, said, result = run(
        "--model", mine(TIED, "        dH, dW", "        assert R.size, 'no rating'\n        dH, dW")
    )
    assert code == 1
    assert [case["passed"] for case in result["cases"]] == [True] * 6 + [False]
    text = " ".join(said.split())
    assert "3x2 without a cell it raises AssertionError: no rating (mine.py, line 27)" in text


def test_activations_and_losses_of_ones_own(mine, run):
    helpers = "\ndef twice(X):\n    return 2 * X\n\n_hidden = lambda a, b, c: (a, lambda: b)\n"
    path = mine(TIED + SOFTSIGN + CROSS_ENTROPY + helpers)
    code, said, result = run("--model", path)
    assert code == 0, said
    names = ["softsign", "cross_entropy_of_probabilities", *["TiedAutoRec"] * 7]
    assert [case["of"] for case in result["cases"]] == names
    assert result["cases"][0]["complex"] is None and result["cases"][0]["central"] < 1e-6
    assert result["cases"][1]["complex"] < 1e-10
    code, said, _ = run("--model", mine(SOFTSIGN + CROSS_ENTROPY, "dY / size**2", "dY / size**3"))
    assert code == 1 and said.startswith("WRONG: softsign\n  dX: relative error ") and "also" not in said
    path = mine(SOFTSIGN + CROSS_ENTROPY, "(1 - r) / (1 - y) - r / y", "((1 - r) / (1 - y) - r / y) / 2")
    code, said, _ = run("--model", f"{path}:cross_entropy_of_probabilities")
    text = " ".join(said.split())
    assert code == 1 and "dy: relative error" in text and "all of ours is 0.5 times the numeric one" in text


@pytest.mark.parametrize("name, says", [("HEAD", "is no subclass"), ("three", "three is no subclass of Autoencoder")])
def test_what_cannot_be_checked(mine, run, name, says):
    code, said, result = run("--model", mine("HEAD = 5\n\ndef three(a, b, c):\n    return a\n") + f":{name}")
    assert code == 2 and says in said and result["passed"] is False


def test_a_file_with_nothing_to_check(mine, run):
    code, said, result = run("--model", mine("def twice(x):\n    return 2 * x\n"))
    assert code == 2 and "defines no subclass of tinyrec.Autoencoder or PairModel, activation" in said
    assert result["passed"] is False


def test_a_file_that_cannot_be_imported_is_in_the_json(mine, run):
    code, said, result = run("--model", mine("def wrong(:\n"))
    assert code == 2 and "nothing was checked" in said and "SyntaxError" in result["explanation"]


def test_check_model_in_python(mine):
    TiedAutoRec = load_own(mine(TIED))
    errors = gradcheck.check_model(TiedAutoRec(hidden_units=50))
    assert set(errors) == {"V", "mu", "b"} and max(errors.values()) < 1e-10
    wrong = load_own(mine(TIED, '"b": db', '"b": 2 * db'))
    with pytest.raises(AssertionError, match=r"WRONG: TiedAutoRec[^;]*\n  db: relative error 5e-01; at b\[0\], ours"):
        gradcheck.check_model(wrong())


def test_check_function_in_python(mine):
    assert gradcheck.check_function(load_own(mine(SOFTSIGN) + ":softsign"))["X"] < 1e-6
    with pytest.raises(AssertionError, match="WRONG: softsign\n  dX: relative error"):
        gradcheck.check_function(load_own(mine(SOFTSIGN, "dY / size**2", "dY / size") + ":softsign"))


def test_a_parameter_may_be_one_number(mine):
    changes = ('"b": (d,)}', '"b": (d,), "m": ()}', "y, back_to_H = ", 'm = params["m"]\n        y, back_to_H = ')
    changes += ("squared_error(y,", "squared_error(y + m,", '"b": db}', '"b": db, "m": float(db.sum())}')
    assert set(gradcheck.check_model(load_own(mine(TIED, *changes)))) == {"V", "mu", "b", "m"}
    with pytest.raises(AssertionError, match="dm: relative error 5e-01; at m, ours"):
        gradcheck.check_model(load_own(mine(TIED, *changes[:-1], '"b": db, "m": 2 * db.sum()}')))


def test_features_implicit_feedback_and_layer_sizes_are_seen(mine):
    text = "class Mine(tr.{}):\n    pass\n"
    for base, count, units in (("CFN", 14, "(3,)"), ("ImplicitNCAE", 7, "(3,)"), ("DeepAutoRec", 7, "(4, 3, 4)")):
        results = list(gradcheck.own_cases(load_own(mine(text.format(base))), np.random.default_rng(0)))
        assert len(results) == count and all(f"hidden_units={units}" in case.name for case in results)
        gradcheck.check_model(load_own(mine(text.format(base))))


def test_is_own():
    assert is_own("mine.py") and is_own("a/mine.py:TiedAutoRec") and is_own("C:\\mine.py:TiedAutoRec")
    assert not is_own("autorec") and not is_own("deep-autorec")


@pytest.mark.parametrize("future", ["", FUTURE])
def test_a_class_is_found_by_its_name_or_as_the_only_one(mine, future):
    path = mine(TIED + SOFTSIGN, head=future + HEAD)
    assert load_own(f"{path}:TiedAutoRec").__name__ == "TiedAutoRec"
    assert load_own(f"{path}:softsign").__name__ == "softsign"
    kind = load_own(path)
    assert setting_types(kind)["strength"] == float | None
    assert pickle.loads(pickle.dumps(kind())) == kind()  # noqa: S301
    assert set(load_all(path)) == {"TiedAutoRec", "softsign"}


def test_a_changed_file_and_its_neighbours_are_read(mine, tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("number = 7\n")
    assert load_own(mine("from neighbour_of_mine import number\n") + ":number") == 7
    assert load_own(mine("number = 12345\n") + ":number") == 12345


@pytest.mark.parametrize(
    "text, name, says",
    [
        ("class A:\n    pass\n\nclass B:\n    pass\n", "", "defines A, B; write "),
        ("", "", "defines no class; write "),
        (TIED, ":Tied", "has no 'Tied'; choose one of TiedAutoRec"),
        ("", ":Tied", "has no 'Tied'; it defines nothing"),
        ("\n1 / 0\n", ":Tied", "line 7: ZeroDivisionError: division by zero; fix it"),
        ("class A(:\n", "", "SyntaxError: invalid syntax (mine.py, line "),
        ("raise SystemExit(3)\n", "", "line 6: SystemExit: 3; fix it"),
        ("import no_such_module_at_all\n", "", "ModuleNotFoundError: No module named 'no_such_module_at_all'; fix it"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(mine, text, name, says):
    with pytest.raises(UsageError) as problem:
        load_own(mine(text) + name)
    assert says in str(problem.value) and "\n" not in str(problem.value)


def test_a_file_that_is_not_there_or_has_a_name_in_use(tmp_path):
    for path in (tmp_path / "none.py", tmp_path / "folder.py"):
        (tmp_path / "folder.py").mkdir(exist_ok=True)
        with pytest.raises(FileError, match="there is no Python file .*; give FILE.py:CLASS"):
            load_own(f"{path}:Mine")
    for name in ("random.py", "numpy.py"):
        (tmp_path / name).write_text("class Mine:\n    pass\n")
        with pytest.raises(UsageError, match="has the name of another module; rename the file"):
            load_own(str(tmp_path / name))
    assert np.random is sys.modules["numpy"].random
