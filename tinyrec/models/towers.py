"""The networks of models of pairs: towers, which encode a user or an item, and the head, which reads both codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array, Backend, Params, to_host
from tinyrec.models.base import hidden_shapes
from tinyrec.models.pairs import Sides, named, part
from tinyrec.nn import ACTIVATIONS, dense, hidden_layers, identity, mlp, pair_sums, unit_dropout
from tinyrec.nn.activations import Activation
from tinyrec.sparse import Ratings

Shapes = dict[str, tuple[int, ...]]


def by_count(R: Ratings) -> Ratings:
    """Each row of R divided by √(its number of ratings)."""
    root = R.xp.sqrt(R.xp.maximum(R.xp.diff(R.pattern.indptr), 1)).astype(R.values.dtype)
    return R.with_values(R.values / root[R.rows])


def unit_noise(q: float, rng: np.random.Generator | None, backend: Backend) -> Activation:
    """The layer that drops the fraction q of the hidden units, drawn from rng; None: none"""

    def noise(H):
        return unit_dropout(H, q, rng, backend) if rng and q else identity(H)

    return noise


def tower(
    X: Ratings, params: Params, activation: str, q: float, rng: np.random.Generator | None
) -> tuple[Array, Callable[[Array], Params]]:
    """The code of each row of X (u, d)  ->  (u, k), as `hidden_layers`;  q, rng: see `unit_noise`"""
    return hidden_layers(X, params, ACTIVATIONS[activation], unit_noise(q, rng, X.backend))


def head_shapes(of_user: int, of_item: int, head_units: tuple[int, ...]) -> Shapes:
    """head.user (j, k_1), head.item (k, k_1), head.mu1, head.V2, ..., head.w, head.b: from codes of j and k units"""
    first, *others = head_units
    shapes: Shapes = {"user": (of_user, first), "item": (of_item, first), "mu1": (first,)}
    shapes |= hidden_shapes(first, others, first=2) | {"w": (head_units[-1], 1), "b": (1,)}
    return dict(named("head", shapes))


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
