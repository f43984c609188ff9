"""Memory is foretold.

What `train` says that it takes is within 25 % of the peak of the process, whatever the model and its size; more than
--max-memory is refused, with exit code 7, before anything is trained. Recommending to all users at once takes no matrix
of users x items.
"""

import tracemalloc

import numpy as np
import pytest

import tinyrec as tr
from tests.training.test_memory import FLAGS, os, told_and_taken
from tinyrec.cli import main


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system does not tell what a process takes")
def test_what_is_told_is_what_is_taken(figure, size):
    errors = []
    for flags in FLAGS[: size(2, None)]:
        told, taken = told_and_taken(flags)
        errors.append(told / taken - 1)
    figure(f"{len(errors)} trainings: {min(errors):+.0%} to {max(errors):+.0%} of the peak")
    assert max(map(abs, errors)) <= 0.25


def test_more_than_the_limit_is_refused(capsys):
    assert main(["train", "--set", "l2=1", "--set", "hidden_units=2000", "--max-memory", "0.01"]) == 7
    assert "more than the 0.01 allowed" in capsys.readouterr().err


def test_recommending_holds_no_matrix(figure):
    n, d = 20_000, 5_000
    rng = np.random.default_rng(0)
    data = tr.load_dataset((np.arange(n), rng.integers(0, d, n), rng.integers(1, 6, n).astype(float)))
    fitted = tr.AutoRec(hidden_units=2, l2=1.0).fit(data, epochs=1, backend="reference")
    tracemalloc.start()
    for _ in fitted.recommend_many(data.users.ids, 5):
        pass
    peak, whole = tracemalloc.get_traced_memory()[1], 4 * n * len(data.items)
    tracemalloc.stop()
    figure(f"recommending to all of {n:,} users: {peak / whole:.0%} of a float32 matrix of users x items")
    assert peak < whole / 2
