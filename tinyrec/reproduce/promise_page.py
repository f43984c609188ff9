"""Keep what the tests of the promises measured, and make a page of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tinyrec.errors import FileError
from tinyrec.files import write_text
from tinyrec.reproduce import pages
from tinyrec.reproduce.promises import VERDICTS, Result, read_promises

NAME = "promises"
ABOUT = """\
Each promise is a test in `tests/promises` that measures a figure and asserts its bound: in every run of the tests at a
quick size, and with `--full` at the full one. `python -m tinyrec doctor --promises` measures them on your machine; this
page is made from what it measured.
"""
NOT_PROMISED = """\
* The same bits on another type of CPU, with another BLAS or version of SciPy, on another backend or GPU; and, but for
  number 8, with another number of threads.
* Seconds: no promise names any, as machines differ. Those above are of a busy machine, and no test depends on them.
* Anything about a process before it imports tinyrec: a signal while Python itself starts is Python's.
* Checkpoints within a pretraining: one that is killed there begins its pretraining again, and ends with the same bits.
* Protection where others can write to your folders: numba keeps compiled code beside the package or in your cache
  folder, and runs it; a model class of your own is code; and files in `TINYREC_DATA` are read as they are.
* Privacy: a model file is data, and cannot run code. But it holds the ratings that it was trained on, and parameters
  alone can tell about them, too.
* Assignments, for which number 26 is kept: this package has none.
"""


def keep(results: Sequence[Result], folder: Path) -> None:
    """Write the results to promises.json in this folder, in place of older ones of the same promises, and the page."""
    path = folder / f"{NAME}.json"
    kept = {its["number"]: its for its in [*read(path), *results]}
    kept = {its.number: kept[its.number] | asdict(its) for its in read_promises() if its.number in kept}
    lines = ",\n".join(json.dumps(its, ensure_ascii=False) for its in kept.values())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FileError(f"cannot make {folder}: {problem.strerror}; choose another folder with --out") from None
    write_text(path, f'{{"promises": [\n{lines}\n]}}\n')
    write_text(folder / f"{NAME}.md", page(list(kept.values())))


def read(path: Path) -> list[Result]:
    """The results in a file; none if there is no such file."""
    if not path.exists():
        return []
    try:
        results = json.loads(path.read_text("utf-8"))["promises"]
        page(results)
        return results
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        cause = f"{path} holds no results of promises ({problem})"
        raise FileError(f"{cause}; delete it, or choose another folder") from None


def page(results: Sequence[Result]) -> str:
    """The page: each promise with its figure and its test, what is not promised, and where it was measured."""
    lines = [["", "promise", "", "measured", "size", "test"], ["---:", *["---"] * 5]]
    for its in results:
        test = f"[{Path(its['test']).stem}](../../../{its['test']})"
        figure = its["figure"].replace("|", "\\|")
        lines.append([str(its["number"]), its["title"], VERDICTS[its["kept"]], figure, its["size"], test])
    parts = [
        "# What is promised",
        ABOUT.strip(),
        "\n".join("| " + " | ".join(line) + " |" for line in lines),
        "## In words",
        "\n".join(f"* **{its['number']}. {its['title']}.** {its['text']}" for its in results),
        "## What is not promised",
        NOT_PROMISED.strip(),
        "## Measured on",
        "\n".join(f"* {machine}" for machine in sorted(set(map(pages.environment, results)))),
    ]
    return "\n\n".join(parts) + "\n"
