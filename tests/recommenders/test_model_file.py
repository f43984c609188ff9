"""Model files come back bit for bit, and anything else is refused in one sentence, without running or allocating it."""

import contextlib
import io
import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.errors import FileError
from tinyrec.recommenders import storage


@pytest.fixture(scope="module")
def recommender():
    data = tr.Dataset.from_triples(["007", "ü", "a", "a"], [2**62, 5, 5, 7], [1, 5, 3, 4.5], scale=(0.5, 5))
    return tr.AutoRec(hidden_units=3, l2=1.0).fit(data, epochs=3, backend="reference")


@pytest.fixture
def path(recommender, tmp_path):
    recommender.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_a_model_comes_back_bit_for_bit(recommender, path):
    back = tr.load(path, backend="reference")
    assert back.model == recommender.model and back.info == recommender.info and back.data.scale == (0.5, 5)
    assert back.data.users == recommender.data.users and back.data.items == recommender.data.items
    assert back.data.fingerprint() == recommender.data.fingerprint()
    for name, array in recommender.params.items():
        assert array.tobytes() == back.params[name].tobytes()
    pairs = ["ü", "a", "007"], [7, 2**62, 5]
    assert back.predict(*pairs).tobytes() == recommender.predict(*pairs).tobytes()


def test_a_centred_model_with_titles_comes_back(tmp_path):
    data = tr.make_synthetic(30, 20, 300)
    data.item_info["title"] = np.array([f"movie {i}" for i in data.items.ids])
    recommender = tr.AutoRec(hidden_units=3, l2=9.0, center=True).fit(data, epochs=2, backend="reference")
    recommender.save(tmp_path / "model.npz")
    back = tr.load(tmp_path / "model.npz", backend="reference")
    assert back.recommend(data.users.ids[3]) == recommender.recommend(data.users.ids[3])
    assert back.data.item_info["title"].tolist() == data.item_info["title"].tolist()


def test_the_kind_of_feedback_comes_back(tmp_path):
    data = tr.make_synthetic(30, 20, 300)
    recommender = tr.AutoRec(hidden_units=3, l2=1.0).fit(data, epochs=2, backend="reference")
    for its, implicit in ((data.binarized(), True), (data, False)):
        replace(recommender, data=its).save(tmp_path / "model.npz")
        assert tr.load(tmp_path / "model.npz", backend="reference").data.implicit is implicit


def test_of_two_classes_with_one_name_the_file_means_the_one_in_its_module(tmp_path):
    stale = type("AutoRec", (tr.AutoRec,), {"__module__": tr.AutoRec.__module__})
    tr.AutoRec(hidden_units=2, l2=1.0).fit(tr.make_synthetic(30, 20, 300), epochs=1).save(tmp_path / "model.npz")
    assert type(tr.load(tmp_path / "model.npz").model) is tr.AutoRec is not stale


def test_numbers_of_numpy_are_numbers(tmp_path):
    data = tr.make_synthetic(30, 20, 300)
    model = tr.AutoRec(hidden_units=np.int64(3), l2=np.float32(1)).fit(
        data, epochs=2, seed=np.int64(1), backend="reference"
    )
    model.save(tmp_path / "model.npz")
    assert tr.load(tmp_path / "model.npz").model == tr.AutoRec(hidden_units=3, l2=1.0)


def test_what_a_file_cannot_hold_is_refused_and_leaves_nothing(recommender, tmp_path):
    recommender.data.item_info["released"] = np.array(["2001-01-01"] * 2, "datetime64[D]")
    with pytest.raises(tr.DataError, match="released has dtype datetime64"):
        recommender.save(tmp_path / "model.npz")
    del recommender.data.item_info["released"]
    assert list(tmp_path.iterdir()) == []


def test_numpy_reads_the_file_too(path):
    with np.load(path, allow_pickle=False) as file:
        assert {"params/0/W", "params/0/V", "data/values"} <= set(file.files)


def test_saving_replaces_in_one_step_and_leaves_nothing_behind(recommender, path):
    recommender.save(path)
    assert [file.name for file in path.parent.iterdir()] == ["model.npz"]


def test_a_place_that_cannot_be_written_is_named(recommender, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot write .*model.npz"):
        recommender.save(tmp_path / "file" / "model.npz")


def test_a_failed_write_leaves_the_old_file(recommender, path, monkeypatch):
    before = path.read_bytes()

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(FileError, match="No space left"):
        recommender.save(path)
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == ["model.npz"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match=r"cannot read .*nowhere.npz: No such file"):
        tr.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(FileError, match="damaged or no model"):
        tr.load(path)


def test_an_npz_of_somebody_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(FileError, match="is no model of tinyrec"):
        tr.load(tmp_path / "other.npz")


def rewrite(path, change):
    """Change the members of a zip file: change(name, content) -> new content, or None to drop it."""
    with zipfile.ZipFile(path) as old:
        members = {name: change(name, old.read(name)) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in members.items():
            if content is not None:
                new.writestr(name, content)


def with_header(path, **fields):
    rewrite(path, lambda name, content: json.dumps(json.loads(content) | fields) if name == storage.HEADER else content)


def test_another_version_is_refused_and_named(path):
    with_header(path, format=99)
    with pytest.raises(FileError, match="has format 99, and this tinyrec reads format 3"):
        tr.load(path)


def test_a_checkpoint_is_no_model(path):
    with_header(path, tinyrec="checkpoint")
    with pytest.raises(FileError, match="is a checkpoint of tinyrec, but a model is needed"):
        tr.load(path)


@pytest.mark.parametrize("field", ["members", "data", "arrays", "tinyrec"])
@pytest.mark.parametrize("value", [None, 7, "x", [1], {"x": 1}])
def test_a_header_that_makes_no_sense_is_refused(path, field, value):
    with_header(path, **{field: value})
    with pytest.raises(FileError):
        tr.load(path)


@pytest.mark.parametrize("field", ["features", "embeddings", "scale", "implicit", "name"])
@pytest.mark.parametrize("value", [None, 7, "x", [], [10**400, 1], {"x": 1}])
def test_data_that_make_no_sense_are_refused_or_read(path, field, value):
    data = json.loads(zipfile.ZipFile(path).read(storage.HEADER))["data"]
    with_header(path, data=data | {field: value})
    with contextlib.suppress(FileError):
        tr.load(path)


def test_a_class_without_parameters_is_refused(path):
    members = json.loads(zipfile.ZipFile(path).read(storage.HEADER))["members"]
    with_header(path, members=[members[0] | {"model": "Autoencoder", "settings": {}}])
    with pytest.raises(FileError, match="is inconsistent"):
        tr.load(path)


def test_a_huge_shape_is_refused_before_it_is_allocated(path):
    header = json.loads(zipfile.ZipFile(path).read(storage.HEADER))
    with_header(path, arrays=header["arrays"] | {"params/0/W": ["<f4", [10**6, 10**7]]})
    with pytest.raises(FileError, match="does not have the size of its shape"):
        tr.load(path)


def test_a_huge_shape_in_the_header_of_an_array_is_refused_before_it_is_allocated(path):
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(stream, header)
    rewrite(path, lambda name, content: stream.getvalue() + bytes(40) if name == "params/0/W.npy" else content)
    with pytest.raises(FileError, match="array params/0/W"):
        tr.load(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_compressed_header_is_refused(path, method):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(storage.HEADER, json.dumps(list(range(1000))), method)
    content = bytearray(path.read_bytes())
    content[60:80] = b"x" * 20
    path.write_bytes(content)
    with pytest.raises(FileError):
        tr.load(path)


def test_pickled_objects_are_refused(path):
    stream = io.BytesIO()
    np.save(stream, np.array([print], object), allow_pickle=True)
    rewrite(path, lambda name, content: stream.getvalue() if name == "params/0/W.npy" else content)
    with pytest.raises(FileError):
        tr.load(path)


def test_compressed_members_are_refused(path):
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)
    with pytest.raises(FileError, match="damaged or no model"):
        tr.load(path)


@pytest.mark.parametrize("name", ["params/0/W", "data/cols", "data/indptr", "data/users", "scaling/0/user"])
def test_a_missing_array_is_refused(path, name):
    rewrite(path, lambda member, content: None if member == f"{name}.npy" else content)
    with pytest.raises(FileError):
        tr.load(path)


@pytest.mark.parametrize("name, damage", [
    ("data/cols", lambda array: array + 100),
    ("data/cols", lambda array: array - 100),
    ("data/indptr", lambda array: array[::-1].copy()),
    ("data/indptr", lambda array: array.astype(float)),
    ("data/values", lambda array: array * np.nan),
    ("data/users", lambda array: array[::-1].copy()),
    ("params/0/W", lambda array: array * np.nan),
    ("scaling/0/item", lambda array: array + np.inf),
])  # fmt: skip
def test_arrays_that_do_not_hold_together_are_refused(path, name, damage):
    header, arrays = storage.read(path, "model")
    arrays[name] = damage(arrays[name])
    storage.write(path, "model", header, arrays)
    with pytest.raises(FileError, match="is inconsistent"):
        tr.load(path)


def test_flipped_bits_never_give_a_traceback_or_a_warning(path):
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), 3):
            damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            tr.load(path)
        except FileError as problem:
            assert "\n" not in str(problem)
