"""Model files of the baselines: what is damaged is refused, and never gives a traceback or a wrong prediction."""

import numpy as np
import pytest

import tinyrec as tr
from tests.testing.test_check_recommender import BASELINES, name_of
from tinyrec.errors import FileError
from tinyrec.recommenders import storage


def saved(model, path):
    data = tr.make_synthetic(12, 9, 60, seed=0)
    model.fit(data.binarized() if model.implicit else data).save(path)
    return storage.read(path, "model")


def params_of(arrays):
    return [name for name, array in arrays.items() if name.startswith("params/") and array.size]


def is_refused(path, header, arrays):
    """Whether loading says that the file is inconsistent; if it does not, all predictions must be numbers."""
    storage.write(path, "model", header, arrays)
    try:
        fitted = tr.load(path)
    except FileError as problem:
        assert problem.exit_code == 5 and "is inconsistent" in str(problem) and "\n" not in str(problem)
        return True
    users, items = fitted.data.users.ids, fitted.data.items.ids
    assert np.isfinite(fitted.predict(np.repeat(users, len(items)), np.tile(items, len(users)))).all()
    assert all(len(ranking) <= 3 for _, ranking in fitted.recommend_many(users, 3))
    return False


OF_ANY_ARRAY = {
    "one row less": lambda array: array[:-1],
    "one row more": lambda array: np.concatenate([array, array[:1]]),
    "another dimension": lambda array: array[np.newaxis],
    "not a number": lambda array: np.where(np.arange(array.size).reshape(array.shape) == 1 % array.size, np.nan, array),
    "infinite": lambda array: array + np.inf,
    "text": lambda array: array.astype(str),
}


@pytest.mark.parametrize("damage", OF_ANY_ARRAY)
@pytest.mark.parametrize("model", BASELINES, ids=name_of)
def test_a_damaged_array_is_refused(model, damage, tmp_path):
    header, arrays = saved(model, tmp_path / "model.npz")
    assert params_of(arrays)
    for name in params_of(arrays):
        broken = arrays | {name: OF_ANY_ARRAY[damage](arrays[name])}
        assert is_refused(tmp_path / "model.npz", header, broken), name


@pytest.mark.parametrize("model", BASELINES, ids=name_of)
def test_arrays_with_fewer_columns_or_missing_or_too_many_are_refused(model, tmp_path):
    header, arrays = saved(model, tmp_path / "model.npz")
    for name in params_of(arrays):
        if arrays[name].ndim > 1:
            assert is_refused(tmp_path / "model.npz", header, arrays | {name: arrays[name][..., :-1]}), name
        described = {key: array for key, array in arrays.items() if key != name}
        assert is_refused(tmp_path / "model.npz", header, described), name
    assert is_refused(tmp_path / "model.npz", header, arrays | {"params/0/more": np.zeros(3)})


@pytest.mark.parametrize("model", BASELINES, ids=name_of)
def test_settings_that_do_not_fit_the_arrays_are_refused(model, tmp_path):
    header, arrays = saved(model, tmp_path / "model.npz")
    (member,) = header["members"]
    sizes = {"factors", "hidden_units", "rank", "global_rank"} & member["settings"].keys()
    for name in sizes:
        changed = member | {"settings": member["settings"] | {name: member["settings"][name] + 2}}
        assert is_refused(tmp_path / "model.npz", header | {"members": [changed]}, arrays), name


@pytest.mark.parametrize(
    "name, damage",
    [
        ("indptr", lambda indptr: indptr[::-1].copy()),
        ("indptr", lambda indptr: indptr + 1),
        ("indptr", lambda indptr: np.where(np.arange(len(indptr)) == 3, indptr[-1] + 7, indptr)),
        ("indptr", lambda indptr: np.where(np.arange(len(indptr)) == 3, -1, indptr)),
        ("indptr", lambda indptr: indptr.astype(float)),
        ("cols", lambda cols: cols + 1000),
        ("cols", lambda cols: cols - 1),
        ("cols", lambda cols: np.where(np.arange(len(cols)) == 5, 9, cols)),
        ("cols", lambda cols: cols + 0.5),
    ],
)
def test_similarities_that_do_not_add_up_are_refused(name, damage, tmp_path):
    header, arrays = saved(tr.ItemKNN(neighbours=3), tmp_path / "model.npz")
    key = f"params/0/{name}"
    assert is_refused(tmp_path / "model.npz", header, arrays | {key: damage(arrays[key])})


def test_values_of_an_rbm_in_another_order_are_refused(tmp_path):
    header, arrays = saved(tr.RBM(hidden_units=3, epochs=1), tmp_path / "model.npz")
    key = "params/0/levels"
    assert is_refused(tmp_path / "model.npz", header, arrays | {key: arrays[key][::-1].copy()})


@pytest.mark.parametrize("model", BASELINES, ids=name_of)
def test_an_undamaged_file_is_not_refused(model, tmp_path):
    assert not is_refused(tmp_path / "model.npz", *saved(model, tmp_path / "model.npz"))
