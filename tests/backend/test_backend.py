"""Each fast kernel against the reference, bitwise reproducibility, NaN, and how a backend is chosen."""

import importlib.util
import inspect
import multiprocessing
import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrec
from tests import fake_cupy
from tests.strategies import GENERATORS, GPU, fast_backends, fetch, from_dense, put, wide_matrices
from tinyrec.backend import MODULES, get_backend, reference, tanh
from tinyrec.errors import BackendError, UsageError
from tinyrec.nn.activations import logistic, logistic_backward, tanh_backward
from tinyrec.sparse import Ratings

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
ONE_CELL, NO_CELL = (Ratings.from_cells(cells, cells, np.ones(len(cells)), (1, 1)) for cells in ([0], []))
WIDTHS = st.sampled_from([1, 2, 3, 4, 5, 9, 32, 33, 70, 132])  # each width of a read; up to five warps and three blocks
CHUNKS = st.integers(1, 50)

both_precisions = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(scope="session")
def cpu():
    return pytest.importorskip("tinyrec.backend.cpu")


@pytest.fixture(autouse=True, scope="module")
def in_threads():
    """Small arrays, too, are split among the threads of the CPU."""
    with pytest.MonkeyPatch.context() as patch:
        if importlib.util.find_spec("numba"):
            patch.setattr("tinyrec.backend.cpu.SMALL", 0)
        yield


@contextmanager
def small_chunks(backend, chunk, X):
    """Make the kernels split small inputs: into blocks of `chunk` rows of X (CPU), or chunks of so many steps (GPU)."""
    kernels = pytest.importorskip(f"tinyrec.backend.{MODULES[backend]}")
    with pytest.MonkeyPatch.context() as patch:
        if backend == "numpy":
            patch.setattr(kernels, "MAX_BYTES", chunk * X.itemsize * X.shape[1])
        else:
            patch.setattr(kernels, "MIN_STEPS", chunk)
        yield


def product(backend, kernel, *arrays):
    return fetch(getattr(get_backend(backend), kernel)(*put(arrays, backend)))


def updated(backend, kernel, tuples, constants):
    """Copies of the arrays in the tuples after the update."""
    tuples = [put(tuple(array.copy() for array in arrays), backend) for arrays in tuples]
    getattr(get_backend(backend), kernel)(tuples, *constants)
    return [array for arrays in tuples for array in fetch(arrays)]


def arguments(R):
    """The CSR arrays that the kernels take."""
    return R.pattern.indptr, R.cols, R.values


def assert_close(actual, expected, scale, dtype):
    """Equal up to rounding, which is proportional to `scale`, for a sum: the sum of the absolute values."""
    assert actual.dtype == expected.dtype == dtype
    assert (np.abs(actual - expected) <= TOLERANCE[dtype] * scale).all()


@fast_backends
@both_precisions
@given(R=wide_matrices(), k=WIDTHS, chunk=CHUNKS, rng=GENERATORS)
@example(R=ONE_CELL, k=1, chunk=1, rng=np.random.default_rng(0))
@example(R=NO_CELL, k=1, chunk=1, rng=np.random.default_rng(0))
def test_spmm_matches_the_reference(backend, dtype, R, k, chunk, rng):
    indptr, cols, values = arguments(R.to("reference", dtype))
    X = rng.standard_normal((R.shape[1], k)).astype(dtype)
    scale = reference.spmm(indptr, cols, np.abs(values), np.abs(X))
    with small_chunks(backend, chunk, X):
        actual = product(backend, "spmm", indptr, cols, values, X)
    assert_close(actual, reference.spmm(indptr, cols, values, X), scale, dtype)


@fast_backends
def test_spmm_of_a_matrix_without_columns_is_zero(backend):
    garbage = np.full((3, 4), np.nan)  # np.empty may return this freed memory
    del garbage
    assert (product(backend, "spmm", np.zeros(4, np.int64), *np.zeros((2, 0), np.int32), np.zeros((0, 4))) == 0).all()


@fast_backends
@both_precisions
@given(R=wide_matrices(), k=WIDTHS, chunk=CHUNKS, rng=GENERATORS)
@example(R=ONE_CELL, k=1, chunk=1, rng=np.random.default_rng(0))
@example(R=NO_CELL, k=1, chunk=1, rng=np.random.default_rng(0))
def test_sddmm_matches_the_reference(backend, dtype, R, k, chunk, rng):
    indptr, cols, _ = arguments(R)
    H, W = (rng.standard_normal((length, k)).astype(dtype) for length in R.shape)
    scale = reference.sddmm(indptr, cols, np.abs(H), np.abs(W))
    with small_chunks(backend, chunk, W):
        actual = product(backend, "sddmm", indptr, cols, H, W)
    assert_close(actual, reference.sddmm(indptr, cols, H, W), scale, dtype)


@fast_backends
def test_rows_of_more_cells_than_a_chunk_has_are_right(backend):
    rng = np.random.default_rng(0)
    indptr, cols = np.array([0, 0, 5000, 5001, 5001]), np.append(np.arange(5000), 7).astype(np.int32)
    values, X, H = rng.standard_normal(5001), rng.standard_normal((5000, 2)), rng.standard_normal((4, 2))
    for k in (1, 2):
        expected = reference.spmm(indptr, cols, values, X[:, :k].copy())
        np.testing.assert_allclose(product(backend, "spmm", indptr, cols, values, X[:, :k].copy()), expected, rtol=1e-9)
    expected = reference.sddmm(indptr, cols, H, X)
    np.testing.assert_allclose(product(backend, "sddmm", indptr, cols, H, X), expected, rtol=1e-9)


@fast_backends
@both_precisions
@given(sizes=st.lists(st.integers(0, 2000), min_size=1, max_size=10), rng=GENERATORS)
def test_sums_match_the_reference(backend, dtype, sizes, rng):
    arrays = [rng.standard_normal(size).astype(dtype) for size in sizes] + [np.array(2.5, dtype)]
    arrays += [rng.standard_normal((30, 40)).astype(dtype)]
    actual, expected = get_backend(backend).sums(list(put(tuple(arrays), backend)))(), reference.sums(arrays)()
    assert isinstance(actual, np.ndarray) and actual.dtype == np.float64
    scale = np.array([np.abs(x).sum() for x in arrays])
    assert (np.abs(actual - expected) <= TOLERANCE[dtype] * scale).all()


@fast_backends
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_sums_over_many_blocks_are_right_and_the_same_each_time(backend, dtype):
    x = np.random.default_rng(1).standard_normal(600_000).astype(dtype)  # more than the blocks have threads
    actual, again = (get_backend(backend).sums([put(x, backend)])()[0] for _ in range(2))
    assert actual == again == pytest.approx(x.sum(dtype=np.float64), abs=TOLERANCE[dtype] * float(np.abs(x).sum()))


@fast_backends
@given(
    shapes=st.lists(st.sampled_from([0, 1, 2, 7, 64, 999, 20_001, (3, 5), (40, 200)]), max_size=5), seed=st.integers(0)
)
def test_each_backend_draws_the_same_random_numbers(backend, shapes, seed):
    ours, numpys = np.random.default_rng(seed), np.random.default_rng(seed)
    for shape in shapes:
        drawn = fetch(get_backend(backend).uniform(ours, shape))
        np.testing.assert_array_equal(drawn, numpys.random(shape, dtype=np.float32), strict=True)
        assert known(ours) == known(numpys)


def known(rng):
    """What the next draws depend on."""
    state = rng.bit_generator.state
    return state["state"], state["has_uint32"] and state["uinteger"]


@pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
@both_precisions
@pytest.mark.parametrize("function", [logistic, logistic_backward, tanh_backward])
@given(shape=st.sampled_from([(), (1,), (7,), (5, 3), (0, 4), (13, 41)]), rng=GENERATORS)
def test_an_activation_on_a_gpu_is_what_numpy_computes(backend, dtype, function, shape, rng):
    arrays = [rng.normal(0, 3, shape).astype(dtype) for _ in inspect.signature(function).parameters]
    expected, actual = function(*arrays), fetch(function(*put(tuple(arrays), backend)))
    assert_close(actual, expected, 1 + sum(np.abs(x) ** 3 for x in arrays), dtype)


@pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
def test_an_activation_on_a_gpu_is_computed_without_a_kernel_where_there_is_none(backend):
    dY, Y = np.ones((3, 1)), np.full((3, 2), 0.5)
    np.testing.assert_array_equal(fetch(tanh_backward(*put((dY, Y), backend))), tanh_backward(dY, Y))
    np.testing.assert_array_equal(fetch(logistic_backward(*put((Y, Y), backend))), logistic_backward(Y, Y))


@pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
def test_arrays_of_two_dtypes_are_updated_each_in_its_own(backend):
    arrays = [[np.ones(3, dtype) for _ in range(3)] for dtype in (np.float32, np.float64, np.float32)]
    updates = (updated(name, "sgd", arrays, (0.5, 0.9)) for name in (backend, "reference"))
    for actual, expected in zip(*updates, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
        assert actual.dtype == expected.dtype


@pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
def test_a_matrix_that_begins_between_two_reads_is_read_one_by_one(backend):
    S, X = from_dense(np.ones((2, 1)), np.ones((2, 1), bool)).to(backend), put(np.arange(1.0, 8).reshape(1, 7), backend)
    np.testing.assert_array_equal(fetch(S @ X[:, 3:]), [[4, 5, 6, 7]] * 2)
    np.testing.assert_array_equal(fetch(S.sampled(put(np.ones((2, 4)), backend), X[:, 3:])), [22, 22])


@pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
def test_an_activation_on_a_gpu_passes_nan_on_and_does_not_overflow(backend):
    x = np.array([np.nan, -np.inf, -1e30, 0, 1e30, np.inf], np.float32)
    np.testing.assert_array_equal(fetch(logistic(put(x, backend))), [np.nan, 0, 0, 0.5, 1, 1])


@fast_backends
def test_a_generator_of_another_kind_draws_on_the_host(backend):
    ours, others = (np.random.Generator(np.random.Philox(3)) for _ in range(2))
    np.testing.assert_array_equal(fetch(get_backend(backend).uniform(ours, 5)), others.random(5, dtype=np.float32))


@fast_backends
@both_precisions
@given(size=st.integers(1, 90), p=st.integers(0, 200), rng=GENERATORS)
def test_take_matches_the_reference(backend, dtype, size, p, rng):
    values, indices = rng.standard_normal(size).astype(dtype), rng.integers(0, size, p)
    for integers in (np.int32, np.int64):
        actual = product(backend, "take", values, indices.astype(integers))
        assert actual.dtype == dtype
        assert (actual == reference.take(values, indices)).all()


def signed(shape, rng):
    return rng.integers(-1, 2, shape) * rng.random(shape)  # about a third are 0


def positive(shape, rng):
    return rng.choice([0.1, 0.3, 1.9, 2], shape)  # as RProp steps, some are at or near the limits 0.1 and 2


SHAPES = st.lists(st.sampled_from([(1,), (7,), (5, 3), (0,), (13, 41)]), max_size=10)  # a GPU takes 8 in a launch
FLAGS = [(forget, undo) for forget in (False, True) for undo in (False, True)]
UPDATES = [  # (kernel, functions that draw its state, its constants)
    *(("rprop", (signed, positive), (1.2, 0.5, 0.1, 2.0, *flags)) for flags in FLAGS),
    ("sgd", (signed,), (0.5, 0.9)),
    ("rmsprop", (positive,), (0.5, 0.9, 0.1)),
    ("adam", (signed, positive), (0.5, 0.9, 0.99, 0.1, 0.19, 0.0199)),
]
every_update = pytest.mark.parametrize(
    "kernel, state, constants", UPDATES, ids=[f"{kernel}{constants}" for kernel, _, constants in UPDATES]
)


@fast_backends
@both_precisions
@every_update
@given(shapes=SHAPES, rng=GENERATORS)
def test_an_update_matches_the_reference(backend, dtype, kernel, state, constants, shapes, rng):
    tuples = [[draw(shape, rng).astype(dtype) for draw in (signed, signed, *state)] for shape in shapes]
    results = (updated(name, kernel, tuples, constants) for name in (backend, "reference"))
    for actual, expected in zip(*results, strict=True):
        assert_close(actual, expected, 1 + np.abs(expected), dtype)


@fast_backends
@both_precisions
@given(shapes=SHAPES.filter(len), rng=GENERATORS, l2=st.floats(0, 9))
def test_the_l2_penalty_matches_the_reference(backend, dtype, shapes, rng, l2):
    pairs = [[rng.standard_normal(shape).astype(dtype) for _ in range(2)] for shape in shapes]
    results = {}
    for name in (backend, "reference"):
        arrays = [put((w.copy(), g.copy()), name) for w, g in pairs]
        penalty = get_backend(name).add_l2(arrays, l2)
        assert penalty.dtype == dtype
        results[name] = [*(g for _, g in map(fetch, arrays)), fetch(penalty)]
    for actual, expected in zip(results[backend], results["reference"], strict=True):
        assert_close(actual, expected, 1 + np.abs(expected), dtype)


DENSITIES = {  # the fraction of each row that is observed
    "rows of increasing length": np.linspace(0, 1, 300),
    "five rows hold most cells": np.where(np.arange(300) % 60 == 50, 1, 0.005),
}
every_density = pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
every_chunk = pytest.mark.parametrize("chunk", [10, 1000])


def bits(backend, density, chunk):
    """The results of all kernels, as bytes, for arrays large enough for several threads or blocks."""
    rng = np.random.default_rng(0)
    R = from_dense(rng.standard_normal((300, 200)), rng.random((300, 200)) < density[:, np.newaxis])
    H, W = rng.standard_normal((300, 7)), rng.standard_normal((200, 7))
    indptr, cols, values = arguments(R)
    with small_chunks(backend, chunk, W):
        results = [product(backend, "spmm", indptr, cols, values, W), product(backend, "sddmm", indptr, cols, H, W)]
    for kernel, state, constants in UPDATES:
        arrays = [draw(W.shape, rng) for draw in (signed, signed, *state)]
        results.extend(updated(backend, kernel, [arrays], constants))
    g = put(W.copy(), backend)
    results.append(np.asarray(fetch(get_backend(backend).add_l2([(put(W, backend), g)], 0.7))))
    results.append(fetch(g))
    results.append(product(backend, "take", values, cols))
    if backend == "numpy":
        results.append(tanh(H))
    return b"".join(array.tobytes() for array in results)


@contextmanager
def threads(cpu, number):
    before = cpu.THREADS
    cpu.use_threads(number)
    try:
        yield
    finally:
        cpu.use_threads(before)


@every_density
@every_chunk
def test_results_are_bitwise_identical_for_any_number_of_threads(cpu, density, chunk):
    runs = set()
    for number in (1, 2, 4):
        with threads(cpu, number):
            runs.add(bits("numpy", density, chunk))
    assert len(runs) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("order", ["C", "F"])
def test_tanh_in_threads_is_that_of_numpy(cpu, dtype, order):
    rng = np.random.default_rng(0)
    for shape in ((), (0, 3), (7,), (301, 199)):
        X = np.asarray(rng.standard_normal(shape), dtype, order=order)
        Y = tanh(X)
        np.testing.assert_array_equal(Y, np.tanh(X))
        assert (Y.shape, Y.dtype) == (X.shape, X.dtype)


def test_small_work_is_not_handed_to_threads(cpu, monkeypatch):
    monkeypatch.setattr(cpu, "SMALL", 1000)
    indptr = np.arange(0, 101, 10)
    with threads(cpu, 2):
        assert [len(cpu._equal_parts(size)) for size in (999, 1000)] == [2, 7]
        assert [len(cpu._equal_cells(indptr, width)) for width in (9, 10)] == [2, 7]


def test_a_thread_that_has_not_begun_is_not_waited_for(cpu):
    gate, done = Event(), []
    with threads(cpu, 2):
        busy = cpu._pool().submit(gate.wait), cpu._pool().submit(gate.wait)
        cpu.run_in_threads([0, 1, 2, 3], lambda start, stop: done.append((start, stop)))
        assert done == [(0, 1), (1, 2), (2, 3)] and not any(each.done() for each in busy)
        gate.set()


@fast_backends
@every_density
@every_chunk
def test_results_are_bitwise_reproducible(backend, density, chunk):
    assert bits(backend, density, chunk) == bits(backend, density, chunk)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_propagate_to_the_products(backend, bad):
    indptr, cols, finite = np.array([0, 5, 6]), np.array([0, 1, 2, 3, 4, 0], np.int32), np.ones((5, 3))
    nonfinite = finite.copy()
    nonfinite[2, 1] = bad
    values = np.where(np.arange(6) == 3, bad, 1.0)
    from_X = product(backend, "spmm", indptr, cols, np.ones(6), nonfinite)
    from_values = product(backend, "spmm", indptr, cols, values, finite)
    at_cells = product(backend, "sddmm", indptr, cols, finite[:2], nonfinite)
    assert np.isfinite(from_X).tolist() == [[True, False, True], [True] * 3]
    assert np.isfinite(from_values).tolist() == [[False] * 3, [True] * 3]
    assert np.isfinite(at_cells).tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_in_a_weight_propagate_to_the_l2_penalty(backend, bad):
    penalty = get_backend(backend).add_l2([put((np.array([1.0, bad, 1.0]), np.zeros(3)), backend)], 2.0)
    assert not np.isfinite(fetch(penalty))


@every_update
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_in_a_gradient_propagate_to_its_weight(backend, kernel, state, constants, bad):
    w, g, state = np.ones(3), np.array([1, bad, 1]), [np.ones(3) for _ in state]
    with np.errstate(invalid="ignore"):
        w, *_ = updated(backend, kernel, [(w, g, *state)], constants)
    has_a_sign = kernel == "rprop" and bad == np.inf  # RProp uses only the sign
    assert np.isfinite(w).tolist() == [True, has_a_sign, True]


def run_kernels():
    bits("numpy", DENSITIES["rows of increasing length"], chunk=1000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_the_kernels_work_in_a_forked_child_after_use_in_the_parent(cpu):
    run_kernels()
    child = multiprocessing.get_context("fork").Process(target=run_kernels, daemon=True)
    child.start()
    child.join(timeout=600)
    assert child.exitcode == 0


class BrokenNumba:
    """The first finder in sys.meta_path; raises OSError, as a library built for another machine may do."""

    def find_spec(self, name, *_):
        if name == "numba":
            raise OSError("libllvmlite.so: wrong ELF class")


@pytest.fixture(params=["not installed", "broken"])
def without_numba(request, monkeypatch):
    monkeypatch.delitem(sys.modules, "tinyrec.backend.cpu", raising=False)
    monkeypatch.setitem(sys.modules, "cupy", None)  # "auto" would prefer it
    if request.param == "not installed":
        monkeypatch.setitem(sys.modules, "numba", None)
    else:
        monkeypatch.delitem(sys.modules, "numba", raising=False)
        monkeypatch.setattr(sys, "meta_path", [BrokenNumba(), *sys.meta_path])
    get_backend.cache_clear()
    yield
    get_backend.cache_clear()


@pytest.mark.parametrize("name", ["numpy", "auto"])
def test_without_numba_the_reference_is_used_with_one_line_of_warning(without_numba, name, capsys):
    assert get_backend(name).spmm is get_backend(name).spmm is reference.spmm
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinyrec: numba cannot be used (")


def test_the_reference_needs_no_numba_and_prints_nothing(without_numba, capsys):
    assert get_backend("reference").spmm is reference.spmm
    assert capsys.readouterr().err == ""


NO_CUPY = {
    "not installed": None,
    "broken": "raise OSError('libcuda.so.1: wrong ELF class\\nand so on')",
    "without a GPU": "from types import SimpleNamespace\ncuda = SimpleNamespace(is_available=lambda: False)",
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


def test_without_a_working_cupy_the_error_says_what_to_install(without_cupy):
    with pytest.raises(BackendError) as problem:
        get_backend("cupy")
    assert problem.value.exit_code == 4
    assert re.fullmatch(r"CuPy cannot be used here \(.+\); .*cuda12.*cuda13.*", str(problem.value))


def test_without_a_working_cupy_auto_is_numpy_and_prints_nothing(without_cupy, cpu, capsys):
    assert get_backend("auto") == get_backend("numpy") != get_backend("reference")
    assert capsys.readouterr() == ("", "")


def test_auto_is_cupy_where_it_works(run_python):
    code = "from tinyrec.backend import get_backend; print(get_backend('auto').name)"
    assert run_python(code, PYTHONPATH=fake_cupy.FOLDER) == "cupy\n"


def test_prediction_does_not_import_cupy(run_python):
    code = "import sys; from tinyrec.backend import host_backend; print(host_backend('auto'), 'cupy' in sys.modules)"
    assert run_python(code, PYTHONPATH=fake_cupy.FOLDER) == "numpy False\n"


def test_an_unknown_backend_raises_with_the_choices():
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
    """The output of TRAIN, which uses the sparse kernels and RProp, in the default environment."""
    printed = run_python(TRAIN)
    assert printed.count("numpy ") == 3
    return printed


def test_the_kernels_run_uncompiled_for_a_debugger(cpu, run_python, trained):
    assert run_python(TRAIN, NUMBA_DISABLE_JIT="1") == trained
    kernel_type = "from tinyrec.backend import cpu; print(type(cpu._spmm_rows).__name__)"
    assert run_python(kernel_type, NUMBA_DISABLE_JIT="1") == "function\n"


def test_a_cache_that_is_not_writable_is_no_error(cpu, run_python, trained, tmp_path):
    package = tmp_path / "tinyrec"
    shutil.copytree(Path(tinyrec.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "backend" / "__pycache__").write_text("a file where numba needs a directory")
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "NUMBA_CACHE_DIR": ""}
    assert run_python(TRAIN, folder=tmp_path, **nowhere) == trained
