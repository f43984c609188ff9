"""Features are read, encoded, learned from, and used for items without ratings."""

import json

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.data import Features, Index
from tinyrec.data.features.columns import own_features, read_features
from tinyrec.errors import DataError, FileError, UsageError
from tinyrec.models import CFN
from tinyrec.optim import Adam
from tinyrec.recommenders import storage

TABLE = "id,genres,year\n7,Comedy|Drama,1999\n9,Drama,1950.5\n8,,\n"
CFN_OPTIONS = {"epochs": 30, "optimizer": Adam(0.01, linear_decay=True), "backend": "reference"}


def write(tmp_path, text=TABLE):
    (tmp_path / "features.csv").write_text(text, encoding="utf-8")
    return str(tmp_path / "features.csv")


def test_text_is_one_hot_and_numbers_are_standardised(tmp_path):
    features = read_features(write(tmp_path), Index(np.array([5, 7, 8, 9])))
    assert features.names == ("genres=Comedy", "genres=Drama", "year")
    dense = [[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 1, -1]]  # one standard deviation from the mean
    assert features.X.to_dense(0).tolist() == dense
    assert features.X.size == 5 and features.X.values.dtype == np.float32 and features.mean[2] == (1999 + 1950.5) / 2
    assert repr(features) == "genres (2 values), year (number); known for 2 of 4"


def test_other_rows_are_encoded_with_the_same_names():
    features = Features.of({"genres": ["A|B", "B"], "year": ["1", "2"]})
    encoded = features.encode({"year": ["5"], "genres": ["B|never seen"], "more": ["x"]})
    assert encoded.to_dense(0).tolist() == [[0, 1, 7]]  # (5 - 1.5) / 0.5
    assert features.unseen({"year": ["5"], "genres": ["B|never seen"], "more": ["x"]}) == ["more", "genres=never seen"]
    with pytest.raises(DataError, match="this model was trained with the column year, which is missing"):
        features.encode({"genres": ["A"]})
    with pytest.raises(DataError, match="the column year was numeric in training, but 'old' is not a number"):
        features.encode({"genres": ["A"], "year": ["old"]})


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("id\n7\n", "does not contain a table"),
        ("id,genres\n7,A,B\n", "line 2: 3 fields, not 2"),
        ("id,genres\n7,A\n7,B\n", "has the id 7 more than once"),
        ("id,genres\n70,A\n80,B\n", "has none of the ids of the ratings"),
        ("7,A\n8,B\n", "has the id 7 in place of a header"),
        ("id,genres\nseven,A\n", "the ids are integers but 'seven' is not"),
        ("id,title\n" + "".join(f"{i},title {i}\n" for i in range(1001)), "has 1,001 distinct values"),
    ],
)
def test_a_file_that_is_not_a_table_of_these_ids_raises(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_features(write(tmp_path, text), Index(np.array([7, 8, 9])))
    with pytest.raises(FileError, match="cannot be read"):
        read_features(str(tmp_path / "nowhere.csv"), Index(np.array([7])))


def test_a_value_that_is_given_twice_and_a_number_at_the_mean():
    features = Features.of({"genres": ["A|A", "", "A"], "year": ["1", "2", "3"]})
    assert features.X.to_dense(0)[:, 0].tolist() == [1, 0, 1]
    assert features.X.size == 4 and features.known.tolist() == [True, False, True]


def test_an_array_of_ones_own(tastes):
    X = np.arange(80.0).reshape(40, 2)
    features = Features.from_array(["a", "b"], X)
    assert features.X.values.dtype == np.float32 and (features.X.to_dense(0) == X).all()
    assert features.encode({"a": ["3"], "b": [""]}).to_dense(0).tolist() == [[3, 0]]
    assert tastes.with_features(items=features).item_features is features
    with pytest.raises(DataError, match=r"1 features have arrays of shape \(40, 2\)"):
        Features.from_array(["a"], X)
    with pytest.raises(DataError, match=r"X has shape \(40,\); give one row for each id"):
        Features.from_array(["a"], X[:, 0])
    with pytest.raises(UsageError, match="X is a ndarray; give Ratings, or call Features.from_array"):
        Features(("a", "b"), X, np.zeros(2), np.ones(2))


def test_rows_are_placed_among_others():
    features = Features.of({"kind": ["a", "b", "a"]}).placed(np.array([3, -1, 0]), 5)
    assert features.X.to_dense(0).tolist() == [[1, 0], [0, 0], [0, 0], [1, 0], [0, 0]]


def test_codes_are_not_numeric_and_ages_become_decades():
    codes = own_features({"age": np.array(["1", "18", "25"]), "occupation": np.array(["0", "12", ""])})
    assert codes.names == ("age=group 1", "age=group 18", "age=group 25", "occupation=code 0", "occupation=code 12")
    years = own_features({"age": np.array([str(age) for age in range(18, 40)]), "title": np.array(["x"] * 22)})
    assert years.names == ("age=10s", "age=20s", "age=30s")
    with pytest.raises(DataError, match="has none of genres, gender, age, occupation, tags, friends"):
        own_features({"title": np.array(["x"])})


@pytest.fixture(scope="module")
def tastes():
    """Half of the users like red items, the other half blue ones; items 0 and 1 have no ratings."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((60, 40)) < 0.5)
    users, items = users[items > 1], items[items > 1]
    ratings = np.where(users % 2 == items % 2, 5.0, 1.0)
    data = tr.Dataset.from_triples(users, items, ratings, scale=(1, 5))
    index = Index(np.arange(40))
    rows, cols = data.users.find(users), index.find(items)
    data = tr.Dataset.from_cells(data.users, index, rows, cols, ratings, scale=(1, 5))
    return data.with_features(items=Features.of({"colour": ["red" if i % 2 else "blue" for i in range(40)]}))


@pytest.fixture(scope="module")
def trained(tastes):
    return CFN(hidden_units=8, l2=0.01, dropout=0.8).fit(tastes, **CFN_OPTIONS)


def test_an_item_without_ratings_is_predicted_from_its_features(trained):
    likes_red, likes_blue = trained.predict([1, 3, 5], [1, 1, 1]), trained.predict([0, 2, 4], [1, 1, 1])
    assert likes_red.mean() > likes_blue.mean() + 1
    assert 1 in [item for item, _ in trained.recommend(1, n=40)]  # not a cold item
    ratings = trained.predict_new_item({}, {"colour": "blue"})
    assert ratings[::2].mean() > ratings[1::2].mean() + 1


def test_without_features_an_item_without_ratings_gets_the_default_rating(tastes):
    plain = CFN(hidden_units=8, l2=0.01, dropout=0.8).fit(tastes.with_features(), **CFN_OPTIONS)
    assert plain.predict([1, 2], [1, 1]).tolist() == [3, 3]
    with pytest.raises(UsageError, match="this model reads no features of a new item; train a cfn --by item"):
        plain.predict_new_item({}, {"colour": "blue"})


def test_an_invalid_source_of_features_raises(tastes):
    for source in (5, {"colour": "red"}, ["red"]):
        with pytest.raises(
            UsageError, match="is not valid; give own, all, the path of a CSV file, or a Features object"
        ):
            tastes.with_features(items=source)


def test_large_numbers_are_harmless(tastes):
    data = tastes.with_features(items=Features.of({"year": [str(1900 + i) for i in range(40)]}))
    fitted = [CFN(hidden_units=8, l2=1.0).fit(part, **CFN_OPTIONS) for part in (data, tastes.with_features())]
    errors = [np.abs(m.predict([3, 4], [5, 5]) - [5, 1]).mean() for m in fitted]
    assert errors[0] < errors[1] + 0.3


def test_by_user_uses_the_features_of_users(tastes):
    taste = Features.of({"taste": ["red" if user % 2 else "blue" for user in range(len(tastes.users))]})
    data = tastes.with_features(users=taste)
    trained = CFN(by="user", hidden_units=8, l2=0.01, dropout=0.8).fit(data, **CFN_OPTIONS)
    ratings = trained.predict_new_user({}, {"taste": "red"})
    assert ratings[3::2].mean() > ratings[2::2].mean() + 1


def test_a_model_with_features_is_loaded_from_its_file(trained, tmp_path):
    trained.save(tmp_path / "m.npz")
    back = tr.load(tmp_path / "m.npz", backend="reference")
    assert back.data.item_features.names == ("colour=blue", "colour=red") and back.data.user_features is None
    pairs = [0, 1, 2], [0, 1, 39]
    assert back.predict(*pairs).tobytes() == trained.predict(*pairs).tobytes()
    assert (
        back.predict_new_item({}, {"colour": "red"}).tobytes()
        == trained.predict_new_item({}, {"colour": "red"}).tobytes()
    )


def test_a_file_with_dense_features_is_read(trained, tmp_path):
    trained.save(tmp_path / "m.npz")
    header, arrays = storage.read(tmp_path / "m.npz", "model")
    for name in ("indptr", "cols", "values"):
        del arrays[f"features/item/{name}"]
    del header["data"]["encodings"]
    arrays["features/item/X"] = trained.data.item_features.X.to_dense(0)
    storage.write(tmp_path / "old.npz", "model", header, arrays)
    back = tr.load(tmp_path / "old.npz", backend="reference")
    assert back.predict([0, 1, 2], [0, 1, 39]).tobytes() == trained.predict([0, 1, 2], [0, 1, 39]).tobytes()


def test_the_command_line_learns_from_a_file_and_finds_users_for_new_items(tmp_path, capsys):
    data = tr.make_synthetic(40, 30, 500, seed=1)
    lines = zip(data.ratings.rows, data.ratings.cols, data.ratings.values, strict=True)
    (tmp_path / "r.csv").write_text("user,item,rating\n" + "".join(f"u{u},{i},{r:g}\n" for u, i, r in lines))
    (tmp_path / "f.csv").write_text("id,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(30)))
    (tmp_path / "new.csv").write_text("id,kind\nbrand new,a\n")
    train = ["train", "--dataset", str(tmp_path / "r.csv"), "--model", "cfn", "--set", "hidden_units=3", "--quiet"]
    train += ["--set", "l2=0.1", "--epochs", "3", "--backend", "reference", "--json", "-"]
    assert main([*train, "--item-features", str(tmp_path / "f.csv"), "--save", str(tmp_path / "m.npz")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["features"] == 2 and result["parameters"] == 40 * 3 + 3 + 2 * 3 + 40 * (3 + 2) + 40
    recommend = ["recommend", str(tmp_path / "m.npz"), "--json", "-"]
    assert main([*recommend, "--for-new-items", "--item-features", str(tmp_path / "new.csv"), "-n", "2"]) == 0
    rows = json.loads(capsys.readouterr().out)["recommendations"]
    assert [(row["item"], row["rank"]) for row in rows] == [("brand new", 1), ("brand new", 2)]
    assert rows[0]["rating"] >= rows[1]["rating"] and rows[0]["user"].startswith("u")
    (tmp_path / "more.csv").write_text("user,item,rating\nu1,brand new,1\nu2,brand new,1\n")
    new_items = [*recommend, "--for-new-items", "--item-features", str(tmp_path / "new.csv"), "-n", "40"]
    ratings = []
    for flags in ([], ["--new-ratings", str(tmp_path / "more.csv")]):
        assert main([*new_items, *flags]) == 0
        ratings.append({row["user"]: row["rating"] for row in json.loads(capsys.readouterr().out)["recommendations"]})
    assert all(ratings[1][user] < ratings[0][user] for user in ("u5", "u6"))  # the new ratings are low
    (tmp_path / "more.csv").write_text("user,item,rating\nu1,1,5\nu1,2,5\nu1,3,5\n")
    assert main([*recommend, "--user", "u1", "-n", "40", "--new-ratings", str(tmp_path / "more.csv")]) == 0
    shown = {row["item"] for row in json.loads(capsys.readouterr().out)["recommendations"]}
    assert not shown & {1, 2, 3}  # rated items are not recommended
    pair = ["predict", str(tmp_path / "m.npz"), "--user", "u1", "--item", "1", "--json", "-"]
    predicted = []
    for flags in ([], ["--new-ratings", str(tmp_path / "more.csv")]):
        assert main([*pair, *flags]) == 0
        predicted.append(json.loads(capsys.readouterr().out)["predictions"][0]["rating"])
    assert predicted[0] != predicted[1]
    (tmp_path / "more.csv").write_text("user,item,rating\nu1,brand new,1\nnobody,brand new,1\nu1,1,5\n")
    assert main([*new_items, "--new-ratings", str(tmp_path / "more.csv")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "ratings of new items by users who are not in the training data, left out: 1"
    (tmp_path / "more.csv").write_text("user,item,rating\nu1,1,9\n")
    assert main([*pair, "--new-ratings", str(tmp_path / "more.csv")]) == 3
    assert main([*recommend, "--for-new-items"]) == 2
    assert main([*train, "--user-features", str(tmp_path / "f.csv")]) == 2
    assert main([*train[:3], "--item-features", "own", "--quiet"]) == 2
    assert main([*train, "--item-features", "own"]) == 3
