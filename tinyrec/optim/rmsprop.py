"""RMSprop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyrec.backend import Backend, Params
from tinyrec.optim.base import Optimizer


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """v <- decay v + (1 - decay) g²;  w <- w - rate g / (√v + epsilon)       (Tieleman & Hinton 2012, lecture 6.5)"""

    learning_rate: float = 0.001
    decay: float = 0.9
    epsilon: float = 1e-8

    def init(self, params: Params) -> dict[str, Any]:
        return {"v": {name: 0 * w for name, w in params.items()}}

    def step(self, params: Params, grads: Params, state: dict[str, Any], backend: Backend, loss: float) -> None:
        arrays = [(w, grads[name], state["v"][name]) for name, w in params.items()]
        backend.rmsprop(arrays, self.learning_rate, self.decay, self.epsilon)
