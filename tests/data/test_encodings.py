"""Columns that are encoded as asked for, and not by what is in them: bags of words, one-hot numbers, regions."""

import json

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.data import Features
from tinyrec.data.features.columns import all_features
from tinyrec.errors import DataError, FileError, UsageError
from tinyrec.recommenders import storage

TITLES = ["Toy Story (1995)", "Café, the toy", ""]


def test_a_bag_of_words_has_a_feature_for_each_word_in_lower_case():
    features = Features.of({"title": TITLES}, {"title": "words"})
    assert features.names == tuple(f"title={word}" for word in ("1995", "café", "story", "the", "toy"))
    assert features.X.to_dense(0).tolist() == [[1, 0, 1, 0, 1], [0, 1, 0, 1, 1], [0] * 5]
    assert repr(features) == "title (5 words); known for 2 of 3"
    new = {"title": ["TOY toy boy", "1995|story"]}
    assert features.encode(new).to_dense(0).tolist() == [[0, 0, 0, 0, 1], [1, 0, 1, 0, 0]]
    assert features.unseen(new) == ["title=boy"]


def test_many_titles_that_are_all_different_make_a_sparse_bag_of_words():
    titles = [f"a title {i}" for i in range(3000)]
    features = Features.of({"title": titles}, {"title": "words"})
    assert features.X.shape == (3000, 3002) and features.X.size == 9000


def test_numbers_are_one_hot_where_asked_for():
    columns = {"age": ["24", "7", "24"], "year": ["1", "2", "3"]}
    features = Features.of(columns, {"age": "one-hot"})
    assert features.names == ("age=24", "age=7", "year")
    assert features.X.to_dense(0)[:, :2].tolist() == [[1, 0], [0, 1], [1, 0]]
    assert features.encode({"age": ["7", "9"], "year": ["2", "2"]}).to_dense(0).tolist() == [[0, 1, 0], [0, 0, 0]]
    assert len(Features.of({"age": list(map(str, range(2000)))}, {"age": "one-hot"}).names) == 2000


def test_the_first_character_may_stand_for_a_region():
    features = Features.of({"zip": ["55117", "55105", "T8H1N", ""]}, {"zip": "first character"})
    assert features.names == ("zip=5", "zip=T")
    assert features.encode({"zip": ["T1", "9"]}).to_dense(0).tolist() == [[0, 1], [0, 0]]


def test_an_encoding_that_is_unknown_or_of_no_column_raises():
    with pytest.raises(UsageError, match="unknown encoding 'word'; choose one of one-hot, first character, words"):
        Features.of({"title": TITLES}, {"title": "word"})
    with pytest.raises(UsageError, match="unknown column 'name'; choose one of title"):
        Features.of({"title": TITLES}, {"name": "words"})


def test_all_features_are_also_titles_and_zip_codes_and_ages_one_by_one():
    info = {
        "age": ["24", "7"],
        "occupation": ["1", "10"],
        "zip": ["123", "145"],
        "title": ["A b", "B c"],
        "other": "xy",
    }
    features = all_features(info)
    names = "age=24", "age=7", "occupation=1", "occupation=10"
    assert features.names == (*names, "title=a", "title=b", "title=c", "zip=123", "zip=145")
    many = all_features({"zip": [f"{i:05}" for i in range(0, 100_000, 99)]})
    assert many.names == tuple(f"zip={digit}" for digit in range(10))
    with pytest.raises(DataError, match="this data set has none of genres, .*, title, zip"):
        all_features({"other": ["x"]})


def described():
    """Ratings whose items have titles, and whose users have ages and zip codes."""
    data = tr.make_synthetic(30, 20, 300, seed=0)
    data.item_info["title"] = np.array([f"{'red' if i % 2 else 'blue'} one ({1990 + i})" for i in range(20)])
    data.user_info["age"] = np.array([str(20 + i) for i in range(30)])
    return data


@pytest.fixture(scope="module")
def trained():
    data = described().with_features(items="all", users="all")
    return tr.CFN(hidden_units=3, l2=0.1).fit(data, epochs=3, backend="reference")


def test_new_items_are_encoded_alike_by_a_model_from_a_file(trained, tmp_path):
    trained.save(tmp_path / "m.npz")
    back = tr.load(tmp_path / "m.npz", backend="reference")
    assert repr(back.data.item_features) == "title (23 words); known for 20 of 20"
    assert repr(back.data.user_features) == "age (30 values); known for 30 of 30"
    predicted = [
        [its.predict_new_item({}, {"title": title}).tobytes() for title in ("Red, 1991", "red 1991 unseen", "blue")]
        for its in (trained, back)
    ]
    assert predicted[0] == predicted[1] and predicted[0][0] == predicted[0][1] != predicted[0][2]


@pytest.mark.parametrize("encodings", [{"item": {"title": "nonsense"}}, {"item": {"title": 1}}, {"x": {}}, []])
def test_a_file_with_another_encoding_is_refused(trained, tmp_path, encodings):
    trained.save(tmp_path / "m.npz")
    header, arrays = storage.read(tmp_path / "m.npz", "model")
    header["data"]["encodings"] = encodings
    storage.write(tmp_path / "m.npz", "model", header, arrays)
    with pytest.raises(FileError, match="is inconsistent"):
        tr.load(tmp_path / "m.npz")


def test_the_command_line_takes_all_features(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tinyrec.cli.split.load_dataset", lambda *args, **options: described())
    train = ["train", "--dataset", "any", "--model", "cfn", "--set", "hidden_units=3", "--set", "l2=0.1", "--json", "-"]
    assert main([*train, "--epochs", "2", "--backend", "reference", "--item-features", "all"]) == 0
    out, err = capsys.readouterr()
    assert "features of items: title (23 words); known for 20 of 20" in err
    assert json.loads(out)["features"] == 23
