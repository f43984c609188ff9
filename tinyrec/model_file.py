"""Model files: everything a Recommender needs, in one file of `tinyrec.storage`."""

from __future__ import annotations

from dataclasses import asdict
from os import PathLike
from typing import Any

import numpy as np

from tinyrec import storage
from tinyrec.backend import get_backend, on_host
from tinyrec.baselines import Bias
from tinyrec.data import Dataset, Index
from tinyrec.errors import FileError, TinyrecError
from tinyrec.models import MODELS
from tinyrec.recommender import Recommender
from tinyrec.scaling import Scaling
from tinyrec.sparse import Pattern, Ratings


def save(recommender: Recommender, path: str | PathLike) -> None:
    """Write a model file; an existing one is replaced in one step."""
    data, zero = recommender.data, recommender.scaling.zero
    name = next(name for name, model in MODELS.items() if type(recommender.model) is model)
    header = {
        "model": name,
        "settings": asdict(recommender.model),
        "data": {"name": data.name, "scale": data.scale, "noise_floor": data.noise_floor},
        "scaling": {"unit": recommender.scaling.unit, "mean": zero.mean},
        "info": recommender.info,
    }
    arrays = {
        **{f"params/{key}": array for key, array in recommender.params.items()},
        "scaling/user": zero.user,
        "scaling/item": zero.item,
        "data/users": data.users.ids,
        "data/items": data.items.ids,
        "data/indptr": data.ratings.pattern.indptr,
        "data/cols": data.ratings.cols,
        "data/values": data.ratings.values,
        **{f"user_info/{key}": column for key, column in data.user_info.items()},
        **{f"item_info/{key}": column for key, column in data.item_info.items()},
    }
    storage.write(path, "model", header, arrays)


def load(path: str | PathLike, backend: str = "auto") -> Recommender:
    """Read a model file. FileError: missing, truncated, foreign, inconsistent, or of another version."""
    header, arrays = storage.read(path, "model")
    try:
        data = _dataset(header["data"], arrays)
        model = MODELS[header["model"]](**header["settings"])
        zero = Bias(float(header["scaling"]["mean"]), arrays["scaling/user"], arrays["scaling/item"])
        scaling = Scaling(float(header["scaling"]["unit"]), zero)
        params = _group(arrays, "params")
        _check_shapes(model, data, params, zero)
        return Recommender(model, params, data, scaling, on_host(backend), dict(header["info"]))
    except (KeyError, TypeError, ValueError, TinyrecError) as problem:
        raise FileError(f"{path} does not hold together ({problem}); write it anew") from None


def _group(arrays, group):
    return {name.split("/", 1)[1]: array for name, array in arrays.items() if name.startswith(group + "/")}


def _dataset(header: dict[str, Any], arrays) -> Dataset:
    users, items = Index(arrays["data/users"]), Index(arrays["data/items"])
    indptr, cols, values = arrays["data/indptr"], arrays["data/cols"], arrays["data/values"]
    steps = np.diff(indptr)
    if (
        len(indptr) != len(users) + 1
        or indptr[0] != 0
        or (steps < 0).any()
        or not indptr[-1] == len(cols) == len(values)
    ):
        raise ValueError("the rows of its ratings do not add up")
    if len(cols) and not 0 <= cols.min() <= cols.max() < len(items):
        raise ValueError("a rating is of an item that it does not have")
    ratings = Ratings(Pattern((len(users), len(items)), indptr, cols), values, get_backend("reference"))
    scale = (float(header["scale"][0]), float(header["scale"][1]))
    info = {"user_info": _group(arrays, "user_info"), "item_info": _group(arrays, "item_info")}
    return Dataset(ratings, users, items, scale, str(header["name"]), **info, noise_floor=header["noise_floor"])


def _check_shapes(model, data, params, zero):
    """Parameters and biases must fit the data, or a prediction would be a wrong row's."""
    R = data.ratings.T if model.by == "item" else data.ratings
    wanted = {name: array.shape for name, array in model.init(R, np.random.default_rng(0)).items()}
    found = {name: array.shape for name, array in params.items()}
    if wanted != found:
        raise ValueError(f"its parameters have shapes {found}, not {wanted}")
    if (zero.user.shape, zero.item.shape) != ((len(data.users),), (len(data.items),)):
        raise ValueError("its biases have another length than its ids")
    if not all(np.isfinite(array).all() for array in (*params.values(), zero.user, zero.item)):
        raise ValueError("a parameter is not finite")
