"""The file that the tests of the commands read, and a model of it."""

import pytest

import tinyrec as tr
from tinyrec.cli import main

SMALL = ["--set", "hidden_units=4", "--set", "l2=5", "--epochs", "5", "--backend", "reference"]


@pytest.fixture(scope="session")
def ratings(tmp_path_factory):
    """A small file of ratings as a stranger may have it."""
    data = tr.make_synthetic(40, 30, 500, seed=1)
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    lines = zip(data.ratings.rows, data.ratings.cols, data.ratings.values, strict=True)
    path.write_text("user,item,rating\n" + "".join(f"u{u},{i},{r:g}\n" for u, i, r in lines))
    return str(path)


@pytest.fixture(scope="session")
def model(ratings, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model") / "model.npz")
    assert main(["train", "--dataset", ratings, "--quiet", "--save", path, *SMALL]) == 0
    return path
