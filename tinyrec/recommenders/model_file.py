"""Model files: everything a recommender needs, in one file. An average has several members."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.data import Dataset, Features, Index
from tinyrec.data.features.embedding import Embedding
from tinyrec.data.validation import check_values
from tinyrec.errors import FileError, UsageError
from tinyrec.models import Autoencoder, Model
from tinyrec.recommenders import storage
from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.average import Average
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.fitted import FittedModel
from tinyrec.recommenders.scaling import Biases, Scaling
from tinyrec.sparse import Ratings


def save(recommender: Recommender, path: str | PathLike) -> None:
    """Write a model file; an existing one is replaced in one step. UsageError: another kind of recommender"""
    if not isinstance(recommender, FittedAutoencoder | FittedModel | Average):
        raise UsageError(f"a {type(recommender).__name__} cannot be saved; save what model.fit(data) returns")
    data = recommender.data
    members: Any = recommender.members if isinstance(recommender, Average) else [recommender]
    own = {key: getattr(data, key) for key in ("name", "scale", "noise_floor", "implicit", "columns", "notes")}
    header: dict[str, Any] = {
        "members": [_describe(member) for member in members],
        "data": {**own, "features": {}, "embeddings": {}},
        "average": recommender.info if isinstance(recommender, Average) else None,
    }
    arrays = {
        "data/users": _pack(data.users.ids),
        "data/items": _pack(data.items.ids),
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
        arrays |= {f"params/{number}/{key}": array for key, array in member.params.items()}
        if isinstance(member, FittedAutoencoder):
            offset = member.scaling.offset
            arrays |= {f"scaling/{number}/user": offset.user, f"scaling/{number}/item": offset.item}
            arrays |= {f"trained/{number}/{what}": mask for what, mask in (member.trained or {}).items()}
    storage.write(path, "model", header, arrays)


def _pack(ids: Array) -> Array:
    """Integer ids as they are, and text ids as bytes of UTF-8, with a NUL after each, which no id contains."""
    if ids.dtype != object:
        return ids
    return np.frombuffer("".join(f"{raw}\0" for raw in ids.tolist()).encode("utf-8", "surrogatepass"), np.uint8)


def _unpack(ids: Array) -> Array:
    if ids.dtype != np.uint8:
        return ids
    return np.array(ids.tobytes().decode("utf-8", "surrogatepass").split("\0")[:-1], object)


def _is_kept(column: Array) -> bool:
    """Whether a column is saved: tags and friends, texts of any length, are not, as only their features are needed."""
    return not isinstance(column.dtype, np.dtypes.StringDType)


def _describe(member: FittedAutoencoder | FittedModel) -> dict[str, Any]:
    described = {"model": type(member.model).__name__, "settings": asdict(member.model), "info": member.info}
    if isinstance(member, FittedAutoencoder):
        described["scaling"] = {"unit": member.scaling.unit, "mean": member.scaling.offset.mean}
    return described


def load(path: str | PathLike, backend: str = "auto", model: type[Model] | None = None) -> Recommender:
    """Read a model file.

    model: the class of the model, if it is your own
    FileError: missing, truncated, foreign, inconsistent, of another version, or of a model that is not known
    """
    if model is not None and not (isinstance(model, type) and issubclass(model, Model)):
        raise UsageError(f"model is {model!r}; give the class of the model")
    header, arrays = storage.read(path, "model")
    try:
        data = _dataset(header["data"], arrays)
        members = [_member(its, number, data, arrays, backend, model) for number, its in enumerate(header["members"])]
        loaded = members[0] if header["average"] is None else Average(members, dict(header["average"]))
    except (FileError, MemoryError):
        raise
    except Exception as problem:  # fields of unexpected types can raise almost anything
        raise FileError(f"{path} is inconsistent ({problem}); write it again") from None
    if model is not None and all(type(its.model).__name__ != model.__name__ for its in members):
        raise UsageError(f"{path} holds a {type(members[0].model).__name__}, not a {model.__name__}; leave model out")
    return loaded


def _member(its, number, data, arrays, backend, own) -> FittedAutoencoder | FittedModel:
    params, offset = _group(arrays, f"params/{number}"), _group(arrays, f"scaling/{number}")
    kind: Any = own if own and own.__name__ == its["model"] else _find_kind(its["model"])
    try:
        model, info = kind(**its["settings"]), dict(its["info"])
    except (TypeError, UsageError) as problem:
        cure = "load it with the class, and the activations, that it was saved with"
        raise FileError(f"the file does not fit the class {kind.__name__} ({problem}); {cure}") from None
    if not isinstance(model, Autoencoder):
        _check_shapes(params, model.shapes(*data.ratings.shape))
        model.check_params(params, *data.ratings.shape)
        return FittedModel(model, params, data, info)
    rows = data.ratings.shape if model.by == "user" else data.ratings.shape[::-1]
    features = data.features_of(model.by) if model.reads_features else None
    _check_shapes(params, model.shapes(rows[1], len(features.names) if features else 0))
    _check_shapes(offset, {"user": (len(data.users),), "item": (len(data.items),)})
    scaling = Scaling(float(its["scaling"]["unit"]), Biases(float(its["scaling"]["mean"]), **offset))
    trained = _group(arrays, f"trained/{number}")
    shapes = {name: (mask.shape, mask.dtype == bool, mask.any()) for name, mask in trained.items()}
    n, d = data.ratings.shape
    if trained and shapes != {"user": ((n,), True, True), "item": ((d,), True, True)}:
        raise ValueError("which users and items were in training is not given by one truth value each")
    return FittedAutoencoder(model, params, data, scaling, backend, info, trained or None)


def _find_kind(name: str) -> type[Model]:
    """The class of this name among all models that were imported.

    Of several, it is the one that was defined last, unless its module holds another one now.
    """
    kinds = list(Model.__subclasses__())
    for kind in kinds:
        kinds += kind.__subclasses__()
    named = [kind for kind in kinds if kind.__name__ == name]
    if not named:
        cure = "import it first, or give its class: load(path, model=CLASS), or --model FILE.py:CLASS"
        raise FileError(f"the file holds a {name}, which is no model of tinyrec's own; {cure}")
    held = [kind for kind in named if getattr(sys.modules.get(kind.__module__), name, None) is kind]
    return (held or named)[-1]


def _check_shapes(arrays: Params, wanted: Mapping[str, tuple[int | None, ...]]) -> None:
    """ValueError: the arrays do not have the wanted shapes, where None is any length, or are not finite."""
    found = {name: array.shape for name, array in arrays.items()}
    fits = found.keys() == wanted.keys() and all(
        len(found[name]) == len(shape) and all(b in (None, a) for a, b in zip(found[name], shape, strict=True))
        for name, shape in wanted.items()
    )
    if not fits:
        raise ValueError(f"its arrays have shapes {found}, not {wanted}")
    if not all(array.dtype.kind in "fiu" and np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("a parameter is not a finite number")


def _group(arrays, group):
    """The arrays whose names start with this group and a slash, by the rest of their names."""
    return {name[len(group) + 1 :]: array for name, array in arrays.items() if name.startswith(group + "/")}


def _dataset(header: dict[str, Any], arrays) -> Dataset:
    users, items = Index(_unpack(arrays["data/users"])), Index(_unpack(arrays["data/items"]))
    low, high = map(float, header["scale"])
    n_ratings = np.diff(arrays["data/indptr"])
    if n_ratings.shape != (len(users),):
        raise ValueError("the number of its users and the number of rows of its ratings differ")
    rows, values = np.repeat(np.arange(len(users)), n_ratings), check_values(arrays["data/values"], (low, high))
    ratings = Ratings.from_cells(rows, arrays["data/cols"], values, (len(users), len(items)))
    more: dict[str, Any] = {"noise_floor": header["noise_floor"], "implicit": bool(header["implicit"])}
    more |= {"columns": dict(header.get("columns", {})), "notes": tuple(header.get("notes", ()))}
    more |= {info: _group(arrays, info) for info in ("user_info", "item_info")}
    data = Dataset(ratings, users, items, (low, high), str(header["name"]), **more)
    features = {
        kind: Features(tuple(its), **_group(arrays, f"features/{kind}"), embeddings=_embeddings(header, kind, arrays))
        for kind, its in header["features"].items()
    }
    return data.with_features(users=features.get("user"), items=features.get("item"))


def _embeddings(header: dict[str, Any], kind: str, arrays) -> dict[str, Embedding]:
    B = _group(arrays, f"embeddings/{kind}")
    return {column: Embedding(tuple(its), B[column]) for column, its in header["embeddings"].get(kind, {}).items()}
