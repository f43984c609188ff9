"""a7: clicks: the weights of absent items, the loss over all cells, and the ranks of held-out items."""

from __future__ import annotations

from collections.abc import Callable

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

UNITS = 1, 2, 2, 3, 4, 2, 3, 2, 3  # k of each matrix of `matrices`; the square one is square in all

# Task 1: weights

COUNTS = {  # ω: numbers of interactions, each with one of its traps
    "one item": (0.5, 1),
    "no interactions": (0.5, 3),
    "an item without any": (0.6, 4),
    "omega is 0": (0.0, 5),
    "omega is 1": (1.0, 5),
    "alike": (0.4, 4),
    "popular ones": (0.7, 7),
}


def weight_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for name, (omega, d) in COUNTS.items():
        counts = rng.integers(2, 60, d)
        if name == "no interactions":
            counts[:] = 0
        if name in ("an item without any", "omega is 0"):
            counts[rng.integers(d)] = 0
        if name == "alike":
            counts[:] = counts[0]
        if name == "popular ones":
            counts[rng.integers(d)] = 5000
        c0 = np.asarray(rng.uniform(20, 90))
        cases.append(Case(counts=counts, c0=c0, omega=np.asarray(omega)))
    return cases


def powers(c: Case) -> Array:
    return np.array([float(count) ** float(c.omega) for count in c.counts])


def weights_of(c: Case) -> Array:
    total = sum(powers(c))
    return np.array([c.c0 * its / total if total else 0.0 for its in powers(c)])


def frequencies(c: Case) -> Array:
    return c.counts / max(c.counts.sum(), 1)


def rescaled(by: Callable[[Array], float]) -> Callable[[Case], Outputs]:
    """c -> the weights, divided by another number than the sum of all powers"""
    return lambda c: {"c": c.c0 * powers(c) / (by(powers(c)) or 1.0)}


def over_sum(c: Case, values: Array) -> Outputs:
    return {"c": c.c0 * values / (values.sum() or 1.0)}


WEIGHT_MISTAKES = (
    Mistake(
        "the weights are not normalised: they must add up to c0.", lambda c: {"c": c.c0 * frequencies(c) ** c.omega}
    ),
    Mistake(
        "the weights are not normalised, and hold the counts themselves: they must add up to c0.",
        lambda c: {"c": c.c0 * powers(c)},
    ),
    Mistake("omega is not used.", lambda c: over_sum(c, frequencies(c))),
    Mistake(
        "omega is a factor; it is the exponent of the frequency.", lambda c: {"c": c.c0 * c.omega * frequencies(c)}
    ),
    Mistake("c0 is not used: the weights must add up to c0, not to 1.", lambda c: {"c": weights_of(c) / c.c0}),
    Mistake("c0 is inside of the power.", lambda c: {"c": weights_of(c) * c.c0 ** (c.omega - 1)}),
    Mistake("the mean of the powers is where their sum belongs.", rescaled(np.mean)),
    Mistake("the largest power is where the sum of all belongs.", rescaled(np.max)),
    Mistake(
        "the sum of the counts is in the denominator; eq. 10 has the sum of the powers.",
        lambda c: {"c": c.c0 * powers(c) / max(c.counts.sum(), 1)},
    ),
    Mistake(
        "rare items get the large weights; a popular item that a user does not have was more likely seen and left.",
        lambda c: over_sum(c, (c.counts + (c.counts == 0)) ** -c.omega * (c.counts > 0)),
    ),
    Mistake("1 is added to each count.", lambda c: over_sum(c, (c.counts + 1.0) ** c.omega)),
    Mistake(
        "with omega = 0, an item without interactions has no weight; then all items have the same.",
        lambda c: over_sum(c, powers(c) * (c.counts > 0)),
    ),
    Mistake(
        "where there are no interactions at all, there are NaNs; all weights are 0 then.",
        lambda c: {"c": weights_of(c) if c.counts.any() else np.full(len(c.counts), np.nan)},
    ),
    Mistake("the weights are cut to whole numbers.", lambda c: {"c": np.floor(weights_of(c))}),
)

WEIGHTS = Task(
    title="weights of absent items",
    stub='''
    def weights(counts, c0, omega):
        """c_j = c0 f_j^omega / Σ_k f_k^omega,  the weight of an item that a user does not have           (NCAE, eq. 10)

        counts (d,): the number of interactions with each item, whole numbers; f_j: its share of all interactions
        c0, omega: numbers, omega >= 0. With omega = 0, all items weigh the same, those without interactions, too.

        Returns c (d,), which adds up to c0. If there are no interactions with any item and omega > 0, c is 0.
        """
    ''',
    cases=weight_cases,
    answer=lambda c: {"c": weights_of(c)},
    parts=(Part(("c",), 2),),
    mistakes=WEIGHT_MISTAKES,
)

# Task 2: all_cells


def cell_cases(rng: np.random.Generator) -> list[Case]:
    return [with_output(rng, c, k) for c, k in zip(matrices(rng), UNITS, strict=True)]


def with_output(rng: np.random.Generator, c: Case, k: int) -> Case:
    n, d = c.shape
    return c.drawn(rng, H=(n, k), W=(d, k), b=d).with_(c=rng.uniform(0.2, 0.8, d))


def large_output(rng: np.random.Generator) -> Case:
    """So small that two loops over all cells end in time."""
    return with_output(rng, large_matrix(rng, 250, 300, 300), 6)


def seen(c: Case) -> Array:
    """1 at the observed cells, 0 at the others, (n, d)."""
    return dense(c, np.ones(len(c.r)))


def all_Y(c: Case) -> Array:
    return c.H @ c.W.T + c.b


def weighted(observed: Callable[[Case, Array], Array], others: Callable[[Case, Array], Array]):
    """c -> the loss with these terms of an observed cell and of another one, each a function of the case and Y."""
    return lambda c: (seen(c) * observed(c, all_Y(c)) + (1 - seen(c)) * others(c, all_Y(c))).sum()


def error(c: Case, Y: Array) -> Array:
    return (Y - dense(c, c.r)) ** 2


def absent(c: Case, Y: Array) -> Array:
    return c["c"] * Y**2


loss_of = weighted(error, absent)


def by_loss(loss) -> Callable[[Case], Outputs]:
    """c -> a loss and its own gradients: the mistakes that a gradient check does not see."""
    return lambda c: {"loss": np.asarray(loss(c)), **gradients(loss, c, ("H", "W", "b"))}


def from_dY(c: Case, dY: Array) -> Outputs:
    return {"dH": dY @ c.W, "dW": dY.T @ c.H, "db": dY.sum(axis=0)}


def dY_of(c: Case) -> Array:
    return 2 * np.where(seen(c) > 0, all_Y(c) - dense(c, c.r), c["c"] * all_Y(c))


def as_if_absent(c: Case) -> Array:
    return 2 * c["c"] * all_Y(c)


def only(name: str, dY: Callable[[Case], Array]) -> Callable[[Case], Outputs]:
    """c -> one gradient, of another derivative by the predictions"""
    return lambda c: {name: from_dY(c, dY(c))[name]}


CELL_MISTAKES = (
    Mistake(
        "observed cells are counted twice: once as observed, and once more with the weight c_j of absent ones.",
        by_loss(weighted(lambda c, Y: error(c, Y) + absent(c, Y), absent)),
    ),
    Mistake("only the observed cells are in the loss.", by_loss(weighted(error, lambda c, Y: 0 * Y))),
    Mistake("c is not used: absent cells have the weight 1.", by_loss(weighted(error, lambda c, Y: Y**2))),
    Mistake(
        "observed cells have the weight c_j, too; theirs is 1.",
        by_loss(weighted(lambda c, Y: c["c"] * error(c, Y), absent)),
    ),
    Mistake(
        "c_j is squared with y; it is outside of the square.",
        by_loss(weighted(error, lambda c, Y: absent(c, Y) * c["c"])),
    ),
    Mistake(
        "the values of the observed cells are taken for 1; they are r.",
        by_loss(weighted(lambda c, Y: (Y - 1) ** 2, absent)),
    ),
    Mistake(
        "an observed 0 is taken for an absent cell.",
        by_loss(
            lambda c: weighted(error, absent)(c) + (seen(c) * (dense(c, c.r) == 0) * (c["c"] - 1) * all_Y(c) ** 2).sum()
        ),
    ),
    Mistake("b is not in the predictions.", by_loss(lambda c: loss_of(c.with_(b=0 * c.b)))),
    Mistake(
        "b is not in the predictions of absent cells.",
        by_loss(weighted(error, lambda c, Y: c["c"] * (Y - c.b) ** 2)),
    ),
    Mistake(
        "b is counted for one row only; it is in the prediction of each of the n rows.",
        by_loss(lambda c: loss_of(c) - (len(c.H) - 1) * (c["c"] * c.b**2).sum()),
    ),
    Mistake(
        "the product of b and H W is missing in the sum over all cells: the square of a sum has a mixed term.",
        by_loss(lambda c: loss_of(c) - 2 * (c["c"] * (c.H @ c.W.T) * c.b).sum()),
    ),
    Mistake("the loss is a mean over the cells; eq. 11 has their sum.", by_loss(lambda c: loss_of(c) / seen(c).size)),
    Mistake("the gradients lack the factor of 2 from the square.", lambda c: from_dY(c, dY_of(c) / 2)),
    Mistake("all gradients lack the correction for observed cells.", lambda c: from_dY(c, as_if_absent(c))),
    Mistake("dW lacks the correction for observed cells.", only("dW", as_if_absent)),
    Mistake("dH lacks the correction for observed cells.", only("dH", as_if_absent)),
    Mistake("db lacks the correction for observed cells.", only("db", as_if_absent)),
    Mistake("the gradients are those of the observed cells alone.", lambda c: from_dY(c, seen(c) * dY_of(c))),
    Mistake("db is that of the observed cells alone.", only("db", lambda c: seen(c) * dY_of(c))),
    Mistake(
        "dW lacks the weights c_j of absent cells.", only("dW", lambda c: np.where(seen(c) > 0, dY_of(c), 2 * all_Y(c)))
    ),
    Mistake("dW has the wrong sign.", only("dW", lambda c: -dY_of(c))),
)

ALL_CELLS = Task(
    title="the loss over all cells",
    stub='''
    def all_cells(H, W, b, at, c):
        """loss = Σ_observed (y - r)² + Σ_absent c_j y²,  y = H Wᵀ + b                                    (NCAE, eq. 11)

        H (n, k), W (d, k), b (d,), at (n, d): the observed cells with values r (p,), c (d,): the weights of absent ones
        Both sums together have all n d cells. Never make an array of all of them.

        Returns (loss, dH (n, k), dW (d, k), db (d,)): the loss and its derivatives.
        """
    ''',
    secrets=("tinyrec.nn.all_cells:linear_error", "tinyrec.nn.all_cells:all_cells_error"),
    cases=cell_cases,
    answer=by_loss(loss_of),
    parts=(Part(("loss",), 2), Part(("dH", "dW", "db"), 3)),
    mistakes=CELL_MISTAKES,
    large=large_output,
    forward=loss_of,
    budget=8.0,
    seconds=60.0,
)

# Task 3: rank


def rank_cases(rng: np.random.Generator) -> list[Case]:
    return [with_scores(rng, c) for c in matrices(rng)] + [crowded(rng, k) for k in (2, 4)]


def with_scores(rng: np.random.Generator, c: Case) -> Case:
    """About half of the cells are held out, the others known; few scores, so that many are the same."""
    is_held = rng.random(len(c.r)) < 0.5
    is_held[:1] = True
    return split(c, is_held).with_(scores=rng.integers(-2, 3, c.shape).astype(float), k=rng.integers(1, 4))


def split(c: Case, is_held: Array) -> Case:
    """The cells of a case, parted into known and held-out ones."""

    def indptr(kept: Array) -> Array:
        return np.concatenate([[0], np.cumsum(np.bincount(c.rows[kept], minlength=c.shape[0]))])

    held = {"held_indptr": indptr(is_held), "held_cols": c.cols[is_held]}
    return c.with_(indptr=indptr(~is_held), cols=c.cols[~is_held], r=c.r[~is_held], **held)


def crowded(rng: np.random.Generator, k: int) -> Case:
    """Each row has a tie at places 2 to 5, with known and held-out items in it, and a held-out score of -inf."""
    n, kinds = 3, ["known"] * 3 + ["held"] * 3 + ["free"] * 6
    scores = np.array([6, 2, -np.inf, 2, 2, -np.inf, 4, 2, 2, 0, -1, -np.inf])
    is_known, is_held, shuffled = (np.zeros((n, len(kinds)), kind) for kind in (bool, bool, float))
    for i in range(n):
        order = rng.permutation(len(kinds))
        is_known[i], is_held[i] = (np.array(kinds)[order] == kind for kind in ("known", "held"))
        shuffled[i] = scores[order]
    rows, cols = np.nonzero(is_known | is_held)
    indptr = np.arange(n + 1) * 6
    cells = Case(shape=np.array([n, len(kinds)]), indptr=indptr, cols=cols.astype(np.int32), r=np.ones(len(rows)))
    return split(cells, is_held[rows, cols]).with_(scores=shuffled, k=k)


def held_rows(c: Case) -> Array:
    return np.repeat(np.arange(c.shape[0]), np.diff(c.held_indptr))


def ranked(c: Case, places: Callable[[Array, Array, int], Array], rivals: Callable[[Case, int], Array] | None = None):
    """The mean place, and the share of places within k, of each held-out item.

    places: scores (d,) of a row, which of its items are ranked (d,), an item -> the places that it can have
    rivals: which items of row i are ranked, (d,) bool
    """
    found = [
        places(c.scores[i], (rivals or not_known)(c, i), j) for i, j in zip(held_rows(c), c.held_cols, strict=True)
    ]
    return {
        "rank": np.array([np.mean(its) for its in found] or np.zeros(0)),
        "hit": np.array([np.mean(its <= c.k) for its in found] or np.zeros(0)),
    }


def not_known(c: Case, i: int) -> Array:
    known = c.cols[c.indptr[i] : c.indptr[i + 1]]
    return np.array([j not in known for j in range(c.shape[1])])


def every_item(c: Case, i: int) -> Array:
    return np.ones(c.shape[1], bool)


def any_order(s: Array, among: Array, j: int) -> Array:
    """Every order of items of the same score is as likely as another."""
    higher, alike = sum(s[among] > s[j]), sum(s[among] == s[j])
    return np.arange(higher + 1, higher + alike + 1)


def one_place(place: Callable[[Array, Array, int], float]):
    """c -> ranks where an item has one place, whatever is tied with it."""
    return lambda c: ranked(c, lambda s, among, j: np.array([place(s, among, j)]))


def without_other_held(c: Case) -> Outputs:
    def place(s: Array, among: Array, j: int) -> Array:
        return any_order(s, among | (np.arange(len(s)) == j), j)

    def free(c: Case, i: int) -> Array:
        mine = np.isin(np.arange(c.shape[1]), c.held_cols[c.held_indptr[i] : c.held_indptr[i + 1]])
        return not_known(c, i) & ~mine

    return ranked(c, place, free)


def hidden_by(value: float) -> Callable[[Case], Outputs]:
    """c -> ranks where known items are not left out, but have this score"""

    def answer(c: Case) -> Outputs:
        scores = c.scores.copy()
        scores[c.rows, c.cols] = value
        return ranked(c.with_(scores=scores), any_order, every_item)

    return answer


def hit_by_rank(c: Case) -> Outputs:
    right = ranked(c, any_order)
    return {"hit": right["rank"] <= c.k}


RANK_MISTAKES = (
    Mistake(
        "items of the same score are ranked behind the held-out one: with one score for all, all are first.",
        one_place(lambda s, among, j: 1 + sum(s[among] > s[j])),
    ),
    Mistake(
        "items of the same score are ranked before the held-out one.",
        one_place(lambda s, among, j: sum(s[among] >= s[j])),
    ),
    Mistake(
        "items of the same score are ranked in the order of their numbers, which is not by chance in most data.",
        one_place(lambda s, among, j: 1 + sum(s[among] > s[j]) + sum((s[among] == s[j]) & (np.flatnonzero(among) < j))),
    ),
    Mistake("known items are ranked, too.", lambda c: ranked(c, any_order, every_item)),
    Mistake(
        "known items have the score -inf, but a held-out item with this score is tied with them.", hidden_by(-np.inf)
    ),
    Mistake("known items have the score 0, and are ranked with it.", hidden_by(0.0)),
    Mistake("the other held-out items of a row are left out; they are ranked like all others.", without_other_held),
    Mistake(
        "items are ranked from the wrong end: look again at which score is best.",
        lambda c: ranked(c.with_(scores=-c.scores), any_order),
    ),
    Mistake(
        "all ranks are by 1 off: look again at which rank the first has.",
        lambda c: {"rank": ranked(c, any_order)["rank"] - 1},
    ),
    Mistake(
        "all ranks are by 1/2 too small: an item is tied with itself, too, and must not be counted so in its rank.",
        lambda c: {"rank": ranked(c, any_order)["rank"] - 0.5},
    ),
    Mistake(
        "all ranks are by 1/2 too large: an item is tied with itself, too, and must not be counted so in its rank.",
        lambda c: {"rank": ranked(c, any_order)["rank"] + 0.5},
    ),
    Mistake(
        "hit is 1 where the mean place is among the first k; of tied items, some orders are within k and others not.",
        hit_by_rank,
    ),
    Mistake(
        "hit is 1 where some order of the tied items is within k; it is the share of such orders.",
        lambda c: {"hit": ranked(c, any_order)["hit"] > 0},
    ),
    Mistake(
        "hit is 1 only where all orders of the tied items are within k; it is the share of such orders.",
        lambda c: {"hit": ranked(c, any_order)["hit"] == 1},
    ),
    Mistake(
        "hit is by 1 off at its end: place k is within the first k.",
        lambda c: {"hit": ranked(c.with_(k=c.k - 1), any_order)["hit"]},
    ),
)

RANK = Task(
    title="ranks of held-out items",
    stub='''
    def rank(scores, known, held_out, k):
        """The rank of each held-out item among all items that its user does not have already.

        scores (n, d): any numbers, and infinite ones; the highest score is best, and the best item has rank 1
        known, held_out (n, d): cells of each, no cell in both; their values are not used
        Known items are not ranked. The other held-out items of a user are ranked like all items that are not known.
        Of items with the same score, every order is as likely as another.

        Returns (rank (p,), hit (p,)), in the order of the p cells of held_out: the mean rank over these orders, and the
        share of these orders in which the item is among the first k.
        """
    ''',
    secrets=("tinyrec.evaluation.ranking_metrics:places",),
    cases=rank_cases,
    answer=lambda c: ranked(c, any_order),
    parts=(Part(("rank",), 2), Part(("hit",), 1)),
    mistakes=RANK_MISTAKES,
)

AXES = {
    "c0": {
        "sum": Option(),
        "mean": Option(
            "In task 1, the weights have the mean c0.",
            {
                1: (
                    ("c_j = c0 f_j^omega / Σ_k f_k^omega,", "c_j = c0 f_j^omega / (1/d Σ_k f_k^omega),"),
                    ("which adds up to c0", "whose mean is c0"),
                )
            },
        ),
    },
    "input": {
        "counts": Option(),
        "clicks": Option(
            "Task 1 gets the clicks themselves.",
            {
                1: (
                    ("weights(counts, c0, omega)", "weights(clicks, d, c0, omega)"),
                    (
                        "counts (d,): the number of interactions with each item, whole numbers; f_j: its share of all "
                        "interactions",
                        "clicks: the item, 0 to d - 1, of each interaction, in any order; f_j: the share of item j in "
                        "them",
                    ),
                )
            },
        ),
    },
    "layout": {
        "d x k": Option(),
        "k x d": Option(
            "W is (k, d) in task 2, and so is its gradient.",
            {
                2: (
                    ("y = H Wᵀ + b", "y = H W + b"),
                    ("H (n, k), W (d, k), b", "H (n, k), W (k, d), b"),
                    ("dW (d, k)", "dW (k, d)"),
                )
            },
        ),
    },
    "error": {
        "sum": Option(),
        "mean of rows": Option(
            "The loss of task 2 is divided by the number n of rows, and so are its gradients.",
            {2: (("Σ_observed (y - r)² + Σ_absent c_j y²,", "1/n [Σ_observed (y - r)² + Σ_absent c_j y²],"),)},
        ),
    },
    "best": {
        "highest": Option(),
        "lowest": Option(
            "The scores of task 3 are distances.", {3: (("the highest score is best", "the lowest score is best"),)}
        ),
    },
    "first": {
        "1": Option(),
        "0": Option("Ranks of task 3 start at 0.", {3: (("best item has rank 1", "best item has rank 0"),)}),
    },
}

ASSIGNMENT = Assignment(
    title="Clicks",
    minutes=90,
    tasks=(WEIGHTS, ALL_CELLS, RANK),
    given=("ratings.py",),
    axes=AXES,
    bonus=1,
)
