"""Model files: everything a recommender needs, in one file. An average has several members."""

from __future__ import annotations

from dataclasses import asdict
from os import PathLike
from typing import Any

import numpy as np

from tinyrec.backend import Array, get_backend, on_host
from tinyrec.data import Dataset, Features, Index
from tinyrec.data.features.embedding import Embedding
from tinyrec.errors import FileError, TinyrecError
from tinyrec.models import MODELS
from tinyrec.recommenders import storage
from tinyrec.recommenders.autoencoder import TrainedAutoencoder
from tinyrec.recommenders.average import Average
from tinyrec.recommenders.biases import Bias
from tinyrec.recommenders.scaling import Scaling
from tinyrec.sparse import Pattern, Ratings


def save(recommender: TrainedAutoencoder | Average, path: str | PathLike) -> None:
    """Write a model file; an existing one is replaced in one step."""
    data, members = recommender.data, getattr(recommender, "members", [recommender])
    own = {key: getattr(data, key) for key in ("name", "scale", "noise_floor", "implicit")}
    header: dict[str, Any] = {
        "members": [_describe(member) for member in members],
        "data": {**own, "features": {}, "embeddings": {}},
        "average": recommender.info if isinstance(recommender, Average) else None,
    }
    arrays = {
        "data/users": data.users.ids,
        "data/items": data.items.ids,
        "data/indptr": data.ratings.pattern.indptr,
        "data/cols": data.ratings.cols,
        "data/values": data.ratings.values,
        **{f"user_info/{key}": column for key, column in data.user_info.items() if _is_kept(column)},
        **{f"item_info/{key}": column for key, column in data.item_info.items() if _is_kept(column)},
    }
    for kind, features in (("user", data.user_features), ("item", data.item_features)):
        if features:
            arrays |= {f"features/{kind}/{name}": getattr(features, name) for name in ("X", "mean", "spread")}
            arrays |= {f"embeddings/{kind}/{column}": its.B for column, its in features.embeddings.items()}
            header["data"]["features"][kind] = features.names
            header["data"]["embeddings"][kind] = {column: its.values for column, its in features.embeddings.items()}
    for number, member in enumerate(members):
        zero = member.scaling.zero
        arrays |= {f"params/{number}/{key}": array for key, array in member.params.items()}
        arrays |= {f"scaling/{number}/user": zero.user, f"scaling/{number}/item": zero.item}
    storage.write(path, "model", header, arrays)


def _is_kept(column: Array) -> bool:
    """Tags and friends, texts of any length, are not: what a model has learned from them is in its features."""
    return not isinstance(column.dtype, np.dtypes.StringDType)


def _describe(member: TrainedAutoencoder) -> dict[str, Any]:
    name = next(name for name, kind in MODELS.items() if type(member.model) is kind)
    scaling = {"unit": member.scaling.unit, "mean": member.scaling.zero.mean}
    return {"model": name, "settings": asdict(member.model), "scaling": scaling, "info": member.info}


def load(path: str | PathLike, backend: str = "auto") -> TrainedAutoencoder | Average:
    """Read a model file. FileError: missing, truncated, foreign, inconsistent, or of another version."""
    header, arrays = storage.read(path, "model")
    try:
        data = _dataset(header["data"], arrays)
        members = []
        for number, its in enumerate(header["members"]):
            params, zero = _group(arrays, f"params/{number}"), _group(arrays, f"scaling/{number}")
            bias = Bias(float(its["scaling"]["mean"]), zero["user"], zero["item"])
            model = MODELS[its["model"]](**its["settings"])
            _check_shapes(model, data, params, bias)
            scaling = Scaling(float(its["scaling"]["unit"]), bias)
            members.append(TrainedAutoencoder(model, params, data, scaling, on_host(backend), dict(its["info"])))
        return members[0] if header["average"] is None else Average(members, dict(header["average"]))
    except (KeyError, TypeError, ValueError, TinyrecError) as problem:
        raise FileError(f"{path} does not hold together ({problem}); write it anew") from None


def _group(arrays, group):
    """The arrays below this one, by the rest of their names."""
    return {name[len(group) + 1 :]: array for name, array in arrays.items() if name.startswith(group + "/")}


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
    more = {
        "user_info": _group(arrays, "user_info"),
        "item_info": _group(arrays, "item_info"),
        "noise_floor": header["noise_floor"],
        "implicit": bool(header.get("implicit", False)),  # there were only ratings once
    }
    data = Dataset(ratings, users, items, scale, str(header["name"]), **more)
    features = {
        kind: Features(tuple(its), **_group(arrays, f"features/{kind}"), embeddings=_embeddings(header, kind, arrays))
        for kind, its in header["features"].items()
    }
    return data.with_features(users=features.get("user"), items=features.get("item"))


def _embeddings(header: dict[str, Any], kind: str, arrays) -> dict[str, Embedding]:
    B = _group(arrays, f"embeddings/{kind}")
    values = header.get("embeddings", {}).get(kind, {})  # there were none once
    return {column: Embedding(tuple(its), B[column]) for column, its in values.items()}


def _check_shapes(model, data, params, zero):
    """Parameters and biases must fit the data, or a prediction would be a wrong row's."""
    R = data.ratings.T if model.by == "item" else data.ratings
    features = model.features(data)
    wanted = model.shapes(R.shape[1], len(features.names) if features else 0)
    found = {name: array.shape for name, array in params.items()}
    if wanted != found:
        raise ValueError(f"its parameters have shapes {found}, not {wanted}")
    if (zero.user.shape, zero.item.shape) != ((len(data.users),), (len(data.items),)):
        raise ValueError("its biases have another length than its ids")
    if not all(np.isfinite(array).all() for array in (*params.values(), zero.user, zero.item)):
        raise ValueError("a parameter is not finite")
