"""The README tells the truth: its example runs, its commands exist, its files are there."""

import re
import shlex
from pathlib import Path

import pytest

import tinyrec
from tinyrec.cli.main import _parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m tinyrec (.*?)(?: +#.*)?$", README, re.MULTILINE)
CORE = "backend", "nn", "optim", "models", "sparse.py", "training/loop.py"  # what "How to read it" counts


def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own text
    out = capsys.readouterr().out
    assert "'n': 10000, 'cold': 2" in out and "AutoRec(by='item'" in out and "hidden_units=100" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_that_the_parser_knows(command):
    parser, _ = _parser()
    parser.parse_args(shlex.split(command))


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 15


def test_the_rooms_and_files_are_there():
    rows = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", README, re.MULTILINE)
    assert len(rows) > 10
    for row in rows:
        for name in re.findall(r"`(.*?)`", row):
            assert (ROOT / name).exists() or (ROOT / "tinyrec" / name).exists(), name
    for name in re.findall(r"^\d\. `(.*?)`", README, re.MULTILINE):
        assert (ROOT / name).exists(), name


def test_the_lines_of_the_core_are_counted():
    paths = [ROOT / "tinyrec" / name for name in CORE]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    lines = sum(file.read_text("utf-8").count("\n") for file in files)
    assert f"heart of the project, {lines:,} lines of" in README


def test_the_readme_is_short():
    assert README.count("\n") <= 200


def test_the_version_is_the_same_everywhere():
    for name in ("pyproject.toml", "CITATION.cff"):
        assert re.search(rf'version[ :=]+"?{re.escape(tinyrec.__version__)}"?', (ROOT / name).read_text())
