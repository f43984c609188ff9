"""Compare the answers of a hand-in with the right ones, and say what is wrong, as a person would.

First in how many cases something is wrong; then the known mistake that would give exactly this in *all* cases, if there
is one; then the smallest failing case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import Case, Mistake, Outputs, Task
from tinyrec.teach.compare import described, matches, problem_of, size_of
from tinyrec.teach.large import lost
from tinyrec.teach.run import Answer


@dataclass(frozen=True)
class Verdict:
    """points: those that are earned;  says: what is wrong, "" if nothing is;  mistake: the known one, if any"""

    task: int
    title: str
    points: float
    max_points: float
    says: str = ""
    mistake: str = ""

    @property
    def passed(self) -> bool:
        return self.points == self.max_points


def judge(
    number: int, task: Task, cases: Sequence[Case], given: Sequence[Answer], large: Case | None = None
) -> Verdict:
    """The verdict on the answers to these cases; the last answer is the one to the large case, if there is one."""

    def verdict(points: float, says: str, mistake: str = "") -> Verdict:
        return Verdict(number, task.title, points, task.points, says, mistake)

    errors = {answer.error for answer in given}
    if errors == {"not written yet"}:
        return verdict(0, "Not written yet.")
    right = [task.answer(case) for case in cases]
    checked = given[: len(cases)]
    problems = [problem_of(answer, its, task.tolerance) for answer, its in zip(checked, right, strict=True)]
    if not any(problems):
        less, says = lost(task, large, given[-1], task.points) if large else (0.0, "")
        return verdict(task.points - less, says and f"Right, but {says}")
    wrong = {name for its in problems for name in its}
    points = sum(part.points for part in task.parts if not wrong & {*part.outputs, ""})
    failing = [number for number, its in enumerate(problems) if its]
    if task.score:
        points = task.points * task.score(1 - len(failing) / len(cases))
    names = ", ".join(dict.fromkeys(name for part in task.parts for name in part.outputs if name in wrong))
    count = f"{len(failing)} of {len(cases)} random cases"
    first = f"{names} {'are' if ',' in names else 'is'} wrong in {count}." if names else f"It fails in {count}."
    found = explanations(task, cases, right, checked, wrong)
    told = f" What you return is what one gets by this mistake: {' '.join(its.says for its in found)}" if found else ""
    says = f"{first}{told} {smallest(task, cases, problems)}"
    if large and points:
        less, too = lost(task, large, given[-1], points)
        points, says = points - less, f"{says} And {too}" if too else says
    return verdict(points, says, " ".join(its.says for its in found))


def smallest(task: Task, cases: Sequence[Case], problems: Sequence[dict[str, str]]) -> str:
    """The smallest failing case with a cell, and what is wrong in it; then that of an output which is right in it."""
    failing = [number for number, its in enumerate(problems) if its]
    failing.sort(key=lambda number: (len(cases[number].get("cols", "x")) == 0, size_of(cases[number])))
    shown = failing[:1]
    for name in {name: "" for number in failing for name in problems[number]}:
        if not any(name in problems[number] or "" in problems[number] for number in shown):
            shown.append(next(number for number in failing if name in problems[number]))
    says = [f"{(task.describe or described)(cases[number])}. {first_of(problems[number])}" for number in shown[:2]]
    return f"Smallest failing case: {' Another one: '.join(says)}"


def first_of(problems: dict[str, str]) -> str:
    return next(iter(problems.values()))


def explanations(
    task: Task, cases: Sequence[Case], right: Sequence[Outputs], given: Sequence[Answer], wrong: set[str]
) -> list[Mistake]:
    """The known mistake that gives these answers; if none does, those that give some of the outputs, at most two.

    It must give the student's numbers in every case, right or wrong, and stop where the student's does.
    """
    found, left = [], set(wrong)
    for whole in (True, False):
        for mistake in task.mistakes:
            explained = outputs_explained(mistake, task, cases, right, given)
            if explained & left and (wrong <= explained or not whole):
                found.append(mistake)
                left -= explained
            if not left or len(found) == 2:
                return found
    return found


def outputs_explained(
    mistake: Mistake, task: Task, cases: Sequence[Case], right: Sequence[Outputs], given: Sequence[Answer]
) -> set[str]:
    """The outputs that the mistake changes, if the student's are the same in every case; "": those of an error."""
    changed: set[str] = set()
    for case, its, answer in zip(cases, right, given, strict=True):
        try:
            with np.errstate(all="ignore"):
                expected = mistake.answer(case)
        except Exception:
            if not answer.error:
                return set()
            changed |= {"", *its}
            continue
        if answer.error or answer.changed or answer.differs:
            return set()
        for name, array in expected.items():
            ours = answer.outputs.get(name)
            if ours is None or not (matches(ours, array, task.tolerance) or unlike(case, its[name], array, ours, task)):
                return set()
            if not matches(its[name], array, task.tolerance):
                changed.add(name)
    return changed


def unlike(case: Case, right: Array, expected: Array, ours: Array, task: Task) -> bool:
    """Whether this case says nothing of the mistake: without a cell, or where it gives nan, and ours is right."""
    expected = np.asarray(expected)
    is_nan = expected.dtype.kind == "f" and not np.isfinite(expected).all()
    says_nothing = is_nan or len(case.get("cols", "x")) == 0
    return says_nothing and matches(ours, right, task.tolerance)
