"""One cell of a table: a training on one split, and all that is kept of it."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import numpy as np

import tinyrec
from tinyrec.backend import Array, get_backend, to_host
from tinyrec.baselines import BASELINES
from tinyrec.bench.machine import description
from tinyrec.data import Dataset, load_dataset
from tinyrec.evaluation.splits import split_leave_one_out, split_random
from tinyrec.models import MODELS
from tinyrec.models.base import Autoencoder
from tinyrec.optim import OPTIMIZERS
from tinyrec.recommenders.autoencoder import TrainedAutoencoder
from tinyrec.recommenders.average import Average
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.scaling import Scaling
from tinyrec.reproduce.scores import all_scores, ranking_scores
from tinyrec.training.memory import peak_rss_mb, reset_peak
from tinyrec.training.progress import Progress
from tinyrec.training.train import train

Task = dict[str, Any]  # what is trained, on what: data set, features, split, validation, trainings with all settings
# What a task says only where it is otherwise: the part of the ratings that is held out, or else all that so many items
# have, and whether to score after each epoch.
USUAL: Task = {"test": 0.1, "cold_items": 0, "curve": False, "share": 1.0}
PASSES = "epochs", "iterations", "burn_in", "samples"  # settings of baselines: how often they go through all ratings


def run_cell(argument: tuple[str, Task, str]) -> dict[str, Any]:
    """Train on all but the test part of one split, and score on that, once (after each epoch, for a curve)."""
    _, task, backend = argument
    task = USUAL | task
    part, test = split_of(task)
    if task["trainings"][0]["model"] in BASELINES:
        return run_baseline(task, part, test)
    curve: list[float] = []
    reset_peak()
    started = time.perf_counter()
    members = []
    for number, its in enumerate(task["trainings"]):
        model, optimizer = MODELS[its["model"]](**its["settings"]), OPTIMIZERS[its["optimizer"]](**its["constants"])
        options = {"epochs": its["epochs"], "valid": task["valid"], "batch_size": its["batch_size"] or None}
        if task["curve"]:

            def observe(progress, model=model):
                if progress.history[-1]["layer"] is None:  # and not in the middle of pretraining
                    curve.append(rmse_now(model, progress, part, test))

            options["observe"] = observe
        seed = task["split"] + number
        members.append(train(model, part, optimizer=optimizer, backend=backend, seed=seed, **options))
    recommender = members[0] if len(members) == 1 else Average(members)
    measured: dict[str, Any] = {"seconds": time.perf_counter() - started, "peak_mb": peak_rss_mb()}
    measured |= {"curve": curve} if curve else {}
    described = [
        {
            "model": repr(member.model),
            "epochs": member.info["epochs"],
            "valid_rmse": member.info["valid_rmse"],
            "parameters": sum(w.size for w in member.params.values()),
            "rmse": None if part.implicit else member.score(test)["rmse"],
        }
        for member in members
    ]
    environment = {"tinyrec": tinyrec.__version__, "backend": members[0].info["backend"], **description()}
    scores = ranking_scores(recommender.of_users, part, test) if part.implicit else all_scores(recommender, test)
    return {"scores": scores, "members": described, **measured, "environment": environment}


def split_of(task: Task) -> tuple[Dataset, Dataset]:
    """The train and the test part: a random part of the ratings is held out, or all that some items have."""
    data = data_of(task["dataset"]).with_features(**task["features"])
    if data.implicit:
        train, test = split_leave_one_out(data, seed=task["split"])
        return share_of(train, task["share"], task["split"]), test
    if not task["cold_items"]:
        return split_random(data, task["test"], task["split"])
    chosen = np.random.default_rng(task["split"]).choice(len(data.items), task["cold_items"], replace=False)
    held_out = np.isin(data.ratings.cols, chosen)
    return data.select(~held_out), data.select(held_out)


def share_of(data: Dataset, share: float, seed: int) -> Dataset:
    """This part of the clicks of each user, drawn at random, and at least one."""
    rows, starts = data.ratings.rows, data.ratings.pattern.indptr
    order = np.lexsort((np.random.default_rng(seed).random(len(rows)), rows))
    place = np.arange(len(rows)) - starts[rows]
    return data.select(order[place < np.maximum(share * np.diff(starts), 1)[rows]])


def run_baseline(task: Task, part: Dataset, test: Dataset) -> dict[str, Any]:
    """The same for one of `tinyrec.baselines`."""
    (its,) = task["trainings"]
    reset_peak()
    started = time.perf_counter()
    fitted = BASELINES[its["model"]](**its["settings"]).fit(part.ratings, seed=task["split"])
    measured = {"seconds": time.perf_counter() - started, "peak_mb": peak_rss_mb()}
    epochs = sum(its["settings"].get(name, 0) for name in PASSES)
    described = [{"model": its["model"], "epochs": epochs, "parameters": getattr(fitted, "parameters", 0)}]
    environment = {"tinyrec": tinyrec.__version__, "backend": get_backend("auto").name, **description()}
    scores = ranking_scores(fitted.scores, part, test) if part.implicit else all_scores(Fitted(fitted, part), test)
    return {"scores": scores, "members": described, **measured, "environment": environment}


class Fitted(Recommender):
    """One of `tinyrec.baselines` for ratings, to be scored by the same protocol as the models."""

    def __init__(self, baseline: Any, data: Dataset):
        self.baseline, self.data = baseline, data

    def of_pairs(self, users: Array, items: Array) -> Array:
        return self.baseline.predict(users, items)


def rmse_now(model: Autoencoder, progress: Progress, part: Dataset, test: Dataset) -> float:
    """The test RMSE after the epoch at hand, for a figure; nothing is chosen by it."""
    assert progress.epoch is not None
    params = {name: to_host(w) for name, w in progress.epoch.params.items()}
    return TrainedAutoencoder(model, params, part, Scaling.of(part, *model.centring)).score(test)["rmse"]


@lru_cache(1)  # a process runs many cells
def data_of(dataset: str) -> Dataset:
    return load_dataset(dataset)
