"""The base classes of hybrids of two autoencoders, one of users and one of items (NRP, sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.checks import check_at_least
from tinyrec.errors import UsageError
from tinyrec.models.base import hidden_shapes
from tinyrec.models.pairs import Encoded, PairModel, Rows, named
from tinyrec.models.towers import by_count, unit_noise
from tinyrec.nn import (
    ACTIVATIONS,
    dropout,
    l2_penalty,
    linear_error,
    pair_products,
    sampled_out,
    squared_error,
)
from tinyrec.nn.activations import Activation
from tinyrec.sparse import Ratings


class Reconstructed(NamedTuple):
    """Codes C (u, k) of rows, and the error J of their reconstruction

    backward: weight, dC (u, k) -> the gradients of weight J and, through the codes, of the rest of the loss
    """

    codes: Array
    error: Array
    backward: Callable[[float, Array], Params]


@dataclass(frozen=True, kw_only=True)
class Hybrid(PairModel):
    """ŷ_jk = g_u(R_j, X_j) · g_i(R'_k, Y_k)                                                             (NRP, eq. 2)

    Minimises  J_u + J_i + λ₁ Σ (R_jk - ŷ_jk)² + p λ Σ |W|²  over the p observed cells, with
    J_u = α Σ (R_jk - R̂_jk)² + (1 - α) Σ (X_jf - X̂_jf)²,  the first sum over the observed cells, the second over all

    g_u, g_i: encoders of the sizes `hidden_units`, from ratings and features to codes;  R̂, X̂: what mirrored decoders
    make of the codes. A model defines `shapes_of`, `code` and `reconstruct`.
    dropout: the fraction of the ratings and of the features that is dropped from the input (not from the target)
    hidden_dropout: the fraction of the hidden units of the encoders that is dropped
    center: as in NRP
    A batch takes the rows of its pairs, and weights J_u by (number of pairs) / (number of ratings in these rows), and
    J_i likewise, so that each is counted about once in an epoch, and exactly once if a batch is the whole.
    """

    activation: str = "tanh"
    hidden_units: tuple[int, ...] = (500, 200, 100)
    alpha: float = 0.5
    lambda1: float = 1.0
    dropout: float = 0.5
    hidden_dropout: float = 0.5

    reads_features = True

    def __post_init__(self):
        super().__post_init__()
        check_at_least("lambda1", self.lambda1, 0)
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha is {self.alpha}, but must be from 0 to 1")

    def code(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        """The codes of some users or items. rng: draws the noise; None: no noise"""
        raise NotImplementedError

    def reconstruct(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Reconstructed:
        """The same, and the error J of what the decoders make of them."""
        raise NotImplementedError

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        return self.code(params, rows, rng)

    def loss_and_grads(self, params, R, rng=None):
        users, items, at = self.rows_of(R)
        of_users, of_items = (self.reconstruct(params, rows, rng) for rows in (users, items))
        w_u, w_i = (at.size / max(rows.ratings.size, 1) for rows in (users, items))
        error, (d_user, d_item), own = self.match(params, (users, items), (of_users.codes, of_items.codes), at)

        grads = {**of_users.backward(w_u, d_user), **of_items.backward(w_i, d_item)}
        assert self.l2 is not None, "give l2"
        weights = {name: grad for name, grad in grads.items() if grad.ndim == 2}
        penalty = l2_penalty(2 * at.size * self.l2, params, weights, at)
        return error + w_u * of_users.error + w_i * of_items.error + penalty, {**grads, **own}

    def match(
        self, params: Params, rows: tuple[Rows, Rows], codes: tuple[Array, Array], at: Ratings
    ) -> tuple[Array, tuple[Array, Array], Params]:
        """λ₁ Σ (R_jk - ŷ_jk)², its gradients with respect to both codes, and those of further parameters."""
        y, back_to_codes = pair_products(*codes, at)
        error, back_to_y = squared_error(y, at.values)
        return self.lambda1 * error, back_to_codes(self.lambda1 * back_to_y()), {}

    def inputs(self, rows: Rows, rng: np.random.Generator | None) -> tuple[Ratings, Ratings | None, Activation]:
        """R̃ and X̃, the ratings and features with noise, and the noise of hidden units, a layer H -> (H̃, backward)."""

        def noisy(X):
            return dropout(X, self.dropout, rng) if rng and self.dropout else X

        R = noisy(by_count(rows.ratings) if self.center else rows.ratings)
        X = None if rows.features is None else noisy(rows.features)
        return R, X, unit_noise(self.hidden_dropout, rng, R.backend)

    @property
    def g(self) -> Activation:
        return ACTIVATIONS[self.activation]


def ratings_error(H: Array, params: Params, R: Ratings) -> tuple[Array, Callable[[float], tuple[Array, Params]]]:
    """Σ (h · w + b - r)² over the observed cells of R (n, d), with W (d, k) and b (d,) in params"""
    y, back = sampled_out(H, params["W"], params["b"], R)
    error, back_to_y = squared_error(y, R.values)

    def backward(weight):
        dH, dW, db = back(weight * back_to_y())
        return dH, {"W": dW, "b": db}

    return error, backward


def features_error(H: Array, params: Params, X: Ratings) -> tuple[Array, Callable[[float], tuple[Array, Params]]]:
    """The same over all cells of X (n, q), where one without a value is 0"""
    error, grads = linear_error(H, params["W"], params["b"], X, X.xp.ones(X.shape[1], X.values.dtype))

    def backward(weight):
        dH, dW, db = (weight * grad for grad in grads)
        return dH, {"W": dW, "b": db}

    return error, backward


def layer_shapes(sizes: tuple[int, ...], q: int | None = None) -> dict[str, tuple[int, ...]]:
    """V1 (d, k_1), mu1 (k_1,), V2 (k_1, k_2), ... of layers of these sizes; with S1 (q, k_1), ... if q is given"""
    d, *units = sizes
    side = {} if q is None else {f"S{layer}": (q, k) for layer, k in enumerate(units, start=1)}
    return {**hidden_shapes(d, units), **side}


def output_shapes(name: str, d: int, k: int) -> dict[str, tuple[int, ...]]:
    """W (d, k) and b (d,): from the last layer of a decoder to what it reconstructs"""
    return named(name, {"W": (d, k), "b": (d,)})
