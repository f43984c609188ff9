"""Checkpoints: a training that was stopped continues from there, bit for bit."""

from __future__ import annotations

import json
import time
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.backend import to_host
from tinyrec.errors import FileError, UsageError
from tinyrec.recommenders import storage
from tinyrec.recommenders.contents import brief
from tinyrec.training.loop import Epoch
from tinyrec.training.progress import Progress
from tinyrec.training.resume import check_header, leaves

NAME = "checkpoint.npz"
NEXT = "checkpoint-next.npz"  # of ranks with files of their own, until all have written theirs
MIN_SECONDS = 10.0  # between two writes
MIN_RATIO = 20  # of the time between two writes and the time that a write takes, so that writing costs 5 % at most


def exists(folder: Path) -> bool:
    """Whether the folder has a checkpoint, or one that waited for those of other ranks."""
    return (folder / NAME).exists() or (folder / NEXT).exists()


class Checkpoint:
    """Writes the Progress that it is called with to checkpoint.npz in a folder, if the last write was long enough ago.

    task: what must be the same to continue, such as the data's hash, the model and the seed; JSON values only
    """

    def __init__(self, folder: str | PathLike, task: dict[str, Any]):
        self.path, self.task = Path(folder) / NAME, json.loads(json.dumps(task))  # as it will be read
        self.due = time.monotonic() + MIN_SECONDS

    def start(self) -> None:
        """Make the folder. UsageError: it has a checkpoint already, which is not overwritten."""
        if exists(folder := self.path.parent):
            cause = f"{folder} has a checkpoint already"
            raise UsageError(f"{cause}; continue from it with --resume, or choose another folder")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise FileError(f"cannot make {self.path.parent}: {problem.strerror}; choose another folder") from None

    def __call__(self, progress: Progress) -> None:
        is_due = bool(progress.rows.agreed(progress.rows.is_first and time.monotonic() >= self.due))
        if is_due and progress.epoch:  # pretraining has no state to continue from
            self.write(progress)

    def write(self, progress: Progress) -> None:
        """Replace the checkpoint in one step, unless a parameter is not finite: the last good one stays."""
        epoch, rows = progress.epoch, progress.rows
        assert epoch is not None, "there is nothing to write before the first epoch"
        started, tree = time.monotonic(), rows.gathered({"params": epoch.params, "state": epoch.state})
        is_finite = not rows.is_first or all(np.isfinite(to_host(w)).all() for w in tree["params"].values())
        path = self.path.with_name(NEXT) if rows.in_parts else self.path
        is_kept = not rows.agreed(not is_finite)
        if is_kept and rows.is_first:
            self._store(progress, epoch, tree, path)
        rows.agreed(0)  # no process goes on, or ends, before it is written
        if is_kept and rows.in_parts:
            _put_in_place(path, self.path)
        self.due = time.monotonic() + max(MIN_SECONDS, MIN_RATIO * (time.monotonic() - started))

    def _store(self, progress: Progress, epoch: Epoch, tree: dict[str, Any], file: Path) -> None:
        arrays: dict[str, Any] = {}
        numbers: dict[str, Any] = {}
        for path, leaf in leaves(tree):
            value = to_host(leaf)
            (arrays if isinstance(value, np.ndarray) else numbers)[path] = value
        header = {
            "task": self.task,
            "trials": progress.trials,
            "history": progress.history,
            "best": [progress.best_rmse, progress.best_epoch],
            "epochs": progress.epochs,
            "epoch": [epoch.number, epoch.loss, epoch.seconds],
            "rng": epoch.rng.bit_generator.state,
            "numbers": numbers,
        }
        storage.write(file, "checkpoint", header, arrays)

    def read(self) -> Progress:
        """The Progress last written. UsageError: it belongs to another task; the fields that differ are named."""
        if not self.path.exists():
            raise FileError(f"there is no {self.path} to continue from; begin without --resume")
        return self._read(self.path)

    def read_of_all(self, comm: Any) -> Progress:
        """The last Progress that each rank has written to its own folder. FileError: there is none"""
        own = [self._read(path) for path in (self.path, self.path.with_name(NEXT)) if path.exists()]
        by_place = {(len(its.trials), its.epoch.number if its.epoch else 0): its for its in own}
        common = set.intersection(*map(set, comm.allgather(list(by_place))))
        if not common:
            raise FileError("the ranks have no checkpoint of the same epoch; begin again without --resume, elsewhere")
        return by_place[max(common)]

    def _read(self, path: Path) -> Progress:
        header, arrays = storage.read(path, "checkpoint")
        try:
            check_header(header)
            task, progress = header["task"], _progress(header, arrays)
            differ = [key for key in self.task | task if task.get(key) != self.task.get(key)]
        except Exception as problem:  # fields of unexpected types can raise almost anything
            raise FileError(f"{path} is damaged ({brief(problem)}); begin again in another folder") from None
        if differ:
            fields = ", ".join(
                f"{key:.60} (was {brief(task.get(key))}, is {brief(self.task.get(key))})" for key in differ
            )
            raise UsageError(f"{path} belongs to another training: {fields}; continue with the settings it began with")
        return progress


def _put_in_place(new: Path, path: Path) -> None:
    try:
        new.replace(path)
    except OSError as problem:
        raise FileError(f"cannot write {path}: {problem.strerror}; choose another place") from None


def _progress(header: dict[str, Any], arrays: dict[str, Any]) -> Progress:
    rng = np.random.default_rng()
    rng.bit_generator.state = header["rng"]
    tree: dict[str, Any] = {"params": {}, "state": {}}
    for path, value in (arrays | header["numbers"]).items():
        *groups, name = path.split("/")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[name] = value
    number, loss, seconds = header["epoch"]
    epoch = Epoch(number, loss, seconds, tree["params"], tree["state"], rng)
    best_rmse, best_epoch = header["best"]
    return Progress(header["trials"], header["history"], epoch, best_rmse, best_epoch, header["epochs"])
