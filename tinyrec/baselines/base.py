"""What the baselines share: a frozen dataclass of hyper-parameters, and `fit`, which returns a fitted model."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinyrec.backend import Array, Params, get_backend
from tinyrec.checks import check_settings, check_whole
from tinyrec.data import Dataset
from tinyrec.errors import Diverged, UsageError
from tinyrec.evaluation.top_n import blocks
from tinyrec.models import Model
from tinyrec.recommenders import FittedModel
from tinyrec.sparse import Ratings
from tinyrec.training.run import check_feedback

EPSILON = 1e-9  # the smallest value of a setting that must be positive


class Baseline(Model):
    """Base of the baselines, frozen dataclasses of hyper-parameters.

    A baseline defines `learn`, `shapes`, and one of predict_cells and predict_users, each of which has a default that
    calls the other. R (n, d) are the training ratings, users x items, unscaled.

    derived: arrays that are computed from data and parameters, and so do not count as parameters
    minimum: the lowest allowed value of some settings; it is 0 for other numbers
    reads_features: whether `learn` takes the features of users and items, too
    """

    derived: ClassVar[tuple[str, ...]] = ()
    minimum: ClassVar[dict[str, float]] = {}
    reads_features: ClassVar[bool] = False

    def __post_init__(self):
        check_settings(self, **self.minimum)

    def learn(self, R: Ratings, seed: int) -> Params:
        """Learn from R, and return arrays by name."""
        raise NotImplementedError

    def shapes(self, n: int, d: int) -> dict[str, tuple[int | None, ...]]:
        """The shape of each array that is learned from n users and d items; None: any length."""
        raise NotImplementedError

    def check_params(self, params: Params, n: int, d: int) -> None:
        """ValueError: arrays of these shapes, read from a file, that do not fit together"""

    def predict_cells(self, params: Params, R: Ratings, users: Array, items: Array) -> Array:
        """The ratings or scores of pairs of row numbers, (p,) and (p,) -> (p,); for ratings, -1 means unknown."""
        y, (rows, at) = np.empty(len(users)), np.unique(users, return_inverse=True)
        for block in blocks(len(rows), R.shape[1]):
            here = np.flatnonzero((at >= block.start) & (at < block.stop))
            y[here] = self.predict_users(params, R, rows[block])[at[here] - block.start, items[here]]
        return y

    def predict_users(self, params: Params, R: Ratings, users: Array) -> Array:
        """The ratings or scores of all items by these users, (b,) -> (b, d)."""
        items = np.tile(np.arange(R.shape[1]), len(users))
        return self.predict_cells(params, R, np.repeat(users, R.shape[1]), items).reshape(len(users), R.shape[1])

    def predict_new_user(self, params: Params, R: Ratings, new: Ratings) -> Array:
        """The ratings or scores of all items by users who were not in training: new (m, d) -> (m, d)."""
        name = type(self).__name__
        raise UsageError(f"{name} cannot add a user without training; fit it to data with this user")

    def fit(self, data: Dataset, *, seed: int = 0) -> FittedModel:  # type: ignore[override]
        """Fit to `data`. UsageError: ratings for a model of implicit feedback, or the other way round"""
        check_whole("seed", seed, 0)
        if not isinstance(data, Dataset):
            raise UsageError(f"a {type(data).__name__} cannot be trained on; make a Dataset of it with load_dataset")
        if data.is_part:
            raise UsageError(
                f"only autoencoders are trained on parts, and {type(self).__name__} is none; give all data"
            )
        check_feedback(self, data)
        started = time.perf_counter()
        features = {"users": data.user_features, "items": data.item_features} if self.reads_features else {}
        params = self.learn(data.ratings, seed, **features)
        if not all(np.isfinite(array).all() for array in params.values()):
            name = type(self).__name__
            raise Diverged(f"{name} learned a number that is not finite; try a larger l2 or a smaller learning rate")
        return FittedModel(self, params, data, {"seed": seed, "seconds": time.perf_counter() - started})


def fastest(slow: Callable[..., Any], loop: str) -> Callable[..., Any]:
    """The compiled `loop` of `tinyrec.backend.loops` where numba works; else `slow`, the same in plain NumPy."""
    if get_backend("numpy").name != "numpy":
        return slow
    return getattr(importlib.import_module("tinyrec.backend.loops"), loop)


def ones(R: Ratings) -> Any:
    """X: 1 at the cells of R, else 0, as a scipy.sparse.csr_array (n, d) of float64."""
    return R.with_values(np.ones(R.size)).to_scipy()


def draw_unobserved(R: Ratings, users: Array, rng: np.random.Generator) -> Array:
    """For each of these users (b,) a random item (b,) among those that they do not have in R.

    The r-th item that a user does not have (from 0) is item r + c, where c is the number of the user's items before it.
    The user's i-th item, item j, is one of these if j - i <= r. Users who have all items are not allowed.
    """
    r = rng.integers(0, R.shape[1] - np.diff(R.pattern.indptr)[users])
    return fastest(unobserved, "unobserved")(R.pattern.indptr, R.cols, users, r)


def unobserved(indptr: Array, cols: Array, users: Array, r: Array) -> Array:
    """The r-th item that each of these users does not have, see `draw_unobserved`."""
    rows, step = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), np.int64(max(cols.max(), r.max()) + 2)
    gaps = cols - (np.arange(len(cols)) - indptr[rows])  # unobserved items before each cell, ascending within a row
    return r + np.searchsorted(rows * step + gaps, users * step + r, side="right") - indptr[users]
