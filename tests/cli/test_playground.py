"""The command playground: what it writes, prints and refuses."""

import json

import pytest

from tinyrec.cli import main, playground
from tinyrec.playground import RUNS, record


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(playground, "record", lambda run: record(run, epochs=3))


def test_it_writes_the_page_and_says_what_the_check_says(capsys, tmp_path):
    path = tmp_path / "play.html"
    path.write_text("an old page")
    assert main(["playground", "--html", str(path)]) == 0
    out, err = capsys.readouterr()
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["passes", "passes", "fails", "fails"]
    assert str(path) in err
    assert [its.name for its in tmp_path.iterdir()] == ["play.html"]


def test_json_and_quiet(capsys, tmp_path):
    path = str(tmp_path / "play.html")
    assert main(["playground", "--html", path, "--json", "-", "--quiet"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["html"] == path and result["trainings"].keys() == RUNS.keys() and err == ""
    assert result["trainings"]["no mask"]["gradient_error"] < 1e-10 < result["trainings"]["double λ"]["gradient_error"]


def test_what_it_refuses(capsys, tmp_path):
    for flags, code, message in (
        (["--html", str(tmp_path / "none" / "play.html")], 5, "is not a writable folder"),
        (["--html", str(tmp_path)], 5, "is not a regular file"),
        (["--html", str(tmp_path / "a"), "--json", str(tmp_path / "a")], 2, "cannot hold two outputs"),
        (["--htm", str(tmp_path / "a")], 2, "--html"),
    ):
        try:
            found = main(["playground", *flags])
        except SystemExit as problem:  # argparse
            found = problem.code
        assert found == code and message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
