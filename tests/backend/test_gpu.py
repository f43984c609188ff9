"""Training end to end on the GPU: the same numbers as the reference, and no unexpected copies or synchronization.

Without a GPU, on the fake CuPy, which counts copies and can run the kernels under sanitizers.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import tinyrec as tr
from tests import fake_cupy
from tests.strategies import GPU, fetch, from_dense, leaves
from tinyrec.backend import get_backend
from tinyrec.data import Features
from tinyrec.models import CFN, NCAE, AutoRec, DeepAutoRec, ImplicitNCAE
from tinyrec.nn import ACTIVATIONS
from tinyrec.optim import LBFGS, SGD, Adam, RMSprop, RProp
from tinyrec.training.loop import begin, fit

ROOT = Path(tr.__file__).parents[1]
MODEL = AutoRec(hidden_units=4, l2=0.1)
DATA = tr.make_synthetic(60, 40, 900, seed=3)
OPTIMIZERS = {
    "rprop-": (RProp("rprop-"), None),
    "irprop-": (RProp("irprop-"), None),
    "irprop+": (RProp("irprop+"), None),
    "lbfgs": (LBFGS(iterations=1), None),
    "sgd": (SGD(), 7),
    "rmsprop": (RMSprop(0.01), 7),
    "adam": (Adam(0.01), 7),
}

on_gpu = pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
on_fake = pytest.mark.parametrize("backend", ["cupy"], indirect=True)
needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="the fake CuPy needs g++")
every_optimizer = pytest.mark.parametrize("optimizer, batch_size", OPTIMIZERS.values(), ids=OPTIMIZERS)


def low_rank():
    """A (40, 30) matrix of rank 2 whose rows range from unobserved to fully observed."""
    rng = np.random.default_rng(0)
    r = 3 + rng.standard_normal((40, 2)) @ rng.standard_normal((2, 30))
    return from_dense(r, rng.random(r.shape) < np.linspace(0, 1, 40)[:, np.newaxis])


R = low_rank()


def last(epochs):
    *_, epoch = epochs
    return epoch


def assert_same_params(backend, model, R, optimizer, batch_size):
    actual, expected = (
        fetch(last(fit(model, R.to(name), optimizer, epochs=20, batch_size=batch_size)).params)
        for name in (backend, "reference")
    )
    for name, w in actual.items():
        np.testing.assert_allclose(w, expected[name], rtol=0, atol=1e-12 * np.abs(expected[name]).max())


@on_gpu
@every_optimizer
@pytest.mark.parametrize("rows", ["items", "users"])
def test_each_optimizer_matches_the_reference(backend, rows, optimizer, batch_size):
    assert_same_params(backend, MODEL, R.T if rows == "items" else R, optimizer, batch_size)


@on_gpu
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("center", [False, True])
def test_each_activation_matches_the_reference(backend, activation, center):
    assert_same_params(backend, replace(MODEL, activation=activation, center=center), R, Adam(0.01), 7)


def copies(backend, epochs):
    """The numbers of copies to the host and to the GPU in the next epoch."""
    counts = get_backend(backend).xp.fake_counts
    counts.reset()
    next(epochs)
    return counts.to_host, counts.to_device


@on_fake
def test_an_epoch_of_rprop_copies_once_to_the_host_and_never_to_the_gpu(backend):
    S = R.to(backend)
    epochs = fit(MODEL, S, RProp(), epochs=2, start=begin(MODEL, S, RProp()))
    assert [copies(backend, epochs) for _ in range(2)] == [(1, 0), (1, 0)]


@on_fake
@pytest.mark.parametrize("optimizer", [SGD(), RMSprop(), Adam()], ids=repr)
@pytest.mark.parametrize("dropout", [0, 0.3])
def test_a_step_on_a_batch_copies_once_to_the_host_and_never_to_the_gpu(backend, optimizer, dropout):
    """An epoch begins with one copy to the GPU, the order of the rows, and two of sizes to the host."""
    S, model = R.to(backend), replace(MODEL, dropout=dropout)
    epochs = fit(model, S, optimizer, epochs=2, batch_size=10, start=begin(model, S, optimizer))
    assert [copies(backend, epochs) for _ in range(2)] == [(2 + 4, 1), (2 + 4, 1)]


@on_gpu
@every_optimizer
def test_float32_stays_float32_on_the_gpu(backend, optimizer, batch_size):
    S, ndarray = R.to(backend, np.float32), get_backend(backend).xp.ndarray
    epoch = last(fit(MODEL, S, optimizer, epochs=2, batch_size=batch_size))
    _, grads = MODEL.loss_and_grads(epoch.params, S)
    arrays = [*epoch.params.values(), *grads.values()]
    arrays += [value for value in leaves(epoch.state) if not isinstance(value, int | float)]
    assert {(type(array), array.dtype) for array in arrays} == {(ndarray, np.dtype(np.float32))}


@on_gpu
@pytest.mark.parametrize("by", ["item", "user"])
def test_a_model_trained_on_the_gpu_predicts_saves_and_loads_on_the_host(backend, by, tmp_path):
    model, users, items = AutoRec(by=by, hidden_units=3, l2=4.0), [1, 2, 60], [40, 2, 1]
    recommender, expected = (model.fit(DATA, epochs=5, backend=name) for name in (backend, "reference"))
    assert {type(w) for w in recommender.params.values()} == {np.ndarray}
    y = recommender.predict(users, items)
    np.testing.assert_allclose(y, expected.predict(users, items), atol=1e-4)
    recommender.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(tr.load(tmp_path / "model.npz").predict(users, items), y)


@on_gpu
@pytest.mark.parametrize(
    "model",
    [
        DeepAutoRec(hidden_units=(4, 3, 4), l2=1.0, pretrain=2, dropout=0.3),
        CFN(hidden_units=(4, 3), l2=1.0, noise=0.1),
        NCAE(hidden_units=(4, 3), l2=0.01, pretrain_epochs=2),
        ImplicitNCAE(hidden_units=4, augment_below=0.4),
        ImplicitNCAE(hidden_units=4, output="identity"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_model_matches_the_reference(backend, model):
    features = Features.of({"kind": ["ab"[i % 2] for i in range(len(DATA.items))]})
    data = DATA.binarized() if model.implicit else DATA.with_features(items=features if model.reads_features else None)
    options = {"epochs": 3, "optimizer": Adam(0.01), "batch_size": 16, "seed": 1}
    recommenders = (model.fit(data, backend=name, **options) for name in (backend, "reference"))
    users, items = np.indices(data.ratings.shape).reshape(2, -1)
    actual, expected = (recommender.predict_cells(users, items) for recommender in recommenders)
    np.testing.assert_allclose(actual, expected, atol=2e-3)


@on_gpu
def test_model_selection_matches_the_reference(backend):
    model = AutoRec(hidden_units=3)
    results = [model.fit(DATA, epochs=25, backend=name).info["trials"] for name in (backend, "reference")]
    assert len(results[0]) == 2
    for actual, expected in zip(*results, strict=True):
        assert actual["settings"] == expected["settings"]
        assert actual["valid_rmse"] == pytest.approx(expected["valid_rmse"], abs=1e-4)


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """The path of DATA as a CSV file."""
    cells, path = DATA.ratings, tmp_path_factory.mktemp("data") / "ratings.csv"
    lines = (f"u{u},i{i},{r:g}\n" for u, i, r in zip(cells.rows, cells.cols, cells.values, strict=True))
    path.write_text("user,item,rating\n" + "".join(lines))
    return path


def train(ratings, backend, folder):
    """Train on the command line, in a process that imports cupy from this folder."""
    small = ["--set", "hidden_units=4", "--set", "l2=5", "--epochs", "5", "--json", "-"]
    command = [sys.executable, "-m", "tinyrec", "train", "--dataset", ratings, "--backend", backend, *small]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


@needs_compiler
def test_the_command_line_trains_on_the_gpu(ratings):
    actual, expected = (json.loads(train(ratings, name, fake_cupy.FOLDER).stdout) for name in ("cupy", "reference"))
    assert actual["backend"] == "cupy"
    assert actual["test_rmse"] == pytest.approx(expected["test_rmse"], abs=1e-3)


def test_without_cupy_the_command_line_prints_one_line_and_exits_with_4(ratings, tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('not installed')")
    done = train(ratings, "cupy", tmp_path)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (4, "")
    assert "CuPy cannot be used here (not installed)" in line


SANITIZED = """
from tests.backend.test_gpu import *
from tinyrec.backend import gpu
names, kernel_of = set(), gpu._kernel
gpu._kernel = lambda name, *rest: names.add(name) or kernel_of(name, *rest)
for units in 3, 70, 132:  # 1, 2 and 4 columns a thread; up to three blocks in spmm, five passes of a warp in sddmm
    for optimizer, batch_size in OPTIMIZERS.values():
        g = "tanh" if units == 70 else "sigmoid"
        model = replace(MODEL, hidden_units=units, activation=g, dropout=0 if optimizer.full_batch else 0.3)
        for epoch in fit(model, R.to("cupy"), optimizer, epochs=2, batch_size=batch_size):
            print(epoch.loss)
print(len(names))
"""


def test_sanitizers_find_no_error_in_any_kernel(run_python, sanitizers):
    """They abort the process at the first invalid address, integer overflow or invalid shift."""
    sanitized = run_python(SANITIZED, PYTHONPATH=fake_cupy.FOLDER, **sanitizers)
    assert sanitized == run_python(SANITIZED, PYTHONPATH=fake_cupy.FOLDER)
    kernels = (resources.files("tinyrec.backend") / "kernels.cu").read_text(encoding="utf-8")
    assert int(sanitized.splitlines()[-1]) == kernels.count("__global__")
