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


def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own text
    out = capsys.readouterr().out
    assert "'n': 10000, 'cold': 2" in out and "AutoRec(by='item'" in out and "hidden_units=100" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_that_the_parser_knows(command):
    _parser().parse_args(shlex.split(command))


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 9


def test_what_is_where_is_there():
    names = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", README, re.MULTILINE)
    assert len(names) > 10
    for row in names:
        folder = None
        for name in re.findall(r"`(.*?)`", row):
            path = ROOT / name if "/" in name else folder / name
            assert path.exists(), name
            folder = path.parent


def test_the_version_is_the_same_everywhere():
    for name in ("pyproject.toml", "CITATION.cff"):
        assert re.search(rf'version[ :=]+"?{re.escape(tinyrec.__version__)}"?', (ROOT / name).read_text())
