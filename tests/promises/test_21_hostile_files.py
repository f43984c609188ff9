"""Loading a model cannot run code.

There is no pickle, eval or exec in the package. Model files and checkpoints with changed bytes, or whole but of other
shapes, types, numbers, names or fields, are refused with one sentence, or give numbers: no traceback, no warning, no
NaN, and no more memory than 1.5 x the file + 64 MB.
"""

import tracemalloc
from functools import partial

import pytest

from tests import test_layers_of_code as code
from tests.recommenders import test_contents as fuzz


@pytest.fixture
def traced():
    tracemalloc.start()
    yield tracemalloc.get_traced_memory
    tracemalloc.stop()


def test_nothing_executes_text():
    for file in code.TREES:
        code.test_nothing_executes_text_or_pickles(file)
    assert code.FOREIGN["pickle"] == {"testing/copies.py"}


def saved(kind, name, folder):
    """Write a file of this kind to a new folder. Return what uses it."""
    folder.mkdir()
    if kind == "model":
        fuzz.saved_model(name, folder / "model.npz")
        return partial(fuzz.use_model, folder / "model.npz")
    fuzz.saved_checkpoint(name, folder)
    return partial(fuzz.use_checkpoint, name, folder)


@pytest.mark.parametrize("kind", ["model", "checkpoint"])
def test_wrong_files_are_refused(figure, size, tmp_path, traced, kind):
    names = list(fuzz.MODELS if kind == "model" else fuzz.TRAININGS)
    rounds, said = -(-size(60, 2500) // len(names)), []
    for name in names:
        path = tmp_path / name / f"{kind}.npz"
        use = saved(kind, name, path.parent)
        said += fuzz.check_wrong_contents(kind, path, use, rounds) + fuzz.check_wrong_bytes(path, use, rounds)
    refused, peak = len(said) - said.count(None), traced()[1]
    figure(f"{len(said):,} {kind} files: {refused:,} refused, 0 tracebacks or NaN, peak {peak / 2**20:.0f} MB")
    assert set(said) <= {None, 2, 5, 6} and refused and peak <= 1.5 * path.stat().st_size + 64 * 2**20
