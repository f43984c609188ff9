"""The n highest scores of each row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyrec.backend import Array

BLOCK = 1_000_000  # numbers in one block of work, which bounds the memory


def blocks(n: int, width: int) -> Iterator[slice]:
    """Slices of 0 to n, each of as many rows of `width` numbers as fit into a block."""
    height = max(1, BLOCK // max(width, 1))
    for start in range(0, n, height):
        yield slice(start, min(start + height, n))


def top(scores: Array, n: int) -> tuple[Array, Array]:
    """The cells of the n best scores of each row, row by row, best first, ties by column; -inf is never among them.

    scores (b, d)  ->  rows (q,), cols (q,), with q <= b n

    Sorting whole rows would be slow. The n-th best of the maxima of groups of columns is a lower bound of the n best
    scores, and few other scores reach it, so only those that do are sorted.
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
