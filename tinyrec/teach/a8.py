"""a8: somebody new: fold in a row and a column, and serve old and new users without changing what was trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import Assignment, Case, Mistake, Option, Outputs, Part, Task, matrices


def ratings(rng: np.random.Generator, p: int) -> Array:
    """Half stars, negative ones among them, and a 0 if there are three."""
    r = np.round(rng.normal(1, 2, p) * 2) / 2
    r[2:3] = 0.0
    return r


def sigmoid(Z: Array) -> Array:
    return 1 / (1 + np.exp(-Z))


# Task 1: new_row

ROWS = {  # d, k and p
    "one rating": (1, 1, 1),
    "no rating": (3, 2, 0),
    "one of some": (5, 3, 1),
    "square": (4, 4, 3),
    "more units than columns": (3, 5, 2),
    "every column": (6, 2, 6),
    "some": (8, 3, 5),
}


def row_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for d, k, p in ROWS.values():
        cols = rng.permutation(d)[:p].astype(np.int32)
        c = Case(cols=cols, r=ratings(rng, p)).drawn(rng, V=(d, k), mu=k, W=(d, k), b=d)
        cases.append(c)
    return cases


def code_of(c: Case) -> Array:
    z = c.mu.copy()
    for j, r in zip(c.cols, c.r, strict=True):
        z = z + r * c.V[j]
    return z


def scores_of(c: Case) -> Array:
    return c.W @ sigmoid(code_of(c)) + c.b


def row_mistake(change: Callable[[Case], Case]) -> Callable[[Case], Outputs]:
    """c -> the scores of a case with something else in place of an input"""
    return lambda c: {"scores": scores_of(change(c))}


def known_kept(c: Case) -> Outputs:
    scores = scores_of(c)
    scores[c.cols] = c.r
    return {"scores": scores}


def is_rated(c: Case) -> Array:
    return np.isin(np.arange(len(c.b)), c.cols)


ROW_MISTAKES = (
    Mistake("mu is not added.", row_mistake(lambda c: c.with_(mu=0 * c.mu))),
    Mistake("b is not added.", row_mistake(lambda c: c.with_(b=0 * c.b))),
    Mistake("the code does not go through the activation.", lambda c: {"scores": c.W @ code_of(c) + c.b}),
    Mistake(
        "the output goes through the activation, too; in the authors' best model f is the identity.",
        lambda c: {"scores": sigmoid(scores_of(c))},
    ),
    Mistake(
        "mu is added after the activation; it is inside.",
        lambda c: {"scores": c.W @ (sigmoid(code_of(c) - c.mu) + c.mu) + c.b},
    ),
    Mistake(
        "the sum over the ratings is divided by their number.", row_mistake(lambda c: c.with_(r=c.r / max(len(c.r), 1)))
    ),
    Mistake(
        "the values of the ratings are not used, only where they are.",
        row_mistake(lambda c: c.with_(r=np.ones(len(c.r)))),
    ),
    Mistake(
        "the ratings are read as those of the first p columns; r_cols says whose they are.",
        row_mistake(lambda c: c.with_(cols=np.arange(len(c.cols)))),
    ),
    Mistake(
        "the ratings are read in the order of the columns, but they are in the order of r_cols.",
        row_mistake(lambda c: c.with_(cols=np.sort(c.cols))),
    ),
    Mistake("V and W are exchanged.", row_mistake(lambda c: c.with_(V=c.W, W=c.V))),
    Mistake("V is used for both layers.", row_mistake(lambda c: c.with_(W=c.V))),
    Mistake("W is used for both layers.", row_mistake(lambda c: c.with_(V=c.W))),
    Mistake("what is rated already has its rating; the model's prediction is wanted for every column.", known_kept),
    Mistake(
        "only columns without a rating are predicted, and the others are 0.",
        lambda c: {"scores": scores_of(c) * ~is_rated(c)},
    ),
    Mistake("b is subtracted.", row_mistake(lambda c: c.with_(b=-c.b))),
)

NEW_ROW = Task(
    title="a new row",
    stub='''
    def new_row(V, mu, W, b, r_cols, r):
        """What a trained AutoRec predicts for a row that was not in training:  y = W g(Vᵀ r + mu) + b  (AutoRec, eq. 3)

        V (d, k), mu (k,), W (d, k), b (d,): the parameters; row j of V and row j of W belong to column j
        r (p,): the ratings of the new row, all that is known of it, and r_cols (p,) their columns, in any order
        g(z) = 1 / (1 + exp(-z))

        Returns y (d,), for all columns.
        """
    ''',
    secrets=("tinyrec.recommenders.fold_in:new_row",),
    cases=row_cases,
    answer=lambda c: {"scores": scores_of(c)},
    parts=(Part(("scores",), 2),),
    mistakes=ROW_MISTAKES,
)

# Task 2: new_column

COLUMNS = {  # n, k and p
    "one row": (1, 1, 1),
    "no rating": (4, 2, 0),
    "one rating": (5, 3, 1),
    "square": (4, 4, 4),
    "more ratings than units": (7, 2, 5),
    "more units than ratings": (5, 8, 3),
    "every row": (9, 3, 9),
    "some": (8, 4, 5),
}


def column_cases(rng: np.random.Generator) -> list[Case]:
    return [with_codes(rng, *sizes) for sizes in COLUMNS.values()]


def with_codes(rng: np.random.Generator, n: int, k: int, p: int) -> Case:
    """Codes whose mean is far from 0."""
    c = Case(rows=rng.permutation(n)[:p].astype(np.int32), x=ratings(rng, p)).drawn(rng, codes=(n, k), mean=n)
    return c.with_(codes=c.codes + 1.0, l2=rng.uniform(0.5, 2), damping=rng.uniform(2.5, 4))


def large_column(rng: np.random.Generator) -> Case:
    return with_codes(rng, 30, 800, 12)


def solved(Z: Array, e: Array, l2: float, damping: float) -> Array:
    """The v of the smallest |e - Z v|² + l2 |v|², with damping for the last in place of l2: penalties are rows."""
    penalties = np.full(Z.shape[1], l2)
    penalties[-1] = damping
    A = np.vstack([Z, np.diag(np.sqrt(penalties))])
    return np.linalg.lstsq(A, np.r_[e, np.zeros(Z.shape[1])], rcond=None)[0]


def column_of(
    c: Case,
    l2: float | None = None,
    damping: float | None = None,
    off: Array | None = None,
    one: float = 1.0,
    again: bool = True,
) -> Array:
    """off: in place of the mean of the codes;  one: the column of the intercept;  again: take `off` off again"""
    off = c.codes.mean(axis=0) if off is None else off
    Z = np.c_[c.codes - off, np.full(len(c.codes), one)]
    e = c.x - c.mean[c["rows"]]
    v = solved(Z[c["rows"]], e, c.l2 / 2 if l2 is None else l2, c.damping if damping is None else damping)
    return c.mean + Z @ v + (0 if again else off @ v[:-1])


def of(answer: Callable[[Case], Array]) -> Callable[[Case], Outputs]:
    return lambda c: {"y": answer(c)}


def mean_of_rated(c: Case) -> Array:
    return c.codes[c["rows"]].mean(axis=0) if len(c["rows"]) else c.codes.mean(axis=0)


COLUMN_MISTAKES = (
    Mistake("the intercept c is free; it has a penalty of its own.", of(lambda c: column_of(c, damping=0.0))),
    Mistake("there is no intercept c.", of(lambda c: column_of(c, one=0.0))),
    Mistake("the penalty of w is λ and not λ/2.", of(lambda c: column_of(c, l2=c.l2))),
    Mistake("the penalty of w is λ/4: the derivative of λ/2 w² is λ w.", of(lambda c: column_of(c, l2=c.l2 / 4))),
    Mistake("w has no penalty.", of(lambda c: column_of(c, l2=0.0))),
    Mistake(
        "the penalty of the intercept is half as large as it should be.",
        of(lambda c: column_of(c, damping=c.damping / 2)),
    ),
    Mistake("the intercept has the penalty of w.", of(lambda c: column_of(c, damping=c.l2 / 2))),
    Mistake("w has the penalty of the intercept.", of(lambda c: column_of(c, l2=c.damping))),
    Mistake("the two penalties are exchanged.", of(lambda c: column_of(c, l2=c.damping, damping=c.l2 / 2))),
    Mistake("the mean of the codes is not taken off.", of(lambda c: column_of(c, off=0 * c.codes[0]))),
    Mistake("the mean of the codes is taken off to fit, and not to predict.", of(lambda c: column_of(c, again=False))),
    Mistake(
        "the mean is that of the codes of rated rows; it is that of all rows.",
        of(lambda c: column_of(c, off=mean_of_rated(c))),
    ),
    Mistake(
        "the column is fitted to the ratings, but what the mean column predicts is to be taken off first.",
        of(lambda c: c.mean + column_of(c.with_(mean=0 * c.mean))),
    ),
    Mistake("the mean column is taken off, but not added again.", of(lambda c: column_of(c) - c.mean)),
    Mistake("the mean column is not used.", of(lambda c: column_of(c.with_(mean=0 * c.mean)))),
    Mistake(
        "the errors are divided by their number; the fit has their sum.",
        of(lambda c: column_of(c, c.l2 / 2 * max(len(c.x), 1), c.damping * max(len(c.x), 1))),
    ),
    Mistake(
        "the ratings are read as those of the first p rows; `rows` says whose they are.",
        of(lambda c: column_of(c.with_(rows=np.arange(len(c["rows"]))))),
    ),
    Mistake(
        "the ratings are read in the order of the rows, but they are in the order of `rows`.",
        of(lambda c: column_of(c.with_(rows=np.sort(c["rows"])))),
    ),
)

NEW_COLUMN = Task(
    title="a new column",
    stub='''
    def new_column(codes, mean, l2, damping, rows, x):
        """y_i = mean_i + w · (h_i - h̄) + c at all n rows, for a column with p ratings, where w (k,) and c minimise

        Σ (x - y)² over the p ratings  +  l2/2 |w|² + damping c²

        codes (n, k): h_i, of all rows; h̄ is their mean;  mean (n,): what an average column is predicted as
        x (p,): the ratings of the new column, and rows (p,) their rows, in any order;  l2, damping: numbers above 0

        k can be large: solve p equations, and make no k x k array. Returns y (n,).
        """
    ''',
    secrets=("tinyrec.recommenders.fold_in:new_columns",),
    cases=column_cases,
    answer=of(column_of),
    parts=(Part(("y",), 5),),
    mistakes=COLUMN_MISTAKES,
    large=large_column,
    budget=10.0,
    advice="Solve p equations, and make no k x k array.",
)

# Task 3: serve

UNITS = 1, 2, 2, 3, 4, 2, 3, 2, 3  # k of each matrix of `matrices`


def serve_cases(rng: np.random.Generator) -> list[Case]:
    return [with_more(rng, c, k) for c, k in zip(matrices(rng), UNITS, strict=True)]


def with_more(rng: np.random.Generator, c: Case, k: int) -> Case:
    """Users 0, new, n - 1, 0 and new have more ratings; the last columns of three and more were folded in.

    The first of them rates column 0 again, as 0.
    """
    n, D = c.shape
    d = D - int(rng.integers(1, D - 1)) if D > 2 else D
    users = np.array([0, -1, n - 1, 0, -1])
    here = rng.random((len(users), D)) < 0.5
    here[:, 0] = [True, True, False, False, False]
    here[2, -1] = True
    rows, cols = np.nonzero(here)
    r = ratings(rng, len(rows))
    r[(rows == 0) & (cols == 0)] = 0.0
    r[(rows == 1) & (cols == 0)] = 2.5
    more = {"more_indptr": np.r_[0, np.cumsum(here.sum(axis=1))], "more_cols": cols.astype(np.int32), "more_r": r}
    old = c.r.copy()
    old[:1] = 3.0
    return c.with_(r=old, users=users, **more).drawn(rng, V=(d, k), mu=k, W=(D, k), b=D)


def old_row(c: Case, user: int) -> dict[int, float]:
    cells = slice(c.indptr[user], c.indptr[user + 1])
    return dict(zip(c.cols[cells].tolist(), c.r[cells].tolist(), strict=True))


def more_row(c: Case, i: int) -> dict[int, float]:
    cells = slice(c.more_indptr[i], c.more_indptr[i + 1])
    return dict(zip(c.more_cols[cells].tolist(), c.more_r[cells].tolist(), strict=True))


def trained(c: Case, i: int) -> dict[int, float]:
    """The ratings of training of row i of `more`: none, if it is somebody new."""
    return old_row(c, int(c.users[i])) if c.users[i] >= 0 else {}


def profile(c: Case, i: int) -> dict[int, float]:
    return trained(c, i) | more_row(c, i)


def served(c: Case, profile: Callable[[Case, int], dict[int, float]] = profile) -> Array:
    scores = []
    for i in range(len(c.users)):
        z = c.mu.copy()
        for j, r in profile(c, i).items():
            if j < len(c.V):
                z = z + r * c.V[j]
        scores.append(c.W @ sigmoid(z) + c.b)
    return np.array(scores)


def with_profile(profile: Callable[[Case, int], dict[int, float]]) -> Callable[[Case], Outputs]:
    return lambda c: {"scores": served(c, profile)}


def last_for_new(c: Case, i: int) -> dict[int, float]:
    user = int(c.users[i]) % c.shape[0]
    return old_row(c, user) | more_row(c, i)


def rated_again(both: Callable[[float, float], float]) -> Callable[[Case], Outputs]:
    """c -> scores where this is made of the old and the new rating of a column"""

    def its(c: Case, i: int) -> dict[int, float]:
        old, new = trained(c, i), more_row(c, i)
        return old | new | {j: both(old[j], new[j]) for j in old.keys() & new.keys()}

    return with_profile(its)


def kept_from_before(same: Callable[[int, int], bool]) -> Callable[[Case], Outputs]:
    """c -> scores of rows which see the new ratings of the rows before them of what is taken for the same user"""

    def its(c: Case, i: int) -> dict[int, float]:
        found = trained(c, i)
        for row in range(i + 1):
            if row == i or same(int(c.users[row]), int(c.users[i])):
                found |= more_row(c, row)
        return found

    return with_profile(its)


def known_in_place(c: Case) -> Outputs:
    scores = served(c)
    for i in range(len(scores)):
        for j, r in profile(c, i).items():
            scores[i, j] = r
    return {"scores": scores}


def folded_without(name: str) -> Callable[[Case], Outputs]:
    """c -> scores in which the columns that were folded in lack W or b"""

    def answer(c: Case) -> Outputs:
        lacking = c[name].copy()
        lacking[len(c.V) :] = 0
        return {"scores": served(c.with_(**{name: lacking}))}

    return answer


SERVE_MISTAKES = (
    Mistake("-1 is read as the last user, whose ratings somebody new gets.", with_profile(last_for_new)),
    Mistake("the ratings of training are not read: users of training have them, too.", with_profile(more_row)),
    Mistake("the new ratings are not read.", with_profile(trained)),
    Mistake(
        "a column that is rated again counts with both ratings; only the new one counts.",
        rated_again(lambda old, new: old + new),
    ),
    Mistake(
        "a column that is rated again counts with the mean of both ratings; only the new one counts.",
        rated_again(lambda old, new: (old + new) / 2),
    ),
    Mistake(
        "a column that is rated again counts with the old rating; the new one counts.",
        rated_again(lambda old, new: old),
    ),
    Mistake(
        "a new rating of 0 is taken for none; it is a rating like any other.",
        rated_again(lambda old, new: new or old),
    ),
    Mistake(
        "an old user's second row sees the new ratings of the first; each row is answered by itself.",
        kept_from_before(lambda a, b: a == b >= 0),
    ),
    Mistake("all new people are taken for the same one.", kept_from_before(lambda a, b: a == b == -1)),
    Mistake(
        "a row sees the new ratings of the rows before it that have the same number in users.",
        kept_from_before(lambda a, b: a == b),
    ),
    Mistake("a row sees the new ratings of all rows before it.", kept_from_before(lambda a, b: True)),
    Mistake("the ratings themselves are returned where there are any; predictions are wanted.", known_in_place),
    Mistake("columns that were folded in are predicted as their b.", folded_without("W")),
    Mistake("columns that were folded in lack their b.", folded_without("b")),
    Mistake("mu is not added.", lambda c: {"scores": served(c.with_(mu=0 * c.mu))}),
    Mistake("b is not added.", lambda c: {"scores": served(c.with_(b=0 * c.b))}),
)

SERVE = Task(
    title="old and new users",
    stub='''
    def serve(params, R, more, users):
        """Predictions for users, some of training and some new, after more ratings have come in:  eq. 3 for each

        params: {"V": (d, k), "mu": (k,), "W": (D, k), "b": (D,)}, the model of task 1. The last D - d columns were
            folded in as in task 2: they are predicted like all others, but no code depends on their ratings.
        R (n, D): the ratings of training, a row for each user
        more (m, D): ratings that came in later. Row i is of user users[i], or of somebody new if users[i] is -1.
        users (m,): numbers from -1 to n - 1, some more than once

        For row i, an old user's ratings of training and those of row i count. A column in both has the rating of row i.
        Each row is answered by itself. Nothing that is given may be changed: neither arrays, nor what holds them.

        Returns y (m, D).
        """
    ''',
    secrets=("tinyrec.recommenders.fold_in:new_row", "tinyrec.recommenders.fold_in:copy_columns"),
    cases=serve_cases,
    answer=lambda c: {"scores": served(c)},
    parts=(Part(("scores",), 3),),
    mistakes=SERVE_MISTAKES,
)

AXES = {
    "activation": {
        "sigmoid": Option(),
        "tanh": Option(
            "The activation is tanh, in tasks 1 and 3.",
            {
                1: (("g(z) = 1 / (1 + exp(-z))", "g(z) = tanh(z)"),),
                3: (("eq. 3 for each", "eq. 3 for each, with tanh"),),
            },
        ),
    },
    "layout": {
        "d x k": Option(),
        "k x d": Option(
            "V and W of tasks 1 and 3 and the codes of task 2 have the other orientation, with the k units first.",
            {
                1: (
                    ("V (d, k), mu (k,), W (d, k), b (d,): the", "V (k, d), mu (k,), W (k, d), b (d,): the"),
                    ("row j of V and row j of W", "column j of V and column j of W"),
                    ("y = W g(Vᵀ r", "y = Wᵀ g(V r"),
                ),
                2: (("codes (n, k): h_i", "codes (k, n): h_i"),),
                3: (('"V": (d, k)', '"V": (k, d)'), ('"W": (D, k)', '"W": (k, D)')),
            },
        ),
    },
    "row bias": {
        "none": Option(),
        "damped": Option(
            "Task 1 takes the damped mean m of the new row off before it is encoded.",
            {
                1: (
                    (" r + mu) + b ", " (r - m) + mu) + b + m "),
                    (
                        "\n    Returns y (d,)",
                        "    m = Σ r / (p + 5), taken off each of the p ratings\n\n    Returns y (d,)",
                    ),
                )
            },
        ),
    },
    "penalty": {
        "l2/2": Option(),
        "l2": Option("The penalty of w in task 2 has no half.", {2: (("l2/2 |w|²", "l2 |w|²"),)}),
    },
    "error": {
        "sum": Option(),
        "mean": Option(
            "The error of task 2 is a mean, and 0 if there are no ratings.",
            {2: (("Σ (x - y)² over the p ratings", "mean (x - y)² of the p ratings"),)},
        ),
    },
}

ASSIGNMENT = Assignment(
    title="Somebody new",
    minutes=60,
    tasks=(NEW_ROW, NEW_COLUMN, SERVE),
    given=("ratings.py",),
    axes=AXES,
    bonus=1,
)
