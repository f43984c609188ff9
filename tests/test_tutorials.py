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

# The numbered tutorials, and what each of them says by its number in a paper
LADDER = {
    "00_is_0_83_good": ["section 3", "eq. 7"],
    "01_autorec_by_hand": ["eq. 1", "eq. 2", "eq. 3"],
    "02_is_the_gradient_right": ["eq. 2"],
    "03_signs_and_steps": ["section 3", "Igel and Hüsken"],
    "04_real_ratings": ["eq. 2", "table 1", "fig. 2"],
    "05_only_the_cells_there_are": ["eq. 2"],
    "06_denoising_and_side_information": ["eq. 1", "eq. 4", "fig. 2"],
    "07_deep_layer_by_layer": ["section 3", "section 4.3"],
    "08_clicks": ["eq. 10", "eq. 11"],
    "09_predict_do_not_regularise": ["eq. 1", "eq. 2", "eq. 3", "eq. 6", "eq. 7", "eq. 8"],
    "10_believe_a_result": ["table"],
}

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
def test_is_short_enough_to_be_read_in_one_sitting(tutorial):
    assert tutorial.read_text(encoding="utf-8").count("\n") <= 200


@every_tutorial
def test_ends_with_three_questions_and_an_assignment(tutorial):
    is_markdown, last = cells(tutorial)[-1]
    assert is_markdown
    _, _, questions = last.partition("# ## Questions\n")
    assert len(re.findall(r"(?m)^# \d\. ", questions)) == 3
    assert re.search(r"(?i)expect", questions)
    assert re.search(r"(?i)assignment", questions)


@every_tutorial
def test_each_number_to_expect_is_in_a_test(tutorial):
    """tests/tutorials/test_expected_NN.py, or _NAME.py for a page without a number, computes what a reader is told."""
    number = re.match(r"\d\d", tutorial.stem)
    of = ROOT / "tests" / "tutorials" / f"test_expected_{number[0] if number else tutorial.stem}.py"
    computed = of.read_text(encoding="utf-8").replace("_", "")
    _, questions = cells(tutorial)[-1]
    for told in re.findall(r"[Ee]xpect(?:\n# +| )about(?:\n# +| )(-?\d[\d.,]*(?:e-?\d+)?)", questions):
        assert told.rstrip(".,").replace(",", "") in computed, told


def test_the_ladder_has_no_missing_step():
    numbered = [path.stem for path in TUTORIALS if path.stem[0].isdigit()]
    assert numbered == list(LADDER)


@pytest.mark.parametrize("name", LADDER)
def test_says_where_in_a_paper_it_is(name):
    text = (ROOT / "tutorials" / f"{name}.py").read_text(encoding="utf-8")
    assert [what for what in LADDER[name] if not says(text, what)] == []


def says(text, what):
    """Whether a text names a section, a table, a figure or an equation, alone, in a list or in a range of them."""
    kind, _, number = what.rpartition(" ")
    kinds = {
        "eq.": r"(?:eqs?\.|equations?)",
        "fig.": r"(?:figs?\.|figures?)",
        "section": r"(?:sections?|§)",
        "table": r"tables?",
    }
    if kind not in kinds:
        return what in text.replace("\n# ", " ")
    for numbers in re.findall(rf"(?i){kinds[kind]} ?((?:[\d.a-d]+(?:, | and | to |-|–)?)+)", text.replace("\n# ", " ")):
        named = re.findall(r"\d+(?:\.\d+)?", numbers)
        ranges = re.findall(r"(\d+)(?: to |-|–)(\d+)", numbers)
        if number in named or any(int(first) <= float(number) <= int(last) for first, last in ranges):
            return True
    return False


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


OWN = ROOT / "tutorials" / "write_your_own_model.py"


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
