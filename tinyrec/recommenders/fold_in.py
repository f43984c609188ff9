"""Users and items that were not in training: a new row is one forward pass, a new column is a ridge regression."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.models import Autoencoder
from tinyrec.recommenders.scaling import Biases
from tinyrec.sparse import Ratings

DAMPING = 5.0  # of a new bias, in ratings; for held-out users of ML-1M, 4 and 8 were the best of 2, 4, 8, 16


def new_row(model: Autoencoder, params: Params, R: Ratings) -> tuple[float, Array]:
    """bias and code H (1, k) of one new row R (1, d), which is predicted as bias + decoded H           (AutoRec, eq. 3)

    In training, the bias of a row, or its mean for a CFN, had been subtracted. So that of the new row, always damped,
    is subtracted before it is encoded.
    """
    bias = R.values.sum() / (R.size + DAMPING) if has_biases(model) else 0.0
    return bias, model.encode(params, R.with_values(R.values - bias))


def new_columns(codes: Array, mean: Array, l2: float, R: Ratings) -> tuple[Array, Array]:
    """W (m, k) and b (m,): column j is mean + H w_j + b_j at all n rows, fitted to its ratings x, row j of R (m, n):

    min  Σ (x - mean - (H - H̄) w - c)² + λ/2 |w|² + DAMPING c²,   b = c - H̄ w

    codes: H (n, k), with H̄ the mean of its rows; mean (n,): the predictions of the mean column; l2: λ

    For an identity output, this is AutoRec's eq. 2 for one more column with all else fixed, but relative to the mean
    column instead of 0, and with c damped: otherwise, one high rating would raise all predictions of this user by as
    much. In its primal or its dual form it is a system of k + 1 or p equations, p the ratings of the column.
    """
    center, root = codes.mean(axis=0, dtype=np.float64), max(l2 / 2, 1e-6) ** 0.5
    W, b = np.zeros((R.shape[0], codes.shape[1]), codes.dtype), np.zeros(R.shape[0], codes.dtype)
    for j, (start, stop) in enumerate(pairwise(R.pattern.indptr)):
        rows = R.cols[start:stop]
        Z = np.column_stack([(codes[rows] - center) / root, np.full(len(rows), DAMPING**-0.5)])  # (p, k + 1)
        e = R.values[start:stop] - mean[rows].astype(np.float64)
        if len(rows) <= codes.shape[1]:
            v = Z.T @ np.linalg.solve(Z @ Z.T + np.eye(len(rows)), e)
        else:
            v = np.linalg.solve(Z.T @ Z + np.eye(Z.shape[1]), Z.T @ e)
        w, c = v[:-1] / root, v[-1] * DAMPING**-0.5
        W[j], b[j] = w, c - center @ w
    return W, b


def with_new_biases(model: Autoencoder, offset: Biases, R: Ratings, row_is_trained: Array) -> Biases:
    """The offset with a damped bias of each row that was not trained, and the new means of all rows for a CFN.

    offset: with the biases of training, 0 elsewhere;  R: the ratings, users x items, that rows are encoded from
    """
    if not has_biases(model):
        return offset
    is_mean, rows = model.offset == "row means", R.cols if model.by == "item" else R.rows
    none: dict[str, Any] = {model.by: np.zeros(len(row_is_trained))}
    others = replace(offset, **none)  # without the biases of the rows
    damping = np.where(row_is_trained, model.damping, DAMPING)
    total = np.bincount(rows, R.values - others.predict(R.rows, R.cols), len(damping))
    bias = total / np.maximum(np.bincount(rows, minlength=len(damping)) + damping, 1e-9)
    biases: dict[str, Any] = {model.by: np.where(row_is_trained & (not is_mean), getattr(offset, model.by), bias)}
    return replace(offset, **biases)


def has_biases(model: Autoencoder) -> bool:
    """Whether a bias of each row is subtracted from its ratings; see `Scaling`."""
    return model.offset in ("biases", "row means")


def copy_columns(model: Autoencoder, old: Params, new: Params, source: Array, target: Array, q: int) -> None:
    """Copy what belongs to the columns `source` to the columns `target` of other parameters, and what to none of them.

    source, target (c,): column numbers;  q: the number of features of a row
    """
    narrow, wide = model.checked_shapes(1, q), model.checked_shapes(2, q)
    for name, w in new.items():
        is_column = [a != b for a, b in zip(narrow[name], wide[name], strict=True)]
        to, of = (
            np.ix_(*(columns if its else np.arange(n) for its, n in zip(is_column, w.shape, strict=True)))
            for columns in (target, source)
        )
        w[to] = old[name][of]
