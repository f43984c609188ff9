"""Activation functions: f(X) and its backward, element by element, for arrays of any shape and backend.

`np.tanh` of an array of CuPy is CuPy's: NumPy's functions ask their arguments first (`__array_ufunc__`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array

Backward = Callable[[Array], Array]


def identity(X: Array) -> tuple[Array, Backward]:
    """Y = X"""

    def backward(dY):
        return dY

    return X, backward


def sigmoid(X: Array) -> tuple[Array, Backward]:
    """Y = 1 / (1 + exp(-X)), as (1 + tanh(X / 2)) / 2, which cannot overflow"""
    Y = np.tanh(X / 2)
    Y += 1
    Y /= 2

    def backward(dY):
        return dY * (Y * (1 - Y))

    return Y, backward


def tanh(X: Array) -> tuple[Array, Backward]:
    """Y = tanh(X)"""
    Y = np.tanh(X)

    def backward(dY):
        return dY * (1 - Y * Y)

    return Y, backward


def relu(X: Array) -> tuple[Array, Backward]:
    """Y = max(X, 0); the gradient at the kink is 0"""
    on = X.real > 0  # the real part alone: complex numbers, which the gradient check sends through, have no order

    def backward(dY):
        return dY * on

    return X * on, backward


ACTIVATIONS = {"identity": identity, "sigmoid": sigmoid, "tanh": tanh, "relu": relu}
