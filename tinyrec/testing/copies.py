"""Checks of saving and loading, pickling and copying: what comes back is the same to the last bit."""

from __future__ import annotations

import copy
import json
import pickle
import tempfile
from pathlib import Path
from typing import Any

from tinyrec.recommenders import load
from tinyrec.testing import data_sets
from tinyrec.testing.case import Case, predict_all
from tinyrec.testing.require import require, require_same


def saved_and_loaded(case: Case, fitted: Any, times: int = 1) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        for _ in range(times):
            fitted.save(path)
        return load(path, backend=getattr(fitted, "backend", "auto"), model=type(case.model))


def check_saved_predictions(case: Case) -> None:
    """A model that was saved and loaded must predict the same bits."""
    for make in (data_sets.train, data_sets.as_text, data_sets.signed):
        fitted = case.fitted(make)
        back = saved_and_loaded(case, fitted)
        for options in ({}, {"clip": False, "default": False}):
            require_same(predict_all(back, **options), predict_all(fitted, **options))


def check_saved_recommendations(case: Case) -> None:
    """A model that was saved and loaded must recommend the same."""
    fitted, users = case.fitted(), case.data().users.ids
    back = saved_and_loaded(case, fitted)
    require(list(back.recommend_many(users)) == list(fitted.recommend_many(users)), "it recommends something else")


def check_saved_parts(case: Case) -> None:
    """The ids, ratings, info, parameters and model must be the same after saving and loading."""
    fitted = case.fitted()
    back = saved_and_loaded(case, fitted)
    require(back.model == fitted.model, f"the model is {back.model!r}")
    require(back.info == json.loads(json.dumps(fitted.info)), f"the info is {back.info!r}")  # tuples become lists
    require(back.data.users == fitted.data.users and back.data.items == fitted.data.items, "the ids are others")
    require(back.data.scale == fitted.data.scale, f"the scale is {back.data.scale}")
    require(back.data.implicit == fitted.data.implicit, "the kind of feedback is another one")
    require_same(back.data.ratings.values, fitted.data.ratings.values, "the ratings")
    require(back.params.keys() == fitted.params.keys(), f"the parameters are {sorted(back.params)}")
    for name, array in fitted.params.items():
        require_same(back.params[name], array, f"the numbers in {name}")


def check_saved_twice(case: Case) -> None:
    """A model must be saved over itself, and once more after it was loaded."""
    fitted = case.fitted()
    back = saved_and_loaded(case, saved_and_loaded(case, fitted, times=2))
    require_same(predict_all(back), predict_all(fitted))


def check_pickled_model(case: Case) -> None:
    """An unfitted model must be equal to itself after pickling, for which its class must be found in its module."""
    back = pickle.loads(pickle.dumps(case.model))  # noqa: S301
    require(back == case.model, f"it is {back!r}")


def check_pickled_result(case: Case) -> None:
    """A fitted model must predict the same bits after pickling."""
    fitted = case.fitted()
    back = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    require_same(predict_all(back), predict_all(fitted))


def check_deepcopy(case: Case) -> None:
    """A deep copy of a fitted model must predict the same bits."""
    fitted = case.fitted()
    require_same(predict_all(copy.deepcopy(fitted)), predict_all(fitted))
