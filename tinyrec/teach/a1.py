"""a1: ratings that are not there: the sparse matrix, the objective over its cells, and the score."""

from __future__ import annotations

from itertools import pairwise

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
    large_matrix,
    matrices,
)

UNITS = 1, 2, 2, 3, 4, 2, 3, 2, 3  # k of each matrix of `matrices`; the square one is square in all
EXAMPLE = 5  # 5 x 3 with an empty row
WIDE = 50_000  # n and d of a matrix whose cells no int32 can number

# Task 1: to_rows

ERROR, IN_ITS_PLACE = "the ValueError for a cell given twice", "the values in place of the error"  # outputs
NO_MEMORY = "Do not make all n x d cells, nor all p x p pairs of cells."


def cell_cases(rng: np.random.Generator) -> list[Case]:
    cases = [cells_of(rng, c) for c in matrices(rng)]
    rows, cols = rng.integers(WIDE, size=(2, 60))
    rows[:2], cols[:2] = (7, WIDE - 8), (WIDE - 1, 7)  # the last rows are empty
    wide = Case(i=rows.astype(np.int32), j=cols.astype(np.int32), r=rng.normal(3, 1, 60))
    cases.append(wide.with_(shape=(WIDE, WIDE), twice=False))
    for c, kind, place in zip(
        cases[4:7], ("alike", "another", "a zero"), (apart_in_row, beside, anywhere), strict=True
    ):
        cell, at = place(rng, c)
        r = c.r.copy()
        r[cell] = rng.uniform(0.5, 1)  # no other cell has this rating by chance
        value = {"alike": r[cell], "another": rng.uniform(2, 3), "a zero": 0.0}[kind]
        again = {"i": np.insert(c.i, at, c.i[cell]), "j": np.insert(c.j, at, c.j[cell]), "r": np.insert(r, at, value)}
        cases.append(c.with_(twice=True, again=at, **again))
    return cases


def anywhere(rng: np.random.Generator, c: Case) -> tuple[int, int]:
    """A cell, and where it comes again."""
    return int(rng.integers(len(c.i))), int(rng.integers(len(c.i) + 1))


def beside(rng: np.random.Generator, c: Case) -> tuple[int, int]:
    cell, _ = anywhere(rng, c)
    return cell, cell + 1


def apart_in_row(rng: np.random.Generator, c: Case) -> tuple[int, int]:
    """With another cell of its row between the two, if any row has two cells."""
    for cell in rng.permutation(len(c.i)).tolist():
        others = np.flatnonzero(c.i[cell + 1 :] == c.i[cell])
        if len(others):
            return cell, int(rng.integers(cell + 2 + others[0], len(c.i) + 1))
    return anywhere(rng, c)


def cells_of(rng: np.random.Generator, c: Case) -> Case:
    """The cells in any order."""
    order = rng.permutation(len(c.cols))
    rows = c.rows.astype(np.int32)[order]
    return Case(shape=c["shape"], i=rows, j=c.cols[order], r=c.r[order], twice=np.asarray(False))


def large_cells(rng: np.random.Generator) -> Case:
    return cells_of(rng, large_matrix(rng, 2000, 2500, 4000))


Cells = list[tuple[int, int, float]]


def rows_by(c: Case, cells: Cells) -> Outputs:
    """The CSR arrays of cells in this order."""
    counts = np.zeros(int(c.shape[0]) + 1, np.int64)
    for i, _, _ in cells:
        counts[i + 1] += 1
    values = np.array([value for _, _, value in cells], float)
    return {"indptr": np.cumsum(counts), "cols": np.array([j for _, j, _ in cells], np.int64), "values": values}


def cells_in(c: Case) -> Cells:
    return [(int(i), int(j), float(value)) for i, j, value in zip(c.i, c.j, c.r, strict=True)]


def by_cell(cell: tuple[int, int, float]) -> tuple[int, int]:
    return cell[:2]


def in_rows(c: Case, cells: Cells) -> Outputs:
    return rows_by(c, sorted(cells, key=by_cell))


def rows_of(c: Case) -> Outputs:
    return stopped("raised") if c.twice else in_rows(c, cells_in(c))


def stopped(how: str, values: Array | None = None) -> Outputs:
    return {ERROR: np.array(how), IN_ITS_PLACE: np.zeros(0) if values is None else values}


def described(c: Case) -> str:
    (n, d), p = c["shape"], len(c.i)
    at = f" at {[its[:2] for its in cells_in(c)]}" if p <= 6 else ""
    twice = f", with the cell {(int(c.i[c.again]), int(c.j[c.again]))} given twice" if c.twice else ""
    return f"n={n}, d={d}, p={p}{at}{twice}"


# What can be wrong with the arrays: a sentence, and what becomes of cells; and what becomes of a cell that is given
# twice: a sentence, and the cells that are left, None for the right error, or the name of another. Each of the first
# goes with each of the second, so that both are told.


def sorted_by(key):
    return lambda c, cells: rows_by(c, sorted(cells, key=key))


def overflown(c: Case, cells: Cells) -> Outputs:
    number = np.array([i * int(c.shape[1]) + j for i, j, _ in cells], np.int64).astype(np.int32)
    return rows_by(c, [cells[at] for at in np.argsort(number, kind="stable")])


def exchanged_axes(c: Case, cells: Cells) -> Outputs:
    return in_rows(c.with_(shape=c.shape[::-1]), [(j, i, value) for i, j, value in cells])


def only_changed(name: str, change):
    """Right but for one output: change(c, cells, right outputs)."""
    return lambda c, cells: {**(its := in_rows(c, cells)), name: change(c, cells, its)}


ARRAY_FAULTS = (
    ("the cells are sorted by column alone; the rows come first.", sorted_by(lambda cell: cell[1])),
    ("within a row, the columns do not ascend.", sorted_by(lambda cell: cell[0])),
    ("the cells stay in the order in which they are given.", sorted_by(lambda _: 0)),
    ("cells go column by column, and indptr counts the rows.", sorted_by(lambda cell: (cell[1], cell[0]))),
    ("rows and columns are exchanged.", exchanged_axes),
    (
        "ratings of 0 are dropped; a rating of 0 is observed like any other.",
        lambda c, cells: in_rows(c, [its for its in cells if its[2] != 0]),
    ),
    (
        "the values stay in their old order, while the columns are sorted.",
        only_changed("values", lambda c, cells, its: np.array([value for _, _, value in cells], float)),
    ),
    (
        "the columns stay in their old order, while the values are sorted.",
        only_changed("cols", lambda c, cells, its: np.array([j for _, j, _ in cells], np.int64)),
    ),
    (
        "indptr has n numbers; it has n + 1, and starts with 0.",
        only_changed("indptr", lambda c, cells, its: its["indptr"][1:]),
    ),
    (
        "indptr has n numbers; the end of the last row is missing.",
        only_changed("indptr", lambda c, cells, its: its["indptr"][:-1]),
    ),
    (
        "indptr holds how many cells each row has; it must hold where they begin.",
        only_changed("indptr", lambda c, cells, its: np.diff(its["indptr"], prepend=0)),
    ),
    (
        "indptr ends with the last row that has a cell; rows without cells have an entry, too.",
        only_changed("indptr", lambda c, cells, its: its["indptr"][: int(c.i.max(initial=-1)) + 2]),
    ),
    ("the number of a cell is too large for the integers that hold it: it overflows.", overflown),
)


def merged(merge):
    """c -> its cells, where those that are given twice become one: merge(first, second)."""

    def left(c: Case) -> Cells:
        found: dict[tuple[int, int], float] = {}
        for i, j, value in cells_in(c):
            found[i, j] = merge(found[i, j], value) if (i, j) in found else value
        return [(*cell, value) for cell, value in found.items()]

    return left


def without_zeros(c: Case) -> Cells | None:
    left = [its for its in cells_in(c) if its[2] != 0]
    return None if len({its[:2] for its in left}) < len(left) else left


def apart(key):
    """c -> its cells, if sorting them by this key does not bring the two cells together; None, if it does."""

    def left(c: Case) -> Cells | None:
        cells = sorted(cells_in(c), key=key)
        return None if any(a[:2] == b[:2] for a, b in pairwise(cells)) else cells_in(c)

    return left


NOT_RAISED = "a cell is given twice, and no ValueError was raised:"
TWICE_FAULTS = (
    (f"{NOT_RAISED} it stays twice.", cells_in),
    (f"{NOT_RAISED} it gets the sum of its ratings.", merged(lambda a, b: a + b)),
    (f"{NOT_RAISED} it keeps the last rating.", merged(lambda a, b: b)),
    (f"{NOT_RAISED} it keeps the first rating.", merged(lambda a, b: a)),
    (
        f"{NOT_RAISED} it is only noticed where its ratings are alike, too.",
        lambda c: cells_in(c) if len(set(cells_in(c))) == len(c.i) else None,
    ),
    (f"{NOT_RAISED} it is only noticed where neither of its ratings is 0.", without_zeros),
    ("a cell is given twice, and an error was raised, but no ValueError.", lambda c: "another error"),
)

# In some draws, the two cells are neighbours in all cases: then it does no harm by itself.
NEIGHBOURS = f"{NOT_RAISED} it is only noticed where both stand side by side in a row.", apart(lambda cell: cell[0])


def faulty(arrays, twice):
    def answer(c: Case) -> Outputs:
        if not c.twice:
            return arrays(c, cells_in(c))
        left = twice(c)
        if left is None or isinstance(left, str):
            return stopped(left or "raised")
        return stopped("not raised", arrays(c, left)["values"])

    return answer


CELL_MISTAKES = (
    *(Mistake(says, faulty(arrays, lambda c: None)) for says, arrays in ARRAY_FAULTS),
    *(Mistake(says, faulty(in_rows, twice)) for says, twice in TWICE_FAULTS),
    *(
        Mistake(f"{says} Besides, {and_says}", faulty(arrays, twice))
        for says, arrays in ARRAY_FAULTS
        for and_says, twice in (*TWICE_FAULTS, NEIGHBOURS)
    ),
)

TO_ROWS = Task(
    title="cells in any order, row by row",
    stub='''
    def to_rows(rows, cols, values, shape):
        """The CSR arrays of a sparse (n, d) matrix with p observed cells, which are given in any order.

        rows, cols (p,) int32, values (p,): the cells (rows[t], cols[t]) and their ratings;  shape: (n, d)

        Returns (indptr (n + 1,), cols (p,), values (p,)): row by row, and within a row with ascending columns.
        Row i owns the cells indptr[i] to indptr[i + 1] - 1. A rating of 0 is a rating.
        ValueError: a cell is given twice
        """
    ''',
    cases=cell_cases,
    answer=rows_of,
    parts=(Part(("indptr", "cols", "values"), 2), Part((ERROR, IN_ITS_PLACE), 1)),
    mistakes=CELL_MISTAKES,
    large=large_cells,
    advice=NO_MEMORY,
    describe=described,
    example=EXAMPLE,
)

# Task 2: objective


def model_cases(rng: np.random.Generator) -> list[Case]:
    return [with_model(rng, c, k) for c, k in zip(matrices(rng), UNITS, strict=True)]


def with_model(rng: np.random.Generator, c: Case, k: int) -> Case:
    n, d = c.shape
    return c.drawn(rng, H=(n, k), V=(d, k), W=(d, k), b=d).with_(lam=rng.uniform(0.5, 2))


def large_model(rng: np.random.Generator) -> Case:
    return with_model(rng, large_matrix(rng, 2000, 2500, 4000), 6)


def y_of(c: Case) -> Array:
    return np.array([c.H[i] @ c.W[j] + c.b[j] for i, j in zip(c.rows, c.cols, strict=True)] or np.zeros(0))


def squares(c: Case, *names: str) -> float:
    return sum(float(w) ** 2 for name in names for w in c[name].flat)


def loss_of(c: Case, y: Array | None = None) -> float:
    error = sum(float(y_ - r) ** 2 for y_, r in zip(y_of(c) if y is None else y, c.r, strict=True))
    return error + float(c.lam) / 2 * squares(c, "W", "V")


def objective(c: Case) -> Outputs:
    return {"loss": np.array(loss_of(c)), "y": y_of(c)}


def both(c: Case, y: Array) -> Outputs:
    """Wrong predictions, and the loss that they have."""
    return {"loss": np.array(loss_of(c, y)), "y": y}


def loss_plus(added):
    """c -> the right loss and a term: what is too much, or missing."""
    return lambda c: {"loss": np.array(loss_of(c) + added(c))}


def error_of(c: Case) -> float:
    return float(((y_of(c) - c.r) ** 2).sum())


def penalty_of(c: Case) -> float:
    return float(c.lam) / 2 * squares(c, "W", "V")


def error_where_absent(c: Case) -> float:
    """The error of all cells that are not observed, as if they were ratings of 0."""
    return float((((c.H @ c.W.T + c.b) * (dense(c, np.ones(len(c.r))) == 0)) ** 2).sum())


def exchanged(c: Case) -> Array:
    return np.array([c.H[j] @ c.W[i] + c.b[j] for i, j in zip(c.rows, c.cols, strict=True)] or np.zeros(0))


MODEL_MISTAKES = (
    Mistake("the loss runs over all cells, as if those not observed were ratings of 0.", loss_plus(error_where_absent)),
    Mistake(
        "ratings of 0 are left out of the loss; a rating of 0 is observed like any other.",
        loss_plus(lambda c: -((y_of(c)[c.r == 0]) ** 2).sum()),
    ),
    Mistake(
        "ratings of 0 are not predicted; a rating of 0 is observed like any other.",
        lambda c: both(c, y_of(c) * (c.r != 0)),
    ),
    Mistake(
        "the error is a mean where the sum is asked for.", loss_plus(lambda c: error_of(c) * (1 / max(len(c.r), 1) - 1))
    ),
    Mistake(
        "the error is not squared: it is a sum of distances.",
        loss_plus(lambda c: abs(y_of(c) - c.r).sum() - error_of(c)),
    ),
    Mistake("there is a root over the sum of squares.", loss_plus(lambda c: error_of(c) ** 0.5 - error_of(c))),
    Mistake("the penalty is λ and not λ/2.", loss_plus(penalty_of)),
    Mistake("there is no penalty.", loss_plus(lambda c: -penalty_of(c))),
    Mistake("the biases b are in the penalty, too.", loss_plus(lambda c: c.lam / 2 * squares(c, "b"))),
    Mistake("V is not in the penalty.", loss_plus(lambda c: -c.lam / 2 * squares(c, "V"))),
    Mistake("W is not in the penalty.", loss_plus(lambda c: -c.lam / 2 * squares(c, "W"))),
    Mistake(
        "the codes H are in the penalty, too; they are no parameters.", loss_plus(lambda c: c.lam / 2 * squares(c, "H"))
    ),
    Mistake(
        "the norms of the penalty are not squared.",
        loss_plus(lambda c: c.lam / 2 * (squares(c, "V") ** 0.5 + squares(c, "W") ** 0.5) - penalty_of(c)),
    ),
    Mistake("b is not added.", lambda c: both(c, y_of(c.with_(b=0 * c.b)))),
    Mistake(
        "the b of the row is added; b belongs to the columns.",
        lambda c: both(c, y_of(c.with_(b=0 * c.b)) + c.b[c.rows]),
    ),
    Mistake(
        "the rows of H and W are exchanged: rows have codes, columns have weights.", lambda c: both(c, exchanged(c))
    ),
    Mistake("V stands where W belongs.", lambda c: both(c, y_of(c.with_(W=c.V)))),
    Mistake(
        "y is in the order of the columns; cells go row by row.",
        lambda c: {"y": y_of(c)[np.argsort(c.cols, kind="stable")]},
    ),
)

OBJECTIVE = Task(
    title="the objective over the observed cells",
    stub='''
    def objective(H, V, W, b, indptr, cols, r, lam):
        """loss = Σ (y - r)² over the observed cells + lam/2 (|W|² + |V|²),  y = h_i · w_j + b_j at the cells   (eq. 2)

        H (n, k): a code h_i for each row;  V (d, k), W (d, k), b (d,): the parameters
        indptr (n + 1,), cols (p,), r (p,): the observed ratings, as task 1 returns them

        Returns (loss, y (p,)). Never make an array of all n x d cells, or of p x p.
        """
    ''',
    secrets=("tinyrec.nn.losses:squared_error", "tinyrec.backend.reference:sddmm", "tinyrec.backend.reference:add_l2"),
    cases=model_cases,
    answer=objective,
    parts=(Part(("y",), 2), Part(("loss",), 2)),
    mistakes=MODEL_MISTAKES,
    large=large_model,
    advice=NO_MEMORY,
    example=EXAMPLE,
)

# Task 3: score

DEFAULT = 3.0
# p, share of known ratings, scale, share of ratings off the scale
SCORED = (
    (1, 1, (1, 5), 0),
    (1, 1, (1, 10), 0),
    (2, 1, (1, 5), 0),
    (8, 1, (0.5, 5), 0),
    (12, 0.6, (1, 6), 0.3),
    (20, 0.8, (0, 10), 0.2),
    (30, 0.5, (2, 8), 0.2),
    (5, 0.2, (1, 4), 0),
    (10, 0.6, (4, 9), 0),
    (10, 0.6, (0, 2), 0.2),
)


def score_cases(rng: np.random.Generator) -> list[Case]:
    return [scored(rng, *its) for its in SCORED]


def scored(rng: np.random.Generator, p: int, share: float, scale: tuple[float, float], off: float) -> Case:
    low, high = scale
    known = np.arange(p) < round(share * p)
    y, r = rng.uniform(low - 2, high + 2, (2, p))
    y[: p // 2 : 2], y[1 : p // 2 : 2] = low - rng.uniform(0.5, 2), high + rng.uniform(0.5, 2)
    r = np.where(rng.random(p) < off, r, np.clip(r, low, high))
    if off:
        r[0], r[-1] = low - 1.25, high + 1.5  # a known one and one that is not
    if p > 8:
        y[~known] = np.where(rng.random((~known).sum()) < 0.5, np.nan, y[~known])
        y[-1] = np.nan
    order = rng.permutation(p)
    return Case(y=y[order], r=r[order], low=np.array(float(low)), high=np.array(float(high)), known=known[order])


def predicted(c: Case) -> list[float]:
    """What is predicted for each rating: clipped, and the default where a rating is not known, clipped, too."""
    return [
        min(max(float(y) if known else DEFAULT, float(c.low)), float(c.high))
        for y, known in zip(c.y, c.known, strict=True)
    ]


def default_of(c: Case) -> float:
    return float(np.clip(DEFAULT, c.low, c.high))


def rmse_of(y, r) -> Array:
    squared = [(float(y_) - float(r_)) ** 2 for y_, r_ in zip(y, r, strict=True)]
    return np.array((sum(squared) / len(squared)) ** 0.5)


def score(c: Case) -> Outputs:
    return {"rmse": rmse_of(predicted(c), c.r)}


def unknown_as(value):
    """c -> the score if what is not known is predicted as value(c)."""
    return lambda c: {"rmse": rmse_of(np.where(c.known, np.clip(c.y, c.low, c.high), value(c)), c.r)}


def known_as(y):
    """c -> the score if what is known is predicted as y(c)."""
    return lambda c: {"rmse": rmse_of(np.where(c.known, y(c), default_of(c)), c.r)}


def of_errors(summary):
    """c -> another summary of the right errors."""
    return lambda c: {"rmse": np.asarray(summary(np.array(predicted(c)) - c.r))}


SCORE_MISTAKES = (
    Mistake("predictions are not clipped to the scale.", known_as(lambda c: c.y)),
    Mistake(
        "the 3 where the model knows nothing is not clipped; it is a prediction like the others.",
        unknown_as(lambda c: DEFAULT),
    ),
    Mistake(
        "no prediction is clipped to the scale, neither y nor the 3.",
        lambda c: {"rmse": rmse_of(np.where(c.known, c.y, DEFAULT), c.r)},
    ),
    Mistake("predictions are clipped at the low end alone.", known_as(lambda c: np.maximum(c.y, c.low))),
    Mistake("predictions are clipped at the high end alone.", known_as(lambda c: np.minimum(c.y, c.high))),
    Mistake(
        "predictions are rounded; the score takes them as they are.",
        known_as(lambda c: np.round(np.clip(c.y, c.low, c.high))),
    ),
    Mistake(
        "the ratings are clipped, too; they are what they are.",
        lambda c: {"rmse": rmse_of(predicted(c), np.clip(c.r, c.low, c.high))},
    ),
    Mistake(
        "the ratings are clipped in place of the predictions.",
        lambda c: {"rmse": rmse_of(np.where(c.known, c.y, default_of(c)), np.clip(c.r, c.low, c.high))},
    ),
    Mistake(
        "the model's y is taken where it knows nothing; the paper predicts 3 there.",
        unknown_as(lambda c: np.clip(c.y, c.low, c.high)),
    ),
    Mistake("0 is predicted where the model knows nothing.", unknown_as(lambda c: 0.0)),
    Mistake("the lowest rating is predicted where the model knows nothing.", unknown_as(lambda c: c.low)),
    Mistake(
        "the middle of the scale is predicted where the model knows nothing.",
        unknown_as(lambda c: (c.low + c.high) / 2),
    ),
    Mistake(
        "the mean of the ratings to be predicted is used where the model knows nothing; it must not be known.",
        unknown_as(lambda c: c.r.mean()),
    ),
    Mistake(
        "what is not known is left out; it counts, too.",
        lambda c: {"rmse": rmse_of(np.clip(c.y, c.low, c.high)[c.known], c.r[c.known])},
    ),
    Mistake(
        "known is read the other way: True is where the model knows something.",
        lambda c: {"rmse": rmse_of(np.where(c.known, default_of(c), np.clip(c.y, c.low, c.high)), c.r)},
    ),
    Mistake("there is no root: this is the mean of the squares.", of_errors(lambda e: (e * e).mean())),
    Mistake("this is the root of the sum; the mean is asked for.", of_errors(lambda e: (e * e).sum() ** 0.5)),
    Mistake("the errors are not squared: this is the mean distance.", of_errors(lambda e: abs(e).mean())),
    Mistake("this is the spread of the errors; a shift that all of them have counts, too.", of_errors(np.std)),
    Mistake(
        "a y of nan is multiplied by 0, which gives nan; choose instead.",
        lambda c: {"rmse": np.array(np.nan)} if np.isnan(c.y).any() else {},
    ),
)

SCORE = Task(
    title="the score",
    stub='''
    def score(y, r, low, high, known):
        """RMSE of predictions y (p,) of ratings r (p,), p > 0, as in section 3 of the paper.

        known (p,): False where the user or the item has no rating to learn from: there 3 is predicted; y may be nan
        low, high: the ends of the scale, to which all predictions are clipped; it need not have the 3

        Returns one number.
        """
    ''',
    secrets=("tinyrec.evaluation.rating_metrics:rmse",),
    cases=score_cases,
    answer=score,
    parts=(Part(("rmse",), 3),),
    mistakes=SCORE_MISTAKES,
    example=4,
)

AXES = {
    "compressed": {
        "rows": Option(),
        "columns": Option(
            "Task 1 returns the matrix column by column (CSC).",
            {
                1: (
                    ("def to_rows(", "def to_columns("),
                    ("The CSR arrays", "The CSC arrays"),
                    ("(indptr (n + 1,), cols (p,)", "(indptr (d + 1,), rows (p,)"),
                    (
                        "row by row, and within a row with ascending columns",
                        "column by column, and within each with ascending rows",
                    ),
                    ("Row i owns", "Column j owns"),
                    ("indptr[i] to indptr[i + 1] - 1", "indptr[j] to indptr[j + 1] - 1"),
                )
            },
        ),
    },
    "layout": {
        "d x k": Option(),
        "k x d": Option(
            "V and W are (k, d) in task 2.",
            {
                2: (
                    ("h_i · w_j + b_j at the cells ", "(H W)_ij + b_j at the cells"),
                    ("V (d, k), W (d, k)", "V (k, d), W (k, d)"),
                )
            },
        ),
    },
    "error": {
        "sum": Option(),
        "mean": Option(
            "The error of task 2 is a mean over the observed cells, 0 if there are none.",
            {
                2: (
                    ("loss = Σ (y - r)² over", "loss = mean of (y - r)² over"),
                    ("Returns (loss,", "The mean of no cell is 0. Returns (loss,"),
                )
            },
        ),
    },
    "penalty": {
        "lam/2": Option(),
        "lam": Option("The penalty of task 2 has no half.", {2: (("+ lam/2 (|W|² + |V|²)", "+ lam (|W|² + |V|²)"),)}),
    },
    "default": {
        "3": Option(),
        "middle": Option(
            "The middle of the scale is predicted where nothing is known, in task 3.",
            {
                3: (
                    ("there 3 is predicted", "there predict (low + high) / 2"),
                    ("are clipped; it need not have the 3", "are clipped"),
                )
            },
        ),
    },
    "mask": {
        "known": Option(),
        "unknown": Option(
            "Task 3 is told what is unknown.",
            {
                3: (
                    ("low, high, known)", "low, high, unknown)"),
                    ("known (p,): False where", "unknown (p,): True where"),
                )
            },
        ),
    },
}

ASSIGNMENT = Assignment(
    title="What is not there",
    minutes=60,
    tasks=(TO_ROWS, OBJECTIVE, SCORE),
    axes=AXES,
    bonus=1,
)
