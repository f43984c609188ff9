"""What all models that were trained by gradients have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tinyrec.backend import Params
from tinyrec.data import Dataset
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.scaling import Scaling


@dataclass(frozen=True, eq=False, repr=False)
class FittedNetwork(Recommender):
    """Base of what `fit` of an autoencoder or of a model of pairs returns.

    model: the hyper-parameters; params: the trained parameters; data: the training ratings
    scaling: from ratings to the input of the model, and back;  backend: for training; predictions are made on the CPU
    info: how it was trained
    """

    model: Any
    params: Params
    data: Dataset
    scaling: Scaling
    backend: str = "numpy"
    info: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{self.model}, trained for {self.info.get('epochs')} epochs on {self.data}>"

    @property
    def n_parameters(self) -> int:
        """The number of trained parameters."""
        return sum(array.size for array in self.params.values())

    @property
    def _dtype(self) -> Any:
        return next(iter(self.params.values())).dtype
