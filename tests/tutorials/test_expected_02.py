"""What the questions of tutorials/02_is_the_gradient_right.py tell to expect."""

import numpy as np
import pytest

from tinyrec.gradcheck import complex_step, relative_error

pytestmark = pytest.mark.expected

R0 = np.array([[5, 4, 1, 0], [4, 0, 0, 1], [0, 5, 2, 1], [1, 1, 0, 4], [0, 2, 5, 5]], float)  # movies x users
STEPS = 10.0 ** np.arange(-1, -17, -0.5)


def parameters(dtype=float):
    rng = np.random.default_rng(0)
    V, W = rng.normal(0, 0.5, (4, 2)), rng.normal(0, 0.5, (4, 2))
    params = {"V": V, "W": W, "mu": rng.normal(0, 0.5, 2), "b": rng.normal(3, 0.5, 4)}
    return {name: w.astype(dtype) for name, w in params.items()}


def by_hand(params, size=lambda E: E):
    V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
    R = R0.astype(V.real.dtype)
    H = 1 / (1 + np.exp(-(R @ V + mu)))
    E = (R > 0) * (H @ W.T + b - R)
    dZ = 2 * E @ W * H * (1 - H)
    loss = (size(E) ** 2).sum() + ((W**2).sum() + (V**2).sum()) / 2
    return loss, {"V": R.T @ dZ + V, "mu": dZ.sum(axis=0), "W": 2 * E.T @ H + W, "b": 2 * E.sum(axis=0)}


def error(high, low, dtype=float):
    """The relative error of the slope from w + high to w + low, for the weight of the tutorial."""
    losses = []
    for step in (high, low):
        params = parameters(dtype)
        params["V"][0, 1] += step
        losses.append(by_hand(params)[0])
    return abs((losses[0] - losses[1]) / (high - low) / by_hand(parameters())[1]["V"][0, 1] - 1)


def test_02_best_step_of_a_one_sided_difference():
    assert f"{STEPS[np.argmin([error(h, 0) for h in STEPS])]:.0e}" == "3e-08"  # in the text: 3e-8


def test_02_best_error_of_a_one_sided_difference():
    assert f"{min(error(h, 0) for h in STEPS):.0e}" == "4e-08"  # in the text: 4e-8


def test_02_error_of_float32():
    assert f"{error(1e-5, -1e-5, np.float32):.0e}" == "3e-03"  # in the text: 3e-3


def test_02_best_step_of_float32():
    assert f"{STEPS[np.argmin([error(h, -h, np.float32) for h in STEPS])]:.0e}" == "1e-03"  # in the text: 1e-3


def test_02_absolute_value():
    params = parameters()
    numeric = complex_step(lambda params: by_hand(params, size=np.abs), params)
    grads = by_hand(params, size=np.abs)[1]
    assert round(max(relative_error(grads[name], numeric[name]) for name in params)) == 1
