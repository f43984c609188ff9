"""The loss for implicit feedback over all cells: ours, without a dense matrix, against NumPy with dense matrices."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params, get_backend
from tinyrec.bench.contest import OURS
from tinyrec.bench.machine import timed
from tinyrec.bench.measure import Case
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.models import ImplicitNCAE

NUMPY = "NumPy, all cells"


def implicit_loss(case: Case) -> dict[str, Any]:
    """Time loss and gradients of ImplicitNCAE with an identity output on all rows, tinyrec and NumPy in turns."""
    R = draw(find_shape(case.shape), case.seed).to(get_backend(case.backend).name)
    model = ImplicitNCAE(hidden_units=(case.hidden_units,), output="identity")
    R = model.prepare(R.with_values(R.values**0))
    params = {name: R.backend.asarray(w) for name, w in model.init(R, np.random.default_rng(case.seed)).items()}
    assert R.unobserved_weights is not None, "set by prepare"
    X = np.zeros(R.shape, R.values.dtype)
    X[R.rows, R.cols] = 1
    functions = {
        OURS: lambda: model.loss_and_grads(params, R),
        NUMPY: lambda: dense_loss_and_grads(model, params, X, R.unobserved_weights),
    }
    (ours, grads), (theirs, others) = (functions[name]() for name in (OURS, NUMPY))  # also compiles the kernels
    largest = max(float(np.abs(grads[name] - others[name]).max() / np.abs(others[name]).max()) for name in grads)
    rounds = [[timed(work, R.backend)[0] for work in functions.values()] for _ in range(case.rounds)]
    times = dict(zip(functions, map(list, zip(*rounds, strict=True)), strict=True))
    ratio = median(slow / fast for slow, fast in zip(times[NUMPY], times[OURS], strict=True))
    difference = max(abs(float(ours) / float(theirs) - 1), largest)
    medians = {name: median(seconds) for name, seconds in times.items()}
    return {"shape": case.shape, "seconds": medians, "rounds": times, "ratio": ratio, "largest_difference": difference}


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
