"""RProp: resilient propagation, which reads only the signs of the gradient. AutoRec's optimiser; full batch only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyrec.backend import Backend, Params
from tinyrec.errors import UsageError
from tinyrec.optim.base import Optimizer


@dataclass(frozen=True)
class RProp(Optimizer):
    """step <- step * (eta_plus if g kept its sign, eta_minus if it turned, 1 if either is 0);  w <- w - sign(g) step

    Each weight has its own step, kept within [step_min, step_max]. Where the gradient turned, the variants differ:

    variant   where the gradient turned                                      source
    rprop-    move on, with the shrunk step                                  Igel & Hüsken 2000; the AutoRec code
    irprop-   take the gradient for 0: stay, and leave the next step alone   Igel & Hüsken 2000; the default
    irprop+   as irprop-, and take the last move back if the loss rose       Igel & Hüsken 2000, after Rprop+ of
              (the original takes it back always)                            Riedmiller & Braun 1993

    eta_plus, eta_minus and the step_max step are Riedmiller & Braun's, the first step is Igel & Hüsken's. The AutoRec authors'
    begin with 1e-6, go up to 1, and eta_plus by 5 at first: the same rule with other constants.
    """

    variant: str = "irprop-"
    step_init: float = 0.0125
    eta_plus: float = 1.2
    eta_minus: float = 0.5
    step_min: float = 0.0
    step_max: float = 50.0

    full_batch = True  # a sign taken from a few rows says nothing about the sum over all
    state_per_parameter = 2

    def __post_init__(self):
        if self.variant not in ("rprop-", "irprop-", "irprop+"):
            raise UsageError(f"unknown RProp variant {self.variant!r}; choose rprop-, irprop- or irprop+")
        if not 0 <= self.step_min <= self.step_init <= self.step_max:
            raise UsageError(
                f"the first step {self.step_init} is not from {self.step_min} to {self.step_max}; choose another"
            )

    def init(self, params: Params) -> dict[str, Any]:
        return {
            "previous": {name: 0 * w for name, w in params.items()},
            "step": {name: 0 * w + self.step_init for name, w in params.items()},
            "loss": float("inf"),
        }

    def step(self, objective: Callable, params: Params, state: dict[str, Any], backend: Backend) -> float:
        loss, grads = objective(params)
        forget = self.variant != "rprop-"
        undo = self.variant == "irprop+" and loss > state["loss"]
        limits = (self.eta_plus, self.eta_minus, self.step_min, self.step_max)
        for name, w in params.items():
            backend.rprop(w, grads[name], state["previous"][name], state["step"][name], *limits, forget, undo)
        state["loss"] = float(loss)
        return loss
