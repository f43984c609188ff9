"""What the promises share. Each file states a promise in its docstring, measures a figure, and asserts the bound.

python -m pytest tests/promises            at the quick size, as in every run of the tests
python -m pytest tests/promises --full     at the full size; python -m tinyrec doctor --promises prints the figures
"""

import pytest

from tests.data.test_fetch import cache, server  # noqa: F401 - fixtures


@pytest.fixture
def figure(record_property):
    """A function (text) that records what was measured."""
    return lambda text: record_property("figure", text)


@pytest.fixture
def size(request):
    """A function (quick, full) that returns the one for this run."""
    return lambda quick, full: full if request.config.getoption("--full") else quick
