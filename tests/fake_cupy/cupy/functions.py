"""Functions that behave in CuPy as in NumPy: NumPy's own, applied to the memory of device arrays."""

import numpy as np

from .array import FUNCTIONS, for_numpy, ndarray, on_device

UFUNCS = """
    abs absolute add bitwise_and bitwise_or bitwise_xor ceil copysign cosh divide equal exp expm1 floor floor_divide
    greater greater_equal invert isfinite isinf isnan less less_equal log log1p logical_and logical_not logical_or
    matmul maximum minimum multiply negative not_equal positive power reciprocal remainder sinh sqrt square subtract
    tanh
"""
# One function per line, with its parameters in CuPy 14; parameters that only NumPy has are rejected.
SIGNATURES = """
    all                a axis out keepdims
    any                a axis out keepdims
    append             arr values axis
    ascontiguousarray  a dtype
    broadcast_to       array shape
    clip               a a_min a_max out
    count_nonzero      a axis
    cumsum             a axis dtype out
    diff               a n axis prepend append
    dot                a b out
    expand_dims        a axis
    full_like          a fill_value dtype
    max                a axis out keepdims
    mean               a axis dtype out keepdims
    min                a axis out keepdims
    ones_like          a dtype
    ravel              a order
    reshape            a newshape order
    searchsorted       a v side sorter
    sum                a axis dtype out keepdims
    transpose          a axes
    zeros_like         a dtype
"""
ORDER_PRESERVING = "broadcast_to expand_dims full_like ones_like ravel reshape transpose zeros_like"
JOINS = "concatenate hstack stack vstack"
CREATION = "arange eye full linspace ones zeros"


def run(function, *args, order="C", **kwargs):
    """Apply a NumPy function to device arrays and numbers; the results are in C order, as in CuPy."""
    with np.errstate(all="ignore"):  # a GPU does not warn
        result = function(*map(for_numpy, args), **{name: for_numpy(value) for name, value in kwargs.items()})
    if kwargs.get("out") is not None:
        return kwargs["out"]
    if isinstance(result, tuple):
        return tuple(on_device(np.asarray(part)) for part in result)
    return on_device(np.asarray(result, order=order))


def ufunc(name):
    def call(*args, out=None, dtype=None, casting="same_kind"):
        if any(isinstance(argument, tuple) for argument in args):
            raise TypeError("Unsupported type <class 'tuple'>")
        return run(getattr(np, name), *args, out=out, dtype=dtype, casting=casting)

    return call


def function(name, parameters):
    order = "K" if name in ORDER_PRESERVING.split() else "C"

    def call(*args, **kwargs):
        if len(args) > len(parameters) or not kwargs.keys() <= set(parameters):
            raise TypeError(f"cupy.{name} takes only ({', '.join(parameters)})")
        return run(getattr(np, name), *args, order=order, **kwargs)

    return call


def join(name):
    def call(tup, *args, **kwargs):
        if not all(isinstance(part, ndarray) for part in tup):
            raise TypeError("Only cupy arrays can be concatenated")
        return run(getattr(np, name), tuple(map(for_numpy, tup)), *args, **kwargs)

    return call


def creation(name):
    def call(*args, **kwargs):
        if any(isinstance(argument, ndarray) for argument in (*args, *kwargs.values())):
            raise TypeError(f"cupy.{name} would synchronize to read its arguments")
        return run(getattr(np, name), *args, **kwargs)

    return call


FUNCTIONS.update({name: ufunc(name) for name in UFUNCS.split()})
FUNCTIONS.update({name: join(name) for name in JOINS.split()})
FUNCTIONS.update({name: creation(name) for name in CREATION.split()})
for line in SIGNATURES.strip().splitlines():
    name, *parameters = line.split()
    FUNCTIONS[name] = function(name, parameters)
