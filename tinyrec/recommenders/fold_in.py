"""Users and items that were not in training: a new row is one forward pass, a new column is a ridge regression."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.models import Autoencoder
from tinyrec.sparse import Ratings

DAMPING = 5.0  # of a new bias, in ratings; for held-out users of ML-1M, 4 and 8 were the best of 2, 4, 8, 16


def new_row(model: Autoencoder, params: Params, decoder: Params, R: Ratings) -> Array:
    """h(r) at all columns, for one new row of ratings: R (1, d) -> (d,)                            (AutoRec, eq. 3)

    decoder: W (d or more, k) and b. In training, the bias of a row, or its mean for a CFN, had been subtracted. So the
    bias of the new row, always damped, is subtracted first and added at the end.
    """
    bias = R.values.sum() / (R.size + DAMPING) if model.center else 0.0
    H = model.encode(params, R.with_values(R.values - bias))
    return bias + model.decode(decoder, H, np.arange(R.shape[1]))[0]


def new_column(codes: Array, mean: Array, l2: float, rows: Array, x: Array) -> Array:
    """mean + (H - H̄) w + c at all n rows, with w and c fitted to the ratings x (p,) of some of them, `rows` (p,):

    min  Σ (x - mean - (H - H̄) w - c)² + λ/2 |w|² + DAMPING c²

    codes: H (n, k), with H̄ the mean of its rows; mean (n,): the predictions of the mean column; l2: λ

    For an identity output, this is AutoRec's eq. 2 for one more column with all else fixed, but relative to the mean
    column instead of 0, and with c damped: otherwise, one high rating would raise all predictions of this user by as
    much. It is solved in dual form, a system of p equations.
    """
    C = codes - codes.mean(axis=0)
    K = C @ C[rows].T / max(l2 / 2, 1e-6) + 1 / DAMPING  # (n, p)
    return mean + K @ np.linalg.solve(K[rows] + np.eye(len(rows)), x - mean[rows])
