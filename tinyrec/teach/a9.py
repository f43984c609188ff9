"""a9: NRP, which predicts a rating from a code of the user and a code of the item, forward and backward."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import (
    STEP,
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

# j, k and m of each matrix of `matrices`: the units of a user, of an item, and of the layer that reads both
SIZES = (1, 1, 1), (2, 1, 2), (2, 2, 1), (1, 2, 3), (4, 4, 4), (2, 3, 2), (3, 2, 2), (2, 2, 3), (3, 3, 2)

# Task 1: joined


def joined_cases(rng: np.random.Generator) -> list[Case]:
    return [with_codes(rng, c, *sizes) for c, sizes in zip(matrices(rng), SIZES, strict=True)]


def with_codes(rng: np.random.Generator, c: Case, j: int, k: int, m: int) -> Case:
    n, d = c.shape
    return c.drawn(rng, C_u=(n, j), C_i=(d, k), V=(j + k, m), mu=m, dZ=(len(c.cols), m))


def large_joined(rng: np.random.Generator) -> Case:
    return with_codes(rng, large_matrix(rng, 1000, 1000, 20_000), 40, 40, 2)


def Z_of(c: Case) -> Array:
    """eq. 6, one pair at a time: z_jk = [z_j, z_k]"""
    codes = [np.concatenate([c.C_u[u], c.C_i[i]]) for u, i in zip(c.rows, c.cols, strict=True)]
    return np.array([code @ c.V + c.mu for code in codes]).reshape(len(c.cols), len(c.mu))


JOINED = "C_u", "C_i", "V", "mu"


def joined(c: Case) -> Outputs:
    return {"Z": Z_of(c), **gradients(Z_of, c, JOINED, upstream="dZ")}


def by_layer(layer):
    """c -> another layer, and its own gradients"""
    return lambda c: {"Z": layer(c), **gradients(layer, c, JOINED, upstream="dZ")}


def items_first(c: Case) -> Array:
    codes = np.concatenate([c.C_i[c.cols], c.C_u[c.rows]], axis=1)
    return codes @ c.V + c.mu


def crosswise(c: Case) -> Array:
    codes = np.concatenate([c.C_u[c.cols], c.C_i[c.rows]], axis=1)
    return codes @ c.V + c.mu


def from_sides(c: Case, of_users: Array, of_items: Array) -> Outputs:
    """The gradients, from what comes back to each user (n, m) and to each item (d, m)."""
    j = c.C_u.shape[1]
    dV = np.concatenate([c.C_u.T @ of_users, c.C_i.T @ of_items])
    return {"dC_u": of_users @ c.V[:j].T, "dC_i": of_items @ c.V[j:].T, "dV": dV}


def sums(c: Case, dZ: Array) -> tuple[Array, Array]:
    """What comes back to each user and to each item from all of its pairs."""
    of_users, of_items = np.zeros((c.shape[0], dZ.shape[1])), np.zeros((c.shape[1], dZ.shape[1]))
    for u, i, dz in zip(c.rows, c.cols, dZ, strict=True):
        of_users[u] += dz
        of_items[i] += dz
    return of_users, of_items


def last_pairs(c: Case) -> tuple[Array, Array]:
    of_users, of_items = np.zeros((c.shape[0], len(c.mu))), np.zeros((c.shape[1], len(c.mu)))
    for u, i, dz in zip(c.rows, c.cols, c.dZ, strict=True):
        of_users[u], of_items[i] = dz, dz
    return of_users, of_items


def mean_pairs(c: Case) -> tuple[Array, Array]:
    (of_users, of_items), pairs = sums(c, c.dZ), dense(c, np.ones(len(c.cols)))
    of_each_user, of_each_item = (np.maximum(pairs.sum(axis), 1)[:, None] for axis in (1, 0))
    return of_users / of_each_user, of_items / of_each_item


def exchanged(c: Case) -> Outputs:
    """The codes meet the other part of V on their way back."""
    (of_users, of_items), k = sums(c, c.dZ), c.C_i.shape[1]
    return {"dC_u": of_users @ c.V[k:].T, "dC_i": of_items @ c.V[:k].T}


JOINED_MISTAKES = (
    Mistake("mu is not added.", lambda c: {"Z": Z_of(c) - c.mu}),
    Mistake("mu is added twice, once for each code.", lambda c: {"Z": Z_of(c) + c.mu}),
    Mistake("the user's code is left out.", by_layer(lambda c: Z_of(c.with_(C_u=0 * c.C_u)))),
    Mistake("the item's code is left out.", by_layer(lambda c: Z_of(c.with_(C_i=0 * c.C_i)))),
    Mistake("the codes are joined in the wrong order: the user's comes first.", by_layer(items_first)),
    Mistake(
        "users and items are mixed up: the row of a cell is the user, its column is the item.", by_layer(crosswise)
    ),
    Mistake(
        "Z is in the order of the columns; cells go row by row.",
        lambda c: {"Z": Z_of(c)[np.argsort(c.cols, kind="stable")]},
    ),
    Mistake(
        "Z is multiplied by the rating; only the pattern of the matrix counts.", lambda c: {"Z": Z_of(c) * c.r[:, None]}
    ),
    Mistake(
        "Z is 0 where the rating is 0; a rating of 0 is observed like any other.",
        lambda c: {"Z": Z_of(c) * (c.r != 0)[:, None]},
    ),
    Mistake(
        "a code that stands in several pairs gets the gradient of the last one alone; it gets the sum of all.",
        lambda c: from_sides(c, *last_pairs(c)),
    ),
    Mistake(
        "the gradient of a code is a mean over its pairs; backward takes sums.", lambda c: from_sides(c, *mean_pairs(c))
    ),
    Mistake(
        "the ratings are used where dZ belongs.", lambda c: from_sides(c, *sums(c, np.tile(c.r[:, None], len(c.mu))))
    ),
    Mistake("on the way back, the codes meet the wrong parts of V.", exchanged),
    Mistake(
        "dV has its two parts in the wrong order.", lambda c: {"dV": np.roll(joined(c)["dV"], c.C_i.shape[1], axis=0)}
    ),
    Mistake(
        "dV has zeros for the weights of the item's code.",
        lambda c: {"dV": from_sides(c.with_(C_i=0 * c.C_i), *sums(c, c.dZ))["dV"]},
    ),
    Mistake("dV has the wrong sign.", lambda c: {"dV": -joined(c)["dV"]}),
    Mistake(
        "dmu is a mean over the pairs; backward takes sums.", lambda c: {"dmu": c.dZ.sum(axis=0) / max(len(c.dZ), 1)}
    ),
    Mistake("dmu is counted twice, once for each side.", lambda c: {"dmu": 2 * c.dZ.sum(axis=0)}),
)

JOINED_LAYER = Task(
    title="the layer that reads both codes",
    stub='''
    def joined(C_u, C_i, V, mu, at):
        """Z = [c_u c_i] V + mu at the observed cells of `at`: user u is the row of a cell, item i its column    (eq. 6)

        C_u (n, j), C_i (d, k), V (j + k, m), mu (m,), at (n, d) with p cells  ->  Z (p, m)

        Returns (Z, backward), where backward(dZ) gets dZ (p, m), the derivative of the loss by Z, and returns
        (dC_u (n, j), dC_i (d, k), dV (j + k, m), dmu (m,)). Never make an array of p x (j + k) numbers.
        """
    ''',
    secrets=("tinyrec.nn.pairs:pair_sums",),
    cases=joined_cases,
    answer=joined,
    parts=(Part(("Z",), 1), Part(("dC_u", "dC_i", "dV", "dmu"), 3)),
    mistakes=JOINED_MISTAKES,
    large=large_joined,
    forward=Z_of,
    upstream="dZ",
    budget=5,
    advice="Do not write down both codes for each pair: a user's code is the same in all pairs of this user.",
)

# Task 2: mlp

LAYERS = (1,), (2,), (2, 1), (1, 2), (3, 2), (3, 3, 3), (2, 3, 2), (2, 2, 4)  # k_1, k_2, ...
PAIRS = 1, 0, 2, 1, 4, 3, 5, 6


def network_cases(rng: np.random.Generator) -> list[Case]:
    return [with_network(rng, p, units) for p, units in zip(PAIRS, LAYERS, strict=True)]


def with_network(rng: np.random.Generator, p: int, units: tuple[int, ...]) -> Case:
    c = Case().drawn(rng, Z=(p, units[0]))
    for number, (below, k) in enumerate(pairwise(units), start=2):
        c = c.drawn(rng, **{f"V{number}": (below, k), f"mu{number}": k})
    return c.drawn(rng, w=(units[-1], 1), b=1, dy=p)


def large_network(rng: np.random.Generator) -> Case:
    return with_network(rng, 5000, (8, 8))


def depth(c: Case) -> int:
    return 1 + sum(f"V{number}" in c for number in (2, 3))


def weights(c: Case) -> tuple[str, ...]:
    return tuple(name for name in c if name not in ("Z", "dy"))


def y_of(c: Case, first=np.tanh, hidden=np.tanh, last=np.tanh) -> Array:
    """One pair at a time. first, hidden, last: the activations of H_1, of further layers, and of the last of these"""
    y = []
    for z in c.Z:
        h = first(z)
        for number in range(2, depth(c) + 1):
            g = last if number == depth(c) else hidden
            h = g(h @ c[f"V{number}"] + c[f"mu{number}"])
        y.append((h @ c.w)[0] + c.b[0])
    return np.array(y).reshape(len(c.Z))


def by_network(network):
    """c -> another network, and its own gradients"""
    return lambda c: {"y": network(c), **gradients(network, c, ("Z", *weights(c)), upstream="dy")}


network = by_network(y_of)


def linear(x: Array) -> Array:
    return x


def changed(*names: str, by):
    """c -> the gradients of the arrays whose names begin so, each changed: by(gradient, c)"""

    def answer(c):
        return {f"d{name}": by(network(c)[f"d{name}"], c) for name in ("Z", *weights(c)) if name.startswith(names)}

    return answer


def per_pair(gradient: Array, c: Case) -> Array:
    return gradient / max(len(c.Z), 1)


def without_upstream(c: Case) -> Outputs:
    return gradients(y_of, c.with_(dy=np.ones(len(c.Z))), ("Z", *weights(c)), upstream="dy")


def without_slope(c: Case) -> Outputs:
    """dH_1 in place of dZ"""
    moved = gradients(lambda its: y_of(its, first=linear), c.with_(Z=np.tanh(c.Z)), ("Z",), upstream="dy")
    return {"dZ": moved["dZ"]}


NETWORK_MISTAKES = (
    Mistake("Z does not go through the activation.", by_network(lambda c: y_of(c, first=linear))),
    Mistake(
        "the last hidden layer does not go through the activation.",
        by_network(lambda c: y_of(c, first=linear if depth(c) == 1 else np.tanh, last=linear)),
    ),
    Mistake("the output goes through the activation; it is linear.", by_network(lambda c: np.tanh(y_of(c)))),
    Mistake("b is not added.", lambda c: {"y": y_of(c) - c.b}),
    Mistake(
        "the mu of the hidden layers are not added.",
        by_network(lambda c: y_of(c.with_(**{name: 0 * c[name] for name in c if name.startswith("mu")}))),
    ),
    Mistake("dZ has not gone back through the first activation.", without_slope),
    Mistake("the gradients do not depend on dy.", without_upstream),
    Mistake(
        "all gradients are means over the pairs; backward takes sums.", changed("Z", "V", "mu", "w", "b", by=per_pair)
    ),
    Mistake("db is a mean over the pairs; backward takes sums.", changed("b", by=per_pair)),
    Mistake("the gradients of the mu are means over the pairs; backward takes sums.", changed("mu", by=per_pair)),
    Mistake("the gradients of all matrices have the wrong sign.", changed("V", "w", by=lambda g, c: -g)),
    Mistake("there is a factor of 2 too many.", changed("Z", "V", "mu", "w", "b", by=lambda g, c: 2 * g)),
    Mistake("dw is 0.", changed("w", by=lambda g, c: 0 * g)),
    Mistake(
        "dw is computed from the numbers before the last activation, not from the codes that w reads.",
        lambda c: {"dw": gradients(lambda its: before_last(c) @ its.w[:, 0], c, ("w",), upstream="dy")["dw"]},
    ),
)


def before_last(c: Case) -> Array:
    h, number = c.Z, 2
    while f"V{number}" in c:
        h = np.tanh(h) @ c[f"V{number}"] + c[f"mu{number}"]
        number += 1
    return h


NETWORK = Task(
    title="the prediction network",
    stub="tinyrec.nn.mlp:mlp",
    contract="""
    g: a function of one array that returns (g(X), back), where back(dY) is the derivative of the loss by X

    Returns (y, backward), where backward(dy) gets dy (n,) and returns (dZ (n, k_1), grads), where grads has an array
    for each name in params.
    """,
    cases=network_cases,
    answer=network,
    parts=(Part(("y",), 1), Part(("dZ", "dV2", "dmu2", "dV3", "dmu3", "dw", "db"), 2)),
    mistakes=NETWORK_MISTAKES,
    large=large_network,
    forward=y_of,
    upstream="dy",
)

# Task 3: the loss of a batch

PARAMS = "V_u", "mu_u", "V_i", "mu_i", "V", "mu", "w", "b"
MATRICES = "V_u", "V_i", "V", "w"


def batch_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for c, (k, _, m) in zip(matrices(rng), SIZES, strict=True):
        (n, d), p = c.shape, len(c.cols)
        few = min(k, 2), min(m, 2)
        batch = np.sort(rng.choice(p, -(-p // 3), replace=False))
        c = c.drawn(rng, V_u=(d, few[0]), mu_u=few[0], V_i=(n, few[0]), mu_i=few[0], V=(2 * few[0], few[1]))
        c = c.drawn(rng, mu=few[1], w=(few[1], 1), b=1).with_(cells=batch, l2=rng.uniform(0.5, 2))
        cases.append(c.with_(**{name: 0.4 * c[name] for name in ("V_u", "V_i")}))  # codes that are not all near 1
    return cases


def in_batch(c: Case) -> Array:
    """(n, d), whether a cell is one of the batch"""
    chosen = np.zeros(len(c.cols))
    chosen[c.cells] = 1
    return dense(c, chosen) > 0


def predictions(c: Case, rows: Array, columns: Array, g=np.tanh, code=np.tanh, first: str = "user") -> Array:
    """(..., n, d), of all pairs; rows, columns (n, d): what users and items are encoded from. The arrays of the case
    may have a further axis in front, for many weights at once."""
    C_u = code(rows @ c.V_u + c.mu_u[..., None, :])
    C_i = code(columns.T @ c.V_i + c.mu_i[..., None, :])
    pairs = (*C_u.shape[:-1], *C_i.shape[-2:])
    both = [np.broadcast_to(C_u[..., :, None, :], pairs), np.broadcast_to(C_i[..., None, :, :], pairs)]
    joint = np.concatenate(both if first == "user" else both[::-1], axis=-1)
    H = g(joint @ c.V[..., None, :, :] + c.mu[..., None, None, :])
    return (H @ c.w[..., None, :, :])[..., 0] + c.b[..., None]


def squares(c: Case, *names: str) -> Array:
    return sum((c[name] ** 2).sum(axis=(-1, -2) if c[name].ndim > 1 else -1) for name in names)


def penalty(c: Case) -> Array:
    return c.l2 / 2 * squares(c, *MATRICES)


def loss_of(c: Case, stay: str = "", count=in_batch, **how) -> Array:
    """Σ (y - r)² over the batch, whose ratings are taken out of what is encoded, and the penalty.

    stay: "rows", "columns", or both: where they are not taken out;  count (n, d): which pairs count
    """
    R, batch = dense(c, c.r), in_batch(c)
    rows, columns = (np.where(batch & (its not in stay), 0, R) for its in ("rows", "columns"))
    Y = predictions(c, rows, columns, **how)
    return (count(c) * (Y - R) ** 2).sum(axis=(-1, -2)) + penalty(c)


def by_loss(loss):
    """c -> a loss and its own gradients: the mistakes that a gradient check does not see"""
    return lambda c: {"loss": np.asarray(loss(c)), **at_once(loss, c)}


def at_once(loss, c: Case) -> Outputs:
    """The gradients of a loss by PARAMS, all by one complex step of an array that has an axis for each weight."""
    total, at, moved, ends = sum(c[name].size for name in PARAMS), 0, {}, {}
    for name in PARAMS:
        its = np.zeros((total, c[name].size), complex) + c[name].ravel()
        its[np.arange(at, at + c[name].size), np.arange(c[name].size)] += 1j * STEP
        moved[name], ends[name], at = its.reshape(total, *c[name].shape), (at, at + c[name].size), at + c[name].size
    slopes = np.imag(loss(c.with_(**moved))) / STEP
    return {f"d{name}": slopes[slice(*ends[name])].reshape(c[name].shape) for name in PARAMS}


objective = by_loss(loss_of)


def shifted(change):
    """c -> the right outputs, and change(array, c) added to the gradients of the matrices"""

    def answer(c):
        right = objective(c)
        return {f"d{name}": right[f"d{name}"] + change(c[name], c) for name in MATRICES}

    return answer


def error_of(c: Case, **how) -> Array:
    return loss_of(c, **how) - penalty(c)


def batch_alone(c: Case) -> Array:
    seen = np.where(in_batch(c), dense(c, c.r), 0)
    Y = predictions(c, seen, seen)
    return (in_batch(c) * (Y - dense(c, c.r)) ** 2).sum(axis=(-1, -2)) + penalty(c)


def observed(c: Case) -> Array:
    return dense(c, np.ones(len(c.r)))


def whole_rows_out(c: Case) -> Array:
    batch, R = in_batch(c), dense(c, c.r)
    rows, columns = R * ~batch.any(axis=1)[:, None], R * ~batch.any(axis=0)
    Y = predictions(c, rows, columns)
    return (batch * (Y - R) ** 2).sum(axis=(-1, -2)) + penalty(c)


BATCH_MISTAKES = (
    Mistake(
        "the ratings to be predicted stay in the input of users and items: the network can read off what it is to say.",
        by_loss(lambda c: loss_of(c, stay="rows columns")),
    ),
    Mistake(
        "the ratings to be predicted are taken out of the items' columns, but stay in the users' rows.",
        by_loss(lambda c: loss_of(c, stay="rows")),
    ),
    Mistake(
        "the ratings to be predicted are taken out of the users' rows, but stay in the items' columns.",
        by_loss(lambda c: loss_of(c, stay="columns")),
    ),
    Mistake(
        "users and items are encoded from the ratings of the batch; they must be from all others.", by_loss(batch_alone)
    ),
    Mistake(
        "all ratings of a user or an item of the batch are taken out; only those of the batch must be.",
        by_loss(whole_rows_out),
    ),
    Mistake(
        "the error runs over all observed cells; it runs over those of the batch.",
        by_loss(lambda c: loss_of(c, count=observed)),
    ),
    Mistake(
        "the error runs over all n x d pairs, as if those not observed were ratings of 0.",
        by_loss(lambda c: loss_of(c, count=lambda c: 1)),
    ),
    Mistake(
        "the error is a mean; the loss has a sum.",
        by_loss(lambda c: error_of(c) / max(len(c.cells), 1) + penalty(c)),
    ),
    Mistake("there is no penalty.", by_loss(error_of)),
    Mistake(
        "the penalty is λ and not λ/2, in the loss and in the gradient.", by_loss(lambda c: loss_of(c) + penalty(c))
    ),
    Mistake(
        "the biases are in the penalty, too.",
        by_loss(
            lambda c: (
                loss_of(c) + c.l2 / 2 * sum((c[name] ** 2).sum(axis=-1) for name in PARAMS if name not in MATRICES)
            )
        ),
    ),
    Mistake("w is not in the penalty.", by_loss(lambda c: loss_of(c) - c.l2 / 2 * squares(c, "w"))),
    Mistake("the penalty is in the loss, and not in the gradient.", shifted(lambda w, c: -c.l2 * w)),
    Mistake(
        "the penalty's gradient is twice too large: the derivative of λ/2 w² is λ w.", shifted(lambda w, c: c.l2 * w)
    ),
    Mistake("the codes do not go through the activation.", by_loss(lambda c: loss_of(c, code=linear))),
    Mistake(
        "the codes are joined in the wrong order: the user's comes first.", by_loss(lambda c: loss_of(c, first="item"))
    ),
)

LOSS_AND_GRADS = Task(
    title="the loss of a batch, and all gradients",
    stub='''
    def loss_and_grads(params, R, cells, l2, layers):
        """loss = Σ (y_ui - r_ui)² over the batch + l2/2 (|V_u|² + |V_i|² + |V|² + |w|²)                    (eq. 6)

        c_u = tanh(V_uᵀ R_u + mu_u),  c_i = tanh(V_iᵀ R'_i + mu_i),  y_ui = wᵀ tanh(Vᵀ [c_u c_i] + mu) + b
        R_u, R'_i: row u and column i of the ratings, in which all ratings of the batch are 0

        params: V_u (d, k), mu_u (k,), V_i (n, k), mu_i (k,), V (2k, m), mu (m,), w (m, 1), b (1,), by name
        R (n, d), users x items;  cells (b,), ascending: which of the p cells of R are the batch
        layers: the module slow_pairs.py, whose layers are right: sparse_in, tanh, joined, mlp, squared_error, taken

        Returns (loss, grads), where grads has an array for each name in params.
        """
    ''',
    secrets=("tinyrec.models.nrp:without_own",),
    cases=batch_cases,
    answer=objective,
    parts=(Part(("loss",), 1), Part(tuple(f"d{name}" for name in PARAMS), 2)),
    mistakes=BATCH_MISTAKES,
)

AXES = {
    "joined": {
        "user first": Option(),
        "item first": Option(
            "In task 1 the code of the item comes first.",
            {
                1: (
                    ("Z = [c_u c_i] V + mu", "Z = [c_i c_u] V + mu"),
                    ("C_i (d, k), V (j + k, m), mu", "C_i (d, k), V (k + j, m), mu"),
                    ("dC_i (d, k), dV (j + k, m)", "dC_i (d, k), dV (k + j, m)"),
                )
            },
        ),
    },
    "start": {
        "before": Option(),
        "after": Option(
            "The network of task 2 reads what has gone through the activation already.",
            {2: (("H_1 = g(Z)", "H_1 = Z"), ("computes before its activation", "computes after its activation"))},
        ),
    },
    "error": {
        "sum": Option(),
        "per pair": Option(
            "The error of task 3 is divided by n d, as in eq. 6.",
            {3: (("loss = Σ (y_ui - r_ui)² over the batch +", "loss = 1/(n d) Σ (y_ui - r_ui)² over the batch +"),)},
        ),
    },
    "penalty": {
        "l2/2": Option(),
        "l2": Option("The penalty of task 3 has no half.", {3: (("+ l2/2 (|V_u|²", "+ l2 (|V_u|²"),)}),
    },
}

ASSIGNMENT = Assignment(
    title="Predict from two codes",
    minutes=120,
    tasks=(JOINED_LAYER, NETWORK, LOSS_AND_GRADS),
    given=("ratings.py", "slow.py", "slow_pairs.py"),
    axes=AXES,
    bonus=1,
)
