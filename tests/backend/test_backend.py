"""Each fast kernel against its slow twin in `reference.py`, and what must hold on any machine."""

import multiprocessing
import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrec
from tests import fake_cupy
from tests.strategies import GENERATORS, fast_backends, fetch, from_dense, put, wide_matrices
from tinyrec.backend import MODULES, get_backend, reference
from tinyrec.errors import BackendError, UsageError
from tinyrec.sparse import Ratings

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
ONE_CELL, NO_CELL = (Ratings.from_cells(cells, cells, np.ones(len(cells)), (1, 1)) for cells in ([0], []))
WIDTHS = st.sampled_from([1, 2, 3, 5, 9, 32, 33, 70])  # up to three warps, and two blocks, side by side
PARTS = st.integers(1, 50)

both_precisions = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(scope="session")
def cpu():
    return pytest.importorskip("tinyrec.backend.cpu")


@contextmanager
def cut(backend, part, X):
    """Let the kernels cut their work small: X into blocks of `part` rows on a CPU, or a card's steps into pieces."""
    kernels = pytest.importorskip(f"tinyrec.backend.{MODULES[backend]}")
    with pytest.MonkeyPatch.context() as patch:
        if backend == "numpy":
            patch.setattr(kernels, "MOST_BYTES", part * X.itemsize * X.shape[1])
        else:
            patch.setattr(kernels, "SHORTEST", part)
        yield


def product(backend, kernel, *arrays):
    return fetch(getattr(get_backend(backend), kernel)(*put(arrays, backend)))


def updated(backend, kernel, arrays, numbers):
    """The arrays after the update, which changes copies."""
    arrays = put(tuple(array.copy() for array in arrays), backend)
    getattr(get_backend(backend), kernel)(*arrays, *numbers)
    return fetch(arrays)


def arguments(R):
    """The CSR arrays, as the kernels take them."""
    return R.pattern.indptr, R.cols, R.values


def assert_agree(fast, slow, size, dtype):
    """Equal but for rounding, which grows with the size of what was summed."""
    assert fast.dtype == slow.dtype == dtype
    assert (np.abs(fast - slow) <= TOLERANCE[dtype] * size).all()


@fast_backends
@both_precisions
@given(R=wide_matrices(), k=WIDTHS, part=PARTS, rng=GENERATORS)
@example(R=ONE_CELL, k=1, part=1, rng=np.random.default_rng(0))
@example(R=NO_CELL, k=1, part=1, rng=np.random.default_rng(0))
def test_spmm_agrees_with_its_twin(backend, dtype, R, k, part, rng):
    indptr, cols, values = arguments(R.to("reference", dtype))
    X = rng.standard_normal((R.shape[1], k)).astype(dtype)
    size = reference.spmm(indptr, cols, np.abs(values), np.abs(X))
    with cut(backend, part, X):
        fast = product(backend, "spmm", indptr, cols, values, X)
    assert_agree(fast, reference.spmm(indptr, cols, values, X), size, dtype)


@fast_backends
def test_spmm_of_a_matrix_without_columns_is_zero(backend):
    ruin = np.full((3, 4), np.nan)  # what an empty array may hold: memory that was just freed
    del ruin
    assert (product(backend, "spmm", np.zeros(4, np.int64), *np.zeros((2, 0), np.int32), np.zeros((0, 4))) == 0).all()


@fast_backends
@both_precisions
@given(R=wide_matrices(), k=WIDTHS, part=PARTS, rng=GENERATORS)
@example(R=ONE_CELL, k=1, part=1, rng=np.random.default_rng(0))
@example(R=NO_CELL, k=1, part=1, rng=np.random.default_rng(0))
def test_sddmm_agrees_with_its_twin(backend, dtype, R, k, part, rng):
    indptr, cols, _ = arguments(R)
    H, W = (rng.standard_normal((length, k)).astype(dtype) for length in R.shape)
    size = reference.sddmm(indptr, cols, np.abs(H), np.abs(W))
    with cut(backend, part, W):
        fast = product(backend, "sddmm", indptr, cols, H, W)
    assert_agree(fast, reference.sddmm(indptr, cols, H, W), size, dtype)


@fast_backends
@both_precisions
@given(size=st.integers(1, 90), p=st.integers(0, 200), rng=GENERATORS)
def test_take_agrees_with_its_twin(backend, dtype, size, p, rng):
    values, numbers = rng.standard_normal(size).astype(dtype), rng.integers(0, size, p)
    for integers in (np.int32, np.int64):
        fast = product(backend, "take", values, numbers.astype(integers))
        assert fast.dtype == dtype
        assert (fast == reference.take(values, numbers)).all()


def signed(shape, rng):
    return rng.integers(-1, 2, shape) * rng.random(shape)  # a third are 0


def positive(shape, rng):
    return rng.choice([0.1, 0.3, 1.9, 2], shape)  # as steps of RProp, some are about to leave [0.1, 2]


TURNS = [(forget, undo) for forget in (False, True) for undo in (False, True)]
UPDATES = [  # the kernel, what its state may be, and its numbers
    *(("rprop", (signed, positive), (1.2, 0.5, 0.1, 2.0, *turn)) for turn in TURNS),
    ("sgd", (signed,), (0.5, 0.9)),
    ("rmsprop", (positive,), (0.5, 0.9, 0.1)),
    ("adam", (signed, positive), (0.5, 0.9, 0.99, 0.1, 0.19, 0.0199)),
]
every_update = pytest.mark.parametrize(
    "kernel, state, numbers", UPDATES, ids=[f"{kernel}{numbers}" for kernel, _, numbers in UPDATES]
)


@fast_backends
@both_precisions
@every_update
@given(shape=st.sampled_from([(1,), (7,), (5, 3), (0,), (13, 41)]), rng=GENERATORS)
def test_an_update_agrees_with_its_twin(backend, dtype, kernel, state, numbers, shape, rng):
    arrays = [draw(shape, rng).astype(dtype) for draw in (signed, signed, *state)]
    fast, slow = (updated(name, kernel, arrays, numbers) for name in (backend, "reference"))
    for ours, twin in zip(fast, slow, strict=True):
        assert_agree(ours, twin, 1 + np.abs(twin), dtype)


@fast_backends
@both_precisions
@given(shape=st.sampled_from([(1,), (7,), (5, 3), (0,), (13, 41), (70, 33)]), rng=GENERATORS, l2=st.floats(0, 9))
def test_the_penalty_agrees_with_its_twin(backend, dtype, shape, rng, l2):
    w, g = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    results = {}
    for name in (backend, "reference"):
        arrays = put((w.copy(), g.copy()), name)
        penalty = get_backend(name).add_l2(*arrays, l2)
        assert penalty.dtype == dtype
        results[name] = *fetch(arrays), fetch(penalty)
    for ours, twin in zip(results[backend], results["reference"], strict=True):
        assert_agree(ours, twin, 1 + np.abs(twin), dtype)


SHARES = {  # of each row, that is observed
    "ever longer rows": np.linspace(0, 1, 300),
    "five rows hold most cells": np.where(np.arange(300) % 60 == 50, 1, 0.005),
}
every_share = pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
every_part = pytest.mark.parametrize("part", [10, 1000])


def bits(backend, share, part):
    """What the kernels make of arrays that are large enough to be shared out."""
    rng = np.random.default_rng(0)
    R = from_dense(rng.standard_normal((300, 200)), rng.random((300, 200)) < share[:, np.newaxis])
    H, W = rng.standard_normal((300, 7)), rng.standard_normal((200, 7))
    indptr, cols, values = arguments(R)
    with cut(backend, part, W):
        results = [product(backend, "spmm", indptr, cols, values, W), product(backend, "sddmm", indptr, cols, H, W)]
    for kernel, state, numbers in UPDATES:
        arrays = [draw(W.shape, rng) for draw in (signed, signed, *state)]
        results.extend(updated(backend, kernel, arrays, numbers))
    g = put(W.copy(), backend)
    results.append(np.asarray(fetch(get_backend(backend).add_l2(put(W, backend), g, 0.7))))
    results.append(fetch(g))
    return b"".join(array.tobytes() for array in results)


@contextmanager
def threads(cpu, number):
    before = cpu.THREADS
    cpu.use_threads(number)
    try:
        yield
    finally:
        cpu.use_threads(before)


@every_share
@every_part
def test_bits_do_not_depend_on_the_number_of_threads(cpu, share, part):
    runs = set()
    for number in (1, 2, 4):
        with threads(cpu, number):
            runs.add(bits("numpy", share, part))
    assert len(runs) == 1


@fast_backends
@every_share
@every_part
def test_the_same_call_gives_the_same_bits_again(backend, share, part):
    assert bits(backend, share, part) == bits(backend, share, part)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_seen_in_the_product(backend, poison):
    indptr, cols, clean = np.array([0, 5, 6]), np.array([0, 1, 2, 3, 4, 0], np.int32), np.ones((5, 3))
    dirty = clean.copy()
    dirty[2, 1] = poison
    values = np.where(np.arange(6) == 3, poison, 1.0)
    of_dirty_rows = product(backend, "spmm", indptr, cols, np.ones(6), dirty)
    of_dirty_values = product(backend, "spmm", indptr, cols, values, clean)
    at_cells = product(backend, "sddmm", indptr, cols, clean[:2], dirty)
    assert np.isfinite(of_dirty_rows).tolist() == [[True, False, True], [True] * 3]
    assert np.isfinite(of_dirty_values).tolist() == [[False] * 3, [True] * 3]
    assert np.isfinite(at_cells).tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_seen_in_the_penalty(backend, poison):
    penalty = get_backend(backend).add_l2(*put((np.array([1.0, poison, 1.0]), np.zeros(3)), backend), 2.0)
    assert not np.isfinite(fetch(penalty))


@every_update
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_seen_in_its_weight(backend, kernel, state, numbers, poison):
    w, g, state = np.ones(3), np.array([1, poison, 1]), [np.ones(3) for _ in state]
    with np.errstate(invalid="ignore"):
        w, *_ = updated(backend, kernel, (w, g, *state), numbers)
    has_a_sign = kernel == "rprop" and poison == np.inf  # and RProp wants no more
    assert np.isfinite(w).tolist() == [True, has_a_sign, True]


def succeed_in_child():
    bits("numpy", SHARES["ever longer rows"], part=1000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_can_use_the_kernels_after_its_parent_did(cpu):
    succeed_in_child()
    child = multiprocessing.get_context("fork").Process(target=succeed_in_child, daemon=True)
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
    monkeypatch.setitem(sys.modules, "cupy", None)  # which "auto" would take
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


NO_CUPY = {
    "absent": None,
    "broken": "raise OSError('libcuda.so.1: wrong ELF class\\nand so on')",
    "without a card": "from types import SimpleNamespace\ncuda = SimpleNamespace(is_available=lambda: False)",
}


@pytest.fixture(params=NO_CUPY.values(), ids=NO_CUPY)
def without_cupy(request, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "tinyrec.backend.gpu", raising=False)
    if request.param is None:
        monkeypatch.setitem(sys.modules, "cupy", None)
    else:
        (tmp_path / "cupy.py").write_text(request.param)
        monkeypatch.delitem(sys.modules, "cupy", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
    get_backend.cache_clear()
    yield
    sys.modules.pop("cupy", None)
    get_backend.cache_clear()


def test_without_a_working_cupy_one_line_says_what_to_install(without_cupy):
    with pytest.raises(BackendError) as problem:
        get_backend("cupy")
    assert problem.value.exit_code == 4
    assert re.fullmatch(r"CuPy cannot be used here \(.+\); .*cuda12.*cuda13.*", str(problem.value))


def test_without_a_working_cupy_auto_is_numpy_and_silent(without_cupy, cpu, capsys):
    assert get_backend("auto") == get_backend("numpy") != get_backend("reference")
    assert capsys.readouterr() == ("", "")


def test_auto_is_cupy_where_it_works(run_python):
    code = "from tinyrec.backend import get_backend; print(get_backend('auto').name)"
    assert run_python(code, PYTHONPATH=fake_cupy.FOLDER) == "cupy\n"


def test_what_predicts_wakes_no_card(run_python):
    code = "import sys; from tinyrec.backend import on_host; print(on_host('auto'), 'cupy' in sys.modules)"
    assert run_python(code, PYTHONPATH=fake_cupy.FOLDER) == "numpy False\n"


def test_an_unknown_backend_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="unknown backend 'cupid'; choose one of reference, numpy, cupy or auto"):
        get_backend("cupid")


TRAIN = """
import numpy as np
from tinyrec.models import AutoRec
from tinyrec.optim import RProp
from tinyrec.sparse import Ratings
from tinyrec.training.loop import fit
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
