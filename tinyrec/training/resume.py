"""Whether a training that was stopped can be continued: what was read must be what this training would have written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyrec.backend import to_host
from tinyrec.errors import FileError
from tinyrec.recommenders import contents
from tinyrec.recommenders.contents import (
    Check,
    Spec,
    check_arrays,
    check_fields,
    list_of,
    number,
    optional,
    text,
    whole,
)
from tinyrec.training.loop import Epoch
from tinyrec.training.progress import Progress

NOT_NEGATIVE = "step", "v"  # step sizes and means of squares, in the state of an optimizer
TRIAL: dict[str, Check] = {"settings": contents.a_dict, "epochs": whole, "valid_rmse": number}
ROW: dict[str, Check] = {"trial": optional(whole), "layer": optional(whole), "valid_rmse": optional(number)}
ROW |= {"epoch": whole, "loss": number, "seconds": number}


def leaves(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Each array or number of nested dicts, with its path: ("state/step/V", array), ..."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{name}/")
        else:
            yield path + name, value


def check_header(header: dict[str, Any]) -> None:
    """ValueError: the fields of a checkpoint are not those that `Checkpoint.write` writes"""
    checks: dict[str, Check] = {"task": contents.a_dict, "numbers": contents.a_dict, "rng": contents.a_dict}
    checks |= {"trials": list_of(contents.a_dict), "history": list_of(contents.a_dict), "epochs": optional(whole)}
    check_fields(
        "the checkpoint", header, checks | {"best": list_of(contents.anything), "epoch": list_of(contents.anything)}
    )
    for what, rows, wanted in (("a trial", header["trials"], TRIAL), ("an epoch", header["history"], ROW)):
        for row in rows:
            check_fields(what, row, wanted)
    state: dict[str, Check] = {
        "state": contents.a_dict,
        "bit_generator": text,
        "has_uint32": lambda value: value in (0, 1),
    }
    check_fields("the generator", header["rng"], state | {"uinteger": lambda value: whole(value) and value < 2**32})
    own = {name: lambda value: type(value) is int and 0 <= value < 2**128 for name in ("state", "inc")}
    check_fields("the generator", header["rng"]["state"], own)
    (at, loss, seconds), (best_rmse, best_epoch) = header["epoch"], header["best"]
    if not (whole(at) and (number(loss) or at == 0) and number(seconds)):
        raise ValueError("its epoch is not valid")
    if not (whole(best_epoch) and best_epoch <= at and (best_rmse == math.inf or number(best_rmse))):
        raise ValueError("its best epoch is not valid")
    for row in header["history"][-1:] if at else []:
        if not (row["layer"] is None and row["epoch"] == at and row["trial"] in (None, len(header["trials"]))):
            raise ValueError("its history does not end with its epoch")
    if len(header["history"]) < max([at, *(trial["epochs"] for trial in header["trials"])]):
        raise ValueError("its history is shorter than its trials")


def check_trials(progress: Progress, model: Any, candidates: Sequence[Any]) -> None:
    """FileError: the finished trials are not those of the first candidates"""
    try:
        done = [replace(model, **trial["settings"]) for trial in progress.trials]
    except Exception as problem:  # settings of unexpected names and types
        raise _unfit(problem) from None
    if done != list(candidates[: len(done)]):
        raise _unfit("its trials are of other models")


def check_epoch(epoch: Epoch, model: Any, R: Any, optimizer: Any) -> None:
    """FileError: the parameters, or the state of the optimizer, are not of the shapes and types that are trained"""
    params = model.init(R, np.random.default_rng(0))
    shapes = {name: w.shape for name, w in params.items()}
    dtypes = {name: w.dtype.name for name, w in params.items()}
    small = {name: np.zeros([1] * w.ndim, w.dtype) for name, w in params.items()}
    del params
    specs, numbers = {f"params/{name}": Spec((dtypes[name],), shape) for name, shape in shapes.items()}, {}
    for path, value in leaves({"state": optimizer.init(small)}):
        kind, name = path.split("/")[1], path.split("/")[-1]
        if not isinstance(value, np.ndarray):
            numbers[path] = whole if isinstance(value, int) else lambda its: number(its) or its == math.inf
        elif name in shapes and value.shape == small[name].shape:
            specs[path] = Spec((value.dtype.name,), shapes[name], 0.0 if kind in NOT_NEGATIVE else -math.inf)
        else:
            return  # an optimizer of somebody else, whose state has shapes of its own
    found = {path: to_host(value) for path, value in leaves({"params": epoch.params, "state": epoch.state})}
    try:
        check_fields("the checkpoint", {path: its for path, its in found.items() if path in numbers}, numbers)
        check_arrays({path: its for path, its in found.items() if path not in numbers}, specs)
    except Exception as problem:
        raise _unfit(problem) from None


def _unfit(problem: object) -> FileError:
    cause = f"the checkpoint does not fit this training ({contents.brief(problem)})"
    return FileError(f"{cause}; begin again in another folder")
