"""Noise on what an autoencoder reads, so that it learns to predict a rating from the others."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array
from tinyrec.sparse import Ratings


def masked(R: Ratings, q: float, rng: np.random.Generator) -> tuple[Ratings, Array]:
    """x̃ = 0 with probability q, else x, for each observed cell                        (CFN, section 3.1: masking noise)

    R (n, d) with p cells  ->  R̃ of the same pattern, and whether a cell was masked, (p,) bool

    Other than in `dropout`, what is kept is not raised, and who predicts the masked ones is told which they are.
    """
    hidden = R.backend.asarray(rng.random(R.size, dtype=np.float32) < q)
    return R.with_values(R.values * ~hidden), hidden


def dropout(R: Ratings, q: float, rng: np.random.Generator) -> Ratings:
    """x̃ = x / (1 - q) with probability 1 - q, else 0, for each observed cell                             (NCAE, eq. 3)

    R (n, d) with p cells  ->  R̃ of the same pattern

    The mean of x̃ is x, so nothing changes for predicting. Nothing flows back into the ratings, hence no backward. Drawn
    on the host, so that every backend drops the same cells.
    """
    kept = rng.random(R.size, dtype=np.float32) >= q
    scale = (kept / (1 - q)).astype(R.values.dtype)
    return R.with_values(R.values * R.backend.asarray(scale))
