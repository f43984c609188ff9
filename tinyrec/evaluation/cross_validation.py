"""Cross-validation: a score with an interval, from several trainings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyrec.data import Dataset
from tinyrec.errors import DataWarning, UsageError
from tinyrec.evaluation.rating_metrics import interval
from tinyrec.evaluation.splits import split_folds


def cross_validate(model: Any, data: Dataset, folds: int = 5, seed: int = 0, **options: Any) -> dict[str, Any]:
    """Fit a model to all ratings but those of one fold, score it on these, and repeat that for each fold.

    model: for ratings, not fitted, such as AutoRec();  seed: of the split and of each fit;  options: others of `fit`
    Return {"rmse": mean, "rmse_interval": half-width of its 95 % interval, ..., "folds": [scores of each fold, ...]}.
    UsageError: implicit feedback, or fewer than 2 folds;  DataWarning: as `score`
    """
    if isinstance(model, type) or not hasattr(model, "fit"):
        raise UsageError(f"{model!r} cannot be fitted; give a model that is not fitted yet, such as AutoRec()")
    if not isinstance(data, Dataset):
        raise UsageError(f"a {type(data).__name__} cannot be split; make a Dataset of it with load_dataset")
    if data.implicit:
        raise UsageError(f"{data.name} is implicit feedback; hold out one item of each user with split_leave_one_out")
    parts = [model.fit(train, seed=seed, **options).examine(test) for train, test in split_folds(data, folds, seed)]
    for problem in dict.fromkeys(problem for _, problems in parts for problem in problems):
        warnings.warn(problem, DataWarning, stacklevel=2)
    scores = [its for its, _ in parts]
    return {**means(scores, ("rmse", "mae", "rmse_warm")), "folds": scores}


def means(scores: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, float]:
    """The mean of each of these metrics, by name, and the half-width of its 95 % interval, as "name_interval"."""
    found = {}
    for name in names:
        values = [its[name] for its in scores]
        found[name], found[f"{name}_interval"] = float(np.mean(values)), interval(values)
    return found
