"""The file that the tests of the commands read."""

import pytest

import tinyrec as tr


@pytest.fixture(scope="session")
def ratings(tmp_path_factory):
    """A small file of ratings as a stranger may have it."""
    data = tr.make_synthetic(40, 30, 500, seed=1)
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    lines = zip(data.ratings.rows, data.ratings.cols, data.ratings.values, strict=True)
    path.write_text("user,item,rating\n" + "".join(f"u{u},{i},{r:g}\n" for u, i, r in lines))
    return str(path)
