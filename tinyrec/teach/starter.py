"""What a student gets: a folder that needs NumPy alone, in which each task is a file with one empty function.

The def line and the docstring are cut from the package's own source where the task is a function of the package. No
line of its body may stand anywhere in the folder, which is checked each time when one is made.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import json
import re
import textwrap
import tokenize
from pathlib import Path

import numpy as np

import tinyrec
from tinyrec.backend import Array
from tinyrec.errors import FileError, TinyrecError, UsageError
from tinyrec.teach import Assignment, Task, load
from tinyrec.teach.variant import Variant, says, with_edits

HERE = Path(__file__).parent
FORMAT = 1  # of the folder; changes when an older hand-in can no longer be graded
WINDOW = 6  # tokens of the solution in a row that may not stand in a starter
SHORTEST = 12  # characters; shorter windows, such as "):" and names, stand everywhere
EXAMPLE_SEED = 0
HOW_TO = """## How to work

Write your functions into task1.py and so on; no other file of yours counts. In this folder,

    python test.py                            # needs NumPy alone: the example of each task
    python -m tinyrec assignment check        # new random cases each time

`check` keeps in `.tinyrec/` which tasks were right. Loops are allowed: time is not counted, memory is.
"""


def write(name: str, folder: Path, variant: Variant) -> None:
    """Write the starter of assignment `name` into an empty or new folder.

    FileError: the folder holds something, or cannot be written; nothing is changed
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder} is not empty; name another folder with --to, nothing was written")
    files = build(name, variant)
    if found := leaks([text for task in load(name).tasks for text in secrets(task)], files):
        raise TinyrecError(f"{name} gives its solution away: {found[0][1]!r} stands in {found[0][0]}")
    try:
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    except OSError as problem:
        raise FileError(f"cannot write {folder}: {problem.strerror}; name another folder with --to") from None


def build(name: str, variant: Variant) -> dict[str, bytes]:
    """The files of the starter: path -> content"""
    assignment = load(name)
    files = {f"task{number}.py": stub(name, number, variant) for number in range(1, len(assignment.tasks) + 1)}
    files |= {given: (HERE / "given" / given).read_text("utf-8") for given in (*assignment.given, "test.py")}
    files["calls.py"] = (HERE / "calls" / f"{name}.py").read_text("utf-8")
    files["README.md"] = f"{sheet(name)}\n{HOW_TO}{says(assignment, variant)}"
    about = {"assignment": name, "format": FORMAT, "variant": variant, "tinyrec": tinyrec.__version__}
    files["assignment.json"] = json.dumps(about, indent=1) + "\n"
    return {path: text.encode() for path, text in files.items()} | {"examples.npz": examples(assignment, variant)}


def hand_in_files(assignment: Assignment) -> list[str]:
    return [f"task{number}.py" for number in range(1, len(assignment.tasks) + 1)]


def sheet(name: str) -> str:
    """The text of the assignment's sheet: in the wheel beside this file, in a checkout among the tutorials."""
    for folder in (HERE / "sheets", HERE.parent.parent / "tutorials" / "assignments"):
        if (folder / f"{name}.md").exists():
            return (folder / f"{name}.md").read_text("utf-8")
    raise FileError(f"the sheet {name}.md is not installed; install tinyrec again")


def stub(name: str, number: int, variant: Variant) -> str:
    """The student's file of a task: the def line, the docstring, and nothing."""
    assignment = load(name)
    task = assignment.tasks[number - 1]
    head = cut(task.stub)[0] if is_cut(task) else textwrap.dedent(task.stub).strip()
    if task.contract:
        end = head.rindex('"""')
        contract = textwrap.indent(textwrap.dedent(task.contract).strip(), "    ")
        head = f"{head[:end].rstrip()}\n\n{contract}\n    {head[end:]}"
    head = with_edits(assignment, number, variant, head)
    about = f'"""{name}, task {number}: {task.title}. See README.md; try it by: python test.py"""'
    return f'{about}\n\nimport numpy as np  # noqa: F401\n\n\n{head}\n    raise NotImplementedError("task {number}")\n'


def is_cut(task: Task) -> bool:
    return "\n" not in task.stub


def cut(source: str) -> tuple[str, str]:
    """The def line, without annotations, and docstring of "module:function"; and its body, which is taken out."""
    module, _, function = source.partition(":")
    text = inspect.getsource(importlib.import_module(module))
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == function]
    if not found:
        raise UsageError(f"{module} has no function {function}; name the one that the assignment asks for")
    (node,) = found
    lines, (first, *rest) = text.splitlines(), node.body
    assert isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant), f"{function} has no docstring"
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        argument.annotation = None
    docstring = "\n".join(lines[first.lineno - 1 : first.end_lineno])
    head = f"def {function}({ast.unparse(node.args)}):\n{docstring}"
    return head, textwrap.dedent("\n".join(lines[rest[0].lineno - 1 : node.end_lineno]))


def secrets(task: Task) -> list[str]:
    """The source that the student is to write."""
    return [cut(source)[1] for source in ((task.stub,) if is_cut(task) else ()) + task.secrets]


def examples(assignment: Assignment, variant: Variant) -> bytes:
    """A case of each task with its right outputs, for test.py."""
    arrays: dict[str, Array] = {}
    for number, task in enumerate(assignment.tasks, start=1):
        cases = task.cases(np.random.default_rng(EXAMPLE_SEED))
        case = cases[min(task.example, len(cases) - 1)]
        arrays |= {f"{number}/in/{key}": its for key, its in case.items()}
        arrays |= {f"{number}/out/{key}": its for key, its in task.answer(case).items()}
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def leaks(taken: list[str], files: dict[str, bytes], window: int = WINDOW) -> list[tuple[str, str]]:
    """(file, tokens) wherever so many tokens of the solution stand in a row, in code, comments or docstrings.

    White space is taken out of both, and the tokens are searched as text, so that it finds a line in a comment, too.
    """
    windows = {"".join(its[i : i + window]) for its in map(tokens, taken) for i in range(len(its) - window + 1)}
    windows = {its for its in windows if len(its) >= SHORTEST}
    texts = {path: re.sub(r"\s+", "", data.decode(errors="replace")) for path, data in files.items()}
    return [(path, its) for path, text in texts.items() for its in sorted(windows) if its in text]


def tokens(code: str) -> list[str]:
    kept = tokenize.NAME, tokenize.NUMBER, tokenize.OP
    return [its.string for its in tokenize.generate_tokens(io.StringIO(code).readline) if its.type in kept]
