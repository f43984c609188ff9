"""Vectors of the ids of users and items, in models of pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array, Backend, Params
from tinyrec.nn import embedding

SPREAD = 0.01  # the standard deviation of a new vector (He et al. 2017, section 4.1; the code of the ACCM authors)


def id_vectors(E: Array, numbers: Array, backend: Backend) -> tuple[Array, Callable[[Array], Array]]:
    """The row of E (n, k) for each of these numbers (u,), and the mean of all rows for -1, an unknown id  ->  (u, k)"""
    e, backward = embedding(E, numbers, backend)
    if (numbers < 0).any():
        e[backend.asarray(numbers < 0)] = E.mean(axis=0)
    return e, backward


def with_small_vectors(params: Params, names: tuple[str, ...], rng: np.random.Generator) -> Params:
    """The parameters with these ones drawn again, normal with the standard deviation `SPREAD`."""
    drawn = {name: rng.normal(0, SPREAD, params[name].shape).astype(params[name].dtype) for name in names}
    return {**params, **drawn}
