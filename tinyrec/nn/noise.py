"""Noise on the input of an autoencoder, so that it learns to predict a rating from the others."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array, Backend
from tinyrec.nn.activations import Backward
from tinyrec.sparse import Ratings


def masked(R: Ratings, q: float, rng: np.random.Generator) -> tuple[Ratings, Array]:
    """x̃ = 0 with probability q, else x, for each observed cell                        (CFN, section 3.1: masking noise)

    R (n, d) with p cells  ->  R̃ of the same pattern, and whether each cell was masked, (p,) bool

    Unlike in `dropout`, the other ratings are not scaled up, and the loss may give masked cells another weight.
    """
    hidden = R.backend.uniform(R.noise(rng), R.size) < q
    return R.with_values(R.xp.where(hidden, R.values.dtype.type(0), R.values)), hidden


def dropout(R: Ratings, q: float, rng: np.random.Generator) -> Ratings:
    """x̃ = x / (1 - q) with probability 1 - q, else 0, for each observed cell                             (NCAE, eq. 3)

    R (n, d) with p cells  ->  R̃ of the same pattern

    The mean of x̃ is x, so predictions use R itself. No gradient flows into the ratings, hence no backward.
    """
    kept = R.backend.uniform(R.noise(rng), R.size) >= q
    return R.with_values(R.values * (kept * R.values.dtype.type(1 / (1 - q))))


def unit_dropout(H: Array, q: float, rng: np.random.Generator, backend: Backend) -> tuple[Array, Backward]:
    """h̃ = h / (1 - q) with probability 1 - q, else 0, for each hidden unit        (Srivastava et al. 2014, section 10)

    H (n, k)  ->  H̃ (n, k)
    """
    scale = (backend.uniform(rng, H.shape) >= q) * H.real.dtype.type(1 / (1 - q))

    def backward(dH):
        return dH * scale

    return H * scale, backward
