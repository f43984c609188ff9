"""An assignment that needs numba: in a child process, and where numba is missing."""

import importlib.util

import numpy as np
import pytest

from tests.teach import a5
from tinyrec.errors import UsageError
from tinyrec.teach import judge, load, run, starter
from tinyrec.teach.variant import base

SLOW = a5.WRONG[1]["a row a cell"].source(a5.RIGHT[1])


@pytest.mark.parametrize("number, source, points", [(1, "short", 4), (1, SLOW, 3), (2, "fast", 4), (3, "counted", 2)])
def test_numba_compiles_in_a_child(tmp_path, number, source, points):
    assignment = load("a5")
    variant = base(assignment)
    for path, data in starter.build("a5", variant).items():
        (tmp_path / path).write_bytes(data)
    (tmp_path / f"task{number}.py").write_text(a5.RIGHT[number].get(source, source), "utf-8")
    task, rng = assignment.tasks[number - 1], np.random.default_rng(0)
    cases, large = task.cases(rng), task.large(rng) if task.large else None
    with run.prepared(needs=assignment.needs) as child:
        got = run.answers(child, tmp_path, number, cases, large, variant, task.seconds, task.megabytes)
    found = judge.judge(number, task, cases, got, large)
    assert found.points == points, found.says


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs numba, which is not installed; install it: pip install numba"):
        run.folders_of("numba")
