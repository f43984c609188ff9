"""Run the cells of a table, a training on a split each, and keep each as soon as it is finished."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import tinyrec
from tinyrec.average import Average
from tinyrec.bench.machine import description
from tinyrec.data import Dataset, load_dataset
from tinyrec.data.fetch import MD5
from tinyrec.data.fetch import find as find_zip
from tinyrec.errors import FileError
from tinyrec.fitting import rows_in_a_step, train
from tinyrec.jobs import each
from tinyrec.models import MODELS, DeepAutoRec
from tinyrec.optim import OPTIMIZERS
from tinyrec.reproduce.tables import Row, Table
from tinyrec.specs import Spec
from tinyrec.splits import split_random

Task = dict[str, Any]  # what is trained, on what: data set, features, split, validation, trainings with all settings
Cell = dict[str, Any]  # a task and what came out of it

TEST = 0.1  # of the ratings; the paper's split
QUICK_EPOCHS = 10


def run(
    table: Table,
    folder: Path,
    *,
    splits: int | None = None,
    quick: bool = False,
    jobs: int = 1,
    backend: str = "auto",
    observe: Callable[[str, Cell, int], None] = lambda row, cell, left: None,
) -> list[Cell]:
    """Run what no file of results in `folder` has yet, and return all cells that the table is made of.

    splits: how many, with the seeds 0, 1, ..., if not as many as the table says
    quick: at most ten epochs, for a look; such cells are kept apart, in NAME.quick.json
    observe: called with the name of the row, each new cell, and how many are still to come
    """
    path = folder / f"{table.name}{'.quick' if quick else ''}.json"
    kept = read(path)
    known = [*kept, *(cell for other in sorted(folder.glob("*.json")) if other != path for cell in read(other))]
    wanted: list[tuple[str, Task]] = []
    for split in range(splits or table.splits):
        for row in table.rows:
            task = task_of(row, split, quick) if is_possible(row, table) else None
            if task and all(task != other for _, other in wanted):  # rows that differ in the scoring share theirs
                wanted.append((row.name, task))
    cells = [next((cell for cell in known if is_same(cell["task"], task)), None) for _, task in wanted]
    kept += [cell for cell in cells if cell and cell not in kept]
    missing = [(name, task) for (name, task), cell in zip(wanted, cells, strict=True) if not cell]
    write(path, table, kept)
    arguments = [(name, task, backend) for name, task in missing]
    for left, (argument, result) in zip(reversed(range(len(missing))), each(run_cell, arguments, jobs), strict=True):
        name, task, _ = argument
        kept.append({"task": task, **result})
        write(path, table, kept)
        observe(name, kept[-1], left)
    return [next(cell for cell in kept if is_same(cell["task"], task)) for _, task in wanted]


def is_possible(row: Row, table: Table) -> bool:
    """Whether there is something to train; other data than the table's are not downloaded just for one row."""
    is_here = row.dataset == table.dataset or row.dataset not in MD5 or find_zip(row.dataset) is not None
    return row.train is not None and is_here


def task_of(row: Row, split: int, quick: bool = False) -> Task:
    """What is to be trained for this row on this split."""
    trainings = [settings_of(shortened(spec) if quick else spec) for spec in row.specs()]
    data = {"dataset": row.dataset, "features": row.features, "split": split, "valid": row.valid}
    return {**data, "trainings": trainings}


def shortened(spec: Spec) -> Spec:
    """The same with no more than `QUICK_EPOCHS`."""
    model = spec.model
    if isinstance(model, DeepAutoRec):
        model = replace(model, pretrain=min(model.pretrain, QUICK_EPOCHS))
    return replace(spec, model=model, epochs=min(spec.epochs or QUICK_EPOCHS, QUICK_EPOCHS))


def settings_of(spec: Spec) -> dict[str, Any]:
    """All that a training depends on, besides the data and the seed, as JSON has it."""
    settings = {
        "model": next(name for name, kind in MODELS.items() if type(spec.model) is kind),
        "settings": asdict(spec.model),
        "optimizer": next(name for name, kind in OPTIMIZERS.items() if type(spec.optimizer) is kind),
        "constants": asdict(spec.optimizer),
        "epochs": spec.epochs,
        "batch_rows": rows_in_a_step(spec.optimizer, spec.batch_rows) or 0,
    }
    return json.loads(json.dumps(settings))


def is_same(old: Task, new: Task) -> bool:
    """Whether the two are one training: a setting that the old one does not name must be as by default."""
    ours, theirs = old["trainings"], new["trainings"]
    same = all(old[key] == new[key] for key in ("dataset", "features", "split", "valid")) and len(ours) == len(theirs)
    return same and all(map(_agree, ours, theirs))


def _agree(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if any(old[key] != new[key] for key in ("model", "optimizer", "epochs", "batch_rows")):
        return False
    for key, kind in (("settings", MODELS[new["model"]]), ("constants", OPTIMIZERS[new["optimizer"]])):
        usual = json.loads(json.dumps({field.name: field.default for field in fields(kind)}))
        if not old[key].keys() <= new[key].keys() or {**usual, **old[key]} != {**usual, **new[key]}:
            return False
    return True


def run_cell(argument: tuple[str, Task, str]) -> dict[str, Any]:
    """Train on all but the test part of one split, and score on that, once."""
    _, task, backend = argument
    part, test = split_random(data_of(task["dataset"]).with_features(**task["features"]), TEST, task["split"])
    started = time.perf_counter()
    members = [
        train(
            MODELS[its["model"]](**its["settings"]),
            part,
            epochs=its["epochs"],
            valid=task["valid"],
            optimizer=OPTIMIZERS[its["optimizer"]](**its["constants"]),
            batch_rows=its["batch_rows"] or None,
            backend=backend,
            seed=task["split"] + number,
        )
        for number, its in enumerate(task["trainings"])
    ]
    recommender = members[0] if len(members) == 1 else Average(members)
    seconds = time.perf_counter() - started
    scores = {
        name: recommender.score(test, clip=clip, default=default)
        for name, clip, default in (("usual", True, True), ("no clip", False, True), ("no default", True, False))
    }
    described = [
        {
            "model": repr(member.model),
            "epochs": member.info["epochs"],
            "valid_rmse": member.info["valid_rmse"],
            "parameters": sum(w.size for w in member.params.values()),
            "rmse": member.score(test)["rmse"],
        }
        for member in members
    ]
    environment = {"tinyrec": tinyrec.__version__, "backend": members[0].info["backend"], **description()}
    return {"scores": scores, "members": described, "seconds": seconds, "environment": environment}


@lru_cache(1)  # a process runs many cells
def data_of(dataset: str) -> Dataset:
    return load_dataset(dataset)


def read(path: Path) -> list[Cell]:
    """The cells of a file of results, which need not exist."""
    if not path.exists():
        return []
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        for cell in cells:
            check(cell)
        return cells
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise FileError(f"{path} is no file of results ({problem}); delete it, or choose another folder") from None


def check(cell: Cell) -> None:
    """KeyError, TypeError or ValueError: something is missing that pages are made of."""
    is_same(cell["task"], cell["task"])
    for value in (cell["seconds"], *(cell["scores"][name]["rmse"] for name in ("usual", "no clip", "no default"))):
        float(value)
    for member in cell["members"]:
        int(member["parameters"]), int(member["epochs"])


def write(path: Path, table: Table, cells: list[Cell]) -> None:
    """Replace the file in one step; each cell has a line of its own."""
    head = json.dumps({"table": table.name, "title": table.title, "paper": table.paper}, ensure_ascii=False)
    lines = ",\n".join(json.dumps(cell, ensure_ascii=False) for cell in cells)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(f'{head[:-1]}, "cells": [\n{lines}\n]}}\n', "utf-8")
        os.replace(path.with_suffix(".part"), path)
    except OSError as problem:
        raise FileError(f"cannot write {path}: {problem.strerror}; choose another folder with --out") from None
