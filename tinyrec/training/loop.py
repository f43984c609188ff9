"""Training: `fit` yields an Epoch after each pass over the rows, and the loop stays with the reader.

    for epoch in fit(model, R, RProp(), epochs=100):
        print(epoch.number, epoch.loss)

Early stopping and checkpoints are callables that take an Epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyrec.backend import Backend, Params, to_host
from tinyrec.errors import Diverged, UsageError
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Epoch:
    """Where training stands after `number` epochs; `fit(start=epoch)` goes on from here.

    loss: the objective, summed over the epoch's steps, each taken before its update (L-BFGS: after its block)
    params, state, rng: the live parameters, optimiser state and generator; the next epoch changes them in place
    """

    number: int
    loss: float
    seconds: float
    params: Params
    state: dict[str, Any]
    rng: np.random.Generator


def begin(model: Any, R: Ratings, optimizer: Any, seed: int = 0, params: Params | None = None) -> Epoch:
    """Epoch 0: parameters as given or as drawn, before any update."""
    rng = np.random.default_rng(seed)
    params = params or {name: R.backend.asarray(w) for name, w in model.init(R, rng).items()}
    return Epoch(0, math.nan, 0.0, params, optimizer.init(params), rng)


def moved(epoch: Epoch, backend: Backend) -> Epoch:
    """The same epoch with its arrays on this backend, for `fit` to go on from there."""

    def move(value):
        if isinstance(value, dict):
            return {name: move(part) for name, part in value.items()}
        return backend.asarray(value) if isinstance(value, np.ndarray) else value

    return replace(epoch, params=move(epoch.params), state=move(epoch.state))


def fit(
    model: Any,
    R: Ratings,
    optimizer: Any,
    *,
    epochs: int,
    batch_size: int | None = None,
    seed: int = 0,
    start: Epoch | None = None,
) -> Iterator[Epoch]:
    """Minimise model.loss_and_grads over the rows of R, up to epoch number `epochs`; yield an Epoch after each.

    R: (n, d); the dtype of its values is that of the parameters; batch_size: rows in a step, by default all
    Diverged: in the step in which the loss or a gradient is not finite, before that step's update
    """
    if batch_size is not None and optimizer.full_batch:
        name = type(optimizer).__name__
        raise UsageError(f"{name} needs all rows in each step; leave the batch size out, or take adam")
    epoch = start or begin(model, R, optimizer, seed)
    params, state, rng = epoch.params, epoch.state, epoch.rng
    for number in range(epoch.number + 1, epochs + 1):
        started, loss, done = time.perf_counter(), 0.0, number - 1.0
        for batch in batches(R, batch_size, rng):
            share = batch.shape[0] / R.shape[0]
            objective = finite(model, batch, share, rng, number)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # `finite` reports what is wrong
                loss += optimizer.at(done, epochs).step(objective, params, state, R.backend)
            done += share
        yield Epoch(number, loss, time.perf_counter() - started, params, state, rng)


def batches(R: Ratings, batch_size: int | None, rng: np.random.Generator) -> Iterator[Ratings]:
    """All rows of R at once, or `batch_size` of them at a time in random order."""
    if batch_size is None:
        yield R
        return
    order = rng.permutation(R.shape[0])
    for first in range(0, len(order), batch_size):
        yield R.take_rows(order[first : first + batch_size])


def finite(
    model: Any, R: Ratings, share: float, rng: np.random.Generator, number: int
) -> Callable[[Params], tuple[float, Params]]:
    """The objective on the rows R, which raises Diverged where it or its gradient is not finite."""

    def objective(params):
        loss, grads = model.loss_and_grads(params, R, share, rng)
        names = ["loss", *(f"gradient of {name}" for name in grads)]
        sums = to_host(R.xp.stack([loss, *(grad.sum() for grad in grads.values())]))  # the one time a card is read
        for quantity, value in zip(names, sums, strict=True):
            if not math.isfinite(value):
                cause = f"training diverged in epoch {number}: the {quantity} is {float(value)}"
                raise Diverged(f"{cause}; try a smaller learning rate or l2")
        return float(sums[0]), grads

    return objective


class EarlyStopping:
    """Says when `patience` epochs in a row have not lowered the validation RMSE, and remembers the best epoch.

    Less than one part in 10,000 is no gain: a curve may creep downwards for hundreds of epochs. Parameters are not
    kept: train anew, on all ratings, for `best_epoch` epochs. validate(params) -> RMSE

    patience None: never, and the last epoch counts as the best, as it does where a learning rate falls to 0.
    """

    def __init__(self, validate: Callable[[Params], float], patience: int | None):
        self.validate, self.patience = validate, patience
        self.rmse, self.best_rmse, self.best_epoch = math.nan, math.inf, 0

    def __call__(self, epoch: Epoch) -> bool:
        self.rmse = self.validate(epoch.params)
        if self.patience is None or self.rmse < self.best_rmse * (1 - 1e-4):
            self.best_rmse, self.best_epoch = self.rmse, epoch.number
        return self.is_out_of_patience(epoch)

    def is_out_of_patience(self, epoch: Epoch) -> bool:
        return self.patience is not None and epoch.number - self.best_epoch >= self.patience
