"""The same training by several contestants, who take turns: what slows the machine down slows all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np

from tinyrec.backend import Backend
from tinyrec.bench.machine import seconds
from tinyrec.models import AutoRec
from tinyrec.optim import RProp
from tinyrec.sparse import Ratings
from tinyrec.training.loop import fit

OURS = "tinyrec"
EPOCHS_A_TURN = 2  # of which the last is timed: the first meets the caches as another contestant left them
REST = 0.2  # seconds before each turn: the threads of the one before may still be waiting, awake, for more to do
SAME = 1e-4  # the losses of one training differ by no more than this, relative


def contest(model: AutoRec, R: Ratings, optimizer: RProp, rounds: int, seed: int) -> dict[str, Any]:
    """Our epochs against those of PyTorch, from the same start."""
    from tinyrec.bench import rivals  # it imports torch, an extra

    ours = (epoch.loss for epoch in fit(model, R, optimizer, epochs=EPOCHS_A_TURN * rounds, seed=seed))
    start = model.init(R, np.random.default_rng(seed))
    contestants: dict[str, Iterator[float]] = {OURS: ours}
    l2 = model.l2 or 0.0
    if rivals.fits_dense(R):
        contestants["torch dense"] = rivals.dense(R, l2, optimizer, start)
    contestants["torch sparse"] = rivals.sparse(R, l2, optimizer, start)
    results = take_turns(contestants, rounds, R.backend)
    return {
        "contestants": results,
        "dense_batch_size": min(rivals.batch_size(R), R.shape[0]),
        "largest_difference": largest_difference([result["losses"] for result in results.values()]),
    }


def take_turns(contestants: dict[str, Iterator[float]], rounds: int, backend: Backend) -> dict[str, dict[str, Any]]:
    """The loss of each epoch of each contestant, the seconds of the last of each turn, and their median."""
    results: dict[str, dict[str, Any]] = {name: {"rounds": [], "losses": []} for name in contestants}
    for _ in range(rounds):
        for name, epochs in contestants.items():
            time.sleep(REST)
            for _ in range(EPOCHS_A_TURN):
                duration, loss = seconds(epochs.__next__, backend)
                results[name]["losses"].append(loss)
            results[name]["rounds"].append(duration)
    for its in results.values():
        its["seconds"] = median(its["rounds"])
    return results


def largest_difference(losses: list[list[float]]) -> float:
    """The largest difference, relative, between the first contestant's loss and another's after the same epoch."""
    ours, *others = np.array(losses)
    return float(np.max(np.abs(others / ours - 1)))
