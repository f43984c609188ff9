"""Run the cells of a table, each a training on one split, and write each to a file as soon as it is finished."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tinyrec.backend import get_backend
from tinyrec.data.sets.fetch import MD5
from tinyrec.data.sets.fetch import find as find_zip
from tinyrec.errors import FileError, UsageError
from tinyrec.files import write_text
from tinyrec.optim import OPTIMIZERS
from tinyrec.reproduce.cell import DEFAULTS, PASSES, Task, run_cell
from tinyrec.reproduce.config import KINDS, TrainingConfig
from tinyrec.reproduce.tables import Row, Table
from tinyrec.training.parallel import each

Cell = dict[str, Any]  # a task and its results
Asked = set[tuple[str, str]]  # what is shown of a cell: ("usual", "rmse") for cell["scores"]["usual"]["rmse"]

DATA = ("dataset", "features", "split", "valid")  # the keys of a task about its data
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
    """Run the cells of the table that are in no file of results in `folder`, and return all cells of the table.

    splits: the number of splits, with the seeds 0, 1, ...; default: the table's
    quick: at most ten epochs, for a quick look; such cells are kept apart, in NAME.quick.json
    observe: called with the name of the row, each new cell, and the number of cells still to run
    """
    if table.backend and get_backend(backend).name != table.backend:
        raise UsageError(f"{table.name} is measured on a GPU only; add --backend {table.backend}")
    path = folder / f"{table.name}{'.quick' if quick else ''}.json"
    kept = [cell for cell in read(path) if is_of(table, cell)]
    files = (
        [] if table.backend or table.timed else [other for other in sorted(folder.glob("*.json")) if is_shared(other)]
    )
    others = [cell for other in files if other != path for cell in read(other)]
    wanted: list[tuple[str, Task, Asked]] = []
    for split in range(splits or table.splits):
        for row in filter(
            lambda row: is_possible(row, table) and (row.splits is None or split < row.splits), table.rows
        ):
            task = task_of(row, split, quick)
            same = [scores for _, other, scores in wanted if task == other]
            if same:  # rows that differ only in their score share a training
                same[0].update(asked(row, table))
            else:
                wanted.append((row.name, task, asked(row, table)))
    missing: list[tuple[str, Task, str]] = []
    for name, task, scores in wanted:
        cell = next((cell for cell in [*kept, *others] if serves(cell, task, scores)), None)
        if cell is None:
            missing.append((name, task, backend))
        elif cell not in kept:
            kept = replaced(kept, cell)
    write(path, table, kept)
    for left, (argument, result) in zip(reversed(range(len(missing))), each(run_cell, missing, jobs), strict=True):
        name, task, _ = argument
        kept = replaced(kept, {"task": task, **result})
        write(path, table, kept)
        observe(name, kept[-1], left)
    return [next(cell for cell in kept if serves(cell, task, scores)) for _, task, scores in wanted]


def is_of(table: Table, cell: Cell) -> bool:
    """Return whether the cell was measured by the backend of the table, if it asks for one."""
    return not table.backend or cell["environment"]["backend"] == table.backend


def is_shared(path: Path) -> bool:
    """Return whether the cells in a file of results may serve other tables; those of a GPU would pass for a CPU's."""
    return not path.name.startswith(("promises.", "gpu.", "gpu-", "field-", "speed."))


def replaced(cells: list[Cell], new: Cell) -> list[Cell]:
    """Add a cell, in place of one of the same task that lacks some scores."""
    return [*(cell for cell in cells if not is_same(cell["task"], new["task"])), new]


def is_possible(row: Row, table: Table) -> bool:
    """Return whether to train the row; nothing is downloaded or installed for it alone."""
    is_here = row.dataset == table.dataset or row.dataset not in MD5 or find_zip(row.dataset) is not None
    return row.train is not None and is_here and not row.lacks


def task_of(row: Row, split: int, quick: bool = False) -> Task:
    """Return what to train for this row on this split."""
    configs = [shortened(config) if quick else config for config in row.configs()]
    trainings = [json.loads(json.dumps(config.describe())) for config in configs]
    data = {"dataset": row.dataset, "features": row.features, "split": split, "valid": row.valid}
    others = {name: getattr(row, name) for name, default in DEFAULTS.items() if getattr(row, name) != default}
    return {**data, **others, "trainings": trainings}


def shortened(config: TrainingConfig) -> TrainingConfig:
    """Return the same training with at most `QUICK_EPOCHS`, also in each stage of pretraining."""
    is_baseline = config.optimizer is None
    names = PASSES if is_baseline else ("pretrain", "pretrain_epochs")
    given = {name: getattr(config.model, name, None) for name in names}
    less = {name: min(value, QUICK_EPOCHS) for name, value in given.items() if isinstance(value, int)}
    model = replace(config.model, **less)  # type: ignore[type-var]
    epochs = None if is_baseline else min(config.epochs or QUICK_EPOCHS, QUICK_EPOCHS)
    return replace(config, model=model, epochs=epochs)


def is_same(old: Task, new: Task) -> bool:
    """Return whether both are the same training; a setting that the old one lacks must have its default value."""
    same = all({**DEFAULTS, **old}[key] == {**DEFAULTS, **new}[key] for key in (*DEFAULTS, *DATA))
    both = old["trainings"], new["trainings"]
    return same and len(both[0]) == len(both[1]) and all(map(_agree, *both))


def asked(row: Row, table: Table) -> Asked:
    """Return which scores the row shows: its measure, and under the usual protocol the columns that are metrics."""
    columns = [name for name in table.columns if "@" in name and row.score == "usual"]
    return {(row.score, name) for name in (row.measure, *columns)}


def serves(cell: Cell, task: Task, scores: Asked) -> bool:
    """Return whether the cell is of this task, and has these scores."""
    return all(name in cell["scores"].get(score, ()) for score, name in scores) and is_same(cell["task"], task)


def _agree(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if any(old.get(key) != new.get(key) for key in ("model", "optimizer", "epochs", "batch_size", "weight")):
        return False
    kinds = {"settings": KINDS[new["model"]], "constants": OPTIMIZERS.get(new["optimizer"])}
    for key, kind in kinds.items():
        if kind is None:
            continue
        default = json.loads(json.dumps({field.name: field.default for field in fields(kind)}))
        if not old[key].keys() <= new[key].keys() or {**default, **old[key]} != {**default, **new[key]}:
            return False
    return True


def read(path: Path) -> list[Cell]:
    """Return the cells in a file of results; none if there is no such file."""
    if not path.exists():
        return []
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        for cell in cells:
            check(cell)
        return cells
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise FileError(f"{path} is not a file of results ({problem}); delete it, or choose another folder") from None


def check(cell: Cell) -> None:
    """Raise KeyError, TypeError or ValueError if something is missing that the pages need."""
    is_same(cell["task"], cell["task"])
    for value in (cell["seconds"], *(value for scores in cell["scores"].values() for value in scores.values())):
        float(value)
    for member in cell["members"]:
        int(member["parameters"]), int(member["epochs"])


def write(path: Path, table: Table, cells: list[Cell]) -> None:
    """Write the file atomically, with one line for each cell."""
    head = json.dumps({"table": table.name, "title": table.title, "paper": table.paper}, ensure_ascii=False)
    lines = ",\n".join(json.dumps(cell, ensure_ascii=False) for cell in cells)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FileError(f"cannot make {path.parent}: {problem.strerror}; choose another folder with --out") from None
    write_text(path, f'{head[:-1]}, "cells": [\n{lines}\n]}}\n')
