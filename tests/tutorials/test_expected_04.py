"""What the questions of tutorials/04_real_ratings.py tell to expect."""

import pytest

import tinyrec as tr

pytestmark = pytest.mark.expected


def valid_rmse(l2, hidden_units=50, activation="sigmoid"):
    train, _ = tr.split_random(tr.load_dataset("ml-100k"), test=0.1, seed=0)
    model = tr.AutoRec(by="item", hidden_units=hidden_units, l2=l2, activation=activation)
    return model.fit(train, valid=0.1, seed=0).info["valid_rmse"]


def test_04_identity():
    assert round(valid_rmse(50.0, activation="identity"), 3) == 0.938


def test_04_identity_with_more_l2():
    assert round(valid_rmse(400.0, activation="identity"), 3) == 0.912


def test_04_ratings_per_item_and_per_user():
    data = tr.load_dataset("ml-100k")
    assert [round(data.ratings.size / size) for size in (len(data.items), len(data.users))] == [59, 106]


def test_04_more_hidden_units():
    assert round(valid_rmse(50.0, hidden_units=500), 3) == 0.890


def test_04_more_hidden_units_and_more_l2():
    assert round(valid_rmse(100.0, hidden_units=500), 3) == 0.885
