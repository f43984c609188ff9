"""Adam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tinyrec.backend import Backend, Params
from tinyrec.optim.base import Optimizer


@dataclass(frozen=True)
class Adam(Optimizer):
    """m <- β₁ m + (1 - β₁) g;  v <- β₂ v + (1 - β₂) g²;  w <- w - rate m̂ / (√v̂ + epsilon)   (Kingma & Ba 2015, alg. 1)

    with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step t = 1, 2, ...
    linear_decay: the rate falls in a straight line, and is 0 at the end of the training
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    linear_decay: bool = False

    state_per_parameter = 2

    @property
    def patience(self):
        return None if self.linear_decay else 20

    def at(self, done: float, epochs: int) -> Adam:
        return replace(self, learning_rate=self.learning_rate * (1 - done / epochs)) if self.linear_decay else self

    def init(self, params: Params) -> dict[str, Any]:
        return {
            "t": 0,
            "m": {name: 0 * w for name, w in params.items()},
            "v": {name: 0 * w for name, w in params.items()},
        }

    def step(self, objective: Callable, params: Params, state: dict[str, Any], backend: Backend) -> float:
        loss, grads = objective(params)
        state["t"] += 1
        constants = (self.learning_rate, self.beta1, self.beta2, self.epsilon)
        m_part, v_part = 1 - self.beta1 ** state["t"], 1 - self.beta2 ** state["t"]
        for name, w in params.items():
            m, v = state["m"][name], state["v"][name]
            backend.adam(w, grads[name], m, v, *constants, m_part, v_part)
        return loss
