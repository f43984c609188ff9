"""From a model and ratings to a trained one: choose on a validation part what was not given, then train on all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyrec.backend import get_backend, on_host, to_host
from tinyrec.checks import check_type
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.evaluation.splits import split_random
from tinyrec.models.base import Autoencoder
from tinyrec.optim import OPTIMIZERS
from tinyrec.recommenders.autoencoder import TrainedAutoencoder
from tinyrec.training.progress import Job, Progress

MOST_EPOCHS = 500  # where nobody says how many; early stopping ends a trial long before


def train(
    model: Autoencoder,
    data: Dataset,
    *,
    epochs: int | None = None,
    valid: float | None = None,
    optimizer: Any = None,
    batch_size: int | None = None,
    backend: str = "auto",
    seed: int = 0,
    observe: Callable[[Progress], None] = lambda progress: None,
    progress: Progress | None = None,
) -> TrainedAutoencoder:
    """Train `model` on all of `data`.

    What is not given, l2 or epochs, is chosen on a random part `valid` of the data (a tenth, unless given): each of
    model.candidates is trained on the rest until the RMSE of that part no longer falls; then the best of them is
    trained on everything, for the number of epochs that was best for it. `epochs` is then the most that is tried.
    Where none is clearly better than user and item biases alone, those are the model, if neither l2 nor raw ratings
    were asked for: a centred AutoRec after 0 epochs; so, too, with fewer than 20 ratings.

    optimizer: the model's usual one unless given
    batch_size: rows in a step (SGD, RMSprop and Adam), by default 64, or 128 for NCAE, 0 for all
    observe: called with the Progress after each epoch;  progress: one to go on from
    Diverged: the loss or a gradient was not finite;  UsageError: options that do not go together
    """
    if not isinstance(data, Dataset):
        raise UsageError(f"a {type(data).__name__} cannot be trained on; make a Dataset of it with load_dataset")
    optimizer, progress = optimizer or OPTIMIZERS[model.default_optimizer](), progress or Progress()
    check_options(model, optimizer, epochs, valid, batch_size)
    check_feedback(model, data, epochs, valid)
    batch_size = rows_in_a_step(model, optimizer, batch_size)
    job = Job(data, optimizer, batch_size, backend, seed, observe, progress)
    valid_rmse = None
    if epochs is None or valid is not None or model.candidates(data.ratings.size) != [model]:
        model, epochs, valid_rmse = job.choose(model, epochs or MOST_EPOCHS, 0.1 if valid is None else valid)
    params, scaling = job.run(model, data, epochs)
    info = {"backend": get_backend(backend).name, "seed": seed, "optimizer": repr(optimizer)}
    info |= {"batch_size": batch_size, "epochs": epochs}
    info |= {"valid_rmse": valid_rmse, "trials": progress.trials, "history": progress.history}
    params = {name: np.array(to_host(w)) for name, w in params.items()}  # those in `progress` may be trained further
    return TrainedAutoencoder(model, params, data, scaling, on_host(backend), info)


def try_out(
    model: Autoencoder,
    data: Dataset,
    *,
    epochs: int | None = None,
    valid: float = 0.1,
    optimizer: Any = None,
    batch_size: int | None = None,
    backend: str = "auto",
    seed: int = 0,
) -> dict[str, Any]:
    """One candidate on a validation part of `data`: {"settings": , "epochs": the best number of them, "valid_rmse": }

    The options are those of `train`, which does the same with each of its candidates.
    """
    optimizer, progress = optimizer or OPTIMIZERS[model.default_optimizer](), Progress()
    check_options(model, optimizer, epochs, valid, batch_size)
    check_feedback(model, data, epochs, valid)
    if model.l2 is None:
        raise UsageError("l2 is what is to be tried out; give it")
    job = Job(
        data, optimizer, rows_in_a_step(model, optimizer, batch_size), backend, seed, lambda progress: None, progress
    )
    part, held_out = split_random(data, valid, seed)
    job.run(model, part, epochs or MOST_EPOCHS, held_out)
    return progress.trials[0]


def rows_in_a_step(model: Autoencoder, optimizer: Any, batch_size: int | None) -> int | None:
    """What `batch_size` comes to with this model and optimizer; None: all rows."""
    if batch_size is None and not optimizer.full_batch:
        return model.default_batch_size
    return batch_size or None


def check_options(
    model: Autoencoder, optimizer: Any, epochs: int | None, valid: float | None, batch_size: int | None
) -> None:
    if isinstance(optimizer, str):
        raise UsageError(f"the optimizer is {optimizer!r}; give one of tinyrec.optim, such as Adam()")
    check_type("epochs", epochs, "int | None")
    check_type("batch_size", batch_size, "int | None")
    name = type(optimizer).__name__
    if model.dropout and optimizer.full_batch:
        raise UsageError(f"dropout makes the gradient noisy, which {name} cannot bear; choose adam, rmsprop or sgd")
    if epochs is None and optimizer.patience is None:
        raise UsageError(f"the rate of {name} is to fall until the last epoch, so tell how many there are: epochs")
    if epochs is not None and epochs < 1:
        raise UsageError(f"{epochs} epochs would not train anything; ask for at least 1")
    if valid is not None and not 0 < valid < 1:
        raise UsageError(f"valid={valid} is no part of the ratings; give a fraction between 0 and 1, such as 0.1")
    if batch_size is not None and batch_size < 0:
        raise UsageError(f"{batch_size} rows in a step are none; give a number, or 0 for all")


def check_feedback(model: Autoencoder, data: Dataset, epochs: int | None, valid: float | None) -> None:
    """UsageError: ratings for a model of clicks, or the other way round; or a search by RMSE, which clicks have not"""
    if model.implicit and not data.implicit:
        raise UsageError("this model is for clicks, and these are ratings; make clicks of them with data.binarized()")
    if data.implicit and not model.implicit:
        raise UsageError(f"a {type(model).__name__} is for ratings, and these are clicks; take an ImplicitNCAE")
    if model.implicit and (epochs is None or valid is not None):
        raise UsageError("for clicks nothing is chosen on a validation part; give the epochs, such as 30, and no valid")
