"""Checks of what a fitted model holds: its model, parameters, data and info."""

from __future__ import annotations

import numpy as np

from tinyrec.recommenders import Average, Recommender
from tinyrec.testing.case import Case, predict_all
from tinyrec.testing.require import require, require_close


def check_class_of_result(case: Case) -> None:
    """Fit must return a Recommender that holds the model and the data."""
    fitted = case.fitted()
    require(isinstance(fitted, Recommender), f"it returned a {type(fitted).__name__}")
    require(type(fitted.model) is type(case.model), f"its model is a {type(fitted.model).__name__}")
    require(fitted.data is case.data(), "its data are others")


def check_params(case: Case) -> None:
    """The parameters must be finite arrays by name."""
    for name, array in case.fitted().params.items():
        require(isinstance(name, str) and isinstance(array, np.ndarray), f"{name!r} is a {type(array).__name__}")
        require(array.dtype.kind in "fiu" and np.isfinite(array).all(), f"{name} is not all finite numbers")


def check_params_are_copies(case: Case) -> None:
    """The parameters must not share memory with the ratings."""
    ratings = case.data().ratings
    for name, array in case.fitted().params.items():
        for own in (ratings.values, ratings.cols, ratings.pattern.indptr):
            require(not np.shares_memory(array, own), f"{name} does")


def check_info(case: Case) -> None:
    """The info must say which seed was used."""
    for seed in (0, 1):
        found = case.fitted(seed=seed).info.get("seed")
        require(found == seed, f"it says {found!r} for the seed {seed}")


def check_repr(case: Case) -> None:
    """The model, fitted or not, must print as one line that names its class."""
    for shown in map(repr, (case.model, case.fitted())):
        require("\n" not in shown and type(case.model).__name__ in shown, f"it prints {shown!r}")


def check_average(case: Case) -> None:
    """The average of two seeds must predict the mean of both."""
    members = [case.fitted(seed=seed) for seed in (0, 1)]
    expected = np.mean([predict_all(member, clip=False) for member in members], axis=0)
    require_close(predict_all(Average(members), clip=False), expected)
