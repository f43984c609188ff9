"""Functions that behave in CuPy differently from NumPy, and those that copy between host and device."""

import numpy as np

from .array import FUNCTIONS, for_numpy, ndarray, on_device, poisoned
from .counts import fake_counts
from .functions import run

METHODS = "all any argsort clip cumsum dot max mean min ravel repeat searchsorted sum take"


def array(obj, dtype=None, copy=True):
    if isinstance(obj, ndarray):
        return obj.astype(dtype or obj.dtype, copy=copy)
    fake_counts.to_device += 1
    return on_device(np.array(obj, dtype))


def asarray(a, dtype=None):
    return array(a, dtype, copy=False)


def asnumpy(a):
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def empty(shape, dtype=float):
    return ndarray(shape, dtype)


def empty_like(prototype, dtype=None):
    return on_device(poisoned(np.empty_like(for_numpy(prototype), dtype)))


def argsort(a, axis=-1, kind=None):
    return run(np.argsort, a, axis, _stable(kind))


def sort(a, axis=-1, kind=None):
    return run(np.sort, a, axis, _stable(kind))


def _stable(kind):
    if kind not in (None, "stable"):
        raise ValueError("'kind' can only be None or 'stable'")
    return "stable"


def bincount(x, weights=None, minlength=None):
    """CuPy synchronizes to read the maximum, and before 14.2 raises for an empty array, which has none."""
    fake_counts.to_host += 1
    if not x.size:
        raise ValueError("zero-size array to reduction operation cupy_max which has no identity")
    return run(np.bincount, x, weights, minlength or 0)


def einsum(subscripts, *operands):
    return run(np.einsum, subscripts, *operands)


def flatnonzero(a):
    fake_counts.to_host += 1  # CuPy synchronizes to read the size of the result
    return run(np.flatnonzero, a)


def repeat(a, repeats, axis=None):
    """Before 14.1, CuPy takes `repeats` only from the host; since then it synchronizes to know the size."""
    if isinstance(repeats, ndarray):
        raise ValueError("cupy.ndarray cannot be specified as `repeats` argument.")
    if not isinstance(repeats, list | tuple):
        repeats = [repeats]
    if not all(isinstance(number, int) for number in repeats):
        raise TypeError("'repeats' should be int or a list of int")
    return run(np.repeat, a, tuple(repeats), axis)


def sign(x, out=None):
    """Of NaN, CuPy returns NaN, but 0 before 14.2."""
    if np.isnan(for_numpy(x)).any():
        raise ValueError("the sign of NaN depends on the version of CuPy")
    return run(np.sign, x, out=out)


def take(a, indices, axis=None, out=None):
    return run(np.take, a, indices, axis, out=out, mode="wrap")


def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None):
    fake_counts.to_host += 1  # CuPy synchronizes to read the size of the result
    return run(np.unique, ar, return_index, return_inverse, return_counts, axis)


def where(condition, x, y):
    if not isinstance(condition, ndarray):
        raise TypeError(f"Unsupported type {type(condition)}")
    return run(np.where, condition, x, y)


RULES = [
    *(array, asarray, asnumpy, empty, empty_like),
    *(argsort, sort, bincount, einsum, flatnonzero, repeat, sign, take, unique, where),
]
FUNCTIONS.update({rule.__name__: rule for rule in RULES})

for name in METHODS.split():
    setattr(ndarray, name, FUNCTIONS[name])
