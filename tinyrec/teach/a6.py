"""a6: hide ratings and predict them, as CFN does, and side information in a layer."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import (
    Assignment,
    Case,
    Mistake,
    Option,
    Outputs,
    Part,
    Task,
    dense,
    gradients,
    large_matrix,
    matrices,
)

# Task 1: masked. Nobody knows which cells a hand-in draws. So each matrix is drawn many times, and the outputs are what
# every draw has in common: what a cell holds when it is kept, and when it is masked. Shares are counted in a matrix of
# 20,000 cells: one within six standard deviations of q is given as q, see calls/a6.py.

DRAWS = 100  # then each cell of a small matrix is masked in some draws and kept in others


def mask_cases(rng: np.random.Generator) -> list[Case]:
    small = [c.with_(q=rng.uniform(0.38, 0.45), draws=DRAWS, counted=False) for c in matrices(rng)]
    many = full(rng, 100, 200).with_(q=rng.uniform(0.2, 0.4), draws=5, counted=True)
    return [c.with_(seed=rng.integers(1 << 30)) for c in (*small, many)]


def full(rng: np.random.Generator, n: int, d: int) -> Case:
    """Every cell is observed; a tenth of the ratings are 0."""
    r = np.where(rng.random(n * d) < 0.1, 0, rng.integers(1, 6, n * d)).astype(float)
    cols = np.tile(np.arange(d, dtype=np.int32), n)
    return Case(shape=np.array([n, d]), indptr=np.arange(n + 1) * d, cols=cols, r=r)


def masks(c: Case) -> Outputs:
    return outputs(c, kept=c.r, masked=0 * c.r)


def outputs(c: Case, kept: Array | None = None, masked: Array | None = None, **counted: Array | float) -> Outputs:
    """Those that a case has, of these and of the right ones."""
    if not c.counted:
        return {name: its for name, its in (("kept", kept), ("masked", masked)) if its is not None}
    right = {"share": c.q, "share_of_zeros": c.q, "rows_alike": 0, "columns_alike": 0}
    right |= {"counts_differ": 1, "draws_differ": 1}
    return {name: np.asarray(its) for name, its in (right | counted).items()}


MASK_MISTAKES = (
    Mistake(
        "the ratings that are kept are divided by 1 - q; that is dropout, and masking leaves them as they are.",
        lambda c: outputs(c, kept=c.r / (1 - c.q)),
    ),
    Mistake(
        "a cell is masked with probability 1 - q, and must be with probability q.",
        lambda c: outputs(c, share=1 - c.q, share_of_zeros=1 - c.q),
    ),
    Mistake(
        "what you return says which cells are kept; asked is which are masked.",
        lambda c: outputs(c, kept=0 * c.r, masked=c.r, share=1 - c.q, share_of_zeros=1 - c.q),
    ),
    Mistake("the ratings that are masked are still seen.", lambda c: outputs(c, masked=c.r)),
    Mistake(
        "seen and hidden come from two draws; both must tell of the same cells.",
        lambda c: outputs(c, kept=np.where(c.r == 0, 0, np.nan), masked=np.where(c.r == 0, 0, np.nan)),
    ),
    Mistake(
        "a rating of 0 always counts as masked; it is a rating like any other.", lambda c: outputs(c, share_of_zeros=1)
    ),
    Mistake("a rating of 0 is never masked; it is a rating like any other.", lambda c: outputs(c, share_of_zeros=0)),
    Mistake(
        "all cells of a row share one draw; each cell is masked or kept for itself.", lambda c: outputs(c, rows_alike=1)
    ),
    Mistake(
        "all cells of a column share one draw; each cell is masked or kept for itself.",
        lambda c: outputs(c, columns_alike=1),
    ),
    Mistake(
        "each call masks the same cells: take your random numbers from rng, which goes on from call to call.",
        lambda c: outputs(c, counts_differ=0, draws_differ=0),
    ),
)

MASKED = Task(
    title="masking noise",
    stub='''
    def masked(R, q, rng):
        """x̃ = 0 with probability q, else x, for each observed cell, independently     (CFN, section 3.1: masking noise)

        R (n, d) with p cells, q in the range 0 to 1, rng: a numpy.random.Generator

        Returns (seen, hidden): seen is an object of the same class as R, with the same cells;
        hidden (p,), bool, is True where a cell is masked. R itself is left as it is.
        """
    ''',
    secrets=("tinyrec.nn.noise:masked",),
    cases=mask_cases,
    answer=masks,
    parts=(
        Part(("kept", "masked"), 1.5),
        Part(("share", "share_of_zeros", "rows_alike", "columns_alike", "counts_differ", "draws_differ"), 1.5),
    ),
    mistakes=MASK_MISTAKES,
)

# Task 2: denoising_error


def error_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for p in (1, 0, 1, 2, 4, 5, 8, 30):
        r = np.round(rng.normal(0, 2, p) * 2) / 2
        r[: p // 4] = 0  # ratings minus the mean of their row may be 0
        hidden = rng.random(p) < 0.4
        if p > 1:
            hidden[[0, -1]] = True, False
        c = Case(r=rng.permutation(r), hidden=hidden).with_(alpha=rng.uniform(1, 2), beta=rng.uniform(0.2, 0.8))
        cases.append(c.drawn(rng, y=p))
    cases[0]["hidden"][:], cases[2]["hidden"][:] = True, False
    cases[-2]["beta"] = np.array(0.0)  # only what is masked counts
    return cases


def error_of(c: Case) -> Array:
    """eq. 1 without λ, one cell at a time"""
    loss = 0 * c.y.sum()
    for y, r, hidden in zip(c.y, c.r, c.hidden, strict=True):
        loss = loss + (c.alpha if hidden else c.beta) * (y - r) ** 2
    return loss


def by_error(error):
    """c -> an error, and its own gradient"""
    return lambda c: {"loss": np.asarray(error(c)), **gradients(error, c, ("y",))}


def weighted(c: Case) -> Array:
    return np.where(c.hidden, c.alpha, c.beta)


def parts_of(c: Case) -> tuple[Array, Array]:
    """Σ of the squares of what is masked, and of what is kept"""
    e = (c.y - c.r) ** 2
    return e[c.hidden].sum(), e[~c.hidden].sum()


def means(c: Case) -> Array:
    counts = max(int(c.hidden.sum()), 1), max(int((~c.hidden).sum()), 1)
    masked, kept = parts_of(c)
    return c.alpha * masked / counts[0] + c.beta * kept / counts[1]


def of_all(c: Case) -> Array:
    masked, kept = parts_of(c)
    return c.alpha * masked + c.beta * (masked + kept)


ERROR_MISTAKES = (
    Mistake(
        "α and β are exchanged: α weighs the masked cells, β those that are kept.",
        by_error(lambda c: error_of(c.with_(hidden=~c.hidden))),
    ),
    Mistake("β weighs all cells; it belongs to those that are kept.", by_error(of_all)),
    Mistake("the cells that are kept are left out.", by_error(lambda c: error_of(c.with_(beta=0)))),
    Mistake("the masked cells are left out.", by_error(lambda c: error_of(c.with_(alpha=0)))),
    Mistake("all cells have the same weight, 1.", by_error(lambda c: sum(parts_of(c)))),
    Mistake(
        "the weight is squared: it multiplies the difference, and must multiply the square.",
        by_error(lambda c: ((weighted(c) * (c.y - c.r)) ** 2).sum()),
    ),
    Mistake("the loss is a mean over all cells; eq. 1 has sums.", by_error(lambda c: error_of(c) / max(len(c.r), 1))),
    Mistake("the loss has a mean over the masked cells and one over the others; eq. 1 has sums.", by_error(means)),
    Mistake("the loss is half of eq. 1.", by_error(lambda c: error_of(c) / 2)),
    Mistake(
        "cells whose rating is 0 are left out; a 0 is a rating like any other.",
        by_error(lambda c: (weighted(c) * (c.r != 0) * (c.y - c.r) ** 2).sum()),
    ),
    Mistake("dy lacks the factor 2 of the square.", lambda c: {"dy": weighted(c) * (c.y - c.r)}),
    Mistake("dy lacks the weights.", lambda c: {"dy": 2 * (c.y - c.r)}),
    Mistake("dy has the wrong sign.", lambda c: {"dy": -2 * weighted(c) * (c.y - c.r)}),
    Mistake(
        "dy is that of the mean, and the loss is the sum.",
        lambda c: {"dy": 2 * weighted(c) * (c.y - c.r) / max(len(c.r), 1)},
    ),
    Mistake(
        "dy is 0 at the cells that are kept; they are in the loss, too.",
        lambda c: {"dy": 2 * c.alpha * c.hidden * (c.y - c.r)},
    ),
)

DENOISING_ERROR = Task(
    title="the denoising error",
    stub='''
    def denoising_error(y, r, hidden, alpha, beta):
        """loss = α Σ_masked (y - r)² + β Σ_kept (y - r)²                                     (CFN, eq. 1 without λ)

        y, r (p,): predictions and ratings of the observed cells;  hidden (p,), bool: which of them are masked

        Returns (loss, dy): dy (p,) is the derivative of the loss by y.
        """
    ''',
    secrets=("tinyrec.nn.losses:weighted_squared_error",),
    cases=error_cases,
    answer=by_error(error_of),
    parts=(Part(("loss",), 1), Part(("dy",), 2)),
    mistakes=ERROR_MISTAKES,
)

# Task 3: join_side

UNITS = (1, 1), (2, 3), (2, 2), (3, 2), (4, 4), (2, 3), (3, 2), (2, 4), (3, 1)  # k and m of each matrix of `matrices`


def side_cases(rng: np.random.Generator) -> list[Case]:
    return [with_side(rng, c, k, m) for c, (k, m) in zip(matrices(rng), UNITS, strict=True)]


def with_side(rng: np.random.Generator, c: Case, k: int, m: int) -> Case:
    """The cells of the case are the features X (n, q)."""
    n, q = c.shape
    return c.drawn(rng, H=(n, k), W=(k + q, m), b=m, dZ=(n, m))


def large_side(rng: np.random.Generator) -> Case:
    return with_side(rng, large_matrix(rng, 2000, 2500, 4000), 6, 3)


def Z_of(c: Case) -> Array:
    """One row at a time: what it joins is a vector of k + q numbers."""
    X = dense(c, c.r)
    rows = [np.concatenate([h, x]) @ c.W + c.b for h, x in zip(c.H, X, strict=True)]
    return np.array(rows).reshape(len(c.H), len(c.b))


def side(c: Case) -> Outputs:
    return {"Z": Z_of(c), **gradients(Z_of, c, ("H", "W", "b"), upstream="dZ")}


def by_layer(layer):
    """c -> another layer, and its own gradients: with them, the mistake explains a hand-in that is wrong in itself."""
    return lambda c: {"Z": layer(c), **gradients(layer, c, ("H", "W", "b"), upstream="dZ")}


def with_features(change):
    """The layer with other features, change(c) in place of X."""

    def layer(c):
        k = c.H.shape[1]
        return c.H @ c.W[:k] + change(c) @ c.W[k:] + c.b

    return by_layer(layer)


def pattern(c: Case) -> Array:
    return dense(c, np.ones(len(c.r)))


def exchanged(c: Case) -> Array:
    q = c.shape[1]
    return dense(c, c.r) @ c.W[:q] + c.H @ c.W[q:] + c.b


def per_row(c: Case) -> Array:
    return dense(c, c.r) / np.maximum(np.diff(c.indptr), 1)[:, None]


def dW(c: Case, X: Array, H: Array | None = None) -> Array:
    return np.concatenate([c.H if H is None else H, X], axis=1).T @ c.dZ


SIDE_MISTAKES = (
    Mistake("b is not added.", lambda c: {"Z": Z_of(c.with_(b=0 * c.b))}),
    Mistake("b is added twice, once for each part.", lambda c: {"Z": Z_of(c) + c.b}),
    Mistake("the features are left out.", with_features(lambda c: 0 * dense(c, c.r))),
    Mistake("the codes are left out.", by_layer(lambda c: Z_of(c.with_(H=0 * c.H)))),
    Mistake("the values of the features are not used, only where they are.", with_features(pattern)),
    Mistake(
        "the features are divided by their number in the row; eq. 4 takes them as they are.", with_features(per_row)
    ),
    Mistake("the parts are joined in the wrong order: the codes come first, then the features.", by_layer(exchanged)),
    Mistake("dW has zeros for the weights of the features.", lambda c: {"dW": dW(c, 0 * dense(c, c.r))}),
    Mistake("dW lacks the values of the features.", lambda c: {"dW": dW(c, pattern(c))}),
    Mistake("dW has zeros for the weights of the codes.", lambda c: {"dW": dW(c, dense(c, c.r), 0 * c.H)}),
    Mistake("dW has its two parts in the wrong order.", lambda c: {"dW": np.roll(side(c)["dW"], c.shape[1], axis=0)}),
    Mistake("dW has the wrong sign.", lambda c: {"dW": -side(c)["dW"]}),
    Mistake(
        "dH is multiplied by the weights of the features.",
        lambda c: {"dH": c.dZ @ c.W[-c.H.shape[1] :].T},
    ),
    Mistake("db is a mean over the rows; backward takes sums.", lambda c: {"db": c.dZ.mean(axis=0)}),
    Mistake(
        "db counts only rows with features.", lambda c: {"db": ((np.diff(c.indptr) > 0)[:, None] * c.dZ).sum(axis=0)}
    ),
    Mistake("db sums over the units of Z; it has a number for each.", lambda c: {"db": c.dZ.sum(axis=1)}),
)

JOIN_SIDE = Task(
    title="side information in a layer",
    stub='''
    def join_side(H, X, W, b):
        """Z = [H X] W + b: every layer also reads the features of its rows                            (CFN, eq. 4)

        H (n, k): codes;  X (n, q), sparse: features;  W (k + q, m), b (m,)  ->  Z (n, m)

        Returns (Z, backward), where backward(dZ) gets dZ (n, m), the derivative of the loss by Z, and returns
        (dH (n, k), dW (k + q, m), db (m,)). Features are data and need no gradient. Never make a dense array of X.
        """
    ''',
    secrets=("tinyrec.nn.side_layers:side_layers", "tinyrec.nn.hidden:hidden_layers"),
    cases=side_cases,
    answer=side,
    parts=(Part(("Z",), 1), Part(("dH", "dW", "db"), 3)),
    mistakes=SIDE_MISTAKES,
    large=large_side,
    forward=Z_of,
    upstream="dZ",
)

AXES = {
    "mask": {
        "hidden": Option(),
        "kept": Option(
            "In task 1 the second output says which cells are kept.",
            {
                1: (
                    ("Returns (seen, hidden)", "Returns (seen, kept)"),
                    (
                        "hidden (p,), bool, is True where a cell is masked.",
                        "kept (p,), bool, is False where a cell is masked.",
                    ),
                )
            },
        ),
    },
    "scale": {
        "as they are": Option(),
        "raised": Option(
            "In task 1 the ratings that are kept are divided by 1 - q.",
            {1: (("with probability q, else x, for", "with probability q, else x / (1 - q), for"),)},
        ),
    },
    "weights": {
        "two": Option(),
        "one": Option(
            "In task 2 the weights are α and 1 - α.",
            {
                2: (
                    ("hidden, alpha, beta)", "hidden, alpha)"),
                    ("+ β Σ_kept (y - r)² ", "+ (1 - α) Σ_kept (y - r)² "),
                )
            },
        ),
    },
    "joined": {
        "codes first": Option(),
        "features first": Option(
            "In task 3 the features come first: [X H].",
            {
                3: (
                    ("Z = [H X] W + b", "Z = [X H] W + b"),
                    ("sparse: features;  W (k + q, m)", "sparse: features;  W (q + k, m)"),
                    ("(dH (n, k), dW (k + q, m)", "(dH (n, k), dW (q + k, m)"),
                )
            },
        ),
    },
}

ASSIGNMENT = Assignment(
    title="Hide and predict",
    minutes=75,
    tasks=(MASKED, DENOISING_ERROR, JOIN_SIDE),
    given=("ratings.py",),
    axes=AXES,
    bonus=1,
)
