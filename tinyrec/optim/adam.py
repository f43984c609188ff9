"""Adam."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinyrec.backend import Backend, Params
from tinyrec.optim.base import Optimizer


@dataclass(frozen=True)
class Adam(Optimizer):
    """m <- β₁ m + (1 - β₁) g;  v <- β₂ v + (1 - β₂) g²;  w <- w - rate m̂ / (√v̂ + epsilon)   (Kingma & Ba 2015, alg. 1)

    with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step t = 1, 2, ...
    linear_decay: the rate falls linearly to 0 at the end of training
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    linear_decay: bool = False

    state_per_parameter = 2

    @property
    def patience(self) -> int | None:
        return None if self.linear_decay else 20

    @property
    def decays(self) -> bool:
        return self.linear_decay

    def at(self, done: float, epochs: int) -> Adam:
        return replace(self, learning_rate=self.learning_rate * (1 - done / epochs))

    def init(self, params: Params) -> dict[str, Any]:
        return {
            "t": 0,
            "m": {name: 0 * w for name, w in params.items()},
            "v": {name: 0 * w for name, w in params.items()},
        }

    def step(self, params: Params, grads: Params, state: dict[str, Any], backend: Backend, loss: float) -> None:
        state["t"] += 1
        constants = (self.learning_rate, self.beta1, self.beta2, self.epsilon)
        m_part, v_part = 1 - self.beta1 ** state["t"], 1 - self.beta2 ** state["t"]
        arrays = [(w, grads[name], state["m"][name], state["v"][name]) for name, w in params.items()]
        backend.adam(arrays, *constants, m_part, v_part)
