"""Pop: recommend the most popular items to everyone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.baselines.base import Baseline
from tinyrec.sparse import Ratings


@dataclass(frozen=True)
class Pop(Baseline):
    """ŷ_ui = f_i, the number of users who have item i                                           (NCAE, section 5.1)"""

    implicit = True

    def learn(self, R: Ratings, seed: int) -> Params:
        return {"counts": np.bincount(R.cols, minlength=R.shape[1])}

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        return {"counts": (d,)}

    def predict_users(self, params: Params, R: Ratings, users: Array) -> Array:
        return np.tile(params["counts"].astype(float), (len(users), 1))

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        return self.predict_users(params, R, np.arange(new.shape[0]))
