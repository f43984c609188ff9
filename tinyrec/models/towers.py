"""The networks of models of pairs: towers, which encode a user or an item, and the head, which reads both codes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tinyrec.backend import Array, Params, to_host
from tinyrec.models.pairs import Sides, named, part
from tinyrec.nn import ACTIVATIONS, dense, hidden_layers, identity, mlp, pair_sums, unit_dropout
from tinyrec.sparse import Ratings

Shapes = dict[str, tuple[int, ...]]


def tower_shapes(d: int, hidden_units: tuple[int, ...]) -> Shapes:
    """V1 (d, k_1), mu1 (k_1,), V2 (k_1, k_2), ...: a network from d units to a code"""
    shapes: Shapes = {}
    for layer, (j, k) in enumerate(pairwise((d, *hidden_units)), start=1):
        shapes |= {f"V{layer}": (j, k), f"mu{layer}": (k,)}
    return shapes


def tower(
    X: Ratings, params: Params, activation: str, q: float, rng: np.random.Generator | None
) -> tuple[Array, Callable[[Array], Params]]:
    """The code of each row of X (u, d)  ->  (u, k), as `hidden_layers`

    q: the fraction of the hidden units that is dropped, drawn from rng; None: none
    """

    def noise(H):
        return unit_dropout(H, q, rng, X.backend) if rng and q else identity(H)

    return hidden_layers(X, params, ACTIVATIONS[activation], noise)


def head_shapes(of_user: int, of_item: int, head_units: tuple[int, ...]) -> Shapes:
    """head.user (j, k_1), head.item (k, k_1), head.mu1, head.V2, ..., head.w, head.b: from codes of j and k units"""
    first, *others = head_units
    shapes: Shapes = {"user": (of_user, first), "item": (of_item, first), "mu1": (first,)}
    for layer, (j, k) in enumerate(pairwise((first, *others)), start=2):
        shapes |= {f"V{layer}": (j, k), f"mu{layer}": (k,)}
    return dict(named("head", shapes | {"w": (head_units[-1], 1), "b": (1,)}))


def mlp_head(
    params: Params, codes: tuple[Array, Array], at: Ratings, activation: str
) -> tuple[Array, Callable[[Array], tuple[Array, Array, Params]]]:
    """y (p,) = the network of `head_shapes` for [c_u c_i] at the cells of `at`; each code is multiplied once."""
    params = part(params, "head")
    A_u, back_to_user = dense(codes[0], params["user"], params["mu1"])
    A_i, back_to_item = dense(codes[1], params["item"], 0)  # type: ignore[arg-type]
    Z, back_to_sides = pair_sums(A_u, A_i, at)  # (p, k_1)
    y, back_to_Z = mlp(Z, params, ACTIVATIONS[activation])

    def backward(dy):  # (p,)
        dZ, grads = back_to_Z(dy)
        dA_u, dA_i = back_to_sides(dZ)
        d_user, grads["user"], grads["mu1"] = back_to_user(dA_u)
        d_item, grads["item"], _ = back_to_item(dA_i)
        return d_user, d_item, named("head", grads)

    return y, backward


def with_mean(params: Params, R: Sides, name: str = "head.b") -> Params:
    """The parameters with the mean of the ratings as this one, the bias of the output, where training begins."""
    return {**params, name: np.full_like(params[name], to_host(R.values).mean())}
