"""The large case of a task: is it right, too, and did it take memory for all cells, where few are observed?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyrec.teach.assignment import STEP, Case, Task
from tinyrec.teach.compare import compare, described
from tinyrec.teach.run import Answer

TOLERANCE = 1e-6  # of a sum over many numbers, relative to the root of the sum of their squares


def lost(task: Task, large: Case, answer: Answer, points: float) -> tuple[float, str]:
    """How many of the points that a hand-in has are lost by its answer to the large case, and why; (0, ""): none.

    Whether the outputs are right is asked where all those of the other cases are.
    """
    own = sum(its.nbytes for its in large.values())
    sizes = f"{described(large)}, of which the arrays themselves are {own / 1e6:.3g} MB"
    if answer.error:
        return points / 2, f"it fails for {sizes}: {answer.error}. {task.advice}"
    if points == task.points and (wrong := next(problems(task, large, answer), "")):
        return points, f"it is wrong for {sizes}: {wrong}"
    if answer.peak > task.budget * own:
        taken = f"it takes {answer.peak / 1e6:.1f} MB for {sizes}; at most {task.budget:g} times that is allowed"
        return points / 2, f"{taken}. {task.advice}"
    if task.ratio is not None and not (ratio := float(answer.outputs["ratio"])) <= task.ratio:
        taken = f"it takes {ratio:.1f} times the seconds of the yardstick in calls.py for {sizes}"
        return min(points, task.slow), f"{taken}; at most {task.ratio:g} times that is allowed."
    return 0, ""


def problems(task: Task, large: Case, answer: Answer) -> Iterator[str]:
    """What is wrong with the outputs. Gradients for which `answer` would take long are checked along one direction."""
    if task.forward is None:
        for name, its in task.answer(large).items():
            yield from filter(None, [compare(name, answer.outputs.get(name), its, task.tolerance)])
        return
    first, *_ = task.parts[0].outputs
    yield from filter(None, [compare(first, answer.outputs.get(first), task.forward(large), TOLERANCE)])
    rng = np.random.default_rng(0)
    for name in [name[1:] for part in task.parts for name in part.outputs if name[1:] in large and name[0] == "d"]:
        v, ours = rng.standard_normal(large[name].shape), answer.outputs.get(f"d{name}")
        if ours is None or ours.shape != v.shape or ours.dtype.kind != "f":
            yield compare(f"d{name}", ours, v, TOLERANCE)
            continue
        y = np.asarray(task.forward(large.with_(**{name: large[name] + 1j * STEP * v})))
        slope = np.imag((y * large[task.upstream]).sum() if task.upstream else y) / STEP
        if not abs((ours * v).sum() - slope) <= TOLERANCE * (np.sqrt(((ours * v) ** 2).sum()) + abs(slope)):
            yield f"d{name} is no derivative."
