"""The trials and the final training that `tinyrec.training.train.train` consists of, and how far they have come."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params, to_host
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.evaluation.rating_metrics import score
from tinyrec.evaluation.splits import split_random
from tinyrec.models import NCAE, DeepAutoRec
from tinyrec.models.base import Autoencoder
from tinyrec.recommenders.scaling import Scaling
from tinyrec.sparse import Ratings
from tinyrec.training.loop import EarlyStopping, Epoch, begin, fit, moved
from tinyrec.training.pretraining import pretrain
from tinyrec.training.stages import pretrain_stages

TOO_FEW = 20  # ratings, of which a tenth would say nothing
# What an autoencoder must gain on the biases alone, relative, times √(validation ratings), to be more than luck. The
# order of a standard error; 0.2 and 0.3 were tried on small samples of ML-1M and small synthetic sets, 0.2 was better.
NOISE = 0.2


@dataclass
class Progress:
    """How far `train` has come, and all that it needs to go on from there.

    trials: the candidates tried to the end, as {"settings": , "epochs": , "valid_rmse": }
    history: one dict an epoch, of trials and of the final training (there, "trial" is None); "layer" is that which was
        pretrained in this epoch, or None
    epoch, best_rmse, best_epoch: where the trial or training under way stands; epoch None: at its start
    """

    trials: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    epoch: Epoch | None = None
    best_rmse: float = math.inf
    best_epoch: int = 0

    @property
    def is_trial(self) -> bool:
        return self.history[-1]["trial"] is not None


@dataclass(frozen=True)
class Job:
    """The part of `train`'s arguments that its trials and the final training share."""

    data: Dataset
    optimizer: Any
    batch_size: int | None
    backend: str
    seed: int
    observe: Callable[[Progress], None]
    progress: Progress

    def choose(self, model: Autoencoder, epochs: int, valid: float) -> tuple[Autoencoder, int, float | None]:
        """The candidate with the lowest validation RMSE, the number of epochs at which it was, and the RMSE."""
        candidates = model.candidates(self.data.ratings.size)
        may_be_biases = model.l2 is None and candidates[-1].zero == "biases"
        if may_be_biases and self.data.ratings.size < TOO_FEW:
            return candidates[-1], 0, None
        part, held_out = split_random(self.data, valid, self.seed)
        for candidate in candidates[len(self.progress.trials) :]:
            self.run(candidate, part, epochs, held_out)
        best = min(self.progress.trials, key=lambda trial: trial["valid_rmse"])
        biases = biases_alone(part, held_out)
        if may_be_biases and best["valid_rmse"] > biases * (1 - NOISE / held_out.ratings.size**0.5):
            return candidates[-1], 0, biases
        return replace(model, **best["settings"]), best["epochs"], best["valid_rmse"]

    def run(
        self, model: Autoencoder, data: Dataset, epochs: int, held_out: Dataset | None = None
    ) -> tuple[Params, Scaling]:
        """Train on `data` for so many epochs, or, with `held_out`, until its RMSE no longer falls."""
        progress, scaling = self.progress, Scaling.of(data, *model.centring)
        R = self.rows(model, data, scaling)
        stop = (
            EarlyStopping(validator(model, R, scaling, data, held_out), self.optimizer.patience) if held_out else None
        )
        if progress.epoch is None:
            progress.epoch = self.start(model, R, epochs, bool(stop))
            progress.best_rmse, progress.best_epoch = math.inf, 0
        elif progress.epoch.number > epochs or (progress.epoch.number and progress.is_trial != bool(stop)):
            raise UsageError("this progress is of a training with other options; go on with those it was begun with")
        elif stop:
            stop.best_rmse, stop.best_epoch = progress.best_rmse, progress.best_epoch
            if stop.is_out_of_patience(progress.epoch):
                epochs = progress.epoch.number  # it was about to end
        progress.epoch = moved(progress.epoch, R.backend)  # one that was read from a file is on the host
        for epoch in fit(model, R, self.optimizer, epochs=epochs, batch_size=self.batch_size, start=progress.epoch):
            enough = stop(epoch) if stop else False
            progress.epoch = epoch
            if stop:
                progress.best_rmse, progress.best_epoch = stop.best_rmse, stop.best_epoch
            self.record(epoch, stop, bool(stop))
            self.observe(progress)
            if enough:
                break
        params = progress.epoch.params
        if stop:
            trial = {"settings": asdict(model), "epochs": stop.best_epoch, "valid_rmse": stop.best_rmse}
            progress.trials.append(trial)
            progress.epoch = None
        return params, scaling

    def start(self, model: Autoencoder, R: Ratings, epochs: int, is_trial: bool) -> Epoch:
        """Epoch 0, with parameters as drawn, or pretrained if there is anything to follow."""
        if not (model.is_pretrained and epochs):
            return begin(model, R, self.optimizer, self.seed)

        history = self.progress.history
        while history and history[-1]["layer"] is not None:  # of a pretraining that was stopped, and begins anew
            history.pop()

        def record(layer, epoch):
            self.record(epoch, None, is_trial, layer)
            self.observe(self.progress)

        options: dict[str, Any] = {"batch_size": self.batch_size, "seed": self.seed, "observe": record}
        if isinstance(model, NCAE):
            params = pretrain_stages(model, R, self.optimizer, **options)
        else:
            assert isinstance(model, DeepAutoRec)
            params = pretrain(model, R, self.optimizer, **options)
        return begin(model, R, self.optimizer, self.seed, params)

    def rows(self, model: Autoencoder, data: Dataset, scaling: Scaling) -> Ratings:
        """What the autoencoder is given, (n, d)."""
        R, features = scaling.to_model(data.ratings, self.optimizer.dtype), model.features(data)
        R = R.T if model.by == "item" else R
        return model.prepare(R.with_side(features.X if features else None).to(self.backend))

    def record(self, epoch: Epoch, stop: EarlyStopping | None, is_trial: bool, layer: int | None = None) -> None:
        trial, rmse = len(self.progress.trials) if is_trial else None, stop.rmse if stop else None
        row = {"trial": trial, "layer": layer, "epoch": epoch.number, "loss": epoch.loss, "seconds": epoch.seconds}
        self.progress.history.append({**row, "valid_rmse": rmse})


def biases_alone(part: Dataset, held_out: Dataset) -> float:
    """The RMSE of a centred model after 0 epochs."""
    return scaled_rmse(np.zeros(held_out.ratings.size), Scaling.of(part, "biases"), part, held_out)


def validator(model, R, scaling, data, held_out) -> Callable[[Params], float]:
    """The function params -> RMSE on the ratings held out, after the rows of R have been read."""
    cells = held_out.ratings.with_values(np.arange(held_out.ratings.size))  # numbered, to know them in a transpose
    cells = cells.T if model.by == "item" else cells
    at = cells.to(R.backend.name)

    def validate(params):
        x = np.empty(at.size)
        x[cells.values] = to_host(model.predict_cells(params, R, at))
        return scaled_rmse(x, scaling, data, held_out)

    return validate


def scaled_rmse(x: Array, scaling: Scaling, data: Dataset, held_out: Dataset) -> float:
    """The RMSE of predictions x (p,), on the model's scale, of the ratings held out from `data`."""
    y = scaling.to_rating(x, held_out.ratings.rows, held_out.ratings.cols)
    return score(y, data.ratings, held_out.ratings, data.scale)["rmse"]
