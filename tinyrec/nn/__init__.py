"""Layers, activations, losses and noise. A layer is a function that returns its output and its backward."""

from tinyrec.nn.activations import ACTIVATIONS, OUTPUTS, binary, identity, relu, sigmoid, tanh
from tinyrec.nn.all_cells import all_cells_error, linear_error
from tinyrec.nn.hidden import hidden_layers
from tinyrec.nn.layers import dense, embedding, sampled_out, sparse_in
from tinyrec.nn.losses import cross_entropy, l2_penalty, squared_error, weighted_squared_error
from tinyrec.nn.noise import dropout, masked

__all__ = [
    "ACTIVATIONS",
    "OUTPUTS",
    "all_cells_error",
    "binary",
    "cross_entropy",
    "dense",
    "dropout",
    "embedding",
    "hidden_layers",
    "identity",
    "l2_penalty",
    "linear_error",
    "masked",
    "relu",
    "sampled_out",
    "sigmoid",
    "sparse_in",
    "squared_error",
    "tanh",
    "weighted_squared_error",
]
