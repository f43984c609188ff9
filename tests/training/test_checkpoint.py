"""A training that was stopped, however it was stopped, goes on where it was, bit for bit."""

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.errors import FileError, UsageError
from tinyrec.optim import LBFGS, SGD, Adam, RMSprop, RProp
from tinyrec.training import checkpoint as module
from tinyrec.training.checkpoint import Checkpoint

TASK = {"data": "abc", "seed": 0}
DATA = tr.make_synthetic(60, 40, 900, seed=3)


class Stop(Exception):
    pass


def stopped(folder, after, backend="reference", **options):
    """Train until an epoch number of the whole run, write a checkpoint, and stop."""
    checkpoint = Checkpoint(folder, TASK)
    checkpoint.start()

    def observe(progress):
        if len(progress.history) == after:
            checkpoint.write(progress)
            raise Stop

    with pytest.raises(Stop):
        tr.AutoRec(**options.pop("model")).fit(DATA, observe=observe, backend=backend, **options)


@pytest.mark.parametrize("options", [
    {"optimizer": RProp()},
    {"optimizer": RProp(variant="irprop+")},
    {"optimizer": SGD(), "batch_size": 16},
    {"optimizer": RMSprop(), "batch_size": 16},
    {"optimizer": Adam(), "batch_size": 16},
    {"optimizer": LBFGS(iterations=3)},
], ids=lambda options: str(options["optimizer"]))  # fmt: skip
def test_resumed_equals_uninterrupted_bit_for_bit(backend, tmp_path, options):
    model, options = {"hidden_units": 3, "l2": 4.0}, {"epochs": 9, "backend": backend, **options}
    whole = tr.AutoRec(**model).fit(DATA, **options)
    stopped(tmp_path, 4, model=model, **options)
    progress = Checkpoint(tmp_path, TASK).read()
    resumed = tr.AutoRec(**model).fit(DATA, resume=progress, **options)
    for name, w in whole.params.items():
        assert w.tobytes() == resumed.params[name].tobytes()
    losses = [[row["loss"] for row in run.info["history"]] for run in (whole, resumed)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.99])
def test_a_search_goes_on_in_the_trial_in_which_it_was(tmp_path, part):
    model, options = {"hidden_units": 3}, {"epochs": 25}
    whole = tr.AutoRec(**model).fit(DATA, backend="reference", **options)
    stopped(tmp_path, round(part * len(whole.info["history"])), model=model, **options)
    progress = Checkpoint(tmp_path, TASK).read()
    resumed = tr.AutoRec(**model).fit(DATA, backend="reference", resume=progress, **options)
    assert resumed.info["trials"] == whole.info["trials"] and resumed.model == whole.model
    for name, w in whole.params.items():
        assert w.tobytes() == resumed.params[name].tobytes()


@pytest.fixture
def progress():
    seen = []
    tr.AutoRec(hidden_units=2, l2=1.0).fit(DATA, epochs=2, backend="reference", observe=seen.append)
    return seen[-1]


def test_another_task_is_refused_with_the_fields_that_differ(tmp_path, progress):
    Checkpoint(tmp_path, TASK).write(progress)
    with pytest.raises(UsageError, match=r"another training: data \(was abc, is xyz\), l2 \(was None, is 3\);"):
        Checkpoint(tmp_path, {"data": "xyz", "seed": 0, "l2": 3}).read()


def test_a_checkpoint_is_not_overwritten_by_a_new_training(tmp_path, progress):
    Checkpoint(tmp_path, TASK).write(progress)
    with pytest.raises(UsageError, match="has a checkpoint already; continue from it with --resume"):
        Checkpoint(tmp_path, TASK).start()


def test_broken_parameters_do_not_replace_the_last_good_checkpoint(tmp_path, progress):
    checkpoint = Checkpoint(tmp_path, TASK)
    checkpoint.write(progress)
    before = checkpoint.path.read_bytes()
    progress.epoch.params["W"][0, 0] = np.nan
    checkpoint.write(progress)
    assert checkpoint.path.read_bytes() == before


def test_it_is_written_now_and_then_and_not_at_each_call(tmp_path, progress, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path, TASK)
    checkpoint(progress)
    assert not checkpoint.path.exists()
    now[0] += module.MIN_SECONDS
    checkpoint(progress)
    assert checkpoint.path.exists() and [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 1000])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "checkpoint.npz").write_bytes(content)
    with pytest.raises(FileError, match="damaged or no checkpoint"):
        Checkpoint(tmp_path, TASK).read()


def test_a_missing_checkpoint_and_a_folder_that_cannot_be_made_are_refused(tmp_path):
    with pytest.raises(FileError, match=r"no .*checkpoint.npz to continue from"):
        Checkpoint(tmp_path, TASK).read()
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot make"):
        Checkpoint(tmp_path / "file" / "folder", TASK).start()
