import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import INTEGER_IDS, TEXT_IDS
from tinyrec.data.ids import Index, as_ids, ids_from_text
from tinyrec.errors import DataError


@given(st.one_of(st.lists(INTEGER_IDS, min_size=1), st.lists(TEXT_IDS, min_size=1)))
def test_ids_are_unchanged_by_a_round_trip(raw):
    index, rows = Index.of(raw)
    assert index.ids[rows].tolist() == raw
    assert index.find(raw).tolist() == rows.tolist()
    assert len(index) == len(set(raw))


@given(st.lists(INTEGER_IDS, min_size=1), st.lists(INTEGER_IDS))
def test_unknown_ids_are_minus_one(known, asked):
    index, _ = Index.of(known)
    for raw, row in zip(asked, index.find(asked), strict=True):
        assert (row == -1) == (raw not in known)
        assert row == -1 or index.ids[row] == raw


def test_text_and_integers_are_never_confused():
    with pytest.raises(DataError, match="integers but text"):
        Index.of([196, 7])[0].find(["196"])
    with pytest.raises(DataError, match="text but integers"):
        Index.of(["196", "7"])[0].find([196])


@pytest.mark.parametrize(
    "raw",
    [
        [1.0, 2.0],
        np.array([1.0, np.nan]),
        [1, None],
        [1, "1"],
        ["a", None],
        [b"a"],
        np.array([b"a"]),
        [True, False],
        [2**63],
        np.array([2**63], np.uint64),
        ["a\0"],
        [[1, 2]],
        "ab",
        196,
        np.array(196),
        np.ones((2, 2), int),
        pd.Series([1, None]),
        pl.Series(["a", None]),
    ],
)
def test_unsupported_ids_raise_with_a_cure(raw):
    with pytest.raises(DataError, match=r"user.*; \w+"):
        as_ids(raw, "user")


@pytest.mark.parametrize("series", [pd.Series, pl.Series])
def test_series_of_data_frames(series):
    assert as_ids(series([3, 1])).tolist() == [3, 1]
    assert as_ids(series(["007", "ü"])).tolist() == ["007", "ü"]


@pytest.mark.parametrize(
    "texts, kind",
    [
        (["1", "-5", str(2**63 - 1)], "i"),
        (["1", "007"], "O"),
        (["1", "+7"], "O"),
        (["1", " 7"], "O"),
        (["1", "-0"], "O"),
        (["1", "1_000"], "O"),
        (["1", "٣"], "O"),
        (["1", "1.0"], "O"),
        (["1", ""], "O"),
        (["1", str(2**63)], "O"),
    ],
)
def test_a_column_is_integer_only_if_all_its_texts_are_plain_integers(texts, kind):
    ids = ids_from_text(texts)
    assert ids.dtype.kind == kind
    assert [str(raw) for raw in ids.tolist()] == texts


def test_parse_typed_ids():
    integers, text = Index.of([1, 196])[0], Index.of(["a", "196"])[0]
    assert integers.parse("196") == 196 and type(integers.parse("196")) is int
    assert text.parse("196") == "196"
    with pytest.raises(DataError, match="'0196' is not"):
        integers.parse("0196")
    assert integers.parse_all(["7", "196"]).tolist() == [7, 196] and text.parse_all(["7", "x"]).tolist() == ["7", "x"]
    with pytest.raises(DataError, match="'0196' is not"):
        integers.parse_all(["7", "0196", "196"])


def test_equality_compares_type_and_ids():
    assert Index.of([2, 1, 2])[0] == Index.of([1, 2])[0]
    assert Index.of([1, 2])[0] != Index.of([1, 3])[0]
    assert Index.of([1, 2])[0] != Index.of(["1", "2"])[0]


def test_index_rejects_unsorted_or_repeated_ids():
    for ids in ([2, 1], [1, 1]):
        with pytest.raises(DataError, match="sorted and unique"):
            Index(np.array(ids))


def test_memory_does_not_grow_with_the_value_of_an_id():
    tracemalloc.start()
    Index.of(np.arange(10) * 10**17 + 10**17)[0].find([10**18])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
