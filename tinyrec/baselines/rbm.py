"""RBM-CF: a restricted Boltzmann machine whose visible units are the observed ratings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Array, Params, get_backend
from tinyrec.baselines.base import Baseline
from tinyrec.checks import check_choice
from tinyrec.evaluation.top_n import blocks
from tinyrec.nn import sigmoid
from tinyrec.sparse import Pattern, Ratings


@dataclass(frozen=True)
class RBM(Baseline):
    """p(V, h) ∝ exp(Σ_ikj v_ik W_ikj h_j + Σ_ik b_ik v_ik + Σ_j c_j h_j)         (Salakhutdinov et al. 2007, eq. 3-4)

    for each row of ratings, over its observed cells i only: v_ik is 1 if rating i has the k-th of the K different
    values, else 0; h_j is 0 or 1. Each row has its own visible units, and all rows share the weights of the columns.

    W, b and c are learned by contrastive divergence (section 2.2), in mini-batches, with momentum and a learning rate
    that decays linearly to 0.

    by: "user", a row holds the ratings of a user (U-RBM); "item", those of an item (I-RBM)
    learning_rate: for sums over the rows of a batch, divided by their number;  weight_decay: of W
    steps: the final T of CD-T; T grows from 1 to it in equal parts of the epochs
    visible: "softmax", as in the paper; "sigmoid", as in the code of AutoRec's authors: each value of a rating has a
        logistic unit of its own, p(v_ik = 1 | h) = σ(b_ik + Σ_j h_j W_ikj), and instead of drawing v and h, v_ik is
        this probability, and h_j is 1 where p(h_j = 1 | V) > ½, else 0
    The momentum is the paper's. The other defaults are from a search on a validation part of MovieLens 1M, by item;
    for U-RBM, see `tinyrec/reproduce/tables/autorec-table-1a.toml`.
    """

    by: str = "item"
    hidden_units: int = 200
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.006
    batch_size: int = 20
    steps: int = 1
    epochs: int = 30
    visible: str = "softmax"

    derived = ("levels", "frequencies", "H")
    minimum: ClassVar = {"hidden_units": 1, "batch_size": 1, "steps": 1}

    def __post_init__(self):
        check_choice("by", self.by, ("user", "item"))
        check_choice("visible", self.visible, ("softmax", "sigmoid"))
        super().__post_init__()

    def learn(self, R: Ratings, seed: int) -> Params:
        rng, backend = np.random.default_rng(seed), get_backend("numpy")
        V, levels = one_hot(R if self.by == "user" else R.T)
        params = init(V, len(levels), self.hidden_units, rng)
        velocity = {name: 0 * w for name, w in params.items()}
        for epoch in range(self.epochs):
            T = 1 + epoch * self.steps // self.epochs
            rate = self.learning_rate * (1 - epoch / self.epochs)
            for batch in batches(V, self.batch_size, rng):
                rows = batch.shape[0]
                grads = self.gradients(params, batch, len(levels), T, rng)
                grads["W"] += rows * self.weight_decay * params["W"]
                arrays = [(w, grads[name], velocity[name]) for name, w in params.items()]
                backend.sgd(arrays, rate / rows, self.momentum)
        frequencies = np.bincount(V.cols % len(levels)) / V.size
        return {"levels": levels, "frequencies": frequencies, **params, "H": self.hidden(params, V)}

    def gradients(self, params: Params, V: Ratings, K: int, T: int, rng: np.random.Generator) -> Params:
        """The gradients to descend, see `contrastive_divergence` and `mean_field`."""
        if self.visible == "sigmoid":
            return mean_field(params, V, K, T)
        return contrastive_divergence(params, V, K, T, rng)

    def hidden(self, params: Params, V: Ratings) -> Array:
        """ĥ of each row, V (m, dK) -> (m, F)"""
        return (binary_hidden if self.visible == "sigmoid" else hidden)(params, V)

    def expected(self, params: Params, H: Array, cols: Array) -> Array:
        """The expected rating of column cols[j] given the hidden units H[j]: H (p, F), cols (p,) -> (p,).

        Probabilities of logistic units are divided by their sum over the values.
        """
        K = len(params["levels"])
        W, b = params["W"].reshape(-1, K, H.shape[1]), params["b"].reshape(-1, K)
        z = ((W[cols] @ H[:, :, np.newaxis])[:, :, 0] + b[cols]).T  # (K, p)
        if self.visible == "sigmoid":
            z = -np.logaddexp(0, -z)  # log σ(z), whose softmax is σ(z) divided by its sum
        return params["levels"] @ softmax(z)

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        F, rows = self.hidden_units, n if self.by == "user" else d
        return {"levels": (None,), "frequencies": (None,), "W": (None, F), "b": (None,), "c": (F,), "H": (rows, F)}

    def check_params(self, params: Params, n: int, d: int) -> None:
        levels, columns = params["levels"], d if self.by == "user" else n
        K = len(levels)
        fits = len(params["frequencies"]) == K and len(params["W"]) == len(params["b"]) == columns * K > 0
        if not (fits and (np.diff(levels) > 0).all()):
            raise ValueError(f"its weights are not those of {columns} columns of ratings with {K} values")

    def predict_cells(self, params: Params, R: Ratings, users: Array, items: Array) -> Array:
        """r̂ = Σ_k level_k p(v_ik = 1 | ĥ), where ĥ_j = p(h_j = 1 | V) of the row              (section 2.3, mean field)

        levels (K,): the values of ratings;  frequencies (K,) of each;  H: ĥ of all rows, (n, F)
        An unknown user or item, -1, gets the mean rating.
        """
        rows, cols = (users, items) if self.by == "user" else (items, users)
        r = np.full(len(rows), params["frequencies"] @ params["levels"])
        known = np.flatnonzero((rows >= 0) & (cols >= 0))
        for block in blocks(len(known), len(params["levels"]) * self.hidden_units):
            at = known[block]
            r[at] = self.expected(params, params["H"][rows[at]], cols[at])
        return r

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        if self.by == "item":
            return super().predict_new_user(params, R, new)
        levels, d = params["levels"], R.shape[1]
        nearest = new.with_values(levels[np.abs(new.values[:, np.newaxis] - levels).argmin(axis=1)])
        H = self.hidden(params, one_hot(nearest, levels)[0])
        return np.stack([self.expected(params, np.tile(h, (d, 1)), np.arange(d)) for h in H])


def one_hot(R: Ratings, levels: Array | None = None) -> tuple[Ratings, Array]:
    """(V, levels): the different values (K,) in R (n, d), unless given; V (n, dK) is 1 in column iK + k for levels[k].

    V has as many cells as R, in the same order.
    """
    levels = np.unique(R.values) if levels is None else levels
    k = np.searchsorted(levels, R.values)
    K, (n, d) = len(levels), R.shape
    cols = (R.cols * np.int64(K) + k).astype(np.int32)
    V = Ratings(Pattern((n, d * K), R.pattern.indptr, cols), np.ones(R.size, np.float32), get_backend("numpy"))
    return V, levels


def init(V: Ratings, K: int, hidden_units: int, rng: np.random.Generator) -> Params:
    """W (dK, F): small; b (dK,): the log of the frequency of each value of each item; c (F,): 0

    One rating, distributed over the values as all ratings are, is added to the counts of each item, so that none is 0.
    """
    counts = np.bincount(V.cols, minlength=V.shape[1]).reshape(-1, K)
    usual = (counts.sum(axis=0) + 1) / (V.size + K)
    b = np.log((counts + usual) / (counts.sum(axis=1, keepdims=True) + 1))
    params = {"W": rng.normal(0, 0.01, (V.shape[1], hidden_units)), "b": b.ravel(), "c": np.zeros(hidden_units)}
    return {name: w.astype(np.float32) for name, w in params.items()}


def batches(V: Ratings, rows: int, rng: np.random.Generator) -> Iterator[Ratings]:
    """All rows that have a rating, in random order, `rows` of them at a time."""
    order = rng.permutation(np.flatnonzero(np.diff(V.pattern.indptr)))
    return V.batches(order, rows)


def contrastive_divergence(params: Params, V: Ratings, K: int, T: int, rng: np.random.Generator) -> Params:
    """The gradients to descend: -<v h>_data + <v h>_T for W, etc.        (Salakhutdinov et al. 2007, eq. 6 and 7)

    V (m, dK); <>_T is after T steps of Gibbs sampling from the data. These are sums over the rows, not means.
    """
    H = H_model = hidden(params, V)
    V_model = V
    for _ in range(T):
        V_model = draw_visible(params, V, rng.random(H.shape, np.float32) < H_model, K, rng)
        H_model = hidden(params, V_model)
    return differences(V, H, V_model, H_model)


def mean_field(params: Params, V: Ratings, K: int, T: int) -> Params:
    """The same for logistic visible units: V after T steps holds probabilities, H is 0 or 1, and nothing is drawn."""
    H = H_model = binary_hidden(params, V)
    each = all_values(V, K)
    V_model = V
    for _ in range(T):
        z = V.backend.sddmm(each.indptr, each.cols, H_model, params["W"]) + params["b"][each.cols]
        V_model = Ratings(each, sigmoid(z)[0], V.backend)
        H_model = binary_hidden(params, V_model)
    return differences(V, H, V_model, H_model)


def differences(V: Ratings, H: Array, V_model: Ratings, H_model: Array) -> Params:
    return {
        "W": V_model.T @ H_model - V.T @ H,
        "b": V_model.sum_rows() - V.sum_rows(),
        "c": (H_model - H).sum(axis=0),
    }


def binary_hidden(params: Params, V: Ratings) -> Array:
    """1 where p(h_j = 1 | V) > ½, else 0: V (m, dK) -> (m, F) float32"""
    return (hidden(params, V) > 0.5).astype(np.float32)


def hidden(params: Params, V: Ratings) -> Array:
    """p(h_j = 1 | V) = σ(c_j + Σ_ik v_ik W_ikj)                                 (Salakhutdinov et al. 2007, eq. 2)

    V (m, dK)  ->  (m, F)
    """
    return sigmoid(V @ params["W"] + params["c"])[0]


def visible(params: Params, V: Ratings, H: Array, K: int) -> Array:
    """p(v_ik = 1 | h) = exp(b_ik + Σ_j h_j W_ikj) / Σ_l exp(b_il + Σ_j h_j W_ilj)   (Salakhutdinov et al. 2007, eq. 1)

    V (m, dK) with p cells, whose items are used but not their values, H (m, F)  ->  (K, p)
    """
    each = all_values(V, K)
    z = V.backend.sddmm(each.indptr, each.cols, H, params["W"]) + params["b"][each.cols]
    return softmax(z.reshape(-1, K).T.copy())  # the copy makes the sums of softmax several times as fast


def all_values(V: Ratings, K: int) -> Pattern:
    """The cells of all K values of each rating in V (m, dK): pK of them."""
    first = V.cols - V.cols % K
    cols = (first[:, np.newaxis] + np.arange(K, dtype=np.int32)).ravel()
    return Pattern(V.shape, V.pattern.indptr * K, cols)


def draw_visible(params: Params, V: Ratings, h: Array, K: int, rng: np.random.Generator) -> Ratings:
    """Draw values from p(v | h) for the ratings in V (m, dK), given h (m, F)."""
    cumulative = visible(params, V, h.astype(np.float32), K).cumsum(axis=0)[:-1]  # (K - 1, p)
    k = (rng.random(V.size, np.float32) >= cumulative).sum(axis=0, dtype=np.int32)
    return Ratings(Pattern(V.shape, V.pattern.indptr, V.cols - V.cols % K + k), V.values, V.backend)


def softmax(z: Array) -> Array:
    """exp(z_k) / Σ_l exp(z_l), (K, p) -> (K, p)"""
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)
