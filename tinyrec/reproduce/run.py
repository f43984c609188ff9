"""Run the cells of a table, a training on a split each, and keep each as soon as it is finished."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
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
from tinyrec.fitting import train
from tinyrec.jobs import each
from tinyrec.reproduce.tables import Row, Table
from tinyrec.specs import Spec
from tinyrec.splits import split_random

Cell = dict[str, Any]

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
    observe: Callable[[Cell, int], None] = lambda cell, left: None,
) -> list[Cell]:
    """Run what no file of results in `folder` has yet, and return all cells that the table is made of.

    splits: how many, with the seeds 0, 1, ..., if not as many as the table says
    quick: at most ten epochs, for a look; such cells are kept apart, in NAME.quick.json
    observe: called with each new cell and how many are still to come
    """
    path = folder / f"{table.name}{'.quick' if quick else ''}.json"
    wanted = dict(tasks(table, splits or table.splits, quick, backend))
    cells = {key_of(cell["task"]): cell for other in sorted(folder.glob("*.json")) for cell in read(other)}
    kept = {key: {**cells[key], "task": task} for key, task in wanted.items() if key in cells}
    write(path, table, [*kept.values()])
    missing = [task for key, task in wanted.items() if key not in kept]
    for left, (task, result) in zip(range(len(missing) - 1, -1, -1), each(run_cell, missing, jobs), strict=True):
        kept[key_of(task)] = {"task": task, **result}
        write(path, table, [kept[key] for key in wanted if key in kept])
        observe(kept[key_of(task)], left)
    return [kept[key] for key in wanted]


def tasks(table: Table, splits: int, quick: bool, backend: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, task) of each training; rows that differ in how they are scored alone share theirs."""
    for split in range(splits):
        for row in table.rows:
            if is_possible(row):
                task: dict[str, Any] = {
                    "row": row.name,
                    "dataset": row.dataset,
                    "train": row.train,
                    "split": split,
                    "quick": quick,
                }
                task["specs"] = [describe(spec) for spec in specs_of(row, quick)]
                task["backend"] = backend
                yield key_of(task), task


def is_possible(row: Row) -> bool:
    """Whether there is something to train, and data to train on that need not be downloaded just for one row."""
    return row.train is not None and (row.dataset not in MD5 or find_zip(row.dataset) is not None)


def specs_of(row: Row, quick: bool) -> list[Spec]:
    """As the row says; a quick one trains no longer than `QUICK_EPOCHS`."""
    return [replace(spec, epochs=min(spec.epochs or 500, QUICK_EPOCHS)) if quick else spec for spec in row.specs()]


def describe(spec: Spec) -> str:
    """The spec in one line, which tells it from all others: what is not said is as in the classes."""
    rows = "" if spec.batch_rows is None else f", {spec.batch_rows} rows in a step"
    return f"{_unusual(spec.model)}, {_unusual(spec.optimizer)}, {spec.epochs or 'best number of'} epochs{rows}"


def _unusual(value: Any) -> str:
    """The repr of a dataclass with only those fields that are not as by default."""
    its = {field.name: getattr(value, field.name) for field in fields(value) if field.name != "by"}
    usual = {field.name: field.default for field in fields(value)}
    shown = [f"by={value.by!r}"] if hasattr(value, "by") else []
    shown += [f"{name}={part!r}" for name, part in its.items() if part != usual[name]]
    return f"{type(value).__name__}({', '.join(shown)})"


def key_of(task: dict[str, Any]) -> str:
    """What makes two trainings the same: data, split and settings, on whatever machine."""
    return json.dumps([task["dataset"], task["split"], task["specs"], (task["train"] or {}).get("valid")])


def run_cell(task: dict[str, Any]) -> Cell:
    """Train on all but the test part of one split, and score on that, once."""
    row = Row(name="", dataset=task["dataset"], train=task["train"])
    part, test = split_random(data_of(row.dataset), TEST, task["split"])
    started = time.perf_counter()
    members = [
        train(
            spec.model,
            part,
            epochs=spec.epochs,
            valid=row.valid,
            optimizer=spec.optimizer,
            batch_rows=spec.batch_rows,
            backend=task["backend"],
            seed=task["split"] + number,
        )
        for number, spec in enumerate(specs_of(row, task["quick"]))
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
            "optimizer": member.info["optimizer"],
            "epochs": member.info["epochs"],
            "valid_rmse": member.info["valid_rmse"],
            "parameters": member.model.count(member.params["b"].size),
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
        return json.loads(path.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise FileError(f"{path} is no file of results ({problem}); delete it, or choose another folder") from None


def write(path: Path, table: Table, cells: list[Cell]) -> None:
    """Replace the file in one step."""
    document = {"table": table.name, "title": table.title, "paper": table.paper, "cells": cells}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
        os.replace(path.with_suffix(".part"), path)
    except OSError as problem:
        raise FileError(f"cannot write {path}: {problem.strerror}; choose another folder with --out") from None
