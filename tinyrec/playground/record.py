"""Train AutoRec on the 4 x 5 matrix of tutorial 01, and keep every number of every epoch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.gradcheck import complex_step, relative_error
from tinyrec.models import AutoRec
from tinyrec.nn import l2_penalty, sampled_out, sigmoid, sparse_in, squared_error
from tinyrec.optim import RProp
from tinyrec.sparse import Ratings
from tinyrec.training.loop import begin

na = np.nan  # not rated
USERS = ("Ann", "Bob", "Cem", "Dee")
MOVIES = ("Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead")
RATINGS = np.array([[5, 4, na, 1, na], [4, na, 5, 1, 2], [1, na, 2, na, 5], [na, 1, 1, 4, 5]])  # users x movies
EPOCHS, SEED = 120, 0
HIDDEN_UNITS, L2 = 2, 1.0
RUNS = {  # name: (forget the mask, λ doubled in the gradient)
    "correct": (False, False),
    "no mask": (True, False),
    "double λ": (False, True),
    "no mask, double λ": (True, True),
}


@dataclass(frozen=True, kw_only=True)
class DoubledPenalty(AutoRec):
    """AutoRec with a mistake: the gradient of λ/2 ||W||² is 2 λ W, and that of V likewise. The loss is right."""

    def loss_and_grads(self, params, R, rng=None):
        loss, grads = super().loss_and_grads(params, R, rng)
        return loss, {**grads, "V": grads["V"] + self.l2 * params["V"], "W": grads["W"] + self.l2 * params["W"]}


@dataclass(frozen=True)
class Recording:
    """A training of `epochs` epochs; frame t is the state after t updates, t = 0 to epochs.

    mask (n, d): the cells that are counted
    gradient_l2: λ as it enters the gradient
    baseline: the loss of the mean of each user, with W = V = 0
    arrays: name -> (epochs + 1, rows, columns), NaN in cells that are not counted; biases have one row. Beside the
        letters of models/autorec.py: E, the errors; "1-H"; "error", "penalty" and "loss"; and of each weight, such as
        V: "step V", the step of RProp in this epoch, "eta V", by what it was multiplied, and "sign V", the sign of the
        gradient, 0 for a weight that is not moved. V in frame t + 1 is V - sign V * step V in frame t.
    check: name of a parameter -> (epochs + 1,), the relative error of its gradient against a complex step
    """

    mask: Array
    gradient_l2: float
    baseline: float
    arrays: dict[str, Array]
    check: dict[str, Array]


def record(run: str = "correct", epochs: int = EPOCHS) -> Recording:
    """Train as tutorial 01 does, with the mistakes of this run, and record it."""
    forget_mask, double_l2 = RUNS[run]
    mask = ~np.isnan(RATINGS.T) | forget_mask  # (n, d)
    rows, cols = np.nonzero(mask)
    R = Ratings.from_cells(rows, cols, np.nan_to_num(RATINGS.T)[mask], (len(MOVIES), len(USERS)))
    model = (DoubledPenalty if double_l2 else AutoRec)(by="item", hidden_units=HIDDEN_UNITS, l2=L2)
    optimizer, start = RProp(), begin(model, R, RProp(), SEED)
    params, state, frames, errors = start.params, start.state, [], []
    for _ in range(epochs + 1):
        loss, grads = model.loss_and_grads(params, R)
        numeric = complex_step(partial(model.loss_and_grads, R=R), params)
        errors.append({name: relative_error(grads[name], numeric[name]) for name in params})
        frame = {"R": dense(R, R.values), **params, **layers(model, params, R), "loss": loss}
        frame |= {f"d{name}": grad for name, grad in grads.items()}
        moved, before = copy(params), copy(state["step"])
        optimizer.step(moved, grads, state, R.backend, loss)
        for name, step in state["step"].items():
            frame |= {f"step {name}": step, f"eta {name}": step / before[name]}
            frame[f"sign {name}"] = np.sign(params[name] - moved[name])
        frames.append({name: np.array(value, ndmin=2) for name, value in frame.items()})
        params = moved
    return Recording(
        mask=mask,
        gradient_l2=L2 * (1 + double_l2),
        baseline=baseline(model, R),
        arrays={name: np.array([frame[name] for frame in frames]) for name in frames[0]},
        check={name: np.array([error[name] for error in errors]) for name in params},
    )


def layers(model: AutoRec, params: Params, R: Ratings) -> Params:
    """The layers of AutoRec.loss_and_grads, one after the other, and the derivative of the loss at each of them."""
    V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
    Z, _ = sparse_in(R, V, mu)  # (n, k)
    H, back_to_Z = sigmoid(Z)  # (n, k)
    y, back_to_H = sampled_out(H, W, b, at=R)  # (p,)
    error, back_to_y = squared_error(y, R.values)
    dy = back_to_y()  # (p,)
    dH, _, _ = back_to_H(dy)  # (n, k)
    Y = model.decode(params, H, cols=np.arange(len(b)))  # (n, d), all cells
    penalty = l2_penalty(L2, params, {"W": 0 * W, "V": 0 * V}, R)
    forward = {"Z": Z, "H": H, "1-H": 1 - H, "Y": Y, "E": dense(R, y - R.values), "error": error, "penalty": penalty}
    return {**forward, "dY": dense(R, dy), "dH": dH, "dZ": back_to_Z(dH)}


def baseline(model: AutoRec, R: Ratings) -> float:
    """The loss if each user gives every movie the mean of their ratings."""
    params = {name: np.zeros(shape) for name, shape in model.shapes_of(R).items()}
    means = R.sum_rows() / np.bincount(R.cols)  # (d,)
    return float(model.loss_and_grads({**params, "b": means}, R)[0])


def dense(R: Ratings, values: Array) -> Array:
    """The values of the cells of R as a matrix (n, d), NaN elsewhere."""
    matrix = np.full(R.shape, np.nan)
    matrix[R.rows, R.cols] = values
    return matrix


def copy(arrays: Params) -> Params:
    return {name: its.copy() for name, its in arrays.items()}
