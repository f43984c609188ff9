"""Start from the parameters of a fitted model: for more ratings, also of new users and items."""

from __future__ import annotations

import warnings
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tinyrec.backend import Params
from tinyrec.checks import setting_types
from tinyrec.data import Dataset
from tinyrec.errors import DataWarning, UsageError
from tinyrec.models import Autoencoder, Network
from tinyrec.optim import RProp
from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.fold_in import copy_columns
from tinyrec.sparse import Ratings

# On ML-100K, from a model of 90 % of the users, the RMSE stays below 0.90 with steps of 0.0003, and falls at once. With
# RProp's 0.0125, it rises from 0.90 to 2.1, and 20 epochs go by before it is back.
STEP = 0.0003


def check_start(start: Any, model: Network, data: Dataset, is_search: bool) -> None:
    """Warn of ratings that only `start` has seen.

    UsageError: `start` is of another model, or of other features; or settings would be chosen by a search"""
    if not isinstance(model, Autoencoder):
        raise UsageError(f"a {type(model).__name__} cannot start from another model; leave start out")
    if not isinstance(start, FittedAutoencoder):
        raise UsageError(f"a {type(start).__name__} cannot be started from; give what fit of an autoencoder returned")
    name, old = type(model).__name__, type(start.model).__name__
    if name != old:
        raise UsageError(f"start is a {old} and this is a {name}; start from a {name}")
    ours, theirs = asdict(model), asdict(start.model)  # type: ignore[call-overload]
    if differ := [f"{key} (was {theirs[key]}, is {ours[key]})" for key in ours if ours[key] != theirs[key]]:
        raise UsageError(f"start was trained with other settings: {', '.join(differ)}; train with those of start.model")
    if feature_names(data, model) != feature_names(start.data, model):
        raise UsageError("start was trained with other features; add the same to the data")
    users, items, _ = start.data.triples()
    if absent := len(users) - data.count_common(users, items):
        cause = f"{absent} of the ratings that start was trained on are not in these data"
        warnings.warn(f"{cause}; do not score the result on them, as it has seen them", DataWarning, stacklevel=4)
    if is_search:
        raise UsageError("a search on a validation part does not start from a model; give epochs, and leave valid out")


def params_of(start: FittedAutoencoder, model: Any, data: Dataset, R: Ratings, seed: int) -> Params:
    """Parameters for the rows R of `data`: those of `start`, with the decoder of new columns folded in; others drawn.

    For an output other than identity, the decoder of a new column is only near the one that is folded in.
    """
    params, start = model.init(R, np.random.default_rng(seed)), start.with_ratings(data)
    ids, known = (data.users, start.data.users) if model.by == "item" else (data.items, start.data.items)
    places = ids.find(known.ids)
    source = np.flatnonzero(start.trained_columns & (places >= 0))
    copy_columns(model, start.params, params, source, places[source], R.side_width)
    columns, folded_in = start.new_columns()
    is_in = places[columns] >= 0
    for name, array in model.decoder(params).items():
        array[places[columns[is_in]]] = folded_in[name][is_in]
    return {name: R.backend.asarray(w) for name, w in params.items()}


def with_small_steps(optimizer: Any) -> Any:
    """RProp with its default step_init gets a smaller one, see `STEP`; other optimisers are returned as they are."""
    if isinstance(optimizer, RProp) and optimizer.step_init == RProp.step_init:
        return replace(optimizer, step_init=max(STEP, optimizer.step_min))
    return optimizer


def feature_names(data: Dataset, model: Any) -> tuple[str, ...]:
    """The names of the features that a model reads."""
    read = [data.features_of(side) for side in sides_read(model)]
    return tuple(name for features in read if features for name in features.names)


def sides_read(model: Any) -> tuple[str, ...]:
    """Whose features a model reads: those of its rows, `by`, or of both where this is none of its settings; (): none"""
    if not getattr(model, "reads_features", False):
        return ()
    return (model.by,) if "by" in setting_types(type(model)) else ("user", "item")
