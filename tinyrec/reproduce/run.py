"""Run the cells of a table, a training on a split each, and keep each as soon as it is finished."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from tinyrec.baselines import BASELINES
from tinyrec.data.sets.fetch import MD5
from tinyrec.data.sets.fetch import find as find_zip
from tinyrec.errors import FileError
from tinyrec.models import MODELS, NCAE, DeepAutoRec
from tinyrec.optim import OPTIMIZERS
from tinyrec.reproduce.cell import PASSES, USUAL, Task, run_cell
from tinyrec.reproduce.config import Spec
from tinyrec.reproduce.tables import Row, Table
from tinyrec.training.parallel import each
from tinyrec.training.train import rows_in_a_step

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
    quick: at most ten epochs, for a look (baselines are trained in full); such cells are kept apart, in NAME.quick.json
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
    trainings = [settings_of(shortened(spec) if quick else spec) for spec in row.specs()]
    data = {"dataset": row.dataset, "features": row.features, "split": split, "valid": row.valid}
    others = {name: getattr(row, name) for name, usual in USUAL.items() if getattr(row, name) != usual}
    return {**data, **others, "trainings": trainings}


def shortened(spec: Spec) -> Spec:
    """The same with no more than `QUICK_EPOCHS`."""
    model = spec.model
    if spec.optimizer is None:  # a baseline
        passes = {name: min(getattr(model, name), QUICK_EPOCHS) for name in PASSES if hasattr(model, name)}
        return replace(spec, model=replace(model, **passes))
    if isinstance(model, DeepAutoRec):
        model = replace(model, pretrain=min(model.pretrain, QUICK_EPOCHS))
    if isinstance(model, NCAE):
        model = replace(model, pretrain_epochs=min(model.pretrain_epochs, QUICK_EPOCHS))
    return replace(spec, model=model, epochs=min(spec.epochs or QUICK_EPOCHS, QUICK_EPOCHS))


def settings_of(spec: Spec) -> dict[str, Any]:
    """All that a training depends on, besides the data and the seed, as JSON has it."""
    if spec.optimizer is None:
        name = next(name for name, kind in BASELINES.items() if type(spec.model) is kind)
        none: dict[str, Any] = {"optimizer": None, "constants": {}, "epochs": None, "batch_size": 0}
        return {"model": name, "settings": asdict(spec.model), **none}
    settings = {
        "model": next(name for name, kind in MODELS.items() if type(spec.model) is kind),
        "settings": asdict(spec.model),
        "optimizer": next(name for name, kind in OPTIMIZERS.items() if type(spec.optimizer) is kind),
        "constants": asdict(spec.optimizer),
        "epochs": spec.epochs,
        "batch_size": rows_in_a_step(spec.model, spec.optimizer, spec.batch_size) or 0,
    }
    return json.loads(json.dumps(settings))


def is_same(old: Task, new: Task) -> bool:
    """Whether the two are one training: a setting that the old one does not name must be as by default."""
    ours, theirs = old["trainings"], new["trainings"]
    same = all({**USUAL, **old}[key] == {**USUAL, **new}[key] for key in (*USUAL, *DATA))
    return same and len(ours) == len(theirs) and all(map(_agree, ours, theirs))


def serves(cell: Cell, task: Task, scores: set[str]) -> bool:
    """Whether it is the cell of this task, and has these scores."""
    return scores <= cell["scores"].keys() and is_same(cell["task"], task)


def _agree(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if any(old[key] != new[key] for key in ("model", "optimizer", "epochs", "batch_size")):
        return False
    kinds = {"settings": {**MODELS, **BASELINES}[new["model"]], "constants": OPTIMIZERS.get(new["optimizer"])}
    for key, kind in kinds.items():
        if kind is None:
            continue
        usual = json.loads(json.dumps({field.name: field.default for field in fields(kind)}))
        if not old[key].keys() <= new[key].keys() or {**usual, **old[key]} != {**usual, **new[key]}:
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
