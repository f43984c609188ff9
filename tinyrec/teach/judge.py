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
from tinyrec.teach.run import Answer

FEW = 12  # numbers of an array that are shown


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
        return with_large(verdict, task, large, given[len(cases) :])
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


def with_large(verdict, task: Task, large: Case | None, given: Sequence[Answer]) -> Verdict:
    """All is right; half of the points are lost if the large case took too much memory, and some if it was too slow."""
    if large is None:
        return verdict(task.points, "")
    (answer,) = given
    own = sum(its.nbytes for its in large.values())
    sizes = f"{described(large)}, of which the arrays themselves are {own / 1e6:.3g} MB"
    if answer.error:
        return verdict(task.points / 2, f"Right, but it fails for {sizes}: {answer.error}. {task.advice}")
    if answer.peak > task.budget * own:
        taken = f"it takes {answer.peak / 1e6:.1f} MB for {sizes}; at most {task.budget:g} times that is allowed"
        return verdict(task.points / 2, f"Right, but {taken}. {task.advice}")
    if task.ratio is not None and not (ratio := float(answer.outputs["ratio"])) <= task.ratio:
        taken = f"it takes {ratio:.1f} times the seconds of the yardstick in calls.py for {sizes}"
        return verdict(task.points - task.slow, f"Right, but {taken}; at most {task.ratio:g} times that is allowed.")
    return verdict(task.points, "")


def problem_of(answer: Answer, right: Outputs, tolerance: float) -> dict[str, str]:
    """output -> what is wrong with it; "" stands for all of them."""
    if answer.error:
        return {"": f"{answer.error[:1].upper()}{answer.error[1:]}."}
    if answer.changed:
        return {"": f"Your function changes its input {answer.changed}; leave inputs as they are."}
    if answer.differs:
        return {"": f"{answer.differs} of a second call with the same inputs is different."}
    found = {name: compare(name, answer.outputs.get(name), its, tolerance) for name, its in right.items()}
    return {name: says for name, says in found.items() if says}


def compare(name: str, ours: Array | None, right: Array, tolerance: float) -> str:
    """What is wrong with an output, in one or two sentences; "" if it is right."""
    right = np.asarray(right)
    if ours is None:
        return f"{name} is missing."
    if ours.shape != right.shape:
        return f"{name} has the shape {ours.shape}, should have {right.shape}."
    if right.dtype.kind in "US" or ours.dtype.kind in "US":
        return "" if np.array_equal(ours, right) else f"{name} is {str(ours)[:80]}, should be {str(right)[:80]}."
    if ours.dtype.kind == "c":
        return f"{name} is complex; return real numbers."
    if right.dtype == np.float64 and ours.dtype.kind == "f" and ours.dtype != np.float64:
        return f"{name} is {ours.dtype}, should be float64: somewhere numbers lose digits."
    if matches(ours, right, tolerance):
        return ""
    if not np.isfinite(ours.astype(float)).all():
        at = np.unravel_index(int(np.argmin(np.isfinite(ours.astype(float)))), ours.shape)
    else:
        at = np.unravel_index(int(np.argmax(np.abs(ours.astype(float) - right))), ours.shape)
    entry = f"{name}[{', '.join(map(str, at))}]" if at else name
    digits = 6
    while digits < 17 and f"{ours[at]:.{digits}g}" == f"{right[at]:.{digits}g}":
        digits += 1
    return f"{entry} is {ours[at]:.{digits}g}, should be {right[at]:.{digits}g}."


def matches(ours: Array, right: Array, tolerance: float) -> bool:
    ours, right = np.asarray(ours), np.asarray(right)
    if ours.shape != right.shape or ours.dtype.kind in "USc" or right.dtype.kind in "US":
        return ours.shape == right.shape and bool(np.array_equal(ours, right))
    with np.errstate(invalid="ignore", over="ignore"):
        ours, right = ours.astype(float), right.astype(float)
        size = np.abs(right[np.isfinite(right)]).max(initial=1e-3)
        return bool((np.isclose(ours, right, rtol=0, atol=tolerance * size, equal_nan=True)).all())


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


def size_of(case: Case) -> int:
    return sum(its.size for its in case.values())


def described(case: Case) -> str:
    """The sizes of a case, such as n=1, d=2, k=3, p=2 at [(0, 0), (0, 1)]; or the shapes of its arrays."""
    if "indptr" not in case or "shape" not in case:
        return ", ".join(
            f"{name}={shown(its)}" if its.size <= FEW else f"{name} {its.shape}" for name, its in case.items()
        )
    (n, d), p = case["shape"], len(case["cols"])
    k = next((f", k={case[name].shape[1]}" for name in ("H", "V", "W") if name in case and case[name].ndim == 2), "")
    rows = np.repeat(np.arange(n), np.diff(case["indptr"]))
    cells = f" at {[(int(i), int(j)) for i, j in zip(rows, case['cols'], strict=True)]}" if p <= 6 else ""
    return f"n={n}, d={d}{k}, p={p}{cells}"


def shown(its: Array) -> str:
    return " ".join(np.array2string(its, precision=4, separator=", ").split())
