"""How many threads BLAS has."""

import json
from types import SimpleNamespace

import pytest

import tinyrec as tr
from tinyrec.backend import threads
from tinyrec.errors import BackendError

COUNTS = """
from threadpoolctl import threadpool_info
import tinyrec as tr
from tinyrec.backend.threads import use_threads

def counts():
    import scipy.linalg
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
"""


def test_a_context_gives_one_thread_to_each_blas_until_it_ends(run_python):
    code = """
with tr.deterministic():
    print(counts())
    with tr.deterministic(False):
        print(counts())
    try:
        with tr.deterministic():
            raise ValueError
    except ValueError:
        print(counts())
print(counts())
"""
    *within, after = map(json.loads, run_python(COUNTS + code, OPENBLAS_NUM_THREADS="2").split("\n")[:-1])
    assert len(within) == 3 and all(set(counts) == {1} for counts in within)
    assert set(after) != {1} or threads.threads() == 1


def test_the_threads_asked_for_are_those_of_each_blas(run_python):
    """That of SciPy, too, which is loaded only when it is needed."""
    assert set(json.loads(run_python(COUNTS + "use_threads(1); print(counts())"))) == {1}


def test_a_blas_that_cannot_be_limited_is_an_error(monkeypatch):
    monkeypatch.setattr(threads, "_blas", lambda: SimpleNamespace(lib_controllers=[]))
    said = "cannot be limited to one thread, which deterministic needs; install"
    with pytest.raises(BackendError, match=said), tr.deterministic():
        pass
