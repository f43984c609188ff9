"""A dict of arrays as one vector, and back."""

import numpy as np

from tinyrec.backend import Array, Params


def flatten(params: Params) -> Array:
    """All arrays end to end, in the order of the dict: a float64 vector (size,)."""
    return np.concatenate([np.ravel(array) for array in params.values()]).astype(np.float64, copy=False)


def fill(params: Params, vector: Array) -> None:
    """Write a vector made by `flatten` back into the arrays it came from."""
    start = 0
    for array in params.values():
        array[...] = vector[start : start + array.size].reshape(array.shape)
        start += array.size
