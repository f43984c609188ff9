"""Which numbers make a number: AutoRec forward, backward and RProp, cell by cell, as sums of products.

The number in a cell is the sum over its terms of the products of their factors; in H, the sigmoid of it. A factor is
[name, row, column], a cell of a recorded array, [name, row, column, -1], that cell one epoch earlier, or
[text, number], a constant. i is a movie, j a user, l a hidden unit (u in the code).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.playground.record import HIDDEN_UNITS, L2, MOVIES, USERS, Recording

MOVIE, USER, UNIT, ONE = list(MOVIES), list(USERS), [str(unit + 1) for unit in range(HIDDEN_UNITS)], [""]
PARAMS = {"V": (USER, UNIT), "mu": (ONE, UNIT), "W": (USER, UNIT), "b": (ONE, USER)}
AXES: dict[str, tuple[list[str], list[str]]] = {  # the names of the rows and of the columns of each array
    **dict.fromkeys(("R", "Y", "E", "dY"), (MOVIE, USER)),
    **dict.fromkeys(("Z", "H", "1-H", "dH", "dZ"), (MOVIE, UNIT)),
    **dict.fromkeys(("error", "penalty", "loss"), (ONE, ONE)),
    **{f"{prefix}{name}": axes for name, axes in PARAMS.items() for prefix in ("", "d", "step ", "eta ", "sign ")},
}


@dataclass(frozen=True)
class Formula:
    """rule: the formula of a cell; why: in a sentence; terms: row, column -> the terms; start: what epoch 0 has."""

    rule: str
    why: str
    terms: Callable[[int, int], list[list[list[Any]]]]
    start: str = ""


def formulas(recording: Recording) -> dict[str, Formula]:
    """The formula of each array, by its name."""
    penalty = ["λ" if recording.gradient_l2 == L2 else "2λ", recording.gradient_l2]
    weights = {name: formula for of in PARAMS for name, formula in rprop(of).items()}
    return forward(recording.mask) | backward(recording.mask, penalty) | weights


def forward(mask: Array) -> dict[str, Formula]:
    """From the ratings to the loss."""
    rated = [np.flatnonzero(row).tolist() for row in mask]  # by movie: the users who rated it
    cells, weights = np.argwhere(mask).tolist(), list(np.ndindex(len(USER), len(UNIT)))
    return {
        "R": Formula("a rating, 1 to 5 stars", "The data. They do not change.", lambda i, j: []),
        "Z": Formula(
            "Σⱼ R[i,j] V[j,l] + mu[l]",
            "Only the users who rated the movie add a term.",
            lambda i, u: [*([["R", i, j], ["V", j, u]] for j in rated[i]), [["mu", 0, u]]],
        ),
        "H": Formula(
            "σ(Z[i,l]) = 1 / (1 + exp(−Z[i,l]))",
            "The sigmoid of Z: the hidden code of the movie, between 0 and 1.",
            lambda i, u: [[["Z", i, u]]],
        ),
        "Y": Formula(
            "Σₗ H[i,l] W[j,l] + b[j]",
            "The prediction in stars. It exists in all 20 cells, whether the movie is rated or not.",
            lambda i, j: [*([["H", i, u], ["W", j, u]] for u in range(len(UNIT))), [["b", 0, j]]],
        ),
        "E": Formula(
            "Y[i,j] − R[i,j]",
            "The error in stars. It exists only where there is a rating to compare with.",
            lambda i, j: [[["Y", i, j]], [["−1", -1], ["R", i, j]]],
        ),
        "error": Formula(
            "Σ E[i,j]²",
            "A sum over the ratings, not a mean: each rating counts the same.",
            lambda *_: [[["E", *cell], ["E", *cell]] for cell in cells],
        ),
        "penalty": Formula(
            "λ/2 (Σ W[j,l]² + Σ V[j,l]²)",
            "It keeps the weights small. The biases mu and b are not penalised.",
            lambda *_: [[["λ/2", L2 / 2], [name, *at], [name, *at]] for name in ("W", "V") for at in weights],
        ),
        "loss": Formula(
            "Σ E² + λ/2 (‖W‖² + ‖V‖²)",
            "Equation 2 of the paper. Below, dA is the derivative of this number by A.",
            lambda *_: [[["error", 0, 0]], [["penalty", 0, 0]]],
        ),
    }


def backward(mask: Array, penalty: list[Any]) -> dict[str, Formula]:
    """From the loss to the gradient of each weight; penalty: λ, as a factor."""
    rated = [np.flatnonzero(row).tolist() for row in mask]  # by movie: the users who rated it
    seen = [np.flatnonzero(column).tolist() for column in mask.T]  # by user: the movies they rated
    return {
        "dY": Formula(
            "2 E[i,j]",
            "The derivative of E². A cell without a rating is not in the loss, so it sends nothing back.",
            lambda i, j: [[["2", 2], ["E", i, j]]],
        ),
        "dH": Formula(
            "Σⱼ dY[i,j] W[j,l]",
            "H[i,l] enters the prediction for user j with the weight W[j,l], so dY comes back with the same weight.",
            lambda i, u: [[["dY", i, j], ["W", j, u]] for j in rated[i]],
        ),
        "dW": Formula(
            f"Σᵢ dY[i,j] H[i,l] + {penalty[0]} W[j,l]",
            "W[j,l] is in every prediction for user j, multiplied by H[i,l]; the last term is from the penalty.",
            lambda j, u: [*([["dY", i, j], ["H", i, u]] for i in seen[j]), [penalty, ["W", j, u]]],
        ),
        "db": Formula(
            "Σᵢ dY[i,j]",
            "b[j] is in every prediction for user j.",
            lambda _, j: [[["dY", i, j]] for i in seen[j]],
        ),
        "dZ": Formula(
            "dH[i,l] H[i,l] (1 − H[i,l])",
            "The derivative of the sigmoid is H (1 − H), at most 1/4.",
            lambda i, u: [[["dH", i, u], ["H", i, u], ["1-H", i, u]]],
        ),
        "dV": Formula(
            f"Σᵢ R[i,j] dZ[i,l] + {penalty[0]} V[j,l]",
            "V[j,l] enters the code of each movie that user j rated, multiplied by the rating.",
            lambda j, u: [*([["R", i, j], ["dZ", i, u]] for i in seen[j]), [penalty, ["V", j, u]]],
        ),
        "dmu": Formula(
            "Σᵢ dZ[i,l]",
            "mu[l] is in the code of every movie.",
            lambda _, u: [[["dZ", i, u]] for i in range(len(MOVIE))],
        ),
    }


def rprop(name: str) -> dict[str, Formula]:
    """A weight and its step, from those of the epoch before."""
    start = "0" if name in ("mu", "b") else "drawn from a normal distribution with standard deviation 0.01"
    weight = Formula(
        f"{name} − sign(d{name}) · step, all of the epoch before",
        "RProp uses only the sign of the derivative. Where that has just turned, the weight is not moved: sign 0.",
        lambda *at: [[[name, *at, -1]], [["−1", -1], [f"sign {name}", *at, -1], [f"step {name}", *at, -1]]],
        start,
    )
    step = Formula(
        "η · step of the epoch before",
        f"η is 1.2 while d{name} keeps its sign, 0.5 where it has turned, and 1 after a turn.",
        lambda *at: [[[f"eta {name}", *at], [f"step {name}", *at, -1]]],
        "0.0125, where each weight starts",
    )
    return {name: weight, f"step {name}": step}
