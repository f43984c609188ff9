"""The command assignment: what it writes, prints and refuses."""

import base64
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from xml.etree import ElementTree

import pytest

from tests.teach import a2
from tests.teach.test_attacks import isolated
from tinyrec.cli.main import main
from tinyrec.teach import NAMES, load


@pytest.fixture
def started(tmp_path, monkeypatch, capsys):
    """A new starter of a2 in the current folder."""
    monkeypatch.chdir(tmp_path)
    assert main(["assignment", "start", "a2"]) == 0
    capsys.readouterr()
    return tmp_path / "a2"


def solve(folder, *tasks):
    for task in tasks or a2.RIGHT:
        (folder / f"task{task}.py").write_text(a2.RIGHT[task]["short"])
    return folder


def run(capsys, *argv):
    code = main(["assignment", *map(str, argv)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_list_names_all_of_them_with_their_variants(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0 and all(load(name).title in out for name in NAMES)
    assert "layout: d x k, k x d" in out


def test_a_starter_is_never_written_over(started, capsys):
    (started / "task1.py").write_text("mine")
    before = {path: path.read_bytes() for path in started.iterdir()}
    code, _, said = run(capsys, "start", "a2")
    assert (code, said) == (5, "tinyrec: a2 is not empty; name another folder with --to, nothing was written\n")
    assert {path: path.read_bytes() for path in started.iterdir()} == before


def test_a_starter_can_be_tried_with_numpy_alone(started):
    code = "import sys, runpy; sys.argv = ['test.py']\ntry: runpy.run_path('test.py', run_name='__main__')\n"
    code += "finally: print({its.split('.')[0] for its in sys.modules} & {'scipy', 'numba', 'polars', 'tinyrec'})"
    empty = subprocess.run([sys.executable, "-c", code], cwd=started, capture_output=True, text=True)
    assert empty.stdout.count("not written yet") == 3 and empty.stdout.endswith("set()\n") and empty.returncode == 1
    solved = subprocess.run([sys.executable, "test.py"], cwd=solve(started), capture_output=True, text=True)
    assert solved.stdout.count("the example is right") == 3 and solved.returncode == 0


def test_check_says_what_is_next_and_does_not_repeat_itself(started, capsys):
    code, out, _ = run(capsys, "check", started)
    assert code == 1 and out.count("Not written yet.") == 3 and out.endswith("next: task1.py\n")
    solve(started, 1)
    code, out, _ = run(capsys, "check", started)
    assert code == 1 and "task 1, the output layer: 5 of 5" in out and out.endswith("next: task2.py\n")
    code, out, _ = run(capsys, "check", started)
    assert "Right, and unchanged since." in out and "a2: 5 of 10 points" in out
    (started / "task1.py").write_text("x = 1")
    code, out, _ = run(capsys, "check", started, "--task", "1")
    assert code == 1 and "AttributeError" in out
    solve(started)
    code, out, _ = run(capsys, "check", started)
    assert code == 0 and out.endswith("all right\n")


def test_check_tells_the_mistake_and_the_smallest_case(started, capsys):
    wrong = a2.WRONG[1]["factor 2"].source(a2.RIGHT[1])
    (started / "task1.py").write_text(wrong)
    _, out, _ = run(capsys, "check", started, "--task", 1, "--seed", 1)
    text = " ".join(out.split())
    assert "task 1, the output layer: 2 of 5" in text
    assert "one gets by this mistake: there is a factor of 2 too many" in text
    assert "Smallest failing case: n=1, d=1, k=1, p=1 at [(0, 0)]" in text


def test_check_of_a_variant(tmp_path, capsys):
    assert main(["assignment", "start", "a2", "--to", str(tmp_path / "b"), "--variant", "3"]) == 0
    assert "In your course" in (tmp_path / "b" / "README.md").read_text()
    code, _, _ = run(capsys, "check", solve(tmp_path / "b"))
    assert code == 1 and "k x d" in (tmp_path / "b" / "assignment.json").read_text()


def test_a_variant_by_name(tmp_path, capsys):
    (tmp_path / "v.json").write_text('{"penalty": "l2"}')
    assert main(["assignment", "start", "a2", "--to", str(tmp_path / "c"), "--variant", str(tmp_path / "v.json")]) == 0
    assert "+ l2 (|V|² + |W|²)" in (tmp_path / "c" / "task3.py").read_text()


@pytest.mark.parametrize(
    "variant, says",
    [
        ('{"penalti": "l2"}', "no axis is called 'penalti'; choose one of layout"),
        ('{"penalty": "l3"}', "penalty has no option 'l3'; choose one of l2/2, l2"),
        ("[1]", 'a variant is {"axis": "option"}'),
        ("no", "is no JSON"),
    ],
)
def test_a_variant_that_there_is_not(tmp_path, capsys, variant, says):
    (tmp_path / "v.json").write_text(variant)
    code, _, said = run(capsys, "start", "a2", "--to", tmp_path / "c", "--variant", tmp_path / "v.json")
    assert code in (2, 5) and says in said and not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    "argv, code, says",
    [
        (["start", "a77"], 2, "no assignment is called 'a77'"),
        (["check", "nowhere"], 3, "nowhere has no assignment.json; name a folder that `assignment start` made"),
        (["check", "a2", "--task", "9"], 2, "a2 has the tasks 1 to 3"),
        (["grade", "a2", "a2", "a2", "--gradescope", "r.json"], 2, "are for one submission"),
        (["grade", "a2", "a2", "--user", "no-such-user"], 2, "there is no user no-such-user"),
        (["grade", "a2", "a2", "--csv", "nowhere/x.csv"], 5, "nowhere"),
    ],
)
def test_what_is_refused(started, capsys, argv, code, says):
    found, _, said = run(capsys, *argv)
    assert found == code and says in said and said.count("\n") == 1


def test_a_folder_of_another_format_is_refused(started, capsys):
    text = (started / "assignment.json").read_text()
    (started / "assignment.json").write_text(text.replace('"format": 1', '"format": 0'))
    code, _, said = run(capsys, "check", started)
    assert code == 3 and "was made by tinyrec" in said and "install that version" in said


def test_grades_of_a_class(started, capsys, tmp_path):
    for name in ("anna", "=bob"):
        shutil.copytree(started, name)
    solve(tmp_path / "anna")
    files = ["--csv", "m.csv", "--junit", "m.xml", "--json", "m.json"]
    code, out, _ = run(capsys, "grade", "a2", "anna", "=bob", "nobody", "--seed", 5, *files)
    assert code == 3 and "nobody is no folder." in " ".join(out.split())
    rows = list(csv.reader(io.StringIO((tmp_path / "m.csv").read_text())))
    assert [row[:2] for row in rows] == [["submission", "points"], ["anna", "10"], ["'=bob", "0"], ["nobody", "0"]]
    suites = ElementTree.parse(tmp_path / "m.xml").getroot()
    assert [suite.get("failures") for suite in suites] == ["0", "3", "0"]
    marks = json.loads((tmp_path / "m.json").read_text())["grades"]
    assert [mark["points"] for mark in marks] == [10, 0, 0] and not marks[0]["isolated"]
    assert run(capsys, "grade", "a2", "anna", "--seed", 5)[0] == 0


def test_the_same_seed_gives_the_same_grade(started, capsys):
    (started / "task1.py").write_text(a2.WRONG[1]["minus r"].source(a2.RIGHT[1]))
    outs = [run(capsys, "grade", "a2", started, "--seed", 9, "--json", "-")[1] for _ in range(2)]
    assert outs[0] == outs[1] and "The rating" not in outs[0]


def test_gradescope(started, capsys, tmp_path):
    """The fields that Gradescope's specification names, with values that it takes."""
    solve(started, 1, 2)
    code, *_ = run(capsys, "grade", "a2", started, "--gradescope", tmp_path / "results.json")
    result = json.loads((tmp_path / "results.json").read_text())
    assert code == 1 and set(result) <= {"tests", "extra_data", "output", "score"} and "score" not in result
    assert sum(test["score"] for test in result["tests"]) == 8
    for test in result["tests"]:
        assert test["status"] in ("passed", "failed") and test["visibility"] == "visible"
        assert isinstance(test["number"], str) and 0 <= test["score"] <= test["max_score"]
        assert test["output_format"] == "text" and isinstance(test["output"], str)
    assert set(result["extra_data"]) == {"seed", "variant", "isolated"}


def test_gradescope_has_no_points_until_the_grader_has_finished(started, tmp_path, monkeypatch):
    def stop(*_):
        assert json.loads((tmp_path / "results.json").read_text())["score"] == 0
        raise KeyboardInterrupt

    monkeypatch.setattr("tinyrec.cli.assignment.grade", stop)
    assert main(["assignment", "grade", "a2", str(started), "--gradescope", str(tmp_path / "results.json")]) == 130
    assert json.loads((tmp_path / "results.json").read_text())["output"] == "The grader did not finish."


def test_classroom(started, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    run(capsys, "grade", "a2", solve(started, 2), "--classroom")
    name, _, text = (tmp_path / "out").read_text().partition("=")
    result = json.loads(base64.b64decode(text))
    assert name == "result" and result["version"] == 1 and result["status"] == "fail" and result["max_score"] == 10
    assert [test["status"] for test in result["tests"]] == ["fail", "pass", "fail"]
    assert sum(test["score"] for test in result["tests"]) == 3


@pytest.mark.parametrize("site", ["gradescope", "classroom"])
def test_a_bundle_holds_the_grader_and_not_the_results(tmp_path, capsys, site):
    path = tmp_path / "b.zip"
    assert run(capsys, "bundle", "a2", "--for", site, "--to", path, "--variant", "2")[0] == 0
    first = path.read_bytes()
    run(capsys, "bundle", "a2", "--for", site, "--to", path, "--variant", "2")
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        runs = "run_autograder" if site == "gradescope" else "grade.sh"
        assert {"setup.sh", runs, "variant.json", "requirements.txt", "README.md"} <= set(names)
        assert "tinyrec/teach/worker.py" in names and not [name for name in names if "results" in name]
        archive.extractall(tmp_path / "unpacked")
    for script in ("setup.sh", runs):
        subprocess.run(["bash", "-n", tmp_path / "unpacked" / script], check=True)
    out = subprocess.run(
        [sys.executable, "-m", "tinyrec", "assignment", "list"],
        cwd=tmp_path / "unpacked",
        capture_output=True,
        text=True,
    )
    assert "a2" in out.stdout


@isolated
def test_what_gradescope_would_run(tmp_path, capsys):
    """run_autograder of the bundle, with this environment in place of the one that setup.sh makes."""
    run(capsys, "bundle", "a2", "--for", "gradescope", "--to", tmp_path / "b.zip")
    tmp_path.chmod(0o700)
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        archive.extractall(tmp_path / "source")
    for folder in ("results", "submission", "source/environment/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "source/environment/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "source/environment/bin/python").chmod(0o755)
    solve(tmp_path / "submission")
    environment = {**os.environ, "AUTOGRADER": str(tmp_path), "HAND_IN_USER": "nobody"}
    done = subprocess.run(["bash", tmp_path / "source" / "run_autograder"], env=environment, capture_output=True)
    result = json.loads((tmp_path / "results" / "results.json").read_text())
    assert done.returncode == 0 and sum(test["score"] for test in result["tests"]) == 10
    assert result["extra_data"]["isolated"]
