"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinyrec.backend import Backend, Params
from tinyrec.optim.base import Optimizer


@dataclass(frozen=True)
class SGD(Optimizer):
    """m <- momentum m - rate g;  w <- w + m               (Polyak 1964, "heavy ball")

    Most losses are sums over the observed cells, so the default rate is smaller than is usual for a mean.
    decay: after e epochs the rate is learning_rate / (1 + decay e); the CFN authors' code counts e from 1
    """

    learning_rate: float = 1e-4
    momentum: float = 0.9
    decay: float = 0.0

    @property
    def decays(self) -> bool:
        return self.decay > 0

    def at(self, done: float, epochs: int) -> SGD:
        return replace(self, learning_rate=self.learning_rate / (1 + int(done) * self.decay))

    def init(self, params: Params) -> dict[str, Any]:
        return {"m": {name: 0 * w for name, w in params.items()}}

    def step(self, params: Params, grads: Params, state: dict[str, Any], backend: Backend, loss: float) -> None:
        arrays = [(w, grads[name], state["m"][name]) for name, w in params.items()]
        backend.sgd(arrays, self.learning_rate, self.momentum)
