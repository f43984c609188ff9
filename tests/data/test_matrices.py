import numpy as np
import pandas as pd
import polars as pl
import pytest

from tests.strategies import as_dict
from tinyrec.data import load_dataset
from tinyrec.errors import DataError, DataWarning, UsageError

NAN = np.nan
X = np.array([[5, NAN, 0], [NAN, 3.5, NAN]])
CELLS = {(0, 0): 5, (0, 2): 0, (1, 1): 3.5}


def test_an_array_with_nan_is_a_matrix():
    data = load_dataset(X)
    assert as_dict(data) == CELLS and data.ratings.shape == (2, 3)
    assert as_dict(load_dataset(X, missing=(0,))) == {(0, 0): 5, (1, 1): 3.5}
    assert load_dataset(X, missing=(0,)).ratings.shape == (2, 3)


@pytest.mark.parametrize("array", [np.ones((4, 3)), np.array([[1, 7, 3], [2, 8, 4]]), np.zeros((2, 2))])
def test_an_array_without_nan_is_refused_unless_it_is_said_to_be_a_matrix(array):
    with pytest.raises(DataError, match=r"without a NaN .*; give missing=\(0,\) if 0 means not rated, wide=True"):
        load_dataset(array)
    assert len(load_dataset(array, wide=True)) == array.size


@pytest.mark.parametrize("array", [np.ones(3), np.ones((2, 2, 2)), np.array([["a"]]), np.array([[True]])])
def test_other_arrays_are_refused(array):
    with pytest.raises(UsageError, match="is no matrix of ratings"):
        load_dataset(array)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_wide_frame_is_refused_or_read_as_one(frame):
    columns = {"user": ["ann", "bob"], **{f"film {k}": [float(k), NAN] for k in range(8)}}
    with pytest.raises(DataError, match=r"9 columns of numbers look like a matrix.*wide=True"):
        load_dataset(frame(columns))
    data = load_dataset(frame(columns), wide=True)
    assert as_dict(data) == {("ann", f"film {k}"): k for k in range(8)} and data.ratings.shape == (2, 8)
    with pytest.raises(DataError, match="the column 'film 1' holds"):
        load_dataset(frame(columns | {"film 1": ["x", "y"]}), wide=True)


def test_a_pivot_of_pandas_keeps_its_users():
    long = pd.DataFrame({"user": [4, 4, 9], "item": ["x", "y", "x"], "rating": [1.0, 2.0, 3.0]})
    wide = long.pivot(index="user", columns="item", values="rating")
    assert as_dict(load_dataset(wide, wide=True)) == as_dict(load_dataset(long))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_frame_are_never_taken_by_place(frame):
    with pytest.raises(DataError, match="which columns are user and item and rating, of a, b, c, is not known"):
        load_dataset(frame({"a": [1], "b": [2], "c": [3]}))
    assert as_dict(load_dataset(frame({"a": [1], "b": [2], "c": [3]}), columns=("b", "a", "c"))) == {(2, 1): 3}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_without_ratings_is_implicit_feedback(frame):
    data = load_dataset(frame({"user": [1, 1, 2], "item": [5, 5, 6], "time": [1, 3, 2]}))
    assert data.implicit and as_dict(data) == {(1, 5): 1, (2, 6): 1} and data.times.tolist() == [3, 2]
    assert data.notes == ("1 repeats of a pair were merged",)
    pairs = load_dataset(([1, 1, 2], [5, 5, 6]))
    assert pairs.implicit and pairs.fingerprint() == data.fingerprint()


def test_whole_floats_as_ids_of_a_frame_become_integers_with_a_note():
    data = load_dataset(pd.DataFrame({"user": [1.0, 2.0], "item": ["a", "b"], "rating": [3, 4]}))
    assert as_dict(data) == {(1, "a"): 3, (2, "b"): 4} and data.notes == ("user ids such as 1.0 were read as integers",)
    for ids, message in (
        ([1.5, 2.0], "of type float64"),
        ([1.0, NAN], "row 1: the user id is missing"),
        ([2.0**60, 1.0], "of"),
    ):
        with pytest.raises(DataError, match=message):
            load_dataset(pd.DataFrame({"user": ids, "item": ["a", "b"], "rating": [3, 4]}))


def test_nullable_columns_of_pandas():
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": pd.array([3, 4], "Int64")})
    assert as_dict(load_dataset(frame)) == {(1, 1): 3, (2, 2): 4}
    frame["rating"] = pd.array([3, None], "Int64")
    with pytest.raises(DataError, match="row 1: the rating nan is not a finite number"):
        load_dataset(frame)


def test_missing_values_are_left_out_with_their_users_times_and_items():
    triple = [1, 2, 3], ["a", "b", "c"], [0, 3, -1]
    data = load_dataset(triple, missing=(0, -1), times=[7, 8, 9])
    assert as_dict(data) == {(2, "b"): 3} and data.ratings.shape == (1, 1) and data.times.tolist() == [8]


def test_cautions_are_given_for_frames_too():
    with pytest.warns(DataWarning, match="75% of the ratings are 0; if that means not rated"):
        load_dataset(pd.DataFrame({"user": range(40), "item": [1] * 40, "rating": [0] * 30 + [1, 2, 3, 4, 5] * 2}))
