"""Tutorials are percent-cell scripts that check themselves: they need only run to their last line."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "tutorials").glob("*.py"))
SECONDS = 180  # for one tutorial, on a busy machine, with numba's kernels still to compile

pytestmark = pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)


def cells(tutorial):
    """The cells in order, as (is it markdown, text); what stands before the first marker is a cell of code."""
    before, *rest = re.split(r"(?m)^# %%(.*)\n", tutorial.read_text(encoding="utf-8"))
    cells = [(mark.strip() == "[markdown]", text) for mark, text in zip(rest[::2], rest[1::2], strict=True)]
    return [(False, before), *cells] if before.strip() else cells


def last_words(tutorial):
    """What its last statement, print("..."), prints."""
    statement = ast.parse(tutorial.read_text(encoding="utf-8")).body[-1]
    return ast.literal_eval(statement.value.args[0])


def run(tutorial, **environment):
    """What the tutorial prints, without a screen or a network; `environment`: variables, None to unset one."""
    env = {**os.environ, "MPLBACKEND": "Agg", "TINYREC_OFFLINE": "1", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    env = {name: value for name, value in {**env, **environment}.items() if value is not None}
    # NumPy's RuntimeWarnings, an overflow say, are mistakes; that Agg cannot show a plot is as it should be
    command = [sys.executable, "-W", "error::RuntimeWarning", "-W", "ignore:FigureCanvasAgg", tutorial]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_is_made_of_cells_and_opens_with_a_title(tutorial):
    (is_markdown, first), *rest = cells(tutorial)
    assert is_markdown
    assert re.match(r"# # \w", first)
    assert any(not is_markdown for is_markdown, _ in rest)


def test_markdown_cells_are_all_comment(tutorial):
    prose = [text for is_markdown, text in cells(tutorial) if is_markdown]
    assert all(line.startswith("#") for text in prose for line in text.splitlines() if line)


def test_runs_to_its_last_line_on_the_data_at_hand(tutorial):
    if not os.environ.get("TINYREC_DATA"):
        pytest.skip("TINYREC_DATA names no folder with data sets")
    assert last_words(tutorial) in run(tutorial)


def test_runs_to_its_last_line_on_synthetic_data(tutorial, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    empty_cache = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # or matplotlib would look for all fonts again
    printed = run(tutorial, TINYREC_DATA=None, **empty_cache, **fonts)
    assert last_words(tutorial) in printed
    assert "ml-100k:" not in printed
