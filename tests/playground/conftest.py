"""The recorded trainings, and the page of them."""

import pytest

from tinyrec.playground import RUNS, page, record


@pytest.fixture(scope="session")
def recordings():
    return {name: record(name) for name in RUNS}


@pytest.fixture(scope="session")
def play(recordings, tmp_path_factory):
    """The path of the page."""
    path = tmp_path_factory.mktemp("page") / "play.html"
    path.write_text(page(recordings), encoding="utf-8")
    return path
