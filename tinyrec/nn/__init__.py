"""Layers: functions that return their output and its backward, written by hand.

Axes: n rows given to the autoencoder, d visible units, k hidden units, p observed cells. Gradients are `d` + name.
"""

from tinyrec.nn.activations import ACTIVATIONS, OUTPUTS, binary, identity, relu, sigmoid, tanh
from tinyrec.nn.dense import dense
from tinyrec.nn.losses import l2_penalty, squared_error
from tinyrec.nn.noise import dropout
from tinyrec.nn.sampled_out import sampled_out
from tinyrec.nn.sparse_in import sparse_in

__all__ = [
    "ACTIVATIONS",
    "OUTPUTS",
    "binary",
    "dense",
    "dropout",
    "identity",
    "l2_penalty",
    "relu",
    "sampled_out",
    "sigmoid",
    "sparse_in",
    "squared_error",
    "tanh",
]
