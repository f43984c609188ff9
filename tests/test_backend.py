"""Each fast kernel against its slow twin in `reference.py`, and what must hold on any machine."""

import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrec
from tests.strategies import GENERATORS, from_dense, wide_matrices
from tinyrec.backend import get_backend, reference
from tinyrec.errors import UsageError
from tinyrec.sparse import Ratings

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
ONE_CELL, NO_CELL = (Ratings.from_cells(cells, cells, np.ones(len(cells)), (1, 1)) for cells in ([0], []))

both_precisions = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(scope="session")
def cpu():
    return pytest.importorskip("tinyrec.backend.cpu")


def arguments(R):
    """The CSR arrays, as the kernels take them."""
    return R.pattern.indptr, R.cols, R.values


def assert_agree(fast, slow, size, dtype):
    """Equal but for rounding, which grows with the size of what was summed."""
    assert fast.dtype == slow.dtype == dtype
    assert (np.abs(fast - slow) <= TOLERANCE[dtype] * size).all()


@both_precisions
@given(R=wide_matrices(), k=st.integers(1, 9), rng=GENERATORS)
@example(R=ONE_CELL, k=1, rng=np.random.default_rng(0))
@example(R=NO_CELL, k=1, rng=np.random.default_rng(0))
def test_spmm_agrees_with_its_twin(cpu, dtype, R, k, rng):
    indptr, cols, values = arguments(R.to("reference", dtype))
    X = rng.standard_normal((R.shape[1], k)).astype(dtype)
    size = reference.spmm(indptr, cols, np.abs(values), np.abs(X))
    assert_agree(cpu.spmm(indptr, cols, values, X), reference.spmm(indptr, cols, values, X), size, dtype)


@both_precisions
@given(R=wide_matrices(), k=st.integers(1, 9), rng=GENERATORS)
@example(R=ONE_CELL, k=1, rng=np.random.default_rng(0))
@example(R=NO_CELL, k=1, rng=np.random.default_rng(0))
def test_sddmm_agrees_with_its_twin(cpu, dtype, R, k, rng):
    indptr, cols, _ = arguments(R)
    H, W = (rng.standard_normal((length, k)).astype(dtype) for length in R.shape)
    size = reference.sddmm(indptr, cols, np.abs(H), np.abs(W))
    assert_agree(cpu.sddmm(indptr, cols, H, W), reference.sddmm(indptr, cols, H, W), size, dtype)


@both_precisions
@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize("undo", [False, True])
@given(shape=st.sampled_from([(1,), (7,), (5, 3), (0,), (13, 11)]), rng=GENERATORS)
def test_rprop_agrees_with_its_twin(cpu, dtype, forget, undo, shape, rng):
    w = rng.standard_normal(shape).astype(dtype)
    g, previous = ((rng.integers(-1, 2, shape) * rng.random(shape)).astype(dtype) for _ in range(2))  # a third are 0
    step = rng.choice([0.1, 0.3, 1.9, 2], shape).astype(dtype)  # some are about to leave [0.1, 2]
    fast, slow = ([array.copy() for array in (w, g, previous, step)] for _ in range(2))
    cpu.rprop(*fast, 1.2, 0.5, 0.1, 2.0, forget, undo)
    reference.rprop(*slow, 1.2, 0.5, 0.1, 2.0, forget, undo)
    for ours, twin in zip(fast, slow, strict=True):
        assert_agree(ours, twin, 10, dtype)


def outputs(backend, rng):
    """What each kernel makes of a matrix that is large enough to be shared out to threads."""
    R = from_dense(rng.standard_normal((300, 200)), rng.random((300, 200)) < np.linspace(0, 1, 300)[:, np.newaxis])
    H, W, g, previous = (rng.standard_normal((length, 7)) for length in (300, 200, 200, 200))
    step = rng.random((200, 7))
    products = backend.spmm(*arguments(R), W), backend.sddmm(R.pattern.indptr, R.cols, H, W)
    backend.rprop(W, g, previous, step, 1.2, 0.5, 0.0, 50.0, True, True)
    return b"".join(array.tobytes() for array in (*products, W, previous, step))


@contextmanager
def threads(cpu, number):
    with ThreadPoolExecutor(number) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "THREADS", number)
        patch.setattr(cpu, "_pool", lambda: pool)
        yield


def test_bits_do_not_depend_on_the_number_of_threads_or_the_run(cpu):
    runs = []
    for number in (1, 2, 4, 4):
        with threads(cpu, number):
            runs.append(outputs(cpu, np.random.default_rng(0)))
    assert len(set(runs)) == 1


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_seen_in_the_output(backend, poison):
    kernels, indptr, cols = get_backend(backend), np.array([0, 5, 6]), np.array([0, 1, 2, 3, 4, 0], np.int32)
    clean = np.ones((5, 3))
    dirty = clean.copy()
    dirty[2, 1] = poison
    values = np.where(np.arange(6) == 3, poison, 1.0)
    assert np.isfinite(kernels.spmm(indptr, cols, np.ones(6), dirty)).tolist() == [[True, False, True], [True] * 3]
    assert np.isfinite(kernels.spmm(indptr, cols, values, clean)).tolist() == [[False] * 3, [True] * 3]
    assert np.isfinite(kernels.sddmm(indptr, cols, clean[:2], dirty)).tolist() == [True, True, False, True, True, True]


def test_rprop_leaves_no_weight_finite_whose_gradient_is_nan(backend):
    w, g = np.ones(3), np.array([1, np.nan, 1])
    get_backend(backend).rprop(w, g, np.zeros(3), np.ones(3), 1.2, 0.5, 0.0, 50.0, True, True)
    assert np.isfinite(w).tolist() == [True, False, True]


def succeed_in_child(backend):
    outputs(backend, np.random.default_rng(0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_can_use_the_kernels_after_its_parent_did(cpu):
    outputs(cpu, np.random.default_rng(0))
    child = multiprocessing.get_context("fork").Process(target=succeed_in_child, args=(cpu,), daemon=True)
    child.start()
    child.join(timeout=20)
    assert child.exitcode == 0


class BrokenNumba:
    """Stands first in sys.meta_path; not ImportError, but what a library built for another machine may raise."""

    def find_spec(self, name, *_):
        if name == "numba":
            raise OSError("libllvmlite.so: wrong ELF class")


@pytest.fixture(params=["absent", "broken"])
def without_numba(request, monkeypatch):
    monkeypatch.delitem(sys.modules, "tinyrec.backend.cpu", raising=False)
    if request.param == "absent":
        monkeypatch.setitem(sys.modules, "numba", None)
    else:
        monkeypatch.delitem(sys.modules, "numba", raising=False)
        monkeypatch.setattr(sys, "meta_path", [BrokenNumba(), *sys.meta_path])
    get_backend.cache_clear()
    yield
    get_backend.cache_clear()


@pytest.mark.parametrize("name", ["numpy", "auto"])
def test_without_numba_the_reference_serves_and_one_line_says_so(without_numba, name, capsys):
    assert get_backend(name).spmm is get_backend(name).spmm is reference.spmm
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinyrec: numba cannot be used (")


def test_reference_is_silent_and_asks_for_no_numba(without_numba, capsys):
    assert get_backend("reference").spmm is reference.spmm
    assert capsys.readouterr().err == ""


def test_auto_is_numpy(cpu):
    assert get_backend("auto") == get_backend("numpy") != get_backend("reference")


def test_an_unknown_backend_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="unknown backend 'cupid'; choose one of reference, numpy, cupy or auto"):
        get_backend("cupid")


TRAIN = """
import numpy as np
from tinyrec.models import AutoRec
from tinyrec.optim import RProp
from tinyrec.sparse import Ratings
from tinyrec.training import fit
R = Ratings.from_cells([0, 0, 1], [0, 1, 1], np.array([1.0, 2.0, 3.0]), (2, 2)).to("numpy")
for epoch in fit(AutoRec(hidden_units=3, l2=1), R, RProp(), epochs=3):
    print(R.backend.name, f"{epoch.loss:.9f}")
"""


@pytest.fixture(scope="module")
def trained(run_python):
    """What TRAIN, which needs all kernels, prints where nothing is special."""
    printed = run_python(TRAIN)
    assert printed.count("numpy ") == 3
    return printed


def test_kernels_run_uncompiled_where_a_debugger_steps_through_them(cpu, run_python, trained):
    assert run_python(TRAIN, NUMBA_DISABLE_JIT="1") == trained
    stepped_into = "from tinyrec.backend import cpu; print(type(cpu._spmm_rows).__name__)"
    assert run_python(stepped_into, NUMBA_DISABLE_JIT="1") == "function\n"


def test_a_cache_that_cannot_be_written_is_no_error(cpu, run_python, trained, tmp_path):
    package = tmp_path / "tinyrec"
    shutil.copytree(Path(tinyrec.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "backend" / "__pycache__").write_text("a file where numba wants a folder")
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "NUMBA_CACHE_DIR": ""}
    assert run_python(TRAIN, folder=tmp_path, **nowhere) == trained
