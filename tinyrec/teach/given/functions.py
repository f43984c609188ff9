"""Functions of arrays by name, with their gradients, right or wrong: function(c) makes one of the numbers in c.

All of them are losses as in this course, small and dense. The numbers in c say which, and what is wrong with its
gradients, if anything; they are drawn anew in each check.
"""

import numpy as np

SHAPES = {"line": lambda A: A, "wave": np.sin, "hinge": lambda A: A * (A.real > 0)}
SLOPES = {"line": lambda A: 1.0, "wave": np.cos, "hinge": lambda A: 1.0 * (A.real > 0)}


def function(c):
    """f(params) -> (loss, grads), for real and complex params"""
    made = layer if "X" in c else products

    def f(params):
        loss, grads = made(params, c)
        return loss, {name: spoilt(g, name, params[name], c) for name, g in grads.items()}

    return f


def layer(params, c):
    """offset + size (Σ (shape(X W + b) - T)² + l2/2 Σ W²), of W and b in units of their own; s has no effect"""
    W, b = c["units"][0] * params["W"], c["units"][1] * params["b"]
    A = c["X"] @ W + b
    away = SHAPES[str(c["kind"])](A) - c["T"]
    loss = c["offset"] + c["size"] * ((away * away).sum() + c["l2"] / 2 * (W * W).sum())
    slope = 2 * c["size"] * away * SLOPES[str(c["kind"])](A)
    by_l2 = (1 + c["more"]) * c["size"] * c["l2"] * W
    grads = {"W": c["units"][0] * (c["X"].T @ slope + by_l2), "b": c["units"][1] * slope.sum(axis=0)}
    return loss, grads | {name: np.zeros(np.shape(its)) for name, its in params.items() if name == "s"}


def products(params, c):
    """offset + size Σ (u v - t)²"""
    u, v = params["u"], params["v"]
    slope = 2 * c["size"] * (u * v - c["T"])
    loss = c["offset"] + c["size"] * ((u * v - c["T"]) ** 2).sum()
    return loss, {"u": slope * v, "v": slope * u}


def spoilt(g, name, w, c):
    """The gradient as f returns it: right if the numbers in c are those that change nothing."""
    first = name in ("W", "u")
    g = c["times"][0 if first else 1] * g + c["bend"] * w * w
    if first:
        g = (g.T if c["turned"] else g) + c["bump"]
    return g[None] if c["wide"] and not first else g
