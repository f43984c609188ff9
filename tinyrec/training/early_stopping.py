"""Early stopping on a validation part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyrec.backend import Params, to_host
from tinyrec.data import Dataset
from tinyrec.models import Network
from tinyrec.recommenders.protocol import Protocol
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training.loop import Epoch


class EarlyStopping:
    """Call it with each Epoch: it returns whether `patience` epochs in a row have not lowered the validation RMSE.

    A relative gain of less than 1e-4 does not count: a curve may creep down for hundreds of epochs. Parameters are not
    kept: train again, on all ratings, for `best_epoch` epochs.

    validate(params) -> RMSE
    patience: None: never stop, and take the last epoch for the best, as when the learning rate falls to 0
    """

    def __init__(
        self,
        validate: Callable[[Params], float],
        patience: int | None,
        best_rmse: float = math.inf,
        best_epoch: int = 0,
    ):
        self.validate, self.patience = validate, patience
        self.rmse, self.best_rmse, self.best_epoch = math.nan, best_rmse, best_epoch

    def __call__(self, epoch: Epoch) -> bool:
        self.rmse = self.validate(epoch.params)
        if self.patience is None or self.rmse < self.best_rmse * (1 - 1e-4):
            self.best_rmse, self.best_epoch = self.rmse, epoch.number
        return self.is_out_of_patience(epoch.number)

    def is_out_of_patience(self, number: int) -> bool:
        return self.patience is not None and number - self.best_epoch >= self.patience


def validator(model: Network, R: Any, scaling: Scaling, data: Dataset, held_out: Dataset) -> Callable[[Params], float]:
    """The function params -> RMSE on the ratings `held_out` from `data`, predicted from the rows R (n, d)."""
    cells: Any = held_out.ratings.with_values(np.arange(held_out.ratings.size))  # their order, which `T` changes
    cells = R.own(cells.T if model.by == "item" else cells)
    at, protocol = cells.to(R.backend.name), Protocol.of(data)

    def validate(params):
        x = np.zeros(held_out.ratings.size)
        x[cells.values] = to_host(model.predict_cells(params, R, at))
        y = scaling.to_rating(R.joined(x), held_out.ratings.rows, held_out.ratings.cols)
        return protocol.score(y, held_out.ratings)["rmse"]

    return validate
