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
    hidden = R.backend.asarray(R.noise(rng).random(R.size, dtype=np.float32) < q)
    return R.with_values(R.values * ~hidden), hidden


def dropout(R: Ratings, q: float, rng: np.random.Generator) -> Ratings:
    """x̃ = x / (1 - q) with probability 1 - q, else 0, for each observed cell                             (NCAE, eq. 3)

    R (n, d) with p cells  ->  R̃ of the same pattern

    The mean of x̃ is x, so predictions use R itself. No gradient flows into the ratings, hence no backward. The noise is
    drawn on the host, so that every backend drops the same cells.
    """
    kept = R.noise(rng).random(R.size, dtype=np.float32) >= q
    scale = (kept / (1 - q)).astype(R.values.dtype)
    return R.with_values(R.values * R.backend.asarray(scale))


def unit_dropout(H: Array, q: float, rng: np.random.Generator, backend: Backend) -> tuple[Array, Backward]:
    """h̃ = h / (1 - q) with probability 1 - q, else 0, for each hidden unit        (Srivastava et al. 2014, section 10)

    H (n, k)  ->  H̃ (n, k)
    """
    kept = rng.random(H.shape, dtype=np.float32) >= q
    scale = backend.asarray((kept / (1 - q)).astype(H.real.dtype))

    def backward(dH):
        return dH * scale

    return H * scale, backward
