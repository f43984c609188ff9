"""A dict of arrays as one vector, and back."""

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array, Params, to_host


def flatten(params: Params) -> Array:
    """All arrays end to end, in the order of the dict: a float64 vector (size,) on the host."""
    return np.concatenate([to_host(array).ravel() for array in params.values()]).astype(np.float64, copy=False)


def fill(params: Params, vector: Array, asarray: Callable[[Array], Array] = np.asarray) -> None:
    """Write a vector made by `flatten` back into the arrays it came from; asarray: see Backend."""
    start = 0
    for array in params.values():
        array[...] = asarray(vector[start : start + array.size]).reshape(array.shape)
        start += array.size
