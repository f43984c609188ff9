"""NeuMF: matrix factorisation and a small network, side by side. In the papers it is also called NCF."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from tinyrec.backend import Array, Backend, Params
from tinyrec.baselines.base import Baseline, draw_unobserved
from tinyrec.nn import cross_entropy, dense, embedding, relu
from tinyrec.optim import Adam
from tinyrec.sparse import Ratings
from tinyrec.training import begin, fit

PART = 1024  # items scored at a time


class Pairs(NamedTuple):
    """A batch: users, items and y in {0, 1}, (b,) each;  share: the fraction of the epoch's pairs that it holds"""

    users: Array
    items: Array
    y: Array
    backend: Backend
    share: float


@dataclass(frozen=True)
class NeuMF(Baseline):
    """ẑ_ui = [p_u ∘ q_i, H2] h + b;  H2 = relu(H1 V2 + mu2);  H1 = relu([s_u, t_i] V1 + mu1)   (He et al. 2017, eq. 12)

    minimises the cross-entropy of σ(ẑ) (eq. 7) on the observed cells, labelled 1, and on `negatives` random unobserved
    cells of the same user for each of these, labelled 0 and drawn again in each epoch. There is no pretraining.

    factors: k of all four embeddings; the layers are 2k -> k -> k/2 -> 1 (NCAE, section 5.1). Negatives and Adam with
    0.001 are those of He et al., section 4.1; factors, batch size and epochs are from a search on a validation part of
    Last.fm.
    learns P, S (n, k), Q, T (d, k), V1 (2k, k), mu1 (k,), V2 (k, k/2), mu2 (k/2,), h (k + k/2, 1), b (1,), float32
    """

    factors: int = 64
    negatives: int = 4
    learning_rate: float = 0.001
    batch_size: int = 2048
    epochs: int = 10

    implicit = True
    minimum: ClassVar = {"factors": 2, "negatives": 1, "batch_size": 1}

    def learn(self, R: Ratings, seed: int) -> Params:
        """Train with the same loop as the autoencoders; a batch is a set of pairs instead of rows."""
        R, adam = R.to("numpy"), Adam(learning_rate=self.learning_rate)
        start = begin(self, R, adam, seed)
        for _ in fit(self, R, adam, epochs=self.epochs, batch_size=self.batch_size, start=start):
            pass  # it changes the parameters in place
        return start.params

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        params, shapes = {}, self.shapes(*R.shape)
        for name in ("P", "Q", "S", "T"):
            params[name] = rng.normal(0, 0.01, shapes[name])  # He et al., section 4.1
        for name in ("V1", "V2", "h"):
            params[name] = rng.uniform(-1, 1, shapes[name]) * (6 / sum(shapes[name])) ** 0.5  # Glorot & Bengio 2010
        params |= {name: np.zeros(shapes[name]) for name in ("mu1", "mu2", "b")}
        return {name: w.astype(np.float32) for name, w in params.items()}

    def shapes(self, n: int, d: int) -> dict[str, tuple[int, ...]]:  # type: ignore[override]
        k, half = self.factors, self.factors // 2
        layers = {"V1": (2 * k, k), "mu1": (k,), "V2": (k, half), "mu2": (half,), "h": (k + half, 1), "b": (1,)}
        return {"P": (n, k), "Q": (d, k), "S": (n, k), "T": (d, k), **layers}

    def batches(self, R: Ratings, batch_size: int, rng: np.random.Generator) -> Iterator[Pairs]:
        """The pairs of one epoch in random order."""
        incomplete = np.flatnonzero(np.diff(R.pattern.indptr)[R.rows] < R.shape[1])  # other users have no negatives
        again = np.repeat(R.rows[incomplete], self.negatives)
        users, items = np.append(R.rows, again), np.append(R.cols, draw_unobserved(R, again, rng))
        y = (np.arange(len(users)) < R.size).astype(np.float32)
        order = rng.permutation(len(users))
        for start in range(0, len(order), batch_size):
            drawn = order[start : start + batch_size]
            yield Pairs(users[drawn], items[drawn], y[drawn], R.backend, len(drawn) / len(order))

    def loss_and_grads(
        self, params: Params, batch: Pairs, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        """The mean cross-entropy of the pairs of a batch, and its gradients."""
        users, items, y, backend, _ = batch
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

    def predict_users(self, params: Params, R: Ratings, users: Array) -> Array:
        """ẑ of all items: users (b,) -> (b, d)

        One user and some items at a time, so that H1, which is k times as large as ẑ, stays in the cache. [s, t] V1 is
        s V1[:k] + t V1[k:], and each of the two is computed only once.
        """
        P, Q, S, T = (params[name] for name in "PQST")
        V1, mu1, V2, mu2, h, b = (params[name] for name in ("V1", "mu1", "V2", "mu2", "h", "b"))
        k = P.shape[1]
        of_users, of_items = S[users] @ V1[:k], T @ V1[k:] + mu1  # (b, k), (d, k)
        z = (P[users] * h[:k, 0]) @ Q.T + b  # (b, d)
        for start in range(0, len(Q), PART):
            items = slice(start, start + PART)
            for row, of_user in enumerate(of_users):
                H1 = np.maximum(of_items[items] + of_user, 0)  # (PART, k)
                z[row, items] += np.maximum(H1 @ V2 + mu2, 0) @ h[k:, 0]
        return z
