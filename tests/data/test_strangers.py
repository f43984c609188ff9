"""What was once read wrong without a word: each kind, with what should happen."""

import json
import zipfile

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tinyrec as tr
from tests.strategies import as_dict
from tinyrec.data import load_dataset
from tinyrec.data.features.columns import read_features
from tinyrec.data.ids import Index
from tinyrec.errors import DataError, DataWarning, UsageError

NAN = np.nan


@pytest.fixture
def write(tmp_path):
    def write(text, name="ratings.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize("text, message", [
    ("".join(f"{k},{k * 7 % 9},{k * 5 % 11}\n" for k in range(60)), "cannot be told apart for certain"),
    ("1,2,2009\n1,3,2011\n2,3,2010\n", "cannot be told apart for certain"),
    ("user,item,rating,timestamp\n1,5,4,1500000000\n2,6,3,1600000000000\n2,5,5,1600000100000\n", "looks like seconds"),
    ("user,item,rating,ts\n1,5,4,1500000000\n2,6,3,1600000000\n2,5,5,9999999999999\n", "is after 2100 in seconds"),
    ("user,item,rating,timestamp\n1,5,4,20180320052554\n", "is after 2100 in milliseconds"),
    ("user,item,rating\n1,5,4\nNULL,6,3\n2,5,5\n", "'NULL' is one, too, which may stand for a missing id"),
    ("user,item,rating\n1,5,4\n1.0,5,3\n", "line 3: user 1 rates item 5 again"),
    ("user,item,rating\n1,5,E\n", "the rating 'E' is not a number"),
    ("user,item,rating\n1,5,---\n", "the rating '---' is not a number"),
    ("sep=;\nuser;item;rating\n1;5;4\n", "line 1 tells Excel the delimiter; remove it"),
    ("# ratings\n1,5,4\n", "line 1 is a comment; remove it"),
    ("%%MatrixMarket matrix\n40 20 300\n1 1 5\n", "begins a Matrix Market file; read it with scipy.io.mmread"),
    ("version https://git-lfs.github.com/spec/v1\n", "begins a pointer of Git LFS"),
    ('"user" "item" "rating"\n"1" 1 5 4\n"2" 2 5 4\n', "one field more than the header, as after row names of R"),
    ("user,item,rating,rating\n1,1,5,1\n", "two columns are named rating; give their numbers"),
    (",a,b,c,d\n0,1,2,3,4\n", r"--columns user=...,item=...,rating=..."),
    ("user,item,rating\n" + "1,2,3\n" * 20, "so many repeats may mean that the columns are others"),
])  # fmt: skip
def test_a_list_is_refused(write, text, message):
    with pytest.raises(DataError) as caught:
        load_dataset(write(text))
    assert message in str(caught.value)


@pytest.mark.parametrize("text, options, ratings, note", [
    ("user,item,rating\n1,5,4\n2.0,6,3\n", {}, {(1, 5): 4, (2, 6): 3}, "user ids such as 2.0 were read as integers"),
    ("user,item,rating\n7\u00a0,5,4\n", {}, {(7, 5): 4}, None),
    ("user,item,rating\n7,5,4\nx,6,3\n", {}, {("7", 5): 4, ("x", 6): 3}, "1 of 2 user ids are no integers"),
    (",,3,1\n5,3,,1\n", {"wide": True}, {(0, 2): 3, (0, 3): 1, (1, 0): 5, (1, 1): 3, (1, 3): 1}, None),
    ('user, item, rating\n"u1", "m1", 4\nu2, m1, 3\n', {}, {("u1", "m1"): 4, ("u2", "m1"): 3}, None),
    (",0,1,2\n0,5,3,1\n", {"wide": True}, {(0, 0): 5, (0, 1): 3, (0, 2): 1}, None),
    ("5,3,NA,1\n4,-,2,2\n", {"wide": True}, {(0, 0): 5, (0, 1): 3, (0, 3): 1, (1, 0): 4, (1, 2): 2, (1, 3): 2}, None),
    ("5  3 1\n4 3 2\n", {"wide": True}, {(0, 0): 5, (0, 1): 3, (0, 2): 1, (1, 0): 4, (1, 1): 3, (1, 2): 2}, None),
])  # fmt: skip
def test_it_is_read_with_a_note(write, text, options, ratings, note):
    if "  " in text:
        options = options | {"header": False}
    data = load_dataset(write(text), **options)
    assert as_dict(data) == ratings
    assert note is None or note in " ".join(data.notes)


def test_a_first_column_of_distinct_numbers_holds_the_users_of_a_matrix(write):
    data = load_dataset(write("".join(f"{k + 1},{k % 5},,{5 - k % 4}\n" for k in range(25))), wide=True)
    assert data.ratings.shape == (25, 3) and as_dict(data)[7, 0] == 1 and data.users.ids.tolist() == list(range(1, 26))
    assert "the first column was taken for the ids of the users" in " ".join(data.notes)


@pytest.mark.parametrize("text, message", [
    ("1,2,3,4,5,6\n5,,3,1,,2\n", "the fields 1, 2, 3, 4, 5, 6 may name the items, or be the ratings of a user"),
    ("item,u0,u1\nUp,5,4\n", "the first column is named item, but a matrix has users in its rows; transpose it"),
    ("user,Up,Alien\nann,5,4\nann,3,\n", "the user 'ann' has more than one row"),
    ("user,Up,Alien\nann,5,4\n,3,1\n", "line 3: the user id is empty"),
    ("Matrix,Up,Alien\n5,3,1\n4,2,2\n", "the first column, Matrix, may hold the ids of users, or the ratings"),
])  # fmt: skip
def test_a_matrix_is_refused(write, text, message):
    with pytest.raises(DataError, match=message):
        load_dataset(write(text), wide=True)


@pytest.mark.parametrize("values, message", [
    ([2009 + k % 5 for k in range(30)], "looks like years, times or ids; check the columns"),
    ([1 + k % 5 for k in range(300)] + [500], "the rating 500 is far from the others, 1 to 5"),
    ([1 + k % 5 for k in range(300)] + [-1], r"0.3% of the ratings are -1; .*\(--missing -1\)"),
])  # fmt: skip
def test_ratings_that_look_wrong_are_pointed_out(values, message):
    with pytest.warns(DataWarning, match=message):
        load_dataset((list(range(len(values))), [1] * len(values), values))


def test_duplicates_leave_a_note():
    data = tr.Dataset.from_triples([1, 1, 2], [5, 5, 5], [3, 4, 5], duplicates="last")
    assert data.notes == ("1 repeats of a pair were left out, and the last one kept",)
    data = tr.Dataset.from_triples([1, 1, 2], [5, 5, 5], [3, 4, 5], duplicates="mean")
    assert data.notes == ("1 repeats of a pair were replaced by the mean of the pair",)


def test_the_names_of_json_lines_are_those_of_all_the_first_lines(write):
    lines = [{"user": 1, "item": 2}, {"user": 1, "item": 3, "rating": 4}, {"user": 2, "item": 3, "rating": 5}]
    with pytest.raises(DataError, match="ratings.jsonl: row 0: the rating nan is not a finite number"):
        load_dataset(write("\n".join(map(json.dumps, lines)), "ratings.jsonl"))
    lines = [{"user": k, "item": 1, "rating": 5 if k < 1500 else 4.5} for k in range(2000)]
    data = load_dataset(write("\n".join(map(json.dumps, lines)), "ratings.jsonl"))
    assert len(data) == 2000 and as_dict(data)[1999, 1] == 4.5
    lines[1700]["user"] = "x"
    with pytest.raises(
        DataError, match="line 1701: the field user is 'x', which is not a number; write all of them alike"
    ):
        load_dataset(write("\n".join(map(json.dumps, lines)), "ratings.jsonl"))


@pytest.mark.parametrize(
    "text", [",item,year\n0,7,1991\n1,8,1992\n2,9,1993\n", "rank,item,year\n7,9,1993\n8,7,1991\n9,8,1992\n"]
)
def test_the_ids_of_features_are_those_of_the_column_named_so(write, text):
    features = read_features(str(write(text)), Index(np.array([7, 8, 9])))
    years = features.X.to_dense(0)[:, features.names.index("year")] * features.spread[-1] + features.mean[-1]
    assert years.round().tolist() == [1991, 1992, 1993] or len(features.names) > 1
    assert "item" not in features.names


def test_features_with_nothing_but_row_numbers_as_ids_are_refused_and_missing_numbers_stay_numbers(write):
    with pytest.raises(
        DataError, match="the first column, '', holds row numbers, and no other one is named like an id"
    ):
        read_features(str(write(",year\n0,1991\n1,1992\n")), Index(np.array([0, 1])))
    features = read_features(str(write("id,year\n7,1991\n8,NA\n9,1993\n")), Index(np.array([7, 8, 9])))
    assert features.names == ("year",) and features.X.to_dense(0)[:, 0].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("source, error, message", [
    (([1, 2], [1, 2], np.ma.masked_equal([3, 4], 3)), DataError, "some of the ratings are masked"),
    (([1, 2], [1], [3, 4]), DataError, "got 2 users, 1 items and 2 ratings"),
    ((np.ma.masked_equal([1, 2], 1), [1, 2], [3, 4]), DataError, "some of the user ids are masked"),
    (pl.DataFrame({"user": [1], "item": [2], "rating": [3.0]}).lazy(), UsageError, "call its method collect"),
    (pl.DataFrame({"user": ["a", None], "item": [1, 2], "rating": [1, 2]}), DataError, "row 1: the user id is missing"),
    (pd.DataFrame({"user": pd.array([1, None], "Int64"), "item": [1, 2], "rating": [1, 2]}), DataError, "row 1: the"),
    (pd.DataFrame({"user": ["a", " "], "item": [1, 2], "rating": [1, 2]}), DataError, "row 1: the user id is empty"),
    (pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": ["4", "x"]}), DataError, "row 0: the rating '4' is"),
])  # fmt: skip
def test_what_python_gives_is_refused(source, error, message):
    with pytest.raises(error, match=message):
        load_dataset(source)


def test_what_python_gives_is_read_as_in_a_file():
    frame = pd.DataFrame({"user": ["u1", "u1 "], "item": [1, 2], "rating": [3, 4]})
    assert load_dataset(frame).users.ids.tolist() == ["u1"]
    wide = pd.DataFrame([[5, NAN]], columns=[10, 20], index=pd.Index(["ann"], name="user"))
    assert as_dict(load_dataset(wide, wide=True)) == {("ann", 10): 5}
    assert as_dict(load_dataset(np.ma.masked_equal([[99, 5], [4, 99]], 99))) == {(0, 1): 5, (1, 0): 4}
    assert as_dict(load_dataset(([1, 2], [1, 2], [3, 9]), missing=9)) == {(1, 1): 3}
    with pytest.raises(DataError, match="got 2 users, 1 items and ratings of shape"):
        load_dataset(([1, 2], [1], [3, 9]), missing=9)
    for missing in ("3", (NAN,), (True,), "x"):
        with pytest.raises(UsageError, match="no list of finite numbers"):
            load_dataset(([1, 2], [1, 2], [3, 9]), missing=missing)


def test_whole_floats_of_json_lines_and_the_index_of_a_matrix(write):
    lines = '{"user": 1.0, "item": 2.0, "rating": 4}\n{"user": 2.0, "item": 2.0, "rating": 3}\n'
    data = load_dataset(write(lines, "ratings.jsonl"))
    assert as_dict(data) == {(1, 2): 4, (2, 2): 3} and "user ids such as 1.0 were read as integers" in data.notes
    wide = pd.DataFrame([[5, 3], [4, NAN]], index=["Ann", "Bob"], columns=["x", "y"])
    assert as_dict(load_dataset(wide, wide=True)) == {("Ann", "x"): 5, ("Ann", "y"): 3, ("Bob", "x"): 4}
    twice = pd.DataFrame([(1, 2, 3, 4)], columns=["user", "item", "rating", "rating"])
    with pytest.raises(DataError, match="two columns.* named rating"):
        load_dataset(twice)


def test_ratings_that_only_the_start_has_seen_are_told():
    data = tr.make_synthetic(30, 20, 300, seed=1)
    model = tr.AutoRec(hidden_units=3, l2=5.0)
    start, (train, _) = model.fit(data, epochs=2, backend="reference"), tr.split_random(data, 0.1)
    with pytest.warns(
        DataWarning, match="30 of the ratings that start was trained on are not in these data; do not score"
    ):
        model.fit(train, epochs=1, start=start, backend="reference")


def test_archives_of_other_systems(tmp_path, write):
    with zipfile.ZipFile(tmp_path / "mac.zip", "w") as archive:
        archive.writestr("ratings.csv", "1,7,3\n2,8,4\n")
        archive.writestr("__MACOSX/._ratings.csv", "\0\5\26\7")
    assert len(load_dataset(tmp_path / "mac.zip")) == 2
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(DataError, match="holds no tables"):
        load_dataset(tmp_path / "empty.zip")
    (tmp_path / "folder").mkdir()
    for name in ("ratings.csv", "movies.csv"):
        (tmp_path / "folder" / name).write_text("1,7,3\n")
    with pytest.raises(DataError, match=r"holds 2 tables .*; give the file with the ratings"):
        load_dataset(tmp_path / "folder")


def test_a_test_part_with_other_ids_or_ratings_is_told():
    train = tr.Dataset.from_triples(["001", "002"] * 2, [1, 1, 2, 2], [1, 5, 2, 4])
    fitted = tr.Bias().fit(train)
    test = tr.Dataset.from_triples(["1", "2"], [3, 3], [20, 100])
    _, found = fitted.examine(test)
    assert any("of the test ratings are off the scale, which is 1 to 5." in problem for problem in found)
    assert (
        "None of the users of the test part is known, such as '1', where the model has '001': check the ids." in found
    )


def test_equal_times_are_told():
    data = tr.Dataset.from_triples([1, 1, 2, 2], [1, 2, 1, 2], [1, 2, 3, 4], times=[0] * 4)
    with pytest.warns(DataWarning, match="all times of ratings are equal"):
        tr.split_time(data, 0.25)
    with pytest.raises(UsageError, match="a str cannot be split; make a Dataset"):
        tr.cross_validate(tr.Bias(), "ratings.csv")
