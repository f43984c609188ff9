"""The loss for implicit feedback over all cells: ours, without a dense matrix, against NumPy with dense matrices."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.bench.contest import OURS
from tinyrec.bench.machine import timed
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.models import ImplicitNCAE

NUMPY = "NumPy, all cells"


def implicit_loss(shape: str, hidden_units: int, rounds: int, backend: str, seed: int) -> dict[str, Any]:
    """Time loss and gradients of ImplicitNCAE with an identity output on all rows, tinyrec and NumPy in turns."""
    R = draw(find_shape(shape), seed).to(backend)
    model = ImplicitNCAE(hidden_units=(hidden_units,), output="identity")
    R = model.prepare(R.with_values(R.values**0))
    params = {name: R.backend.asarray(w) for name, w in model.init(R, np.random.default_rng(seed)).items()}
    assert R.unobserved_weights is not None, "set by prepare"
    X = np.zeros(R.shape, R.values.dtype)
    X[R.rows, R.cols] = 1
    functions = {
        OURS: lambda: model.loss_and_grads(params, R),
        NUMPY: lambda: dense_loss_and_grads(model, params, X, R.unobserved_weights),
    }
    (ours, grads), (theirs, others) = (functions[name]() for name in (OURS, NUMPY))  # also compiles the kernels
    largest = max(float(np.abs(grads[name] - others[name]).max() / np.abs(others[name]).max()) for name in grads)
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, work in functions.items():
            times[name].append(timed(work, R.backend)[0])
    ratio = median(slow / fast for slow, fast in zip(times[NUMPY], times[OURS], strict=True))
    difference = max(abs(float(ours) / float(theirs) - 1), largest)
    medians = {name: median(rounds) for name, rounds in times.items()}
    return {"shape": shape, "seconds": medians, "rounds": times, "ratio": ratio, "largest_difference": difference}


def dense_loss_and_grads(model: ImplicitNCAE, params: Params, X: Array, weights: Array) -> tuple[float, Params]:
    """Equation 11 on dense matrices, without noise; X (n, d): 1 for an interaction, else 0; weights (d,): c."""
    V, mu, W, b = (params[name] for name in ("V1", "mu1", "W", "b"))
    H = np.tanh(X @ V + mu)  # (n, k)
    Y = H @ W.T + b  # (n, d)
    E = np.where(X > 0, 1, weights) * (Y - X)
    dY = 2 / X.dtype.type(len(X)) * E
    dZ = (dY @ W) * (1 - H * H)
    grads = {"V1": X.T @ dZ, "mu1": dZ.sum(axis=0), "W": dY.T @ H, "b": dY.sum(axis=0)}
    l2 = model.l2 or 0.0
    penalty = l2 / 2 * sum(float((w * w).sum()) for w in params.values())
    error = float((E * (Y - X)).sum()) / len(X)
    return error + penalty, {name: grad + np.float32(l2) * params[name] for name, grad in grads.items()}
