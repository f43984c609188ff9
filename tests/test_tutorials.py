"""The tutorials are scripts in percent format whose assertions check the results, so they must run to the end."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "tutorials").glob("*.py"))
SECONDS = 900  # only stops a hang: a busy machine may need long, and numba may have to compile

every_tutorial = pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)


def cells(tutorial):
    """The cells in order, as (is_markdown, text); text before the first marker is a code cell."""
    before, *rest = re.split(r"(?m)^# %%(.*)\n", tutorial.read_text(encoding="utf-8"))
    cells = [(mark.strip() == "[markdown]", text) for mark, text in zip(rest[::2], rest[1::2], strict=True)]
    return [(False, before), *cells] if before.strip() else cells


def last_output(tutorial):
    """The text that the last statement, print("..."), prints."""
    statement = ast.parse(tutorial.read_text(encoding="utf-8")).body[-1]
    return ast.literal_eval(statement.value.args[0])


def run(tutorial, **environment):
    """The output of the tutorial, without a display or network; `environment`: variables, None unsets one."""
    env = {**os.environ, "MPLBACKEND": "Agg", "TINYREC_OFFLINE": "1", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    env = {name: value for name, value in {**env, **environment}.items() if value is not None}
    # A RuntimeWarning of NumPy, such as an overflow, is an error; the warning that Agg cannot show a plot is expected
    command = [sys.executable, "-W", "error::RuntimeWarning", "-W", "ignore:FigureCanvasAgg", tutorial]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@every_tutorial
def test_has_cells_and_starts_with_a_title(tutorial):
    (is_markdown, first), *rest = cells(tutorial)
    assert is_markdown
    assert re.match(r"# # \w", first)
    assert any(not is_markdown for is_markdown, _ in rest)


@every_tutorial
def test_markdown_cells_contain_only_comments(tutorial):
    prose = [text for is_markdown, text in cells(tutorial) if is_markdown]
    assert all(line.startswith("#") for text in prose for line in text.splitlines() if line)


@every_tutorial
def test_runs_to_the_end_on_available_data_sets(tutorial):
    if not os.environ.get("TINYREC_DATA"):
        pytest.skip("TINYREC_DATA is not set to a folder with data sets")
    assert last_output(tutorial) in run(tutorial)


@every_tutorial
def test_runs_to_the_end_on_synthetic_data(tutorial, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    empty_cache = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # else matplotlib searches for all fonts again
    output = run(tutorial, TINYREC_DATA=None, **empty_cache, **fonts)
    assert last_output(tutorial) in output
    assert "ml-100k:" not in output


OWN = ROOT / "tutorials" / "04_write_your_own_model.py"


def test_the_commands_of_the_page_on_ones_own_model_run(tmp_path):
    """As the page says: its first two cells of code in a file mine.py, and the commands of part 6."""
    code = [text for is_markdown, text in cells(OWN) if not is_markdown]
    (tmp_path / "mine.py").write_text("\n".join(code[:2]), encoding="utf-8")
    lines = ["user,item,rating", *(f"{u},{i},{(u * i) % 5 + 1}" for u in range(20) for i in range(15) if (u + i) % 3)]
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    commands = re.findall(r"(?m)^# python -m tinyrec (.*)$", OWN.read_text(encoding="utf-8"))
    assert len(commands) == 4
    for command in commands:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TINYREC_OFFLINE": "1"}
        flags = command.replace("--epochs 60", "--epochs 5").split()
        done = subprocess.run(
            [sys.executable, "-m", "tinyrec", *flags],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, (command, done.stderr)
