"""The loss for clicks over all cells, which are never made, against the same in NumPy, which makes them."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.bench.contest import OURS
from tinyrec.bench.machine import seconds
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.models import ImplicitNCAE

NUMPY = "NumPy, all cells"


def implicit_loss(shape: str, hidden_units: int, rounds: int, backend: str, seed: int) -> dict[str, Any]:
    """Loss and gradients of one epoch of ImplicitNCAE with an identity output, on all rows at once, in turns."""
    R = draw(find_shape(shape), seed).to(backend)
    model = ImplicitNCAE(hidden_units=(hidden_units,), output="identity")
    R = model.prepare(R.with_values(R.values**0))
    params = {name: R.backend.asarray(w) for name, w in model.init(R, np.random.default_rng(seed)).items()}
    assert R.unobserved_weights is not None, "prepare weighs them"
    X = np.zeros(R.shape, R.values.dtype)
    X[R.rows, R.cols] = 1
    contestants = {
        OURS: lambda: model.loss_and_grads(params, R),
        NUMPY: lambda: dense(model, params, X, R.unobserved_weights),
    }
    (ours, grads), (theirs, others) = (contestants[name]() for name in (OURS, NUMPY))  # a warm-up: it compiles
    worst = max(float(np.abs(grads[name] - others[name]).max() / np.abs(others[name]).max()) for name in grads)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            times[name].append(seconds(work, R.backend)[0])
    ratio = median(slow / fast for slow, fast in zip(times[NUMPY], times[OURS], strict=True))
    difference = max(abs(float(ours) / float(theirs) - 1), worst)
    medians = {name: median(its) for name, its in times.items()}
    return {"shape": shape, "seconds": medians, "rounds": times, "ratio": ratio, "largest_difference": difference}


def dense(model: ImplicitNCAE, params: Params, X: Array, absent: Array) -> tuple[float, Params]:
    """Equation 11 with all cells made, without noise; X (n, d): 1 where met, else 0; absent (d,): c"""
    V, mu, W, b = (params[name] for name in ("V1", "mu1", "W", "b"))
    H = np.tanh(X @ V + mu)  # (n, k)
    Y = H @ W.T + b  # (n, d)
    E = np.where(X > 0, 1, absent) * (Y - X)
    dY = 2 / X.dtype.type(len(X)) * E
    dZ = (dY @ W) * (1 - H * H)
    grads = {"V1": X.T @ dZ, "mu1": dZ.sum(axis=0), "W": dY.T @ H, "b": dY.sum(axis=0)}
    l2 = model.l2 or 0.0
    penalty = l2 / 2 * sum(float((w * w).sum()) for w in params.values())
    error = float((E * (Y - X)).sum()) / len(X)
    return error + penalty, {name: grad + np.float32(l2) * params[name] for name, grad in grads.items()}
