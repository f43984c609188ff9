"""RMSprop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Backend, Params


@dataclass(frozen=True)
class RMSprop:
    """v <- decay v + (1 - decay) g²;  w <- w - rate g / (√v + tiny)          (Tieleman & Hinton 2012, lecture 6.5)"""

    learning_rate: float = 0.001
    decay: float = 0.9
    tiny: float = 1e-8

    full_batch = False
    dtype = np.float32
    numbers_a_weight = 1
    patience = 20

    def init(self, params: Params) -> dict[str, Any]:
        return {"v": {name: 0 * w for name, w in params.items()}}

    def step(self, objective: Callable, params: Params, state: dict[str, Any], backend: Backend) -> float:
        loss, grads = objective(params)
        for name, w in params.items():
            backend.rmsprop(w, grads[name], state["v"][name], self.learning_rate, self.decay, self.tiny)
        return loss
