"""The three-stage pretraining of NCAE, and its rivals (Li et al., section 4.3 and figure 5).

Each layer is trained by itself, with those below frozen. Supervised: a decoder on top of it predicts the ratings, some
of which are dropped. Unsupervised: a decoder on top of it reconstructs what it reads, without noise; of the first layer
that is the observed ratings. "S+U+S" is the paper's: supervised shallow representation, unsupervised deep ones, and
then the last layer W, supervised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.models import NCAE
from tinyrec.sparse import Ratings
from tinyrec.training.loop import Epoch, fit
from tinyrec.training.pretraining import CodeAutoencoder, Rows


def pretrain_stages(
    model: NCAE,
    R: Ratings,
    optimizer: Any,
    *,
    batch_size: int | None = None,
    seed: int = 0,
    observe: Callable[[int, Epoch], None] = lambda layer, epoch: None,
) -> Params:
    """The parameters from which fine-tuning starts; what no stage has trained is as drawn.

    observe: called with the number of the layer and each Epoch
    """
    first, deeper, *top = model.pretrain.split("+")
    drawn = model.init(R, np.random.default_rng(seed))
    params = {name: R.backend.asarray(w) for name, w in drawn.items()}

    def trained(layer, stage, rows):
        options = {"epochs": model.pretrain_epochs, "batch_size": batch_size, "seed": seed + layer}
        for epoch in fit(stage, rows, optimizer, **options):
            observe(layer, epoch)
        return epoch.params

    last = len(model.hidden_units)
    for layer, way in enumerate([first] + [deeper] * (last - 1), start=1):
        below = {name: params[name] for j in range(1, layer) for name in (f"V{j}", f"mu{j}")}
        if way == "U" and layer > 1:
            H = replace(model, hidden_units=model.hidden_units[: layer - 1]).encode(below, R)
            codes = CodeAutoencoder(hidden_units=model.hidden_units[layer - 1], activation=model.activation, l2=0.0)
            learned = trained(layer, codes, Rows(H, R.backend))
            params |= {f"V{layer}": learned["V"], f"mu{layer}": learned["mu"]}
            continue
        noise = model.dropout if way == "S" else 0.0
        shallower = replace(model, hidden_units=model.hidden_units[:layer], dropout=noise)
        learned = trained(layer, Frozen(shallower, below), R)
        decoder = ("W", "b") if layer == last and way == "S" else ()  # of the last layer it is where W begins
        params |= {name: learned[name] for name in (f"V{layer}", f"mu{layer}", *decoder)}
    if top:
        below = {name: w for name, w in params.items() if name not in ("W", "b")}
        params |= trained(last + 1, Frozen(model, below), R)
    return params


@dataclass(frozen=True)
class Frozen:
    """A model of which some parameters are given, and only the others trained."""

    model: NCAE
    given: Params

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        return {name: w for name, w in self.model.init(R, rng).items() if name not in self.given}

    def loss_and_grads(
        self, params: Params, R: Ratings, share: float = 1.0, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        loss, grads = self.model.loss_and_grads({**self.given, **params}, R, share, rng)
        return loss, {name: grads[name] for name in params}
