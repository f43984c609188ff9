"""Ratings by distance, a model with a loss and gradients to train: y_ij = b_i + c_j - |p_i - q_j|².

Users and items are points, and a user likes what is near (after Khoshneshin & Street 2010). params: {"P": (n, k),
"Q": (d, k), "b": (n,), "c": (d,)}, on a matrix X (n, d) of which the cells `here` (n, d) are observed. All cells are
computed, which is fine for a matrix as small as these.
"""

import numpy as np


def apart(params):
    """p_i - q_j for all pairs, (n, d, k)."""
    return params["P"][:, None] - params["Q"][None]


def predicted(params):
    """All ratings, (n, d)."""
    return params["b"][:, None] + params["c"] - np.square(apart(params)).sum(axis=2)


def loss_and_grads(params, X, here, l2):
    """(Σ (y - x)² over the observed cells + l2/2 of the squares of all parameters, its gradients by name)."""
    away = np.where(here, predicted(params) - X, 0)
    pull = -4 * away[:, :, None] * apart(params)
    grads = {"P": pull.sum(axis=1), "Q": -pull.sum(axis=0), "b": 2 * away.sum(axis=1), "c": 2 * away.sum(axis=0)}
    loss = np.vdot(away, away)
    for name, its in params.items():
        loss = loss + l2 / 2 * np.vdot(its, its)
        grads[name] = grads[name] + l2 * its
    return float(loss), grads


def error(params, X, here):
    """The root of the mean squared error at these cells."""
    return float(np.linalg.norm((predicted(params) - X)[here]) / np.sqrt(here.sum()))
