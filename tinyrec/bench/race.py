"""Measure the training time until a test RMSE on ML-1M, with the same settings for tinyrec and PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from tinyrec.backend import Backend, get_backend
from tinyrec.bench.contest import OURS
from tinyrec.bench.machine import timed
from tinyrec.data import load_dataset
from tinyrec.evaluation.splits import split_random
from tinyrec.models import AutoRec
from tinyrec.optim import Adam
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training.early_stopping import validator
from tinyrec.training.loop import fit

TARGET = 0.834  # test RMSE on random split 0
# Found by our search on the validation part of split 0 for the shortest training that reaches the target, over
# hidden_units, batch_size, learning_rate, betas, l2 and epochs. PyTorch uses the same settings.
MODEL = AutoRec(hidden_units=400, l2=120.0, center=False)
OPTIMIZER = Adam(learning_rate=0.005, beta1=0.5, beta2=0.9, linear_decay=True)
EPOCHS, BATCH_SIZE = 9, 128


def race(rounds: int, backend: str) -> dict[str, Any]:
    """Train in turns with the seeds 0, 1, ..., and report the median seconds to the target RMSE."""
    from tinyrec.bench import rivals  # imports torch, which is optional

    device = rivals.device_of(get_backend(backend))
    train, test = split_random(load_dataset("ml-1m"), 0.1, seed=0)
    scaling = Scaling.of(train, "scale")
    R = scaling.to_model(train.ratings, OPTIMIZER.dtype).T.to(backend)
    rmse = validator(MODEL, R, scaling, train, test)
    next(fit(MODEL, R, OPTIMIZER, epochs=1, batch_size=BATCH_SIZE))  # compiles the kernels
    few = R.take_rows(range(4 * BATCH_SIZE))  # rows, to find the faster dtype

    def seconds_of(dtype):
        epochs = rivals.adam(few, MODEL, OPTIMIZER, 2, BATCH_SIZE, 0, device, dtype)
        next(epochs)  # loads the kernels
        return timed(lambda: next(epochs), R.backend)[0]

    dtype = min(rivals.DTYPES, key=seconds_of)
    their_name = f"torch {str(dtype).removeprefix('torch.')}"
    runs: dict[str, list] = {OURS: [], their_name: []}
    for seed in range(rounds):
        ours = fit(MODEL, R, OPTIMIZER, epochs=EPOCHS, batch_size=BATCH_SIZE, seed=seed)
        runs[OURS].append(train_to_target(ours, lambda epoch: rmse(epoch.params), R.backend))
        theirs = rivals.adam(R, MODEL, OPTIMIZER, EPOCHS, BATCH_SIZE, seed, device, dtype)
        runs[their_name].append(train_to_target(theirs, lambda net: rmse(rivals.params_of(net, R.backend)), R.backend))
    results = {name: {"seconds": median(run["seconds"] for run in done), "runs": done} for name, done in runs.items()}
    return {"target": TARGET, "contestants": results}


def train_to_target(epochs: Iterator[Any], rmse: Callable[[Any], float], backend: Backend) -> dict[str, Any]:
    """Train until the target RMSE; the seconds exclude loading the data and computing the RMSE; inf: not reached."""
    spent, curve = 0.0, list[dict[str, float]]()
    while not curve or curve[-1]["rmse"] > TARGET:
        duration, epoch = timed(lambda: next(epochs, None), backend)
        if epoch is None:  # all epochs done
            return {"seconds": math.inf, "curve": curve}
        spent += duration
        curve.append({"seconds": spent, "rmse": rmse(epoch)})
    return {"seconds": spent, "curve": curve}
