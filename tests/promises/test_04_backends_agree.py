"""Backends agree.

NumPy, numba and the CUDA kernels, which are compiled for the CPU where there is no GPU, agree in their products to
1e-12 in float64 and 1e-6 in float32, relative. After 50 epochs of AutoRec on synthetic data, in float32, the RMSE
differs by 0.0001 at most.
"""

import numpy as np
import pytest

import tinyrec as tr
from tests.conftest import load_gpu_backend
from tests.strategies import fetch, put


@pytest.fixture
def names():
    load_gpu_backend(real=False)
    return "numpy", "cupy"


def test_products(figure, names):
    rng, worst = np.random.default_rng(0), {np.float64: 0.0, np.float32: 0.0}
    for dtype in worst:
        R = tr.make_synthetic(80, 60, 1500, seed=1).ratings.to("reference", dtype)
        X, H, W = (rng.standard_normal((length, 20)).astype(dtype) for length in (60, 80, 60))
        expected = R @ X, R.T @ H, R.sampled(H, W)
        for name in names:
            S = R.to(name)
            found = fetch((S @ put(X, name), S.T @ put(H, name), S.sampled(*put((H, W), name))))
            errors = [np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, expected, strict=True)]
            worst[dtype] = max(worst[dtype], *errors)
    figure(f"products: {worst[np.float64]:.0e} in float64, {worst[np.float32]:.0e} in float32")
    assert worst[np.float64] <= 1e-12 and worst[np.float32] <= 1e-6


def test_training(figure, names):
    train, test = tr.split_random(tr.make_synthetic(100, 80, 2500, seed=2), 0.2, seed=0)
    model = tr.AutoRec(hidden_units=10, l2=10.0)
    rmse = {name: model.fit(train, epochs=50, backend=name).score(test)["rmse"] for name in ("reference", *names)}
    spread = max(rmse.values()) - min(rmse.values())
    figure(f"RMSE after 50 epochs: {spread:.0e} apart")
    assert spread <= 1e-4
