"""What an assignment is: tasks, the right answers, the mistakes that people make, and the variants of a course.

Nothing here is a solution in the student's form. The right answer of a task is a slow twin, written with loops from the
paper alone, and gradients are the complex step of the slow forward; so no formula of a gradient enters the grader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyrec.backend import Array

Outputs = dict[str, Array]
STEP = 1e-30  # of the complex step: nothing is subtracted, so it is exact to rounding


class Case(dict[str, Array]):
    """The inputs of one call: c["H"] or, shorter, c.H; numbers and texts are arrays of shape ()."""

    def __getattr__(self, name: str) -> Array:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def rows(self) -> Array:
        """The row of each cell of a case with indptr."""
        return np.repeat(np.arange(len(self["indptr"]) - 1), np.diff(self["indptr"]))

    def with_(self, **arrays: Any) -> Case:
        return Case(self | {name: np.asarray(its) for name, its in arrays.items()})

    def drawn(self, rng: np.random.Generator, **shapes: Any) -> Case:
        """With standard normal numbers of these shapes."""
        return self.with_(**{name: rng.standard_normal(shape) for name, shape in shapes.items()})


@dataclass(frozen=True)
class Mistake:
    """says: a sentence to the student, without the solution;  answer: what this mistake makes of a case.

    Outputs that it leaves out are right. A mistake that stops with an error raises it.
    """

    says: str
    answer: Callable[[Case], Outputs]


@dataclass(frozen=True)
class Part:
    """Points for some outputs of a task, which are right in all cases or give none."""

    outputs: tuple[str, ...]
    points: float


@dataclass(frozen=True)
class Task:
    """One function of the student's, in a file of its own.

    title: as in the sheet
    stub: the def line and docstring that the student gets, or "module:function", from which they are cut
    contract: what is added to a docstring that is cut, such as what backward returns
    secrets: further functions of the package, "module:function", that do what is asked
    cases: rng -> the cases of one check, the traps of `matrices` among them
    answer: the right outputs of a case
    large, budget: a case that must not take more than `budget` times the bytes of its own arrays
    advice: what is said if it does
    forward, upstream: where `answer` takes too long for the large case: the forward of `gradients`, and its weights
    ratio, slow: the large case also returns `ratio`, its seconds as a multiple of those of a yardstick in
        calls/NAME.py; more than this costs `slow` points;  None: time is not counted
    example: number of the case that the student gets with its right outputs
    tolerance: relative to the largest number of an output
    seconds, megabytes: of the child that runs it; megabytes are of address space
    score: share of the cases that are right -> share of the points, in place of all or none for each part
    describe: case -> what to call it when it is the smallest failing one; None: its sizes
    """

    title: str
    stub: str
    cases: Callable[[np.random.Generator], list[Case]]
    answer: Callable[[Case], Outputs]
    parts: tuple[Part, ...]
    mistakes: tuple[Mistake, ...]
    contract: str = ""
    secrets: tuple[str, ...] = ()
    large: Callable[[np.random.Generator], Case] | None = None
    budget: float = 30.0
    advice: str = "Do not make all n x d cells."
    forward: Callable[[Case], Any] | None = None
    upstream: str = ""
    ratio: float | None = None
    slow: float = 1.0
    example: int = 5
    tolerance: float = 1e-9
    seconds: float = 20.0
    megabytes: int = 1024
    score: Callable[[float], float] | None = None
    describe: Callable[[Case], str] | None = None

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)


@dataclass(frozen=True)
class Option:
    """One way to ask, of several.

    says: a sentence for the sheet;  edits: number of a task -> (old, new) texts of its stub
    """

    says: str = ""
    edits: dict[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Assignment:
    """title, minutes, reads: for the sheet;  given: files of `tinyrec/teach/given` that the student gets

    axes: what a course may choose: name -> option -> Option; the first option is what `stub` says. `calls/NAME.py`
    passes a case to the student's function in the form of the variant, and brings back the outputs in the first form.
    needs: packages that the student's functions may import besides NumPy
    """

    title: str
    minutes: int
    tasks: tuple[Task, ...]
    given: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    axes: dict[str, dict[str, Option]] = field(default_factory=dict)
    bonus: float = 0.0  # points that a person gives

    @property
    def points(self) -> float:
        return sum(task.points for task in self.tasks)


def matrices(rng: np.random.Generator) -> Iterator[Case]:
    """Sparse matrices with every trap, smallest first: shape (2,), indptr (n + 1,), cols (p,), r (p,).

    In each but the first two are zeros among the ratings and negative ones.
    """
    sizes = {
        "one cell": (1, 1),
        "no cell": (2, 3),
        "a row": (1, 5),
        "a column": (5, 1),
        "square": (4, 4),
        "an empty row": (5, 3),
        "an empty column": (3, 5),
        "wide": (4, 7),
        "tall": (8, 3),
    }
    for name, (n, d) in sizes.items():
        here = rng.random((n, d)) < 0.6
        here[0, 0], here[-1, -1] = True, True
        if name == "no cell":
            here[:] = False
        if name == "an empty row":
            here[int(rng.integers(n))] = False
        if name == "an empty column":
            here[:, int(rng.integers(d))] = False
        rows, cols = np.nonzero(here)
        r = np.round(rng.normal(1, 2, len(rows)) * 2) / 2
        if len(r) > 2:
            r[rng.integers(len(r), size=2)] = 0.0, -1.5
        indptr = np.concatenate([[0], np.cumsum(here.sum(axis=1))]).astype(np.int64)
        yield Case(shape=np.array([n, d]), indptr=indptr, cols=cols.astype(np.int32), r=r)


def large_matrix(rng: np.random.Generator, n: int, d: int, p: int) -> Case:
    """A matrix whose n d cells would take far more memory than its p observed ones."""
    cells = np.sort(rng.choice(n * d, p, replace=False))
    rows, cols = np.divmod(cells, d)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int64)
    return Case(shape=np.array([n, d]), indptr=indptr, cols=cols.astype(np.int32), r=rng.normal(3, 1, p))


def gradients(forward: Callable[[Case], Any], case: Case, names: tuple[str, ...], upstream: str = "") -> Outputs:
    """The gradients d`name` of forward(case), by the complex step; of its sum weighted by case[upstream], if given."""
    grads = {}
    for name in names:
        g = np.zeros(case[name].shape)
        for at in np.ndindex(g.shape):
            moved = case.with_(**{name: case[name].astype(complex)})
            moved[name][at] += 1j * STEP
            y = np.asarray(forward(moved))
            g[at] = np.imag((y * case[upstream]).sum() if upstream else y) / STEP
        grads[f"d{name}"] = g
    return grads


def at_cells(c: Case, Y: Array) -> Array:
    """The numbers of Y (n, d) at the cells of a case, (p,)."""
    return Y[c.rows, c.cols]


def dense(c: Case, values: Array) -> Array:
    """The (n, d) array with these values at the cells of a case, and 0 elsewhere."""
    E = np.zeros(tuple(c["shape"]), np.result_type(values))
    E[c.rows, c.cols] = values
    return E
