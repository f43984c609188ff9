"""RProp: resilient propagation, which uses only the signs of the gradient. AutoRec's optimiser; full batch only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyrec.backend import Backend, Params
from tinyrec.checks import check_choice
from tinyrec.errors import UsageError
from tinyrec.optim.base import Optimizer


@dataclass(frozen=True)
class RProp(Optimizer):
    """step <- step * (eta_plus if g kept its sign, eta_minus if it changed, 1 if either is 0);  w <- w - sign(g) step

    Each weight has its own step, kept within [step_min, step_max]. The variants differ where the sign changed:

    variant   where the gradient changed sign                                source
    rprop-    take the smaller step                                          Igel & Hüsken 2000; the AutoRec code
    irprop-   treat the gradient as 0, now and in the next comparison        Igel & Hüsken 2000; the default
    irprop+   as irprop-, and undo the last update if the loss rose          Igel & Hüsken 2000, after Rprop+ of
              (the original always undoes it)                                Riedmiller & Braun 1993

    eta_plus, eta_minus and step_max are Riedmiller & Braun's, step_init is Igel & Hüsken's. The AutoRec authors' code
    has step_init 1e-6, step_max 1 and, at first, eta_plus 5: the same rule with other constants.
    """

    variant: str = "irprop-"
    step_init: float = 0.0125
    eta_plus: float = 1.2
    eta_minus: float = 0.5
    step_min: float = 0.0
    step_max: float = 50.0

    full_batch = True  # the sign of a gradient over a few rows says little about that over all
    state_per_parameter = 2

    def __post_init__(self):
        check_choice("RProp variant", self.variant, ("rprop-", "irprop-", "irprop+"))
        if not 0 <= self.step_min <= self.step_init <= self.step_max:
            limits = f"from step_min, {self.step_min}, to step_max, {self.step_max}"
            raise UsageError(f"step_init is {self.step_init}, but must be {limits}")

    def init(self, params: Params) -> dict[str, Any]:
        return {
            "previous": {name: 0 * w for name, w in params.items()},
            "step": {name: 0 * w + self.step_init for name, w in params.items()},
            "loss": float("inf"),
        }

    def step(self, params: Params, grads: Params, state: dict[str, Any], backend: Backend, loss: float) -> None:
        forget = self.variant != "rprop-"
        undo = self.variant == "irprop+" and loss > state["loss"]
        constants = (self.eta_plus, self.eta_minus, self.step_min, self.step_max, forget, undo)
        arrays = [(w, grads[name], state["previous"][name], state["step"][name]) for name, w in params.items()]
        backend.rprop(arrays, *constants)
        state["loss"] = loss
