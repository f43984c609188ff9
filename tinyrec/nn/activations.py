"""Activation functions: f(X) and its backward, element by element, for arrays of any shape and backend.

`np.minimum` of a CuPy array runs on the GPU: NumPy passes the call on to CuPy (`__array_ufunc__`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec import backend
from tinyrec.backend import Array, elementwise

Backward = Callable[[Array], Array]
Activation = Callable[[Array], tuple[Array, Backward]]  # X -> Y, and the function dY -> dX
SELU_S, SELU_A = 1.0507009873554805, 1.6732632423543772


def identity(X: Array) -> tuple[Array, Backward]:
    """Y = X"""

    def backward(dY):
        return dY

    return X, backward


def sigmoid(X: Array) -> tuple[Array, Backward]:
    """Y = 1 / (1 + exp(-X))"""
    Y = logistic(X)

    def backward(dY):
        return logistic_backward(dY, Y)

    return Y, backward


@elementwise
def logistic(X: Array) -> Array:
    """1 / (1 + exp(-X)) = (1 + tanh(X / 2)) / 2, which cannot overflow"""
    Y = backend.tanh(X / 2)
    Y += 1
    Y /= 2
    return Y


@elementwise
def logistic_backward(dY: Array, Y: Array) -> Array:
    return dY * (Y * (1 - Y))


def tanh(X: Array) -> tuple[Array, Backward]:
    """Y = tanh(X)"""
    Y = backend.tanh(X)

    def backward(dY):
        return tanh_backward(dY, Y)

    return Y, backward


@elementwise
def tanh_backward(dY: Array, Y: Array) -> Array:
    return dY * (1 - Y * Y)


def relu(X: Array) -> tuple[Array, Backward]:
    """Y = max(X, 0); the gradient at the kink is 0"""
    on = X.real > 0  # the real part: the gradient check passes complex numbers, which have no order

    def backward(dY):
        return dY * on

    return X * on, backward


def selu(X: Array) -> tuple[Array, Backward]:
    """Y = s X where X > 0, else s a (exp(X) - 1), with the constants s and a         (Klambauer et al. 2017, eq. 2, 14)

    The gradient at the kink, X = 0, is that of its left side, s a.
    """
    Y = np.expm1(np.minimum(X, 0))  # not of positive numbers: it could overflow
    Y *= SELU_S * SELU_A
    Y += SELU_S * np.maximum(X, 0)

    def backward(dY):  # the slope is s where X > 0, else s a exp(X) = Y + s a
        slope = np.minimum(Y, 0)
        slope += SELU_S * SELU_A
        slope -= SELU_S * (SELU_A - 1) * (Y.real > 0).astype(Y.real.dtype)
        return dY * slope

    return Y, backward


def binary(X: Array) -> tuple[Array, Backward]:
    """Y = 1 where sigmoid(X) > 1/2, else 0; backward is that of the sigmoid (a straight-through estimator)

    The hidden units of the AutoRec authors' released code. The backward is not the derivative of the forward.
    """
    Y, backward = sigmoid(X)
    return (Y.real > 0.5).astype(Y.dtype), backward


def stretched(f: Activation, offset: float, factor: float) -> Activation:
    """The activation Y = offset + factor f(X)"""

    def activation(X):
        F, back = f(X)

        def backward(dY):
            return back(factor * dY)

        return offset + factor * F, backward

    return activation


ACTIVATIONS = {"identity": identity, "sigmoid": sigmoid, "tanh": tanh, "relu": relu, "selu": selu, "binary": binary}

# For the output layer. Models see ratings on a scale of 1 to 5, so sigmoid and tanh are stretched to this range.
OUTPUTS = {"identity": identity, "sigmoid": stretched(sigmoid, 1.0, 4.0), "tanh": stretched(tanh, 3.0, 2.0)}
