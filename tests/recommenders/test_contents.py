"""Whole files with wrong contents, and damaged bytes: a sentence, never a traceback, a warning, or a NaN predicted."""

import json
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.data.features.encoding import sparse
from tinyrec.errors import FileError, TinyrecError
from tinyrec.recommenders import storage
from tinyrec.training.checkpoint import Checkpoint

DATA = tr.make_synthetic(12, 9, 60, seed=0)
MODELS = {
    "autorec": (tr.AutoRec(hidden_units=3, l2=4.0), {"epochs": 2}),
    "centred": (tr.AutoRec(hidden_units=3, l2=4.0, center=True, by="user"), {"epochs": 2}),
    "cfn": (tr.CFN(hidden_units=3), {"epochs": 2}),
    "nrp": (tr.NRP(hidden_units=3, head_units=2), {"epochs": 2}),
    "implicit": (tr.ImplicitNCAE(hidden_units=3), {"epochs": 2}),
    "mf": (tr.BiasedMF(factors=2), {}),
    "knn": (tr.ItemKNN(), {}),
}
TRAININGS = {
    "rprop": (tr.AutoRec(hidden_units=3, l2=4.0), {"epochs": 6, "optimizer": "rprop"}, 3),
    "adam": (tr.AutoRec(hidden_units=3, l2=4.0), {"epochs": 6, "optimizer": "adam", "batch_size": 4}, 3),
    "search": (tr.AutoRec(hidden_units=3), {"epochs": 5}, 8),
    "nrp": (tr.NRP(hidden_units=3, head="dot"), {"epochs": 6}, 3),
}
VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    2**31,
    2**70,
    -0.5,
    1e-300,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "AutoRec",
]
VALUES += ["\ud800", [], {}, [1], [[]], {"x": 1}, [None], ["x", "x"], "0" * 5000]
NUMBERS = [np.nan, np.inf, -np.inf, -1, 0, 1, 1e38, -1e300, 2**31, 2**62]
DTYPES = ["f2", "f4", "f8", ">f4", "i1", "i4", "i8", "u1", "u8", "?", "U3"]
SHAPES = [
    lambda a: a[:-1], lambda a: np.concatenate([a, a[:1]]), lambda a: a[np.newaxis], lambda a: a.ravel(), lambda a: a.T,
    lambda a: a[:0], lambda a: a[::-1], lambda a: a.reshape(-1, 1), lambda a: np.tile(a, 2), lambda a: np.roll(a, 1),
]  # fmt: skip


class Stop(Exception):
    pass


def saved_model(name, path):
    model, options = MODELS[name]
    data = DATA.binarized() if model.implicit else DATA
    if name == "cfn":
        genres = np.array(["a|b", "a", "b"] * 3)
        data = tr.Dataset(DATA.ratings, DATA.users, DATA.items, DATA.scale, item_info={"genres": genres})
        data = data.with_features(items="own")
    model.fit(data, **options, **({"backend": "reference"} if options else {})).save(path)


def saved_checkpoint(name, folder):
    model, options, after = TRAININGS[name]

    def observe(progress):
        if len(progress.history) == after:
            Checkpoint(folder, {}).write(progress)
            raise Stop

    with pytest.raises(Stop):
        model.fit(DATA, observe=observe, backend="reference", **options)


def use_model(path):
    """Load a model and predict. FileError, and nothing else, unless all predictions are numbers"""
    with warnings.catch_warnings(action="error"):
        fitted = tr.load(path, backend="reference")
        users, items = fitted.data.users.ids, fitted.data.items.ids
        y = fitted.predict(np.repeat(users, len(items)), np.tile(items, len(users)), clip=False, default=False)
        ranked = [score for _, ranking in fitted.recommend_many(users, 3) for _, score in ranking]
        assert np.isfinite(y).all() and np.isfinite(ranked).all() and repr(fitted)


def use_checkpoint(name, folder):
    """Continue. TinyrecError, and nothing else, unless a model of numbers is trained"""
    model, options, _ = TRAININGS[name]
    with warnings.catch_warnings(action="error"):
        progress = Checkpoint(folder, {}).read()
        fitted = model.fit(DATA, resume=progress, backend="reference", **options)
        assert np.isfinite(fitted.predict(DATA.users.ids[:9], DATA.items.ids)).all()


def wrong_arrays(arrays, rng):
    """One array with another shape, type or value, or missing, or one too many."""
    name = list(arrays)[rng.integers(len(arrays))]
    array, kind = arrays[name], rng.integers(5)
    if kind == 0:
        return {key: its for key, its in arrays.items() if key != name}
    if kind == 1:
        return arrays | {["x", "params/0/x", "data/x", "state/x", "item_info/x"][rng.integers(5)]: array}
    if kind == 2:
        changed = SHAPES[rng.integers(len(SHAPES))](array)
    elif kind == 3:
        dtype = DTYPES[rng.integers(len(DTYPES))]
        with np.errstate(all="ignore"):
            changed = np.zeros(array.shape, dtype) if array.dtype.kind == "U" else array.astype(dtype)
    else:
        changed = array.copy()
        at = slice(None) if rng.random() < 0.3 else rng.integers(max(array.size, 1))
        with np.errstate(all="ignore"):
            value = np.array(NUMBERS[rng.integers(len(NUMBERS))]).astype(array.dtype)
        changed.reshape(-1)[at if array.size else slice(None)] = value
    return arrays | {name: changed}


def wrong_header(header, rng):
    """One field, at any depth, with another value, or missing, or one too many."""
    header = json.loads(json.dumps(header))
    places = []

    def walk(node):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(header)
    node, key = places[rng.integers(len(places))]
    kind = rng.random()
    if kind < 0.1:
        del node[key]
    elif kind < 0.2 and isinstance(node, dict):
        node["x"] = node[key]
    else:
        node[key] = VALUES[rng.integers(len(VALUES))]
    return header


def wrong_bytes(content, rng):
    """Some bytes changed, left out, repeated, or exchanged."""
    content, kind = bytearray(content), rng.integers(5)
    a, b = sorted(rng.integers(0, len(content), 2).tolist())
    if kind == 0:
        del content[a : min(b, a + 50)]
    elif kind == 1:
        content[a:a] = content[a : min(b, a + 50)]
    elif kind == 2:
        for at in rng.integers(0, len(content), 1 + rng.integers(4)):
            content[at] ^= 1 << rng.integers(8)
    elif kind == 3:
        content[a : a + 8] = struct.pack("<q", [0, -1, 2**31 - 1, 2**40, 2**62][rng.integers(5)])
    else:
        content = content[:a]
    return bytes(content)


def outcome(use, *arguments):
    """None, or the code of the one sentence that was said."""
    try:
        use(*arguments)
        return None
    except TinyrecError as problem:
        assert "\n" not in str(problem) and ";" in str(problem) and len(str(problem)) < 600, problem
        return problem.exit_code


def check_wrong_contents(kind, path, use, rounds, seed=0):
    """Change arrays and header in turns. Return what was said how often."""
    header, arrays = storage.read(path, kind)
    rng, said = np.random.default_rng(seed), []
    for number in range(rounds):
        is_array = number % 2 == 0
        changed = wrong_arrays(arrays, rng) if is_array else arrays
        storage.write(path, kind, header if is_array else wrong_header(header, rng), changed)
        said.append(outcome(use))
    storage.write(path, kind, header, arrays)
    assert outcome(use) is None
    return said


def check_wrong_bytes(path, use, rounds, seed=0):
    content, rng, said = path.read_bytes(), np.random.default_rng(seed), []
    for _ in range(rounds):
        path.write_bytes(wrong_bytes(content, rng))
        said.append(outcome(use))
    return said


@pytest.mark.parametrize("name", MODELS)
def test_a_model_with_wrong_contents_is_refused_or_predicts_numbers(tmp_path, name):
    path = tmp_path / "model.npz"
    saved_model(name, path)
    assert set(check_wrong_contents("model", path, lambda: use_model(path), 60)) <= {None, 5}
    assert set(check_wrong_bytes(path, lambda: use_model(path), 30)) <= {None, 5}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_checkpoint_with_wrong_contents_is_refused_or_trained_on_to_numbers(tmp_path, name):
    saved_checkpoint(name, tmp_path)
    path, use = tmp_path / "checkpoint.npz", lambda: use_checkpoint(name, tmp_path)
    said = check_wrong_contents("checkpoint", path, use, 60)
    assert set(said) <= {None, 2, 5, 6} and said.count(5) > 30
    assert set(check_wrong_bytes(path, use, 20)) <= {None, 5, 6}


def changed_model(tmp_path, change, name="autorec"):
    saved_model(name, tmp_path / "model.npz")
    header, arrays = storage.read(tmp_path / "model.npz", "model")
    change(header, arrays)
    storage.write(tmp_path / "model.npz", "model", header, arrays)
    return outcome(use_model, tmp_path / "model.npz")


def put(name, value):
    return lambda header, arrays: arrays.update({name: value(arrays[name])})


@pytest.mark.parametrize("name, change", [
    ("cfn", put("features/item/values", lambda values: values * np.float32("nan"))),
    ("cfn", put("features/item/mean", lambda mean: mean + np.inf)),
    ("cfn", put("features/item/spread", lambda spread: spread * 0)),
    ("cfn", put("item_info/genres", lambda genres: np.full(9, 2**31 - 1, np.uint32).view("U1"))),
    ("autorec", put("params/0/W", lambda W: W.astype(np.float16))),
    ("autorec", put("params/0/W", lambda W: W.astype(">f4"))),
    ("autorec", put("scaling/0/user", lambda user: user.astype(np.float32))),
    ("autorec", put("data/cols", lambda cols: cols[::-1].copy())),
    ("autorec", put("data/cols", lambda cols: cols.astype(np.int64))),
    ("autorec", lambda header, arrays: header["members"][0]["scaling"].update(unit=1e30)),
    ("autorec", lambda header, arrays: header["members"][0]["scaling"].update(unit=0)),
    ("autorec", lambda header, arrays: header["members"][0]["scaling"].update(mean=float("nan"))),
    ("autorec", lambda header, arrays: arrays.update({"data/more": np.ones(3)})),
    ("autorec", lambda header, arrays: header["data"].update(scale=[1, float("inf")])),
    ("autorec", lambda header, arrays: header["members"].append(header["members"][0])),
    ("autorec", put("params/0/W", lambda W: np.full_like(W, 3e38))),  # only its predictions are not finite
])  # fmt: skip
def test_each_of_these_is_refused(tmp_path, name, change):
    assert changed_model(tmp_path, change, name) == 5


@pytest.mark.parametrize("name, change", [
    ("rprop", put("params/W", lambda W: W[:, :2])),
    ("rprop", put("params/W", lambda W: W.astype(np.float64))),
    ("rprop", put("state/step/W", lambda step: step[:1])),
    ("rprop", put("state/step/W", lambda step: -step)),
    ("rprop", put("state/previous/b", lambda b: b * np.float32("nan"))),
    ("adam", put("state/v/W", lambda v: v - 1)),
    ("adam", lambda header, arrays: header["numbers"].update({"state/t": -1})),
    ("adam", lambda header, arrays: header["numbers"].update({"state/t": "x"})),
    ("rprop", lambda header, arrays: header["epoch"].__setitem__(0, 2)),
    ("rprop", lambda header, arrays: header["rng"].update(has_uint32=7)),
    ("search", lambda header, arrays: header["trials"][0]["settings"].update(l2=3.0)),
    ("search", lambda header, arrays: header["trials"][0].update(epochs=10**9)),
])  # fmt: skip
def test_each_of_these_checkpoints_is_refused(tmp_path, name, change):
    saved_checkpoint(name, tmp_path)
    header, arrays = storage.read(tmp_path / "checkpoint.npz", "checkpoint")
    change(header, arrays)
    storage.write(tmp_path / "checkpoint.npz", "checkpoint", header, arrays)
    assert outcome(use_checkpoint, name, tmp_path) == 5


def peak(path):
    """The memory in bytes that reading takes at most, and what was said."""
    tracemalloc.start()
    said = outcome(tr.load, path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most, said


def bomb(path, members, compression=zipfile.ZIP_STORED):
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)


@pytest.mark.parametrize("text", [b"[" + b"{}," * 2_000_000 + b"1]", b"[" + b"[0]," * 2_000_000 + b"1]", b"[" * 10**6])
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path, text):
    bomb(tmp_path / "a", [(storage.HEADER, text)])
    most, said = peak(tmp_path / "a")
    assert said == 5 and most < 1.5 * (tmp_path / "a").stat().st_size + 64 * 2**20


def test_a_compressed_header_is_not_unpacked(tmp_path):
    bomb(tmp_path / "a", [(storage.HEADER, b" " * 2**27)], zipfile.ZIP_DEFLATED)
    most, said = peak(tmp_path / "a")
    assert said == 5 and most < 2**24


def test_a_directory_of_many_members_is_not_read(tmp_path):
    bomb(tmp_path / "a", [(storage.HEADER, b"{}"), *((f"{n}", b"") for n in range(30_000))])
    most, said = peak(tmp_path / "a")
    assert said == 5 and most < 2**24


def test_arrays_that_share_their_bytes_are_refused(tmp_path):
    path = tmp_path / "model.npz"
    saved_model("autorec", path)
    header, arrays = storage.read(path, "model")
    storage.write(path, "model", header, arrays | {"params/0/W": np.zeros((2000, 1000), np.float32)})
    with zipfile.ZipFile(path) as archive:
        one = archive.getinfo("params/0/W.npy")
    with zipfile.ZipFile(path, "a") as archive:  # twenty names for the same bytes
        for number in range(20):
            other = zipfile.ZipInfo(f"x{number}.npy")
            other.file_size = other.compress_size = one.file_size
            other.CRC, other.header_offset = one.CRC, one.header_offset
            archive.filelist.append(other)
        archive._didModify = True
    most, said = peak(path)
    assert said == 5 and most < 2**24


def test_a_large_model_is_read_in_little_more_than_its_size(tmp_path):
    rng = np.random.default_rng(0)
    users, items = np.divmod(rng.choice(10**7, 2_000_000, replace=False), 1000)
    data = tr.Dataset.from_triples(users, items, rng.integers(1, 6, len(users)))
    tr.AutoRec(hidden_units=100, l2=1.0).fit(data, epochs=1).save(tmp_path / "model.npz")
    most, said = peak(tmp_path / "model.npz")
    assert said is None and most < 1.5 * (tmp_path / "model.npz").stat().st_size + 64 * 2**20


def test_a_history_that_could_not_be_read_is_not_written(tmp_path):
    with pytest.raises(tr.DataError, match="history of this model is too long"):
        storage.write(tmp_path / "a", "model", {"info": [{"epoch": 1, "loss": 2.0}] * 10**6}, {})
    storage.write(tmp_path / "a", "model", {"info": [{"epoch": 1, "loss": 2.0}] * 10**5}, {})
    with pytest.raises(FileError):
        tr.load(tmp_path / "a")


def test_what_a_program_may_keep_in_a_data_set_comes_back(tmp_path):
    info = {"year": np.array([1999.0, np.nan, 2001.0] * 3), "half": np.ones(9, np.float16), "none": np.array([""] * 9)}
    features = tr.Features(("x", "y"), sparse(np.eye(9, 2)), np.zeros(2), np.ones(2, int))
    parts = DATA.ratings.with_values(DATA.ratings.values.astype(np.float64)), DATA.users, DATA.items, (1, 5)
    data = tr.Dataset(*parts, item_info=info, columns={"user": 0}).with_features(items=features)  # type: ignore
    fitted = tr.CFN(hidden_units=3).fit(data, epochs=2, backend="reference")
    fitted.info["split"] = "mine"
    fitted.save(tmp_path / "model.npz")
    back = tr.load(tmp_path / "model.npz", backend="reference")
    assert back.info["split"] == "mine" and back.data.item_info.keys() == info.keys()
    assert (
        np.isnan(back.data.item_info["year"][1])
        and back.data.item_features.X.to_dense(0).tolist() == np.eye(9, 2).tolist()
    )
