import itertools
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import TEXT_IDS, as_dict, datasets, triples
from tinyrec.data import Dataset, load_dataset, load_split
from tinyrec.data.align import align_ids
from tinyrec.errors import DataError, DataWarning, FileError, UsageError


@given(st.one_of(triples(), triples(TEXT_IDS)))
def test_triples_round_trip(data):
    users, items, ratings = data
    assert as_dict(Dataset.from_triples(*data)) == dict(zip(zip(users, items, strict=True), ratings, strict=True))


@given(triples(unique=False))
def test_duplicates_agree_with_a_plain_dict(data):
    expected = {}
    for user, item, rating in zip(*data, strict=True):
        expected.setdefault((user, item), []).append(rating)
    last = as_dict(Dataset.from_triples(*data, duplicates="last"))
    assert last == {pair: values[-1] for pair, values in expected.items()}
    mean = as_dict(Dataset.from_triples(*data, duplicates="mean"))
    assert mean == pytest.approx({pair: sum(values) / len(values) for pair, values in expected.items()})
    extra = len(data[0]) - len(expected)
    if extra:
        with pytest.raises(DataError, match="again") as caught:
            Dataset.from_triples(*data)
        assert len(caught.value.rows) == extra


def test_a_duplicate_error_names_the_rows_and_the_pair():
    with pytest.raises(DataError, match=r"row 1: user 'u' rates item 5 again; .* \(2 bad rows in all: 1, 3\)"):
        Dataset.from_triples(["u", "u", "v", "u"], [5, 5, 5, 5], [1, 2, 3, 4])


@pytest.mark.parametrize(
    "ratings, options, message",
    [
        ([1, np.nan], {}, "row 1: the rating nan is not a finite"),
        ([1, 1e300], {}, "row 1: the rating inf is not a finite"),
        ([1, 6], {"scale": (1, 5)}, "row 1: the rating 6 is outside the scale 1 to 5"),
        (["1", "2"], {}, "flat list of numbers"),
        ([True, False], {}, "flat list of numbers"),
        ([[1], [2]], {}, "flat list of numbers"),
        ([1, 2, 3], {}, "give equal lengths"),
    ],
)
def test_invalid_ratings_raise(ratings, options, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_triples([1, 2], [1, 2], ratings, **options)


def test_no_ratings_raise():
    with pytest.raises(DataError, match="no ratings"):
        Dataset.from_triples([], [], [])


@pytest.mark.parametrize("options", [{"scale": (5, 1)}, {"scale": 5}, {"scale": (1, np.inf)}, {"duplicates": "sum"}])
def test_invalid_options_are_usage_errors(options):
    with pytest.raises(UsageError):
        Dataset.from_triples([1], [1], [1], **options)


def test_scale_is_given_or_observed_and_float32_stays_inside_it():
    assert Dataset.from_triples([1, 2], [1, 2], [2, 4]).scale == (2, 4)
    assert Dataset.from_triples([1, 2], [1, 2], [0.1, 0.3], scale=(0.1, 0.3)).scale == (0.1, 0.3)


@given(triples(unique=False), st.data())
def test_times_stay_with_their_ratings(data, draw):
    times = draw.draw(st.lists(st.integers(0, 3), min_size=len(data[0]), max_size=len(data[0])))
    expected = {}
    for place, (user, item, rating, time) in enumerate(zip(*data, times, strict=True)):
        if time >= expected.get((user, item), (0, 0))[1]:  # the last is the latest by time, then by place
            expected[user, item] = rating, time, place
    whole = Dataset.from_triples(*data, times=times, duplicates="last")
    mask = np.arange(whole.ratings.size) % 2 == 0
    assert as_dict_with_times(whole) == expected
    kept = dict(itertools.compress(as_dict_with_times(whole).items(), mask))
    assert as_dict_with_times(whole.select(mask)) == kept == {pair: expected[pair] for pair in kept}
    assert whole.times.dtype == np.int64


def as_dict_with_times(data):
    ratings = as_dict(data).items()
    columns = zip(ratings, data.times.tolist(), data.places.tolist(), strict=True)
    return {pair: (rating, time, place) for (pair, rating), time, place in columns}


def test_times_are_optional():
    data = Dataset.from_triples([1, 2], [1, 2], [1, 2])
    assert data.times is None and data.places is None
    assert data.select(np.array([1])).times is None and "times" not in data.describe()
    mean = Dataset.from_triples([1, 1, 1], [1, 1, 2], [1, 2, 5], times=[9, 7, 8], duplicates="mean")
    assert mean.times.tolist() == [9, 8] and mean.places.tolist() == [0, 2]
    assert mean.describe()["times"] == ("1970-01-01", "1970-01-01")
    for times in ([1.5, 2], [1], [[1, 2]], [True, False], [1, None]):
        with pytest.raises(DataError, match="2 ratings; give seconds since 1970 or dates"):
            Dataset.from_triples([1, 2], [1, 2], [1, 2], times=times)


def test_align_ids_keeps_times():
    test = Dataset.from_triples([2, 3], [6, 7], [4, 5])
    train = Dataset.from_triples([9, 3], [5, 6], [1, 2], times=[90, 30], scale=(1, 5))
    train, test = align_ids(train, test)
    assert as_dict_with_times(train) == {(9, 5): (1, 90, 0), (3, 6): (2, 30, 1)} and test.times is None


@given(datasets(), st.sampled_from([None, -5, 0.0, 2.5, 3, 5]))
def test_binarized_keeps_what_reaches_the_threshold(data, threshold):
    positive = {pair: 1 for pair, value in as_dict(data).items() if threshold is None or value >= threshold}
    if not positive:
        with pytest.raises(DataError, match=f"no rating of ratings is {threshold:g} or more; lower"):
            data.binarized(threshold)
        return
    implicit = data.binarized(threshold)
    assert as_dict(implicit) == positive and implicit.users is data.users and implicit.items is data.items
    assert implicit.implicit and implicit.scale == (0, 1) and implicit.ratings.values.dtype == np.float32
    assert not data.implicit


def test_binarized_keeps_times_and_info_but_not_the_noise_floor():
    data = Dataset.from_triples([1, 2], [7, 8], [1, 5], times=[30, 40])
    data = replace(data, item_info={"title": np.array(["a", "b"])}, noise_floor=0.5)
    implicit = data.binarized(3)
    assert implicit.times.tolist() == [40] and implicit.item_info["title"].tolist() == ["a", "b"]
    assert implicit.noise_floor is None
    assert repr(implicit) == "<ratings: 2 users x 2 items, 1 pairs (25.00%), implicit>"
    assert data.binarized(5.0).ratings.size == 1 and Dataset.from_triples([1], [1], [0.7]).binarized(np.float64(0.7))


def test_describe_of_implicit_feedback_has_no_ratings():
    summary = Dataset.from_triples([1, 1, 2], [7, 8, 7], [1, 5, 5]).binarized().describe()
    assert list(summary) == ["name", "users", "items", "pairs", "density", "feedback", "per_user", "per_item"]
    assert summary["pairs"] == 3 and summary["feedback"] == "implicit"


@given(datasets(), st.data())
def test_select_by_mask_and_by_index_agree(data, draw):
    p = data.ratings.size
    cells = draw.draw(st.lists(st.integers(0, p - 1), min_size=1, unique=True))
    mask = np.isin(np.arange(p), cells)
    by_index, by_mask = data.select(np.array(cells)), data.select(mask)
    assert as_dict(by_index) == as_dict(by_mask)
    assert as_dict(by_index) == {key: value for k, (key, value) in enumerate(as_dict(data).items()) if mask[k]}
    assert by_index.ratings.shape == data.ratings.shape and by_index.users is data.users
    dense = np.zeros(data.ratings.shape)
    dense[by_mask.ratings.rows, by_mask.ratings.cols] = by_mask.ratings.values
    np.testing.assert_array_equal(by_mask.ratings @ np.eye(data.ratings.shape[1]), dense)


def test_selecting_nothing_raises():
    with pytest.raises(DataError, match="no rating"):
        Dataset.from_triples([1], [1], [1]).select(np.zeros(1, bool))


def test_describe_is_right_and_can_be_written_as_json():
    summary = Dataset.from_triples([1, 1, 2], [7, 8, 7], [1, 5, 5], name="tiny").describe()
    assert summary["users"] == 2 and summary["items"] == 2 and summary["ratings"] == 3
    assert summary["density"] == 0.75 and summary["mean"] == pytest.approx(11 / 3)
    assert summary["per_user"] == {"min": 1, "median": 1.5, "max": 2}
    assert summary["histogram"] == {1.0: 1, 5.0: 2}
    json.dumps(summary)


def test_fingerprint_depends_on_ids_cells_and_values_but_not_on_order():
    triple = [[1, 2], [7, 8], [3.0, 4.0]]
    same = Dataset.from_triples(*triple).fingerprint()
    assert Dataset.from_triples(*(column[::-1] for column in triple)).fingerprint() == same
    others = [[[1, 3], [7, 8], [3, 4]], [[1, 2], [7, 7], [3, 4]], [[1, 2], [8, 7], [3, 4]], [[1, 2], [7, 8], [3, 5]]]
    others.append([["1", "2"], [7, 8], [3, 4]])
    assert len({same, *(Dataset.from_triples(*other).fingerprint() for other in others)}) == 6


def test_it_has_a_length_and_gives_triples_and_data_frames():
    data = Dataset.from_triples(["b", "a"], [7, 8], [3, 4], times=[978300760, 0])
    assert len(data) == 2 and list(data) == [("a", 8, 4.0), ("b", 7, 3.0)]
    for frame in (data.to_pandas(), data.to_polars()):
        assert list(frame.columns) == ["user", "item", "rating", "time"]
        again = load_dataset(frame)
        assert again.fingerprint() == data.fingerprint() and again.times.tolist() == data.times.tolist()
    assert list(data.binarized(3).to_polars()["rating"]) == [1, 1]


def test_repr_is_one_line():
    data = Dataset.from_triples([1, 1], [1, 2], [1, 5])
    assert repr(data) == "<ratings: 1 users x 2 items, 2 ratings (100.00%), 1 to 5>"


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame):
    table = frame({"rating": [3, 4], "movieId": ["a", "b"], "user_id": [7, 8], "time": [0, 0]})
    assert as_dict(load_dataset(table)) == {(7, "a"): 3, (8, "b"): 4}
    assert load_dataset(table).times.tolist() == [0, 0]
    assert load_dataset(table, columns=("user_id", "movieId", "rating")).times is None
    assert load_dataset(table, columns=(2, 1, 0, "time")).times.tolist() == [0, 0]
    days = frame({"rating": [3, 4], "movieId": ["a", "b"], "user_id": [7, 8], "date": ["today", "yesterday"]})
    with pytest.raises(DataError, match=r"row 0: the time 'today' cannot be read; .*\(2 such rows\)"):
        load_dataset(days)
    assert load_dataset(days, columns=(2, 1, 0)).times is None
    assert as_dict(load_dataset(table, columns=("user_id", "time", "rating"))) == {(7, 0): 3, (8, 0): 4}
    with pytest.raises(UsageError, match="'sep' is not an option"):
        load_dataset(table, sep=",")


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, scipy.sparse.coo_array, scipy.sparse.csc_array])
def test_stored_zeros_of_a_sparse_matrix_are_ratings(form):
    matrix = form((np.array([0.0, 4.0]), (np.array([0, 2]), np.array([1, 0]))), shape=(3, 2))
    data = load_dataset(matrix)
    assert as_dict(data) == {(0, 1): 0, (2, 0): 4} and data.ratings.shape == (3, 2)


def test_duplicates_of_a_sparse_matrix_are_not_summed():
    matrix = scipy.sparse.coo_matrix((np.array([5.0, 5.0]), ([0, 0], [0, 0])))
    with pytest.raises(DataError, match="again"):
        load_dataset(matrix)


def test_three_arrays():
    assert as_dict(load_dataset((["a"], [1], [2.5]))) == {("a", 1): 2.5}


@pytest.mark.parametrize(
    "source, options, message",
    [
        ("ml-100", {}, "did you mean ml-100k"),
        ("nowhere.csv", {}, "synthetic, ml-100k.*nor an existing"),
        ("bad\0name" * 2, {}, "nor an existing"),
        ("x" * 5000, {}, "nor an existing"),
        ("synthetic", {"sep": ","}, "'sep' is not an option .* n_users"),
        ("ml-100k", {"seed": 1}, "none"),
        (5, {}, "cannot read type int"),
    ],
)
def test_unknown_sources_and_options_raise(source, options, message):
    with pytest.raises(UsageError, match=message):
        load_dataset(source, **options)


def test_a_path_object_that_does_not_exist_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        load_dataset(tmp_path / "nowhere")


def test_load_split_aligns_rows_and_columns():
    train, test = load_split(([1, 3], [5, 6], [1, 2]), ([2, 3], [6, 7], [4, 5]), scale=(1, 5))
    assert train.users == test.users and train.users.ids.tolist() == [1, 2, 3]
    assert train.items == test.items and train.items.ids.tolist() == [5, 6, 7]
    assert train.scale == test.scale == (1, 5)
    assert as_dict(train) == {(1, 5): 1, (3, 6): 2} and as_dict(test) == {(2, 6): 4, (3, 7): 5}


def test_the_scale_is_never_that_of_the_test_part():
    with pytest.warns(DataWarning, match="test part are 20 to 100, and the scale is that of the training part, 1 to 5"):
        train, test = load_split(([1, 3], [5, 6], [1, 5]), ([2, 3], [6, 7], [20, 100]))
    assert train.scale == test.scale == (1, 5)


def test_load_split_rejects_common_pairs_and_mixed_id_types():
    with pytest.raises(DataError, match="1 pairs are in both .* user 3 with item 'x'"):
        load_split(([1, 3], ["x", "x"], [1, 2]), ([3], ["x"], [1]))
    with pytest.raises(DataError, match="user ids of one part are integers"):
        load_split(([1], [5], [1]), (["1"], [6], [1]))


def test_import_loads_no_heavy_package():
    heavy = "scipy", "numba", "cupy", "pandas", "polars", "matplotlib", "requests"
    code = f"import sys, tinyrec.data, tinyrec.evaluation.splits; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
