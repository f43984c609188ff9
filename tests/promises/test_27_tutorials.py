"""Tutorials run.

Every tutorial runs to its last line on synthetic data, without network, display or any data set on this machine.
"""

import time

import pytest

from tests.test_tutorials import TUTORIALS, last_output, run


def test_they_run_to_the_end(figure, size, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    seconds = {}
    for tutorial in TUTORIALS[size(3, 0) : size(4, None)]:
        started = time.monotonic()
        output = run(tutorial, TINYREC_DATA=None, XDG_CACHE_HOME=str(tmp_path), MPLCONFIGDIR=matplotlib.get_cachedir())
        assert last_output(tutorial) in output
        seconds[tutorial.stem] = time.monotonic() - started
    slowest = max(seconds, key=seconds.get)
    figure(f"{len(seconds)} of {len(TUTORIALS)} run to the end; the slowest, {slowest}, takes {seconds[slowest]:.0f} s")
