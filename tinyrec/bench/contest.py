"""Compare the speed of the same training in several implementations, in turns, so that other load affects all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np

from tinyrec.backend import Backend
from tinyrec.bench.machine import free_cached, on_gpu, timed
from tinyrec.models import AutoRec
from tinyrec.optim import RProp
from tinyrec.sparse import Ratings
from tinyrec.training.loop import fit

OURS = "tinyrec"
TF32 = "torch dense TF32"  # with the factors of products rounded to 10 bits, as a GPU's tensor cores need it
EPOCHS_PER_TURN = 2  # only the last one is timed: the first one also loads the caches
PAUSE = 0.2  # seconds before each turn: idle threads of the previous implementation may still be spinning
SAME = 1e-4  # largest relative difference between losses that counts as the same training, in the first epochs
COMPARED = 10  # epochs; RProp uses signs, so that rounding errors grow, most where the loss goes up and down


def contest(
    model: AutoRec, R: Ratings, optimizer: RProp, rounds: int, seed: int, device: str | None = None
) -> dict[str, Any]:
    """Compare epochs of tinyrec and of PyTorch from the same initial parameters; device: of PyTorch, by default ours.

    The losses with TF32 have a difference of their own: they are not the same training.
    """
    from tinyrec.bench import rivals  # imports torch, which is optional

    device = device or rivals.device_of(R.backend)
    ours = (epoch.loss for epoch in fit(model, R, optimizer, epochs=EPOCHS_PER_TURN * rounds, seed=seed))
    start = model.init(R, np.random.default_rng(seed))
    contestants: dict[str, Iterator[float]] = {OURS: ours}
    l2 = model.l2 or 0.0
    if np.prod(R.shape) <= rivals.MAX_DENSE_CELLS:
        contestants["torch dense"] = rivals.at_precision("highest", rivals.dense(R, l2, optimizer, start, device))
        if on_gpu(R.backend):
            contestants[TF32] = rivals.at_precision("high", rivals.dense(R, l2, optimizer, start, device))
    contestants["torch sparse"] = rivals.at_precision("highest", rivals.sparse(R, l2, optimizer, start, device))
    results = take_turns(contestants, rounds, R.backend)
    losses = {name: result["losses"] for name, result in results.items()}
    rounded = losses.pop(TF32, None)
    return {
        "torch_device": device,
        "contestants": results,
        "dense_batch_size": min(rivals.batch_size(R), R.shape[0]),
        "largest_difference": largest_difference([*losses.values()], COMPARED),
        "tf32_difference": largest_difference([losses[OURS], rounded], COMPARED) if rounded else None,
    }


def take_turns(contestants: dict[str, Iterator[float]], rounds: int, backend: Backend) -> dict[str, dict[str, Any]]:
    """Run all contestants in turns: name -> losses of all epochs, seconds of the timed ones, and their median."""
    results: dict[str, dict[str, Any]] = {name: {"rounds": [], "losses": []} for name in contestants}
    for _ in range(rounds):
        for name, epochs in contestants.items():
            time.sleep(0 if on_gpu(backend) else PAUSE)  # a GPU would lower its clock rate
            free_cached(backend)
            for _ in range(EPOCHS_PER_TURN):
                duration, loss = timed(epochs.__next__, backend)
                results[name]["losses"].append(loss)
            results[name]["rounds"].append(duration)
    for result in results.values():
        result["seconds"] = median(result["rounds"])
    return results


def largest_difference(losses: list[list[float]], epochs: int | None = None) -> float:
    """Return the largest relative difference from the losses of the first contestant, in these first epochs, or all."""
    all_losses = np.array(losses)[:, :epochs]
    return float(np.max(np.abs(all_losses / all_losses[0] - 1)))
