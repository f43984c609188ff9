"""Grade a hand-in: only its own files count, each task is run by itself, and nothing of one costs another."""

from __future__ import annotations

import json
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.errors import DataError
from tinyrec.teach import load
from tinyrec.teach.judge import Verdict, judge
from tinyrec.teach.run import Child, answers, can_read_package
from tinyrec.teach.starter import FORMAT, build, hand_in_files
from tinyrec.teach.variant import Variant, checked

MOST_BYTES = 200_000  # of a hand-in file


@dataclass(frozen=True)
class Grade:
    """What a hand-in is worth. problem: why it could not be read, then there are no verdicts"""

    submission: str
    assignment: str
    variant: Variant
    seed: int
    isolated: bool
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""

    @property
    def points(self) -> float:
        return sum(verdict.points for verdict in self.verdicts)

    @property
    def max_points(self) -> float:
        return load(self.assignment).points


def about(folder: Path) -> dict[str, Any]:
    """The folder's assignment.json. DataError: there is none, it is broken, or of another format"""
    try:
        found = json.loads((folder / "assignment.json").read_text("utf-8"))
        name, form, variant = found["assignment"], found["format"], found["variant"]
    except (OSError, ValueError, TypeError, KeyError):
        cure = "name a folder that `assignment start` made"
        if Path("assignment.json").exists():
            cure = "this folder has one: leave the name out"
        raise DataError(f"{folder} has no assignment.json; {cure}") from None
    if form != FORMAT:
        raise DataError(f"{folder} was made by tinyrec {found.get('tinyrec')}; install that version to check it")
    return {"assignment": name, "variant": checked(load(name), variant)}


def grade(
    name: str, folder: Path, variant: Variant, seed: int, child: Child, only: Iterable[int] | None = None
) -> Grade:
    """Grade the hand-in files of a folder with fresh cases drawn from `seed`. only: numbers of tasks; None: all"""
    assignment = load(name)
    isolated = not can_read_package(child)
    if not folder.is_dir():
        return Grade(str(folder), name, variant, seed, isolated, problem=f"{folder} is no folder.")
    files = build(name, variant)
    with tempfile.TemporaryDirectory(prefix="tinyrec-grade-") as made:
        tree = Path(made)
        tree.chmod(0o755)
        problems = {}
        for path in hand_in_files(assignment):
            files[path], problems[path] = read(folder / path)
        for path, data in files.items():
            (tree / path).write_bytes(data)
            (tree / path).chmod(0o644)
        verdicts = []
        for number, path in enumerate(hand_in_files(assignment), start=1):
            if only is None or number in only:
                verdicts.append(of_task(name, number, tree, variant, seed, child, problems[path]))
    return Grade(str(folder), name, variant, seed, isolated, tuple(verdicts))


def read(path: Path) -> tuple[bytes, str]:
    """The content of a hand-in file, or why it does not count. Links are not followed."""
    try:
        found = path.lstat()
    except OSError:
        return b"", f"{path.name} is missing."
    if not stat.S_ISREG(found.st_mode):
        return b"", f"{path.name} is no ordinary file."
    if found.st_size > MOST_BYTES:
        return b"", f"{path.name} has {found.st_size:,} bytes; at most {MOST_BYTES:,} are read."
    try:
        return path.read_bytes(), ""
    except OSError as problem:
        return b"", f"{path.name} cannot be read: {problem.strerror}."


def of_task(name: str, number: int, tree: Path, variant: Variant, seed: int, child: Child, problem: str) -> Verdict:
    task = load(name).tasks[number - 1]
    if problem:
        return Verdict(number, task.title, 0, task.points, problem)
    rng = np.random.default_rng([seed, number])
    cases, large = task.cases(rng), task.large(rng) if task.large else None
    given = answers(child, tree, number, cases, large, variant, task.seconds, task.megabytes)
    try:
        return judge(number, task, cases, given, large)
    except Exception as fault:  # arrays that no check foresaw
        return Verdict(number, task.title, 0, task.points, f"What you return cannot be compared: {fault}.")
