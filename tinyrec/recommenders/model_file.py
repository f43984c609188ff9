"""Model files: everything a recommender needs, in one file. An average has several members."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from functools import partial
from os import PathLike
from typing import Any

import numpy as np

from tinyrec.backend import Array, get_backend
from tinyrec.data import Dataset, Features, Index
from tinyrec.data.features.embedding import Embedding
from tinyrec.data.features.encoding import sparse
from tinyrec.errors import FileError, UsageError
from tinyrec.models import Model, Network, PairModel
from tinyrec.recommenders import contents, storage
from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.average import Average
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.contents import (
    FLOATS,
    PARAMETERS,
    Spec,
    a_dict,
    check_arrays,
    check_ascending,
    check_fields,
    check_names,
    dict_of,
    list_of,
    optional,
    text,
    truth,
)
from tinyrec.recommenders.fitted import FittedModel
from tinyrec.recommenders.network import FittedNetwork
from tinyrec.recommenders.pairs import FittedPairs, sides_of
from tinyrec.recommenders.protocol import STARS
from tinyrec.recommenders.scaling import Biases, Scaling
from tinyrec.sparse import Pattern, Ratings

FLOAT32, FLOAT64 = ("float32",), ("float64",)
# The fields of the header
HEADER = {"members": lambda its: list_of(a_dict)(its) and its, "data": a_dict, "average": optional(a_dict)}
MEMBER = {"model": text, "settings": a_dict, "info": a_dict}
DATA = {
    "name": text,
    "scale": list_of(contents.number),
    "noise_floor": optional(contents.number),
    "implicit": truth,
    "features": lambda its: dict_of(list_of(text))(its) and its.keys() <= {"user", "item"},
    "embeddings": lambda its: dict_of(dict_of(list_of(text)))(its) and its.keys() <= {"user", "item"},
}
SINCE_FORMAT_3 = {  # those that older files of this format lack
    "columns": dict_of(contents.label),
    "notes": list_of(text),
    "encodings": lambda its: dict_of(dict_of(text))(its) and its.keys() <= {"user", "item"},
}


def save(recommender: Recommender, path: str | PathLike) -> None:
    """Write a model file; an existing one is replaced in one step. UsageError: another kind of recommender"""
    if not isinstance(recommender, FittedNetwork | FittedModel | Average):
        raise UsageError(f"a {type(recommender).__name__} cannot be saved; save what model.fit(data) returns")
    data = recommender.data
    members: Any = recommender.members if isinstance(recommender, Average) else [recommender]
    own = {key: getattr(data, key) for key in ("name", "scale", "noise_floor", "implicit", "columns", "notes")}
    header: dict[str, Any] = {
        "members": [_describe(member) for member in members],
        "data": {**own, "features": {}, "embeddings": {}, "encodings": {}},
        "average": None,
    }
    if isinstance(recommender, Average):
        header["average"] = {**recommender.info, "weights": recommender.weights, "mean": recommender.mean}
    arrays = {
        "data/users": _pack(data.users.ids),
        "data/items": _pack(data.items.ids),
        **{f"data/{name}": array for name, array in _parts(data.ratings).items()},
        **{f"user_info/{key}": column for key, column in data.user_info.items() if _is_kept(column)},
        **{f"item_info/{key}": column for key, column in data.item_info.items() if _is_kept(column)},
    }
    for kind, features in (("user", data.user_features), ("item", data.item_features)):
        if features:
            arrays |= {f"features/{kind}/{name}": array for name, array in _parts(features.X).items()}
            own = {"mean": features.mean, "spread": features.spread}
            arrays |= {f"features/{kind}/{name}": np.asarray(column, np.float64) for name, column in own.items()}
            B = {column: np.asarray(its.B, np.float64) for column, its in features.embeddings.items()}
            arrays |= {f"embeddings/{kind}/{column}": its for column, its in B.items()}
            header["data"]["features"][kind] = features.names
            header["data"]["encodings"][kind] = dict(features.encodings)
            header["data"]["embeddings"][kind] = {column: its.values for column, its in features.embeddings.items()}
    for number, member in enumerate(members):
        arrays |= {f"params/{number}/{key}": array for key, array in member.params.items()}
        if isinstance(member, FittedNetwork):
            offset = member.scaling.offset
            biases = {"user": offset.user, "item": offset.item}
            arrays |= {f"scaling/{number}/{what}": np.asarray(b, np.float64) for what, b in biases.items()}
            trained = getattr(member, "trained", None) or {}
            arrays |= {f"trained/{number}/{what}": mask for what, mask in trained.items()}
            of_all = getattr(member, "of_all", None) or {}
            arrays |= {f"of_all/{number}/{what}": its for what, its in of_all.items()}
    storage.write(path, "model", header, arrays)


def _parts(R: Ratings) -> dict[str, Array]:
    """The arrays of a sparse matrix."""
    indptr, cols = R.pattern.indptr.astype(np.int64, copy=False), R.cols.astype(np.int32, copy=False)
    return {"indptr": indptr, "cols": cols, "values": R.values.astype(np.float32, copy=False)}


def _matrix(its: dict[str, Array], shape: tuple[int, int], low: float = -math.inf, high: float = math.inf) -> Ratings:
    """The sparse matrix of these arrays. ValueError: they are of no such matrix with values from `low` to `high`"""
    (n, d), p = shape, len(its["cols"])
    numbers = {"cols": Spec(("int32",), (p,), 0, d - 1), "values": Spec(FLOAT32, (p,), low, high)}
    check_arrays(its, {"indptr": Spec(("int64",), (n + 1,)), **numbers})
    check_ascending(its["indptr"], its["cols"])
    return Ratings(Pattern(shape, its["indptr"], its["cols"]), its["values"], get_backend("reference"))


def _pack(ids: Array) -> Array:
    """Integer ids as they are, and text ids as bytes of UTF-8, with a NUL after each, which no id contains."""
    if ids.dtype != object:
        return ids
    return np.frombuffer("".join(f"{raw}\0" for raw in ids.tolist()).encode("utf-8", "surrogatepass"), np.uint8)


def _unpack(ids: Array, n: int | None = None) -> Array:
    """The ids that were packed. ValueError: their number is not n"""
    if ids.dtype != np.uint8:
        return ids
    found = np.count_nonzero(ids == 0)
    if n not in (None, found) or (found and ids[-1] != 0):
        raise ValueError(f"it has {found} text ids")
    return np.array(ids.tobytes().decode("utf-8", "surrogatepass").split("\0")[:-1], object)


def _is_kept(column: Array) -> bool:
    """Whether a column is saved: tags and friends, texts of any length, are not, as only their features are needed."""
    return not isinstance(column.dtype, np.dtypes.StringDType)


def _describe(member: FittedNetwork | FittedModel) -> dict[str, Any]:
    described = {"model": type(member.model).__name__, "settings": asdict(member.model), "info": member.info}
    if isinstance(member, FittedNetwork):
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
        check_fields("the file", header, HEADER)
        if header["average"] is None and len(header["members"]) > 1:
            raise ValueError("it has several members, and is no average")
        data = _dataset(header["data"], arrays)
        members = [_member(its, number, data, arrays, backend, model) for number, its in enumerate(header["members"])]
        check_names("the file", arrays, {})  # the others were taken
        loaded = members[0] if header["average"] is None else _average(members, header["average"])
    except (FileError, MemoryError):
        raise
    except Exception as problem:  # fields of unexpected types can raise almost anything
        raise FileError(f"{path} is inconsistent ({contents.brief(problem)}); write it again") from None
    if model is not None and all(type(its.model).__name__ != model.__name__ for its in members):
        raise UsageError(f"{path} holds a {type(members[0].model).__name__}, not a {model.__name__}; leave model out")
    return loaded


def _average(members: list[Any], info: dict[str, Any]) -> Average:
    weights, mean = info.pop("weights", None), info.pop("mean", None)
    if not (optional(list_of(contents.number))(weights) and optional(contents.number)(mean)):
        raise ValueError("the weights of the average, or its mean, are no numbers")
    return Average(members, info, weights, mean)


def _member(its, number, data, arrays, backend, own) -> FittedNetwork | FittedModel:
    check_fields("a member", its, MEMBER, {"scaling": a_dict})
    params, offset = _take(arrays, f"params/{number}"), _take(arrays, f"scaling/{number}")
    kind: Any = own if own and own.__name__ == its["model"] else _find_kind(its["model"])
    try:
        model, info = kind(**its["settings"]), its["info"]
    except (TypeError, UsageError) as problem:
        cure = "load it with the class, and the activations, that it was saved with"
        cause = f"the file does not fit the class {kind.__name__} ({contents.brief(problem)})"
        raise FileError(f"{cause}; {cure}") from None
    n, d = data.ratings.shape
    if not isinstance(model, Network):
        check_arrays(params, {name: Spec(PARAMETERS, shape) for name, shape in model.shapes(n, d).items()})
        model.check_params(params, n, d)
        return FittedModel(model, params, data, info)
    masks, of_all = _take(arrays, f"trained/{number}"), _take(arrays, f"of_all/{number}")
    return _network(model, params, offset, its, masks, of_all, data, backend)


def _network(model: Any, params, offset, its, trained, of_all, data: Dataset, backend: str) -> FittedNetwork:
    """A trained network, after checking its arrays and its scaling."""
    n, d = data.ratings.shape
    if isinstance(model, PairModel):
        shapes = model.shapes_of(sides_of(model, data))
    else:
        features = data.features_of(model.by) if model.reads_features else None
        shapes = model.checked_shapes(d if model.by == "user" else n, len(features.names) if features else 0)
    check_arrays(params, {name: Spec(FLOATS, shape) for name, shape in shapes.items()})
    check_arrays(offset, {"user": Spec(("float64",), (n,)), "item": Spec(("float64",), (d,))})
    check_fields("the scaling", its.get("scaling"), {"unit": partial(_is_unit, data.scale), "mean": contents.number})
    scaling = Scaling(float(its["scaling"]["unit"]), Biases(float(its["scaling"]["mean"]), **offset))
    if isinstance(model, PairModel):
        check_names("a model of pairs", trained | of_all, {})
        return FittedPairs(model, params, data, scaling, backend, its["info"])
    if trained:
        check_arrays(trained, {"user": Spec(("bool",), (n,)), "item": Spec(("bool",), (d,))})
        if not (trained["user"].any() and trained["item"].any()):
            raise ValueError("no user or no item was in training")
    if of_all:
        if not trained or model.by != "item":
            raise ValueError("it has codes of all users, and not of a part of them")
        means = {name: (1, *w.shape[1:]) for name, w in model.decoder(params).items()}
        specs = {f"mean/{name}": Spec(FLOATS, shape) for name, shape in means.items()} | {"l2": Spec(FLOAT64, (1,), 0)}
        specs |= {"codes": Spec(FLOATS, (d + 1, means["W"][1]))}
        if data.scale not in STARS:
            specs |= {
                f"default/{name}": Spec(FLOAT64, (size,)) for name, size in (("mean", 1), ("user", n), ("item", d))
            }
        check_arrays(of_all, specs)
    return FittedAutoencoder(model, params, data, scaling, backend, its["info"], trained or None, of_all or None)


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
        raise FileError(f"the file holds a {name:.60}, which is no model of tinyrec's own; {cure}")
    held = [kind for kind in named if getattr(sys.modules.get(kind.__module__), name, None) is kind]
    return (held or named)[-1]


def _is_unit(scale: tuple[float, float], unit: Any) -> bool:
    """Whether the unit of a scaling is 1, or of the order of the rating scale."""
    width = (scale[1] - scale[0]) or 4.0
    return contents.number(unit) and (unit == 1 or width / 100 <= unit <= width * 100)


def _take(arrays, group):
    """Remove the arrays whose names start with this group and a slash, and return them by the rest of their names."""
    return {name[len(group) + 1 :]: arrays.pop(name) for name in list(arrays) if name.startswith(group + "/")}


def _dataset(header: dict[str, Any], arrays) -> Dataset:
    check_fields("the data", header, DATA, SINCE_FORMAT_3)
    low, high = map(float, header["scale"])
    if len(header["scale"]) != 2 or low > high:
        raise ValueError("the scale of the data is not valid")
    its, any_ids = _take(arrays, "data"), Spec(("int64", "uint8"), (None,))
    ids = {name: its.pop(name) for name in ("users", "items")}
    check_arrays(ids, {"users": any_ids, "items": any_ids})
    n = len(its["indptr"]) - 1
    users, items = Index(_unpack(ids["users"], n)), Index(_unpack(ids["items"]))
    if len(users) != n:
        raise ValueError(f"it has {len(users)} users and {n} rows")
    ratings = _matrix(its, (n, len(items)), float(np.float32(low)), float(np.float32(high)))
    if not ratings.size:
        raise ValueError("it has no ratings")
    more: dict[str, Any] = {name: header[name] for name in ("noise_floor", "implicit")}
    more |= {"columns": header.get("columns", {}), "notes": tuple(header.get("notes", ()))}
    for kind, length in (("user", n), ("item", len(items))):
        more[f"{kind}_info"] = info = _take(arrays, f"{kind}_info")
        check_arrays(info, {name: Spec((), (length,)) for name in info})
    data = Dataset(ratings, users, items, (low, high), header["name"], **more)
    features = {kind: _features(header, kind, arrays, len(index)) for kind, index in (("user", users), ("item", items))}
    return data.with_features(users=features["user"], items=features["item"])


def _features(header: dict[str, Any], kind: str, arrays, length: int) -> Features | None:
    """The features of the users or the items; None: there are none."""
    if kind not in header["features"]:
        return None
    names, values = header["features"][kind], header["embeddings"].get(kind, {})
    its, B, q = _take(arrays, f"features/{kind}"), _take(arrays, f"embeddings/{kind}"), len(names)
    numbers = {"mean": Spec(FLOAT64, (q,)), "spread": Spec(FLOAT64, (q,), 1e-300)}
    own = {name: its.pop(name) for name in numbers}
    check_arrays(own, numbers)
    if "X" in its:  # dense, as older files have it
        check_arrays(its, {"X": Spec(FLOAT32, (length, q))})
    X = sparse(its["X"]) if "X" in its else _matrix(its, (length, q))
    check_arrays(B, {column: Spec(FLOAT64, (len(own), None)) for column, own in values.items()})
    embeddings = {column: Embedding(tuple(own), B[column]) for column, own in values.items()}
    encodings = header.get("encodings", {}).get(kind, {})
    return Features(tuple(names), X, **own, embeddings=embeddings, encodings=encodings)
