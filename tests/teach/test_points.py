"""One fault costs the points of its own rule, and the example of a task is the one that shows its rules."""

import importlib

import numpy as np
import pytest

from tests.teach.harness import SEEDS, asked, verdict
from tinyrec.teach import NAMES

ANSWERS = {name: importlib.import_module(f"tests.teach.{name}") for name in NAMES}
LOSES = [
    (name, task, its, points)
    for name, them in ANSWERS.items()
    for task, losses in getattr(them, "LOSES", {}).items()
    for its, points in losses.items()
]


@pytest.mark.parametrize("name, task, its, points", LOSES)
def test_a_fault_costs_its_own_points_alone(name, task, its, points):
    source = ANSWERS[name].WRONG[task][its].source(ANSWERS[name].RIGHT[task])
    for seed in range(SEEDS):
        found = verdict(name, task, source, seed, memory=seed == 0)
        assert found.max_points - found.points == pytest.approx(points), found.says


def example(name, task):
    its, cases, _ = asked(name, task, 0)
    return its, cases[its.example]


def test_the_example_of_a3_undoes_and_forgets():
    _, c = example("a3", 1)
    turned = c.gs[1:] * c.gs[:-1] < 0
    assert c.forget and (turned.any(axis=1) & c.undo[1:]).any() and (turned.any(axis=1) & ~c.undo[1:]).any()


def test_a3_names_the_first_step_that_differs():
    answers = ANSWERS["a3"]
    source = answers.WRONG[1]["0 not remembered"].source(answers.RIGHT[1])
    says = verdict("a3", 1, source).says
    assert "Smallest failing case: step 5 of a walk with g = [0, " in says and "undo off" in says, says


@pytest.mark.parametrize("task", [1, 2, 3])
def test_the_example_of_a2_has_a_shape_for_each_axis(task):
    _, c = example("a2", task)
    assert len({*c.shape, (c.V if task > 1 else c.H).shape[1]}) == 3
    assert (np.diff(c.cols) < 0).any() and (np.diff(c.indptr) == 0).any() and (np.diff(c.indptr) > 1).any()


def test_the_example_of_a1_has_to_be_sorted():
    _, c = example("a1", 1)
    assert not c.twice and (np.bincount(c.i, minlength=c.shape[0]) == 0).any()
    order = np.lexsort((c.j, c.i))
    by_row, by_col = np.argsort(c.i, kind="stable"), np.argsort(c.j, kind="stable")
    assert not any(np.array_equal(order, its) for its in (by_row, by_col, np.arange(len(order))))


def test_a1_says_that_no_error_was_raised():
    answers = ANSWERS["a1"]
    says = verdict("a1", 1, answers.WRONG[1]["twice"].source(answers.RIGHT[1])).says
    assert "a cell is given twice, and no ValueError was raised" in says
    assert says.endswith("the ValueError for a cell given twice is not raised, should be raised."), says
