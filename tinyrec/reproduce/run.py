"""Run the cells of a table, a training on a split each, and keep each as soon as it is finished."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tinyrec.data.sets.fetch import MD5
from tinyrec.data.sets.fetch import find as find_zip
from tinyrec.errors import FileError
from tinyrec.optim import OPTIMIZERS
from tinyrec.reproduce.cell import DEFAULTS, PASSES, Task, run_cell
from tinyrec.reproduce.config import ALL_MODELS, TrainingConfig
from tinyrec.reproduce.tables import Row, Table
from tinyrec.training.parallel import each

Cell = dict[str, Any]  # a task and what came out of it

DATA = ("dataset", "features", "split", "valid")  # what each task says of its data
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
    quick: at most ten epochs, for a quick look; such cells are kept apart, in NAME.quick.json
    observe: called with the name of the row, each new cell, and how many are still to come
    """
    path = folder / f"{table.name}{'.quick' if quick else ''}.json"
    kept = read(path)
    known = [*kept, *(cell for other in sorted(folder.glob("*.json")) if other != path for cell in read(other))]
    wanted: list[tuple[str, Task, set[str]]] = []
    for split in range(splits or table.splits):
        for row in filter(lambda row: is_possible(row, table), table.rows):
            task = task_of(row, split, quick)
            same = [scores for _, other, scores in wanted if task == other]
            if same:  # rows that differ in the scoring share a training
                same[0].add(row.score)
            else:
                wanted.append((row.name, task, {row.score}))
    cells = [next((cell for cell in known if serves(cell, task, scores)), None) for _, task, scores in wanted]
    kept += [cell for cell in cells if cell and cell not in kept]
    missing = [(name, task) for (name, task, _), cell in zip(wanted, cells, strict=True) if not cell]
    write(path, table, kept)
    arguments = [(name, task, backend) for name, task in missing]
    for left, (argument, result) in zip(reversed(range(len(missing))), each(run_cell, arguments, jobs), strict=True):
        name, task, _ = argument
        kept.append({"task": task, **result})
        write(path, table, kept)
        observe(name, kept[-1], left)
    return [next(cell for cell in kept if serves(cell, task, scores)) for _, task, scores in wanted]


def is_possible(row: Row, table: Table) -> bool:
    """Whether there is something to train; other data than the table's are not downloaded just for one row."""
    is_here = row.dataset == table.dataset or row.dataset not in MD5 or find_zip(row.dataset) is not None
    return row.train is not None and is_here


def task_of(row: Row, split: int, quick: bool = False) -> Task:
    """What is to be trained for this row on this split."""
    configs = [shortened(config) if quick else config for config in row.configs()]
    trainings = [json.loads(json.dumps(config.describe())) for config in configs]
    data = {"dataset": row.dataset, "features": row.features, "split": split, "valid": row.valid}
    others = {name: getattr(row, name) for name, default in DEFAULTS.items() if getattr(row, name) != default}
    return {**data, **others, "trainings": trainings}


def shortened(config: TrainingConfig) -> TrainingConfig:
    """The same with no more than `QUICK_EPOCHS`, in each stage of pretraining, too."""
    is_baseline = config.optimizer is None
    names = PASSES if is_baseline else ("pretrain", "pretrain_epochs")
    given = {name: getattr(config.model, name, None) for name in names}
    less = {name: min(value, QUICK_EPOCHS) for name, value in given.items() if isinstance(value, int)}
    model = replace(config.model, **less)  # type: ignore[type-var]
    epochs = None if is_baseline else min(config.epochs or QUICK_EPOCHS, QUICK_EPOCHS)
    return replace(config, model=model, epochs=epochs)


def is_same(old: Task, new: Task) -> bool:
    """Whether the two are one training: a setting that the old one does not name must be as by default."""
    ours, theirs = old["trainings"], new["trainings"]
    same = all({**DEFAULTS, **old}[key] == {**DEFAULTS, **new}[key] for key in (*DEFAULTS, *DATA))
    return same and len(ours) == len(theirs) and all(map(_agree, ours, theirs))


def serves(cell: Cell, task: Task, scores: set[str]) -> bool:
    """Whether it is the cell of this task, and has these scores."""
    return scores <= cell["scores"].keys() and is_same(cell["task"], task)


def _agree(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if any(old[key] != new[key] for key in ("model", "optimizer", "epochs", "batch_size")):
        return False
    kinds = {"settings": ALL_MODELS[new["model"]], "constants": OPTIMIZERS.get(new["optimizer"])}
    for key, kind in kinds.items():
        if kind is None:
            continue
        default = json.loads(json.dumps({field.name: field.default for field in fields(kind)}))
        if not old[key].keys() <= new[key].keys() or {**default, **old[key]} != {**default, **new[key]}:
            return False
    return True


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
    for value in (cell["seconds"], *(value for scores in cell["scores"].values() for value in scores.values())):
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
