"""One cell of a table: train on one split, score, and return what is kept."""

from __future__ import annotations

import time
from dataclasses import asdict
from fractions import Fraction
from functools import lru_cache
from statistics import median
from typing import Any

import numpy as np

import tinyrec
from tinyrec.backend import get_backend, to_host
from tinyrec.bench.machine import description
from tinyrec.data import Dataset, load_dataset
from tinyrec.evaluation.splits import split_leave_one_out, split_random
from tinyrec.models.factored import Factored
from tinyrec.optim import OPTIMIZERS
from tinyrec.recommenders import Average, FittedAutoencoder
from tinyrec.recommenders.pairs import sides_of
from tinyrec.recommenders.scaling import Scaling
from tinyrec.reproduce.config import KINDS, TrainingConfig
from tinyrec.reproduce.peers import FittedPeer
from tinyrec.reproduce.scores import all_scores, ranking_scores
from tinyrec.training import Progress
from tinyrec.training.memory import peak_rss_mb, reset_peak

Task = dict[str, Any]  # what is trained on which data: data set, features, split, valid, trainings with all settings
# A task contains these only where they differ, see `tables.Row`: the fractions of ratings held out and left out, or the
# number of items whose ratings are held out; whether to score after each epoch; the share of interactions to train on.
DEFAULTS: Task = {"test": 0.1, "left_out": 0.0, "cold_items": 0, "curve": False, "share": 1.0}
PASSES = "epochs", "iterations", "burn_in", "samples"  # settings of baselines: the number of passes over the ratings


def run_cell(argument: tuple[str, Task, str]) -> dict[str, Any]:
    """Train on all but the test part of one split, and score on the test part once (for a curve, after each epoch)."""
    _, task, backend = argument
    task = DEFAULTS | task
    part, test = split_of(task)
    curve: list[float] = []
    get_backend(backend)  # before the clock starts, numba is loaded, as the libraries of others are
    reset_peak()
    started = time.perf_counter()
    members = [train_member(task, number, part, test, backend, curve) for number in range(len(task["trainings"]))]
    weights = [training["weight"] for training in task["trainings"] if "weight" in training]
    recommender = members[0] if len(members) == 1 else Average(members, weights=weights or None)
    measured: dict[str, Any] = {"seconds": time.perf_counter() - started, "peak_mb": peak_rss_mb()}
    if isinstance(recommender, FittedPeer):
        measured["seconds"] = recommender.info["seconds"]  # without the conversion of the ratings
    started = time.perf_counter()
    if not part.implicit:
        recommender.predict(*test.triples()[:2])
        measured["predicting"] = time.perf_counter() - started
    measured |= {"curve": curve} if curve else {}
    used = members[0].info.get("backend") or get_backend("numpy").name
    environment = {"tinyrec": tinyrec.__version__, "backend": used, **description(used)}
    environment |= {"peer": members[0].info["version"]} if isinstance(recommender, FittedPeer) else {}
    scores = ranking_scores(recommender, test) if part.implicit else all_scores(recommender, test)
    described = [describe(member, None if part.implicit else test) for member in members]
    return {"scores": scores, "members": described, **measured, "environment": environment}


def train_member(task: Task, number: int, part: Dataset, test: Dataset, backend: str, curve: list[float]) -> Any:
    """Run one of the trainings of a task; if the task has a curve, add the test RMSE of each epoch to `curve`."""
    training, seed = task["trainings"][number], task["split"] + number
    model = KINDS[training["model"]](**training["settings"])
    if training["optimizer"] is None:
        return TrainingConfig(model).fit(part, seed=seed)

    def observe(progress):
        if task["curve"] and progress.history[-1]["layer"] is None:  # not during pretraining
            curve.append(rmse_now(model, progress, part, test))

    optimizer = OPTIMIZERS[training["optimizer"]](**training["constants"])
    config = TrainingConfig(model, optimizer, training["epochs"], training["batch_size"] or None)
    return config.fit(part, seed=seed, valid=task["valid"], backend=backend, observe=observe)


def describe(member: Any, test: Dataset | None) -> dict[str, Any]:
    """Return what a page shows of a fitted model; the epochs of a baseline are its passes over the ratings."""
    settings = asdict(member.model)
    return {
        "model": repr(member.model),
        "epochs": member.info.get("epochs", sum(settings.get(name, 0) for name in PASSES)),
        "valid_rmse": member.info.get("valid_rmse"),
        "parameters": member.n_parameters,
        "rmse": member.examine(test)[0]["rmse"] if test else None,
        **epoch_seconds(member),
        **distance(member),
    }


def epoch_seconds(member: Any) -> dict[str, float]:
    """Return {"epoch_seconds": the median of the epochs after any pretraining and trials}; {} of a baseline."""
    history = member.info.get("history", ())
    seconds = [row["seconds"] for row in history if row["layer"] is None and row["trial"] is None]
    return {"epoch_seconds": median(seconds)} if seconds else {}


def distance(member: Any) -> dict[str, float]:
    """Return {"distance": of the vectors of aSDAE and DHA from the codes}, see `Factored`; {} of other models."""
    if not isinstance(member.model, Factored):
        return {}
    sides = sides_of(member.model, member.data, member.scaling)
    return {"distance": member.model.distance(member.params, sides)}


def split_of(task: Task) -> tuple[Dataset, Dataset]:
    """Return (train, test), where a random part of the ratings is held out, or all ratings of some items."""
    data = data_of(task["dataset"]).with_features(**task["features"])
    if data.implicit:
        train, test = split_leave_one_out(data, seed=task["split"])
        return share_of(train, task["share"], task["split"]), test
    if not task["cold_items"]:
        train, test = split_random(data, task["test"], task["split"])
        if task["left_out"]:
            train, _ = split_random(train, task["left_out"] / (1 - task["test"]), task["split"])
        return train, test
    chosen = np.random.default_rng(task["split"]).choice(len(data.items), task["cold_items"], replace=False)
    held_out = np.isin(data.ratings.cols, chosen)
    return data.select(~held_out), data.select(held_out)


def share_of(data: Dataset, share: float, seed: int) -> Dataset:
    """Keep ⌈share n⌉ of the n interactions of each user, drawn at random."""
    rows, starts = data.ratings.rows, data.ratings.pattern.indptr
    order = np.lexsort((np.random.default_rng(seed).random(len(rows)), rows))
    place = np.arange(len(rows)) - starts[rows]
    exact = Fraction(str(share)) * np.diff(starts).astype(object)  # in floating point, 0.55 * 100 is more than 55
    return data.select(order[place < -(-exact // 1).astype(np.int64)[rows]])


def rmse_now(model: Any, progress: Progress, part: Dataset, test: Dataset) -> float:
    """Return the test RMSE after the current epoch, for a figure only; no setting is chosen by it."""
    assert progress.epoch is not None
    params = {name: to_host(w) for name, w in progress.epoch.params.items()}
    scaling = Scaling.of(part, model.offset, model.by, model.damping)
    return FittedAutoencoder(model, params, part, scaling).examine(test)[0]["rmse"]


@lru_cache(1)  # a process runs many cells of the same data set
def data_of(dataset: str) -> Dataset:
    return load_dataset(dataset)
