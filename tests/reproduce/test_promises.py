"""doctor --promises, on a folder of tests of its own; the kept page; and each promise has its number and its words."""

import json
import shutil
import sys

import pytest

from tinyrec.cli import main
from tinyrec.reproduce import pages, promise_page, promises

CONFTEST = """
def pytest_addoption(parser):
    parser.addoption("--full", action="store_true")
"""
TESTS = {
    "test_01_kept": '"""One.\n\nIt is\nso.\n"""\ndef test(record_property, request):\n'
    '    record_property("figure", "3 of 3" if request.config.getoption("--full") else "1 | 1")\n',
    "test_02_broken": '"""Two.\n\nIt is not.\n"""\ndef test(record_property):\n'
    '    record_property("figure", "0 of 3")\n    assert False\n',
    "test_03_not_checked": '"""Three.\n\nWho knows.\n"""\nimport pytest\ndef test():\n    pytest.skip("no compiler")\n',
    "test_04_wrong": '"""Four.\n\nIt cannot be imported.\n"""\nimport nowhere\n',
}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with four promises."""
    folder = tmp_path / "tests" / "promises"
    folder.mkdir(parents=True)
    for name, text in {"conftest": CONFTEST, **TESTS}.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(promises, "ROOT", tmp_path)
    return tmp_path


def run_json(capfd, *argv):
    """The exit code, and the results by number."""
    code, out = main(["doctor", "--promises", *argv, "--json", "-"]), capfd.readouterr().out
    return code, {its["number"]: its for its in json.loads(out)["promises"]}


def test_one_line_for_each_promise(checkout, capfd):
    assert main(["doctor", "--promises"]) == 1
    lines = [line.split(maxsplit=2) for line in capfd.readouterr().out.splitlines()[1:]]
    assert [line[:2] for line in lines] == [["1", "One"], ["2", "Two"], ["3", "Three"], ["4", "Four"]]
    assert [" ".join(line[2].split()) for line in lines] == [
        "kept 1 | 1", "broken 0 of 3", "not checked skipped: no compiler", "broken",
    ]  # fmt: skip


def test_the_exit_code_is_1_only_if_a_promise_is_broken(checkout, capfd):
    assert [run_json(capfd, *numbers)[0] for numbers in (["1", "3"], ["2"], ["4"])] == [0, 1, 1]


def test_results_and_page_are_kept_and_replaced_one_by_one(checkout, capfd):
    out = ["--out", str(checkout / "results")]
    run_json(capfd, *out)
    code, found = run_json(capfd, "1", "--full", *out)
    assert code == 0 and found[1]["figure"] == "3 of 3" and found[1]["text"] == "It is so."
    kept = promise_page.read(checkout / "results" / "promises.json")
    assert [(its["number"], its["size"]) for its in kept] == [(1, "full"), (2, "quick"), (3, "quick"), (4, "quick")]
    page = (checkout / "results" / "promises.md").read_text("utf-8")
    assert "| 1 | One | kept | 3 of 3 | full | [test_01_kept](../../../tests/promises/test_01_kept.py) |" in page
    assert "* **1. One.** It is so." in page and "## What is not promised" in page
    assert [path.name for path in (checkout / "results").iterdir()].sort() == ["promises.json", "promises.md"].sort()


def test_a_promise_that_is_gone_leaves_the_page(checkout, capfd):
    out = checkout / "results"
    run_json(capfd, "--out", str(out))
    (checkout / "tests" / "promises" / "test_02_broken.py").unlink()
    promise_page.keep([], out)
    assert [its["number"] for its in promise_page.read(out / "promises.json")] == [1, 3, 4]


@pytest.mark.parametrize("argv, code, said", [
    (["--promises", "7"], 2, "there is no promise 7; the promises are 1, 2, 3, 4"),
    (["--full"], 2, "--full and --out go with --promises; give it, too"),
    (["--out", "x"], 2, "--full and --out go with --promises; give it, too"),
])  # fmt: skip
def test_what_does_not_go_together(checkout, capsys, argv, code, said):
    assert main(["doctor", *argv]) == code
    assert capsys.readouterr().err == f"tinyrec: {said}\n"


def test_outside_a_checkout_it_is_one_sentence(checkout, capsys):
    shutil.rmtree(checkout / "tests")
    assert main(["doctor", "--promises"]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "the tests of the promises come with the source" in line and line.endswith(
        "; clone the repository, and run it there"
    )


def test_without_pytest_it_is_one_sentence(checkout, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["doctor", "--promises"]) == 2
    assert capsys.readouterr().err.endswith('--promises needs pytest; install it with: pip install -e ".[test]"\n')


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"promises": [{}]}', '{"promises": 3}'])
def test_another_file_in_place_of_the_results_is_named(checkout, capfd, text):
    (checkout / "promises.json").write_text(text)
    assert main(["doctor", "--promises", "1", "--out", str(checkout)]) == 5
    assert "promises.json holds no results of promises" in capfd.readouterr().err


def test_each_promise_has_a_number_a_title_and_words():
    found = promises.read_promises()
    assert [its.number for its in found] == [number for number in range(1, 29) if number != 26]
    assert all(its.title and "\n" not in its.title and its.text.endswith(".") for its in found)


def test_the_kept_page_is_that_of_the_kept_results_and_of_the_tests():
    kept = promise_page.read(pages.RESULTS / "promises.json")
    assert (pages.RESULTS / "promises.md").read_text("utf-8") == promise_page.page(kept)
    current = {its.number: (its.title, its.text, its.test) for its in promises.read_promises()}
    assert {its["number"]: (its["title"], its["text"], its["test"]) for its in kept} == current
