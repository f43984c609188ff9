"""Layers, activations, losses and noise. A layer is a function that returns its output and its backward."""

from tinyrec.nn.activations import ACTIVATIONS, OUTPUTS, binary, identity, relu, selu, sigmoid, tanh
from tinyrec.nn.all_cells import all_cells_error, linear_error
from tinyrec.nn.hidden import hidden_layers
from tinyrec.nn.layers import dense, embedding, sampled_out, sparse_in
from tinyrec.nn.losses import cross_entropy, l2_penalty, squared_error, weighted_squared_error
from tinyrec.nn.mix import mix
from tinyrec.nn.mlp import mlp
from tinyrec.nn.noise import dropout, masked, unit_dropout
from tinyrec.nn.pairs import pair_products, pair_sums
from tinyrec.nn.side_layers import side_layers

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
    "mix",
    "mlp",
    "pair_products",
    "pair_sums",
    "relu",
    "sampled_out",
    "selu",
    "side_layers",
    "sigmoid",
    "sparse_in",
    "squared_error",
    "tanh",
    "unit_dropout",
    "weighted_squared_error",
]
