"""a2: the first and the last layer of AutoRec, forward and backward, at the observed cells alone."""

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
    at_cells,
    dense,
    gradients,
    large_matrix,
    matrices,
)

UNITS = 1, 2, 2, 3, 4, 2, 3, 2, 3  # k of each matrix of `matrices`; the square one is square in all

EXAMPLE = 5  # 5 x 3 with an empty row, and k = 2: a transpose that is forgotten shows as a shape

# Task 1: sampled_out


def output_cases(rng: np.random.Generator) -> list[Case]:
    return [with_output(rng, c, k) for c, k in zip(matrices(rng), UNITS, strict=True)]


def with_output(rng: np.random.Generator, c: Case, k: int) -> Case:
    n, d = c.shape
    return c.drawn(rng, H=(n, k), W=(d, k), b=d, dy=len(c.cols))


def large_output(rng: np.random.Generator) -> Case:
    return with_output(rng, large_matrix(rng, 2000, 2500, 4000), 6)


def y_of(c: Case) -> Array:
    return np.array([c.H[i] @ c.W[j] + c.b[j] for i, j in zip(c.rows, c.cols, strict=True)] or np.zeros(0))


def output(c: Case) -> Outputs:
    return {"y": y_of(c), **gradients(y_of, c, ("H", "W", "b"), upstream="dy")}


def exchanged(c: Case) -> Array:
    return np.array([c.H[j] @ c.W[i] + c.b[j] for i, j in zip(c.rows, c.cols, strict=True)] or np.zeros(0))


def backward(c: Case, dy: Array) -> Outputs:
    E = dense(c, dy)
    return {"dH": E @ c.W, "dW": E.T @ c.H, "db": E.sum(axis=0)}


def added_once(c: Case) -> Outputs:
    """The gradients where A[index] += x meets an index twice: NumPy adds for the last of them alone."""
    grads = {"dH": np.zeros(c.H.shape), "dW": np.zeros(c.W.shape), "db": np.zeros(c.b.shape)}
    grads["dH"][c.rows] += c.dy[:, None] * c.W[c.cols]
    grads["dW"][c.cols] += c.dy[:, None] * c.H[c.rows]
    grads["db"][c.cols] += c.dy
    return grads


def only_last(answer, *names: str) -> Mistake:
    return Mistake(
        f"of several cells of a row or column, only the last counts in {' and '.join(names)}: "
        "with an index that occurs twice, A[index] += x adds once.",
        lambda c: {name: its for name, its in answer(c).items() if name in names},
    )


def by_column(c: Case, values: Array) -> Array:
    """(n, d), where values in the order of the rows are given to the cells in that of the columns."""
    order = np.argsort(c.cols, kind="stable")
    E = np.zeros(tuple(c["shape"]))
    E[c.rows[order], c.cols[order]] = values
    return E


OUTPUT_MISTAKES = (
    Mistake("b is not added.", lambda c: {"y": at_cells(c, c.H @ c.W.T)}),
    Mistake(
        "the b of the row is added; b belongs to the columns.", lambda c: {"y": y_of(c.with_(b=0 * c.b)) + c.b[c.rows]}
    ),
    Mistake("b is subtracted.", lambda c: {"y": at_cells(c, c.H @ c.W.T - c.b)}),
    Mistake(
        "y is in the order of the columns; cells go row by row.",
        lambda c: {"y": y_of(c)[np.argsort(c.cols, kind="stable")]},
    ),
    Mistake(
        "y is 0 where the rating is 0; a rating of 0 is observed like any other.", lambda c: {"y": y_of(c) * (c.r != 0)}
    ),
    Mistake("the rating is subtracted; that is the task of the loss.", lambda c: {"y": y_of(c) - c.r}),
    Mistake("y is multiplied by the rating; only the pattern of the matrix counts.", lambda c: {"y": y_of(c) * c.r}),
    Mistake("H and W are exchanged: rows have codes, columns have weights.", lambda c: {"y": exchanged(c)}),
    Mistake(
        "there is a factor of 2 too many; the 2 of the square belongs to the loss, and is in dy already.",
        lambda c: backward(c, 2 * c.dy),
    ),
    Mistake(
        "dy is not in the gradient: it must depend on what comes from above.", lambda c: backward(c, np.ones(len(c.dy)))
    ),
    Mistake(
        "the gradient is a mean over the cells; backward takes sums.", lambda c: backward(c, c.dy / max(len(c.dy), 1))
    ),
    Mistake("the ratings are used where dy belongs.", lambda c: backward(c, c.r)),
    Mistake(
        "db is one sum for all columns; each column has its own b.", lambda c: {"db": np.full(len(c.b), c.dy.sum())}
    ),
    Mistake(
        "db lacks dy: it counts the cells of a column.", lambda c: {"db": dense(c, np.ones(len(c.dy))).sum(axis=0)}
    ),
    Mistake("dW has the wrong sign.", lambda c: {"dW": -backward(c, c.dy)["dW"]}),
    Mistake("dH has the wrong sign.", lambda c: {"dH": -backward(c, c.dy)["dH"]}),
    only_last(added_once, "dH", "dW", "db"),
    only_last(added_once, "dH", "dW"),
    only_last(added_once, "dW", "db"),
    only_last(added_once, "dH"),
    only_last(added_once, "dW"),
    only_last(added_once, "db"),
    Mistake(
        "in dW, dy is in the order of the rows, but the transpose lists its cells column by column.",
        lambda c: {"dW": by_column(c, c.dy).T @ c.H},
    ),
    Mistake(
        "in dH, dy is in the order of the columns, but the cells go row by row.",
        lambda c: {"dH": dense(c, c.dy[np.argsort(c.cols, kind="stable")]) @ c.W},
    ),
)

SAMPLED_OUT = Task(
    title="the output layer",
    stub="tinyrec.nn.layers:sampled_out",
    contract="""
    Returns (y, backward), where backward(dy) gets dy (p,), the derivative of the loss by y, and returns
    (dH (n, k), dW (d, k), db (d,)). Never make an array of all n x d cells.
    """,
    cases=output_cases,
    answer=output,
    parts=(Part(("y",), 2), Part(("dH", "dW", "db"), 3)),
    mistakes=OUTPUT_MISTAKES,
    example=EXAMPLE,
    large=large_output,
    forward=y_of,
    upstream="dy",
)

# Task 2: sparse_in


def input_cases(rng: np.random.Generator) -> list[Case]:
    return [with_input(rng, c, k) for c, k in zip(matrices(rng), UNITS, strict=True)]


def with_input(rng: np.random.Generator, c: Case, k: int) -> Case:
    n, d = c.shape
    return c.drawn(rng, V=(d, k), mu=k, dZ=(n, k))


def large_input(rng: np.random.Generator) -> Case:
    return with_input(rng, large_matrix(rng, 2000, 2500, 4000), 6)


def Z_of(c: Case) -> Array:
    Z = np.zeros((c.shape[0], len(c.mu)), np.result_type(c.V, c.mu)) + c.mu
    for i, j, r in zip(c.rows, c.cols, c.r, strict=True):
        Z[i] = Z[i] + r * c.V[j]
    return Z


def codes(c: Case) -> Outputs:
    return {"Z": Z_of(c), **gradients(Z_of, c, ("V", "mu"), upstream="dZ")}


def counts(c: Case) -> Array:
    return np.maximum(np.diff(c.indptr), 1)[:, None]


def summed_once(c: Case) -> Outputs:
    """The outputs where A[index] += x meets an index twice, as in `added_once`."""
    Z, dV = np.zeros((c.shape[0], len(c.mu))) + c.mu, np.zeros(c.V.shape)
    Z[c.rows] += c.r[:, None] * c.V[c.cols]
    dV[c.cols] += c.r[:, None] * c.dZ[c.rows]
    return {"Z": Z, "dV": dV}


INPUT_MISTAKES = (
    Mistake("mu is not added.", lambda c: {"Z": Z_of(c.with_(mu=0 * c.mu))}),
    Mistake(
        "mu is added only to rows with ratings.", lambda c: {"Z": Z_of(c) - (np.diff(c.indptr) == 0)[:, None] * c.mu}
    ),
    Mistake("mu is added once for each rating.", lambda c: {"Z": Z_of(c) + (np.diff(c.indptr) - 1)[:, None] * c.mu}),
    Mistake(
        "Z is a mean over the ratings of a row; eq. 1 has their sum.",
        lambda c: {"Z": dense(c, c.r) @ c.V / counts(c) + c.mu},
    ),
    Mistake(
        "the values of the ratings are not used, only where they are.",
        lambda c: {"Z": Z_of(c.with_(r=np.ones(len(c.r))))},
    ),
    Mistake("dmu is a mean over the rows; backward takes sums.", lambda c: {"dmu": c.dZ.mean(axis=0)}),
    Mistake(
        "dmu counts only rows with ratings.", lambda c: {"dmu": ((np.diff(c.indptr) > 0)[:, None] * c.dZ).sum(axis=0)}
    ),
    Mistake("dmu sums over the hidden units; it has a number for each.", lambda c: {"dmu": c.dZ.sum(axis=1)}),
    Mistake(
        "dV lacks the ratings: it uses only where they are.", lambda c: {"dV": dense(c, np.ones(len(c.r))).T @ c.dZ}
    ),
    Mistake(
        "there is a factor of 2 too many.", lambda c: {"dV": 2 * dense(c, c.r).T @ c.dZ, "dmu": 2 * c.dZ.sum(axis=0)}
    ),
    Mistake("dV has the wrong sign.", lambda c: {"dV": -dense(c, c.r).T @ c.dZ}),
    only_last(summed_once, "Z", "dV"),
    only_last(summed_once, "Z"),
    only_last(summed_once, "dV"),
    Mistake(
        "in dV, the ratings are in the order of the rows, but the transpose lists its cells column by column.",
        lambda c: {"dV": by_column(c, c.r).T @ c.dZ},
    ),
)

SPARSE_IN = Task(
    title="the input layer",
    stub="tinyrec.nn.layers:sparse_in",
    contract="""
    Returns (Z, backward), where backward(dZ) gets dZ (n, k) and returns (dV (d, k), dmu (k,)).
    """,
    cases=input_cases,
    answer=codes,
    parts=(Part(("Z",), 1), Part(("dV", "dmu"), 2)),
    mistakes=INPUT_MISTAKES,
    example=EXAMPLE,
    large=large_input,
    forward=Z_of,
    upstream="dZ",
)

# Task 3: both, and the penalty


def model_cases(rng: np.random.Generator) -> list[Case]:
    return [with_model(rng, c, k) for c, k in zip(matrices(rng), UNITS, strict=True)]


def with_model(rng: np.random.Generator, c: Case, k: int) -> Case:
    d = c.shape[1]
    return c.drawn(rng, V=(d, k), mu=k, W=(d, k), b=d).with_(l2=rng.uniform(0.5, 2))


def squares(c: Case, *names: str) -> Array:
    return sum((c[name] * c[name]).sum() for name in names)


def predictions(c: Case) -> Array:
    return y_of(c.with_(H=np.tanh(Z_of(c))))


def loss_of(c: Case) -> Array:
    return ((predictions(c) - c.r) ** 2).sum() + c.l2 / 2 * squares(c, "V", "W")


def objective(c: Case) -> Outputs:
    return by_loss(loss_of)(c)


def by_loss(loss):
    """c -> a loss and its own gradients: the mistakes that a gradient check does not see."""
    return lambda c: {"loss": np.asarray(loss(c)), **gradients(loss, c, ("V", "mu", "W", "b"))}


def shifted(**added):
    """c -> the right outputs, and these terms added to some."""
    return lambda c: {name: objective(c)[name] + line(c) for name, line in added.items()}


def without_slope(c: Case) -> Outputs:
    """The gradients where the activation hands on what it gets."""
    H = np.tanh(dense(c, c.r) @ c.V + c.mu)
    dH = dense(c, 2 * (at_cells(c, H @ c.W.T + c.b) - c.r)) @ c.W
    return {"dV": dense(c, c.r).T @ dH + c.l2 * c.V, "dmu": dH.sum(axis=0)}


def over_all(c: Case) -> Array:
    Y = np.tanh(dense(c, c.r) @ c.V + c.mu) @ c.W.T + c.b
    return ((Y - dense(c, c.r)) ** 2).sum() + c.l2 / 2 * squares(c, "V", "W")


MODEL_MISTAKES = (
    Mistake("the loss runs over all cells, as if those not observed were ratings of 0.", by_loss(over_all)),
    Mistake(
        "the error is a mean; eq. 2 has a sum.",
        by_loss(lambda c: ((predictions(c) - c.r) ** 2).sum() / max(len(c.r), 1) + c.l2 / 2 * squares(c, "V", "W")),
    ),
    Mistake(
        "the penalty is λ and not λ/2, in the loss and in the gradient.",
        by_loss(lambda c: loss_of(c) + c.l2 / 2 * squares(c, "V", "W")),
    ),
    Mistake("there is no penalty.", by_loss(lambda c: loss_of(c) - c.l2 / 2 * squares(c, "V", "W"))),
    Mistake("the biases are in the penalty, too.", by_loss(lambda c: loss_of(c) + c.l2 / 2 * squares(c, "mu", "b"))),
    Mistake("b is in the penalty, too.", by_loss(lambda c: loss_of(c) + c.l2 / 2 * squares(c, "b"))),
    Mistake("mu is in the penalty, too.", by_loss(lambda c: loss_of(c) + c.l2 / 2 * squares(c, "mu"))),
    Mistake("V is not in the penalty.", by_loss(lambda c: loss_of(c) - c.l2 / 2 * squares(c, "V"))),
    Mistake("W is not in the penalty.", by_loss(lambda c: loss_of(c) - c.l2 / 2 * squares(c, "W"))),
    Mistake(
        "the penalty is in the loss, and not in the gradient.",
        shifted(dV=lambda c: -c.l2 * c.V, dW=lambda c: -c.l2 * c.W),
    ),
    Mistake("the penalty is in the loss, and not in the gradient of V.", shifted(dV=lambda c: -c.l2 * c.V)),
    Mistake("the penalty is in the loss, and not in the gradient of W.", shifted(dW=lambda c: -c.l2 * c.W)),
    Mistake(
        "the activation's backward is left out: what comes back to the codes must go through it on the way to Z.",
        without_slope,
    ),
    Mistake(
        "the penalty's gradient is twice too large: the derivative of λ/2 w² is λ w.",
        shifted(dV=lambda c: c.l2 * c.V, dW=lambda c: c.l2 * c.W),
    ),
    Mistake(
        "the penalty's gradient is half of what it is: the derivative of w² has a factor of 2.",
        shifted(dV=lambda c: -c.l2 / 2 * c.V, dW=lambda c: -c.l2 / 2 * c.W),
    ),
    Mistake(
        "the output goes through the activation; in the authors' best model f is the identity.",
        by_loss(lambda c: ((np.tanh(predictions(c)) - c.r) ** 2).sum() + c.l2 / 2 * squares(c, "V", "W")),
    ),
    Mistake(
        "the codes do not go through the activation.",
        by_loss(lambda c: ((y_of(c.with_(H=Z_of(c))) - c.r) ** 2).sum() + c.l2 / 2 * squares(c, "V", "W")),
    ),
)

LOSS_AND_GRADS = Task(
    title="the loss and all gradients",
    stub='''
    def loss_and_grads(params, R, l2, layers):
        """loss = Σ (y_ij - r_ij)² over the observed cells + l2/2 (|V|² + |W|²)      (eq. 2)

        y_i = W tanh(Vᵀ r_i + mu) + b for each row i of R      (eq. 1)
        r_i (d,) is that row, with 0 where nothing is observed. Vᵀ is what the paper
        calls V: here both V and W have a row for each column of R.

        params: {"V": (d, k), "mu": (k,), "W": (d, k), "b": (d,)};  R (n, d)
        layers: the module slow.py, whose layers are right: sparse_in, tanh, sampled_out, squared_error

        Returns (loss, grads), where grads has an array for each name in params.
        """
    ''',
    cases=model_cases,
    answer=objective,
    parts=(Part(("loss",), 1), Part(("dV", "dmu", "dW", "db"), 1)),
    mistakes=MODEL_MISTAKES,
    example=EXAMPLE,
)

AXES = {
    "layout": {
        "d x k": Option(),
        "k x d": Option(
            "W is (k, d) in task 1 and V is (k, d) in task 2, and so are their gradients.",
            {
                1: (
                    ("y = H Wᵀ + b", "y = H W + b"),
                    (", W (d, k), b (d,), at", ", W (k, d), b (d,), at"),
                    ("dW (d, k)", "dW (k, d)"),
                ),
                2: (
                    ("Z = R V + mu", "Z = R Vᵀ + mu"),
                    (", V (d, k), mu", ", V (k, d), mu"),
                    ("(dV (d, k)", "(dV (k, d)"),
                ),
            },
        ),
    },
    "order": {
        "matrix last": Option(),
        "matrix first": Option(
            "The arguments of tasks 1 and 2 have another order.",
            {1: (("(H, W, b, at)", "(at, W, b, H)"),), 2: (("(R, V, mu)", "(V, mu, R)"),)},
        ),
    },
    "names": {
        "tinyrec's": Option(),
        "other": Option(
            "The functions of tasks 1 and 2 have other names.",
            {1: (("def sampled_out(", "def cells_of_output("),), 2: (("def sparse_in(", "def codes_of_rows("),)},
        ),
    },
    "error": {
        "sum": Option(),
        "half the sum": Option(
            "The error of task 3 is half the sum of squares.", {3: (("loss = Σ (y_ij", "loss = ½ Σ (y_ij"),)}
        ),
    },
    "penalty": {
        "l2/2": Option(),
        "l2": Option("The penalty of task 3 has no half.", {3: (("+ l2/2 (|V|² + |W|²)", "+ l2 (|V|² + |W|²)"),)}),
    },
}

ASSIGNMENT = Assignment(
    title="Encoder and decoder, backward",
    minutes=90,
    tasks=(SAMPLED_OUT, SPARSE_IN, LOSS_AND_GRADS),
    given=("ratings.py", "slow.py"),
    axes=AXES,
    bonus=1,
)
