"""From a model and a data set to a fitted model: choose the settings not given, then train on all ratings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from tinyrec.backend import Params, get_backend
from tinyrec.checks import check_choice, check_type, check_whole
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.models import Network, PairModel
from tinyrec.optim import OPTIMIZERS
from tinyrec.parts import OwnColumns, Part, of_all_users
from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.pairs import FittedPairs, sides_of
from tinyrec.recommenders.scaling import Scaling
from tinyrec.shard import Shard, check_ranks
from tinyrec.sparse import Ratings
from tinyrec.training.bar import Bar
from tinyrec.training.early_stopping import EarlyStopping, validator
from tinyrec.training.loop import Epoch, begin, fit, moved
from tinyrec.training.progress import Progress
from tinyrec.training.resume import check_epoch, check_trials
from tinyrec.training.search import choose
from tinyrec.training.warm_start import check_start, params_of, with_small_steps

MAX_EPOCHS = 500  # if none are given; early stopping ends a trial long before

Observe = Callable[[Progress], None]


def train(
    model: Network,
    data: Dataset,
    *,
    epochs: int | None = None,
    valid: float | None = None,
    optimizer: Any = None,
    batch_size: int | None = None,
    backend: str = "auto",
    seed: int = 0,
    progress: bool = False,
    observe: Observe | None = None,
    resume: Progress | None = None,
    start: FittedAutoencoder | None = None,
    comm: Any = None,
) -> FittedAutoencoder | FittedPairs:
    """Train `model` on all of `data`.

    If l2 or epochs are not given, a random part of the data, the fraction `valid` (default: 0.1), is held out. Each of
    model.candidates is trained on the rest until the RMSE on that part no longer falls; then the best of them is
    trained on all ratings, for the number of epochs that was best for it. `epochs` is then the largest number tried.
    If none is clearly better than user and item biases alone, the biases are the model, see `choose`.

    optimizer: one of tinyrec.optim, or its name, such as "adam"; default: the model's
    batch_size: rows in a step of SGD, RMSprop or Adam, ratings for a model of pairs; default: the model's; 0: all
    progress: show a progress bar;  observe: called with the Progress after each epoch
    start: a fitted model of the same settings whose parameters training starts from, where it was trained on the same
        users (by item) or items; the others are folded in. RProp then begins with smaller steps
    resume: a Progress to continue from, also to more epochs than before if nothing depends on their number
    comm: the communicator of MPI whose ranks all call this with the same arguments, such as `tinyrec.shard.world()`.
        Each trains its share of an autoencoder; all return the same. With data of `tinyrec.parts.united`, each gives
        its part, and returns the model of its users
    Diverged: the loss or a gradient was not finite;  UsageError: options that do not go together
    """
    if not isinstance(model, Network):
        raise UsageError(f"train is for networks; call fit of {model!r}")
    if not isinstance(data, Dataset):
        raise UsageError(f"a {type(data).__name__} cannot be trained on; make a Dataset of it with load_dataset")
    optimizer = find_optimizer(model, optimizer)
    optimizer = with_small_steps(optimizer) if start else optimizer
    check_options(model, optimizer, epochs, valid, batch_size, seed)
    check_feedback(model, data)
    batch_size, state = find_batch_size(model, optimizer, batch_size), resume or Progress()
    comm = data.comm if isinstance(data, Part) else comm
    if comm:
        if start:
            raise UsageError("one process starts from another model, and several do not; leave start or comm out")
        at = len(state.history), state.epoch and state.epoch.number
        given = {"epochs": epochs, "valid": valid, "batch size": batch_size, "seed": seed, "progress": at}
        check_ranks(model, data, optimizer, backend, comm, **given)
    with Bar(epochs, leave=True) if progress and (not comm or comm.rank == 0) else nullcontext() as bar:
        options = {"optimizer": optimizer, "batch_size": batch_size, "backend": backend, "seed": seed}
        observers = [its for its in (bar, observe) if its]
        run = partial(run_training, progress=state, observers=observers, comm=comm, **options)
        valid_rmse = None
        candidates = model.candidates(data.total(data.ratings.size))
        if model.l2 is None and candidates == [model]:
            raise UsageError(f"l2 is None, and {type(model).__name__} has no candidates to choose it from; give l2")
        is_search = epochs is None or valid is not None or candidates != [model]
        if start is not None:
            check_start(start, model, data, is_search)
        check_epochs_of(state, epochs, is_search, optimizer)
        state.epochs = epochs
        if is_search:
            check_trials(state, model, candidates)
            run_trial = partial(run, epochs=epochs or MAX_EPOCHS)
            model, epochs, valid_rmse = choose(model, data, valid or 0.1, seed, state.trials, run_trial)
        params, scaling = run(model, data, epochs=epochs, start=start)  # type: ignore[arg-type, call-arg]  # partial
    info = {"backend": get_backend(backend).name, "seed": seed, "optimizer": repr(optimizer)}
    info |= {"batch_size": batch_size, "epochs": epochs, "start_epochs": start.info.get("epochs") if start else None}
    info |= {"valid_rmse": valid_rmse, "trials": state.trials, "history": state.history}
    info |= {"mpi": state.rows.report()} if isinstance(state.rows, Shard) else {}
    to_host = get_backend(backend).to_host
    params = {name: np.array(to_host(w)) for name, w in params.items()}  # those in `state` may be trained further
    kind: Any = FittedPairs if isinstance(model, PairModel) else FittedAutoencoder
    fitted, rows = kind(model, params, data, scaling, backend, info), state.rows
    return of_all_users(fitted, rows, data) if isinstance(data, Part) else fitted


def try_candidate(
    model: Network,
    part: Dataset,
    held_out: Dataset,
    *,
    epochs: int | None = None,
    optimizer: Any = None,
    batch_size: int | None = None,
    backend: str = "auto",
    seed: int = 0,
) -> dict[str, Any]:
    """Train one candidate on `part`: {"settings": , "epochs": the best number of them, "valid_rmse": }.

    The options are those of `train`, which does the same with each candidate.
    """
    optimizer, progress = find_optimizer(model, optimizer), Progress()
    check_options(model, optimizer, epochs, None, batch_size, seed)
    check_feedback(model, part)
    if model.l2 is None:
        raise UsageError("l2 is None, so there are several candidates; set l2")
    if part.is_part:
        raise UsageError("a single trial is of all data; give valid to train, which tries candidates on parts")
    options = {"optimizer": optimizer, "batch_size": find_batch_size(model, optimizer, batch_size)}
    run_training(
        model, part, held_out, epochs=epochs or MAX_EPOCHS, backend=backend, seed=seed, progress=progress, **options
    )
    return progress.trials[0]


def run_training(
    model: Network,
    data: Dataset,
    held_out: Dataset | None = None,
    *,
    epochs: int,
    optimizer: Any,
    batch_size: int | None,
    backend: str,
    seed: int,
    progress: Progress,
    observers: Sequence[Observe] = (),
    start: FittedAutoencoder | None = None,
    comm: Any = None,
) -> tuple[Params, Scaling]:
    """Train on `data` for `epochs` epochs; with `held_out`, a trial, until the RMSE on it no longer falls."""
    scaling, stop = Scaling.of(data, model.offset, model.by, model.damping), None
    R = rows_of(model, data, scaling, optimizer.dtype, backend)
    if comm:
        R = OwnColumns.of_part(R, data) if isinstance(data, Part) else Shard.of(R, comm)
    progress.rows = R
    if held_out:
        validate = validator(model, R, scaling, data, held_out)
        stop = EarlyStopping(validate, optimizer.patience, progress.best_rmse, progress.best_epoch)

    def record(epoch: Epoch, layer: int | None = None) -> None:
        trial, rmse = (len(progress.trials), stop.rmse) if stop else (None, None)
        row = {"trial": trial, "layer": layer, "epoch": epoch.number, "loss": epoch.loss, "seconds": epoch.seconds}
        progress.history.append({**row, "valid_rmse": None if layer else rmse})
        for observe in observers:
            observe(progress)

    if progress.epoch is None:
        while progress.history and progress.history[-1]["layer"] is not None:
            progress.history.pop()  # a pretraining that was interrupted, and starts again
        params = params_of(start, model, data, R, seed) if start else None
        if epochs and not start:
            params = pretrain(model, R, optimizer, batch_size, seed, record)
        progress.epoch = begin(model, R, optimizer, seed, params)
        model.check_params(progress.epoch.params, R)
    else:
        check_resumed(progress, epochs, is_trial=bool(stop))
        own = R.cut({"params": progress.epoch.params, "state": progress.epoch.state})
        progress.epoch = replace(progress.epoch, **own)
        check_epoch(progress.epoch, model, R, optimizer)
        progress.epoch = moved(progress.epoch, R.backend)  # from the host, if it was read from a file
        if stop and stop.is_out_of_patience(progress.epoch.number):
            epochs = progress.epoch.number
    R.check_same(progress.epoch.params)
    for epoch in fit(model, R, optimizer, epochs=epochs, batch_size=batch_size, start=progress.epoch):
        is_enough = stop(epoch) if stop else False
        progress.epoch = epoch
        if stop:
            progress.best_rmse, progress.best_epoch = stop.best_rmse, stop.best_epoch
        record(epoch)
        if is_enough:
            break
    R.check_same(progress.epoch.params)
    params = progress.epoch.params if stop else R.gathered(progress.epoch.params)
    if stop:
        trial = {"settings": asdict(model), "epochs": stop.best_epoch, "valid_rmse": stop.best_rmse}
        progress.trials.append(trial)
        progress.epoch, progress.best_rmse, progress.best_epoch = None, math.inf, 0
    return params, scaling


def pretrain(
    model: Network,
    R: Ratings,
    optimizer: Any,
    batch_size: int | None = None,
    seed: int = 0,
    observe: Callable[[Epoch, int], None] = lambda epoch, layer: None,
) -> Params | None:
    """The parameters after the model's pretraining, None if it has none; `model.pretrained` says what is trained.

    observe: called with each Epoch and the number of the layer
    """

    def train_stage(layer, stage, rows, epochs, seed):
        for epoch in fit(stage, rows, optimizer, epochs=epochs, batch_size=batch_size, seed=seed):
            observe(epoch, layer)
        return epoch.params

    return model.pretrained(R, seed, train_stage)


def rows_of(model: Network, data: Dataset, scaling: Scaling, dtype: type, backend: str) -> Any:
    """What the model is trained on: for an autoencoder the rows (n, d), for a model of pairs the `Sides`."""
    if isinstance(model, PairModel):
        return model.prepare(sides_of(model, data, scaling).to(backend, dtype))
    R = scaling.to_model(data.ratings, dtype).to(backend)
    R = R.T if model.by == "item" else R
    features = data.features_of(model.by) if model.reads_features else None
    return model.prepare(R.with_side(features.X.to_dense(0) if features else None))


def find_optimizer(model: Network, optimizer: Any) -> Any:
    """The optimizer itself, the one with this name, or the model's default."""
    optimizer = model.default_optimizer if optimizer is None else optimizer
    if isinstance(optimizer, str):
        check_choice("optimizer", optimizer, OPTIMIZERS)
        return OPTIMIZERS[optimizer]()
    if isinstance(optimizer, type) or not hasattr(optimizer, "full_batch"):
        raise UsageError(f"{optimizer!r} is no optimizer; give one of tinyrec.optim, such as Adam(), or its name")
    return optimizer


def find_batch_size(model: Network, optimizer: Any, batch_size: int | None) -> int | None:
    """The batch size for this model and optimizer; None: all rows."""
    if batch_size is None and not optimizer.full_batch:
        return model.default_batch_size
    return batch_size or None


def check_options(
    model: Network,
    optimizer: Any,
    epochs: int | None = None,
    valid: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
) -> None:
    """UsageError: options that are not valid, or do not go together"""
    check_whole("seed", seed, 0)
    if epochs is not None:
        check_whole("epochs", epochs, 1)
    if batch_size is not None:
        check_whole("batch_size", batch_size, 0)
    check_type("valid", valid, float | None)
    if valid is not None and not 0 < valid < 1:
        raise UsageError(f"valid is {valid}, but must be a fraction between 0 and 1, such as 0.1")
    if model.implicit and (epochs is None or valid is not None):
        name = type(model).__name__
        raise UsageError(f"{name} has no search on a validation part; give the number of epochs, and leave valid out")
    name = type(optimizer).__name__
    for field in ("dropout", "hidden_dropout", "cold", "noise"):
        if getattr(model, field, 0) and optimizer.full_batch:
            raise UsageError(f"{field} makes the gradient noisy, and {name} needs an exact one; use adam or sgd")
    if epochs is None and optimizer.patience is None:
        raise UsageError(f"the learning rate of {name} falls until the last epoch; give the number of epochs")


def check_feedback(model: Any, data: Dataset) -> None:
    """UsageError: ratings for a model of implicit feedback, or the other way round"""
    name = type(model).__name__
    if model.implicit and not data.implicit:
        raise UsageError(f"{name} is for implicit feedback, and these are ratings; convert them with data.binarized()")
    if data.implicit and not model.implicit:
        raise UsageError(f"{name} is for ratings, and this is implicit feedback; use a model such as ImplicitNCAE")


def check_epochs_of(progress: Progress, epochs: int | None, is_search: bool, optimizer: Any) -> None:
    """UsageError: `progress` is of a training that had been different with this number of epochs from its start"""
    if not progress.history or progress.epochs == epochs:
        return
    if is_search and progress.history[0]["trial"] is not None:
        cause = "the settings are chosen by trials of at most so many epochs"
    elif optimizer.patience is None:
        cause = f"the learning rate of {type(optimizer).__name__} falls until the last epoch"
    else:
        return
    raise UsageError(f"this training was begun with epochs {progress.epochs}, and {cause}; continue with as many")


def check_resumed(progress: Progress, epochs: int, is_trial: bool) -> None:
    """UsageError: the epoch in `progress` belongs to a training with other options"""
    number = progress.epoch.number if progress.epoch else 0
    if number > epochs:
        raise UsageError(f"this progress has {number} epochs, more than the {epochs} that are asked for; give more")
    if number and (progress.history[-1]["trial"] is not None) != is_trial:
        raise UsageError("this progress is of a training with other options; continue with the options it began with")
