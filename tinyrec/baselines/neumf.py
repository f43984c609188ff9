"""NeuMF: matrix factorisation and a small network, side by side. In the papers it is also called NCF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from tinyrec.backend import Array, Backend, Params, get_backend
from tinyrec.baselines.common import check_settings
from tinyrec.baselines.implicit import draw_unobserved
from tinyrec.nn import dense, relu
from tinyrec.optim import Adam
from tinyrec.sparse import Ratings

PART = 1024  # items at a time
NAMES = "P", "Q", "S", "T", "V1", "mu1", "V2", "mu2", "h", "b"


@dataclass(frozen=True)
class NeuMF:
    """ẑ_ui = [p_u ∘ q_i, H2] h + b;  H2 = relu(H1 V2 + mu2);  H1 = relu([s_u, t_i] V1 + mu1)   (He et al. 2017, eq. 12)

    fitted by the cross-entropy of σ(ẑ) (eq. 7) on the observed cells, as 1, and for each of these on `negatives` random
    cells of the same user that were not observed, as 0; other ones in each epoch. Nothing is pre-trained.

    factors: k of all four embeddings; the layers are 2k -> k -> k/2 -> 1 (NCAE, section 5.1). Negatives and Adam with
    0.001 are those of He et al., section 4.1; factors, batch size and epochs are from a search on a validation part of
    Last.fm.
    """

    factors: int = 64
    negatives: int = 4
    learning_rate: float = 0.001
    batch_size: int = 2048
    epochs: int = 10

    def __post_init__(self):
        check_settings(self, factors=2, negatives=1, batch_size=1)

    def fit(self, R: Ratings, seed: int = 0) -> Network:
        """R (n, d)"""
        rng, backend, adam = np.random.default_rng(seed), get_backend("numpy"), Adam(learning_rate=self.learning_rate)
        params = self.init(R.shape, rng)
        state = adam.init(params)
        for _ in range(self.epochs):
            for users, items, y in self.batches(R, rng):
                objective = partial(loss_and_grads, users=users, items=items, y=y, backend=backend)
                adam.step(objective, params, state, backend)
        return Network(params)

    def init(self, shape: tuple[int, int], rng: np.random.Generator) -> Params:
        """P, S (n, k), Q, T (d, k), V1 (2k, k), mu1 (k,), V2 (k, k/2), mu2 (k/2,), h (k + k/2, 1), b (1,), float32"""
        (n, d), k, half = shape, self.factors, self.factors // 2
        layers = {"V1": (2 * k, k), "V2": (k, half), "h": (k + half, 1)}
        params = {name: rng.normal(0, 0.01, (n if name in "PS" else d, k)) for name in "PQST"}  # He et al., section 4.1
        params |= {name: rng.uniform(-1, 1, size) * (6 / sum(size)) ** 0.5 for name, size in layers.items()}  # Xavier
        params |= {"mu1": np.zeros(k), "mu2": np.zeros(half), "b": np.zeros(1)}
        return {name: w.astype(np.float32) for name, w in params.items()}

    def batches(self, R: Ratings, rng: np.random.Generator) -> Iterator[tuple[Array, Array, Array]]:
        """(users, items, y), each (batch_size,), of one epoch in random order."""
        incomplete = np.flatnonzero(np.diff(R.pattern.indptr)[R.rows] < R.shape[1])  # others have no negatives
        again = np.repeat(R.rows[incomplete], self.negatives)
        users, items = np.append(R.rows, again), np.append(R.cols, draw_unobserved(R, again, rng))
        y = (np.arange(len(users)) < R.size).astype(np.float32)
        order = rng.permutation(len(users))
        for start in range(0, len(order), self.batch_size):
            drawn = order[start : start + self.batch_size]
            yield users[drawn], items[drawn], y[drawn]


@dataclass(frozen=True)
class Network:
    """params: those of NeuMF.init"""

    params: Params

    def scores(self, users: Array) -> Array:
        """ẑ of all items: users (b,) -> (b, d)

        One user and a part of the items at a time, so that H1, which is k times as large as ẑ, stays in the cache.
        [s, t] V1 is s V1[:k] + t V1[k:], and each of the two is needed only once.
        """
        P, Q, S, T, V1, mu1, V2, mu2, h, b = (self.params[name] for name in NAMES)
        k = P.shape[1]
        of_users, of_items = S[users] @ V1[:k], T @ V1[k:] + mu1  # (b, k), (d, k)
        z = (P[users] * h[:k, 0]) @ Q.T + b  # (b, d)
        for start in range(0, len(Q), PART):
            items = slice(start, start + PART)
            for row, of_user in enumerate(of_users):
                H1 = np.maximum(of_items[items] + of_user, 0)  # (PART, k)
                z[row, items] += np.maximum(H1 @ V2 + mu2, 0) @ h[k:, 0]
        return z


def loss_and_grads(params: Params, users: Array, items: Array, y: Array, backend: Backend) -> tuple[Array, Params]:
    """The mean cross-entropy of the cells (users, items) of a batch with y in {0, 1}, each (b,), and its gradients."""
    at = {"P": users, "S": users, "Q": items, "T": items}
    (p, to_P), (s, to_S), (q, to_Q), (t, to_T) = (embedding(params[name], at[name], backend) for name in "PSQT")
    k = p.shape[1]
    Z1, from_Z1 = dense(np.concatenate([s, t], axis=1), params["V1"], params["mu1"])
    H1, to_Z1 = relu(Z1)  # (b, k)
    Z2, from_Z2 = dense(H1, params["V2"], params["mu2"])
    H2, to_Z2 = relu(Z2)  # (b, k/2)
    z, from_z = dense(np.concatenate([p * q, H2], axis=1), params["h"], params["b"])  # (b, 1)
    loss, to_z = cross_entropy(z[:, 0], y)

    dlast, dh, db = from_z(to_z()[:, np.newaxis])
    dg, dH2 = dlast[:, :k], dlast[:, k:]
    dH1, dV2, dmu2 = from_Z2(to_Z2(dH2))
    dst, dV1, dmu1 = from_Z1(to_Z1(dH1))
    grads = {"P": to_P(dg * q), "Q": to_Q(dg * p), "S": to_S(dst[:, :k]), "T": to_T(dst[:, k:])}
    return loss, {**grads, "V1": dV1, "mu1": dmu1, "V2": dV2, "mu2": dmu2, "h": dh, "b": db}


def embedding(E: Array, rows: Array, backend: Backend) -> tuple[Array, Callable[[Array], Array]]:
    """e = E[rows]

    E (n, k), rows (b,)  ->  e (b, k)
    """

    def backward(de):  # (b, k)
        order, indptr = np.argsort(rows, kind="stable"), np.zeros(len(E) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(E)), out=indptr[1:])
        return backend.spmm(indptr, order.astype(np.int32), np.ones(len(rows), de.dtype), de)  # dE (n, k)

    return E[rows], backward


def cross_entropy(z: Array, y: Array) -> tuple[Array, Callable[[], Array]]:
    """loss = mean of -(y ln σ(z) + (1 - y) ln(1 - σ(z))), as ln(1 + exp(z)) - y z         (He et al. 2017, eq. 7)

    z, y (b,)  ->  loss ()
    """
    positive = z.real > 0
    tail = np.exp(np.where(positive, -z, z))  # at most 1: it cannot overflow

    def backward():
        return (np.where(positive, 1, tail) / (1 + tail) - y) / len(y)  # (σ(z) - y) / b

    return (np.where(positive, z, 0) + np.log1p(tail) - y * z).mean(), backward
