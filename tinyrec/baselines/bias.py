"""Bias: user and item biases, the simplest model that every recommender should beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import Baseline
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Bias(Baseline):
    """r̂_ui = μ + b_u + b_i                                             (Koren, Bell, Volinsky 2009, eq. 3)

    fitted by minimising Σ (r - r̂)² + user_damping Σ b_u² + item_damping Σ b_i², see `Biases.fit`. The defaults are
    those of the library Surprise (BaselineOnly).
    """

    user_damping: float = 15.0
    item_damping: float = 10.0
    iterations: int = 10

    def learn(self, R: Ratings, seed: int) -> Params:
        biases = Biases.fit(R, self.user_damping, self.item_damping, self.iterations)
        return {"mean": np.array([biases.mean]), "user": biases.user, "item": biases.item}

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        return {"mean": (1,), "user": (n,), "item": (d,)}

    def predict_cells(self, params: Params, R: Ratings, users: Array, items: Array) -> Array:
        return biases_of(params).predict(users, items)

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        """Compute the bias of each new user, with those of the items fixed."""
        biases, total = biases_of(params), np.zeros(new.shape[0])
        np.add.at(total, new.rows, new.values - biases.predict(np.full(new.size, -1), new.cols))
        user = total / (self.user_damping + np.bincount(new.rows, minlength=new.shape[0]))
        return biases.mean + user[:, np.newaxis] + biases.item


def biases_of(params: Params) -> Biases:
    """The biases among the arrays that a baseline has learned."""
    return Biases(float(params["mean"][0]), params["user"], params["item"])
