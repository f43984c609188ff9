"""The best of many scores."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array


def top(scores: Array, n: int) -> tuple[Array, Array]:
    """The cells of the n best scores of each row, row by row, best first, ties by column; -inf is never among them.

    scores (b, d)  ->  rows (q,), cols (q,), with q <= b n

    Sorting a row would cost most of the time. But the n-th best of the bests of some groups of columns is a bound that
    the n best of all reach, and few others do.
    """
    starts = np.arange(0, scores.shape[1], max(1, scores.shape[1] // (6 * n)))
    bests = np.maximum.reduceat(scores, starts, axis=1)  # (b, groups)
    bound = np.partition(bests, -n, axis=1)[:, -n, np.newaxis] if n <= len(starts) else -np.inf
    above = scores >= np.maximum(bound, np.finfo(scores.dtype).min)  # which is more than -inf
    rows, cols = np.divmod(np.flatnonzero(above), scores.shape[1])
    order = np.lexsort((cols, -scores[rows, cols], rows))
    rows, cols = rows[order], cols[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[rank < n], cols[rank < n]
