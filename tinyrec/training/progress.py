"""The progress of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tinyrec.sparse import Whole
from tinyrec.training.loop import Epoch


@dataclass
class Progress:
    """The progress of `train`, and all that it needs to continue from there.

    trials: the finished trials on the validation part, as {"settings": , "epochs": , "valid_rmse": }
    history: one dict for each epoch of the trials and of the final training, where "trial" is None; "layer" is the
        layer that is pretrained, or None
    epoch, best_rmse, best_epoch: the state of the current trial or training; epoch None: at its start
    epochs: the number that `train` was last called with
    rows: what is trained on; it knows whether other processes take part, see `tinyrec.shard`
    """

    trials: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    epoch: Epoch | None = None
    best_rmse: float = math.inf
    best_epoch: int = 0
    epochs: int | None = None
    rows: Whole = field(default_factory=Whole)

    def __repr__(self) -> str:
        epoch = f"epoch {self.epoch.number}" if self.epoch else "at the start"
        return f"<Progress: {len(self.trials)} trials, {len(self.history)} epochs in all, {epoch}>"
