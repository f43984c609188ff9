"""The training loop: `fit` yields an Epoch after each pass over the data, so that the caller controls the loop.

    for epoch in fit(model, R, RProp(), epochs=100):
        print(epoch.number, epoch.loss)

The same loop trains every model. It asks a model for three things:

    init(R, rng) -> params                          arrays by name, drawn on the host
    batches(R, batch_size, rng)                     the batches of one epoch, each with a `share` of the whole:
                                                    rows for an autoencoder, rated pairs for a factorisation
    loss_and_grads(params, batch, rng) -> (loss, grads)

A model may also have this, to alternate between an exact solution of some parameters and training the others:

    solve(params, R) -> params                      some of them, solved before each epoch and fixed during it
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from tinyrec.backend import Array, Backend, Params
from tinyrec.errors import Diverged, UsageError
from tinyrec.models.stages import Frozen


@dataclass(frozen=True)
class Epoch:
    """The state of training after `number` epochs; `fit(start=epoch)` continues from here.

    loss: the objective, summed over the epoch's batches, each evaluated before its update (L-BFGS: after its block)
    params, state, rng: the live parameters, optimiser state and generator; the next epoch changes them in place
    """

    number: int
    loss: float
    seconds: float
    params: Params = field(repr=False)
    state: dict[str, Any] = field(repr=False)
    rng: np.random.Generator = field(repr=False)


def begin(model: Any, R: Any, optimizer: Any, seed: int = 0, params: Params | None = None) -> Epoch:
    """Epoch 0: parameters as given or as drawn, before any update."""
    rng = np.random.default_rng(seed)
    params = params or {name: R.backend.asarray(w) for name, w in R.start(model, rng).items()}
    return Epoch(0, math.nan, 0.0, params, optimizer.init(params), rng)


def fit(
    model: Any,
    R: Any,
    optimizer: Any,
    *,
    epochs: int,
    batch_size: int | None = None,
    seed: int = 0,
    start: Epoch | None = None,
) -> Iterator[Epoch]:
    """Minimise model.loss_and_grads over the data R, up to epoch number `epochs`; yield an Epoch after each.

    R: the data that the model makes batches of, Ratings (n, d), in the dtype of the parameters
    batch_size: rows (or pairs) in a batch; None: all in one
    Diverged: in the step in which the loss or a gradient is not finite, before its update; in batches on a GPU, one
        step later, so that the GPU need not wait: then the parameters are spoiled
    """
    if batch_size is not None and optimizer.full_batch:
        name = type(optimizer).__name__
        raise UsageError(f"{name} needs all rows in each step; leave the batch size out, or use adam")
    epoch = start or begin(model, R, optimizer, seed)
    params, state, rng, backend = epoch.params, epoch.state, epoch.rng, R.backend
    lag = 0 if backend.xp is np or batch_size is None else 1  # of reading a loss: a GPU always has a step queued
    for number in range(epoch.number + 1, epochs + 1):
        started, total, done = time.perf_counter(), 0.0, number - 1.0
        solved = model.solve(params, R) if hasattr(model, "solve") else {}
        params.update(solved)
        its = Frozen(model, solved) if solved else model
        trained = {name: w for name, w in params.items() if name not in solved}
        unread, loss = deque[Callable[[], float]](), math.nan
        for batch in model.batches(R, batch_size, rng):
            if optimizer.full_batch and batch.share < 1:
                name = type(optimizer).__name__
                raise UsageError(f"{name} needs all rows in each step, and the model takes some at a time; use adam")
            now = optimizer.at(done, epochs) if optimizer.decays else optimizer
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # `checked` reports it
                if now.line_search:
                    total += now.minimize(partial(evaluate, its, batch, rng, R, number), trained, backend)
                else:
                    read, grads = checked(its.loss_and_grads(trained, batch, rng), trained, R, number)
                    unread.append(read)
                    if len(unread) > lag:
                        loss = unread.popleft()()
                        total += loss
                    now.step(trained, grads, state, backend, loss)
            done += batch.share
        for read in unread:
            total += read()
        yield Epoch(number, total, time.perf_counter() - started, params, state, rng)


def checked(returned: tuple[Array, Params], params: Params, R: Any, number: int) -> tuple[Callable[[], float], Params]:
    """What loss_and_grads returned in epoch `number`: a function that reads the loss over all columns; the gradients.

    UsageError: the loss is not one number; a gradient is missing, or has another shape
    The function raises Diverged: the loss or a gradient is not finite
    """
    if not (isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], dict)):
        raise UsageError("loss_and_grads must return two things, the loss and a dict of gradients; fix its last line")
    loss, grads = R.backend.asarray(returned[0]), returned[1]
    if loss.shape:
        raise UsageError(f"the loss must be one number, and has shape {loss.shape}; sum it in loss_and_grads")
    for name, w in params.items():
        if name not in grads or grads[name].shape != w.shape:
            found = f"has shape {grads[name].shape}, but {name} has {w.shape}" if name in grads else "is missing"
            raise UsageError(f"the gradient of {name} {found}; fix loss_and_grads")
    names, read_sums = ["loss", *(f"gradient of {name}" for name in grads)], R.backend.sums([loss, *grads.values()])

    def read():
        sums = R.total(read_sums())  # one copy from the GPU
        for quantity, value in zip(names, sums, strict=True):
            if not math.isfinite(value):
                cause = f"training diverged in epoch {number}: the {quantity} is {float(value)}"
                raise Diverged(f"{cause}; try a smaller learning rate or l2")
        return float(sums[0])

    return read, grads


def evaluate(
    model: Any, batch: Any, rng: np.random.Generator, R: Any, number: int, params: Params
) -> tuple[float, Params]:
    """The objective of L-BFGS: loss and gradients."""
    read, grads = checked(model.loss_and_grads(params, batch, rng), params, R, number)
    return read(), grads


def moved(epoch: Epoch, backend: Backend) -> Epoch:
    """The same epoch with its arrays on this backend, for `fit` to continue from."""

    def move(value):
        if isinstance(value, dict):
            return {name: move(part) for name, part in value.items()}
        return backend.asarray(value) if isinstance(value, np.ndarray) else value

    return replace(epoch, params=move(epoch.params), state=move(epoch.state))
