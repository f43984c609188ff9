"""a3: RProp, one step and a training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import Assignment, Case, Mistake, Option, Outputs, Part, Task, gradients
from tinyrec.teach.given import distance

# Task 1: rprop

STEPS = 12
RULES = {
    "rprop-": (False, False),
    "irprop-": (True, False),
    "irprop+": (True, True),
}  # forget, undo where the loss rose
WALKS = (
    ("irprop-", (1,)),
    ("rprop-", (1,)),
    ("irprop+", (4,)),
    ("irprop-", (3, 2)),
    ("rprop-", (2, 5)),
    ("irprop+", (4, 4)),
    ("irprop+", (6, 3)),
    ("irprop-", ()),
)


def walk_cases(rng: np.random.Generator) -> list[Case]:
    return [walk_case(rng, number, *its) for number, its in enumerate(WALKS)]


def walk_case(rng: np.random.Generator, number: int, rule: str, shape: tuple[int, ...]) -> Case:
    """Twelve gradients: signs that stay, signs that change, zeros, and sizes from 1e-4 to 1e4."""
    forget, undo = RULES[rule]
    signs = np.where(rng.random((STEPS, *shape)) < 0.35, -1.0, 1.0).cumprod(axis=0)
    zero = rng.random(signs.shape) < 0.15
    gs = np.where(zero, 0, signs * 10 ** rng.uniform(-4, 4, signs.shape))
    gs[:, ...].reshape(STEPS, -1)[2:6, 0] = 2.0, 3.0, 0.0, 4.0  # the same sign, with a zero between
    previous = rng.standard_normal(shape) if number == 4 else np.zeros(shape)
    return Case(
        w=rng.standard_normal(shape),
        gs=gs,
        previous=np.asarray(previous),
        step=rng.uniform(0.3, 0.6, shape),
        grow=np.array(rng.uniform(1.2, 1.6)),
        shrink=np.array(rng.uniform(0.3, 0.6)),
        smallest=np.array(rng.uniform(0.15, 0.25)),
        largest=np.array(rng.uniform(0.7, 1.0)),
        forget=np.array(forget),
        undo=(rng.random(STEPS) < 0.6) & undo,
    )


One = tuple[float, float, float]  # w, previous, step


def moved(w: float, g: float, previous: float, step: float, c: Case, undo: bool) -> One:
    """One weight, one step."""
    if g * previous > 0:
        return right_way(w, g, min(step * float(c.grow), float(c.largest)))
    if g * previous == 0:
        return right_way(w, g, step)
    smaller = max(step * float(c.shrink), float(c.smallest))
    if undo:  # the last move was one step against the last gradient
        w = w + step if previous > 0 else w - step
        return w, 0.0, smaller
    return (w, 0.0, smaller) if c.forget else right_way(w, g, smaller)


def right_way(w: float, g: float, step: float) -> One:
    if g == 0:
        return w, g, step
    return (w - step if g > 0 else w + step), g, step


def walk(c: Case) -> Outputs:
    """The state after each step."""
    w, previous, step = (c[name].astype(float) for name in ("w", "previous", "step"))
    kept: list[tuple[Array, Array, Array]] = []
    for g, undo in zip(c.gs, c.undo, strict=True):
        for at in np.ndindex(w.shape):
            w[at], previous[at], step[at] = moved(w[at], g[at], previous[at], step[at], c, bool(undo))
        kept.append((w.copy(), previous.copy(), step.copy()))
    return {name: np.array(its) for name, its in zip(("w", "previous", "step"), zip(*kept, strict=True), strict=True)}


def faulty(**changed: Callable) -> Callable[[Case], Outputs]:
    """c -> the states where one piece of the rule is another.

    pieces: change(g, previous), factor(change, c), limit(step, c), keep(g, change, c), old(previous, w, g, step), and
    move(v), where v has all numbers of a step by name
    """
    pieces = PIECES | changed

    def answer(c: Case) -> Outputs:
        w, previous, step = (c[name].astype(float) for name in ("w", "previous", "step"))
        kept = []
        for g, undo in zip(c.gs, c.undo, strict=True):
            v = Case(w=w, g=g, previous=previous, old=step, undo=undo, change=pieces["change"](g, previous))
            v["factor"] = pieces["factor"](v.change, c)
            v["step"] = step = np.asarray(pieces["limit"](step * v.factor, c))
            v["kept"] = previous = np.asarray(pieces["keep"](v, c))
            w = np.asarray(w + pieces["move"](v, c))
            kept.append((w, previous, step))
            w, previous, step = (np.asarray(its) for its in pieces["hand on"](c, w, previous, step))
        return {
            name: np.array(its) for name, its in zip(("w", "previous", "step"), zip(*kept, strict=True), strict=True)
        }

    return answer


def against(v: Case, c: Case) -> Array:
    """The move against the gradient, and 0 where it is forgotten."""
    return -np.sign(np.where((v.change < 0) & c.forget, 0, v.g)) * v.step


def back(v: Case) -> Array:
    return np.sign(v.previous) * v.old


def turned(v: Case) -> Array:
    return (v.change < 0) & v.undo


PIECES: dict[str, Callable] = {
    "change": lambda g, previous: g * previous,
    "factor": lambda change, c: np.where(change > 0, c.grow, np.where(change < 0, c.shrink, 1)),
    "limit": lambda step, c: np.clip(step, c.smallest, c.largest),
    "keep": lambda v, c: np.where((v.change < 0) & c.forget, 0, v.g),
    "move": lambda v, c: np.where(turned(v), back(v), against(v, c)),
    "hand on": lambda c, w, previous, step: (w, previous, step),
}

RPROP_MISTAKES = (
    Mistake("w climbs: it moves with the gradient, not against it.", faulty(move=lambda v, c: -PIECES["move"](v, c))),
    Mistake(
        "the move is as large as step times the gradient; only the sign of the gradient counts.",
        faulty(move=lambda v, c: np.where(turned(v), back(v), against(v, c) * abs(v.g))),
    ),
    Mistake(
        "grow and shrink are exchanged.",
        faulty(factor=lambda change, c: np.where(change > 0, c.shrink, np.where(change < 0, c.grow, 1))),
    ),
    Mistake(
        "a gradient of 0 shrinks the step; it says nothing, and leaves it.",
        faulty(factor=lambda change, c: np.where(change > 0, c.grow, c.shrink)),
    ),
    Mistake(
        "a gradient of 0 lets the step grow; it says nothing, and leaves it.",
        faulty(factor=lambda change, c: np.where(change >= 0, c.grow, c.shrink)),
    ),
    Mistake("steps never grow.", faulty(factor=lambda change, c: np.where(change < 0, c.shrink, 1))),
    Mistake("steps never shrink.", faulty(factor=lambda change, c: np.where(change > 0, c.grow, 1))),
    Mistake("steps have no limits.", faulty(limit=lambda step, c: step)),
    Mistake("steps have no largest size.", faulty(limit=lambda step, c: np.maximum(step, c.smallest))),
    Mistake("steps have no smallest size.", faulty(limit=lambda step, c: np.minimum(step, c.largest))),
    Mistake(
        "w moves by the old step, before it grows or shrinks.",
        faulty(move=lambda v, c: np.where(turned(v), back(v), against(v.with_(step=v.old), c))),
    ),
    Mistake(
        "where the sign changed, forget must stop the move, too, and not only be remembered as 0.",
        faulty(move=lambda v, c: np.where(turned(v), back(v), -np.sign(v.g) * v.step)),
    ),
    Mistake(
        "where the sign changed and forget is on, the gradient is remembered; it must be remembered as 0.",
        faulty(keep=lambda v, c: v.g),
    ),
    Mistake(
        "forget is always on.",
        lambda c: walk(c.with_(forget=True)),
    ),
    Mistake("forget is never on.", lambda c: faulty()(c.with_(forget=False))),
    Mistake("the last move is never taken back.", lambda c: walk(c.with_(undo=c.undo & False))),
    Mistake(
        "the last move is taken back wherever the sign changed, also where undo is off.",
        lambda c: faulty()(c.with_(undo=c.undo | True)),
    ),
    Mistake(
        "the move is taken back by the new step; it was as large as the old one.",
        faulty(move=lambda v, c: np.where(turned(v), back(v.with_(old=v.step)), against(v, c))),
    ),
    Mistake(
        "undo repeats the last move; it must take it back.",
        faulty(move=lambda v, c: np.where(turned(v), -back(v), against(v, c))),
    ),
    Mistake(
        "undo takes back the moves of all weights; only those whose sign changed go back.",
        faulty(move=lambda v, c: np.where(v.undo, back(v), against(v, c))),
    ),
    Mistake(
        "where the gradient is 0, the one before stays remembered; 0 is remembered, too.",
        faulty(keep=lambda v, c: np.where(v.g == 0, v.previous, PIECES["keep"](v, c))),
    ),
    Mistake(
        "one change of sign is decided for all weights together; each has its own.",
        faulty(change=lambda g, previous: np.full(np.shape(g), np.sum(g * previous))),
    ),
    Mistake(
        "previous is not changed in place, so that the next step does not know this gradient.",
        lambda c: {
            **(its := faulty(**{"hand on": lambda c, w, previous, step: (w, c.previous, step)})(c)),
            "previous": np.broadcast_to(c.previous, its["previous"].shape),
        },
    ),
    Mistake(
        "step is not changed in place, so that the next step starts from the first size.",
        lambda c: {
            **(its := faulty(**{"hand on": lambda c, w, previous, step: (w, previous, c.step)})(c)),
            "step": np.broadcast_to(c.step, its["step"].shape),
        },
    ),
    Mistake("w is not changed in place.", lambda c: {"w": np.broadcast_to(c.w, c.gs.shape)}),
)

RPROP = Task(
    title="one step of RProp",
    stub='''
    def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
        """One step of RProp for weights w with the gradient g; w, previous and step are changed in place.

        w, g, previous, step: arrays of one shape: weights, gradient, what is remembered of the gradient before (0 at
        first), and the size of the step of each weight
        A step grows by the factor grow where g has the sign of previous, and shrinks by the factor shrink where it has
        the other. It stays within smallest and largest. Each weight then moves by its new step, against the sign of g.
        forget: where the sign changed, g counts as 0, now and when it is remembered
        undo: where the sign changed, the last move is taken back; undo comes only with forget
        """
    ''',
    secrets=("tinyrec.backend.reference:rprop",),
    cases=walk_cases,
    answer=walk,
    parts=(Part(("step",), 2), Part(("previous",), 1), Part(("w",), 3)),
    mistakes=RPROP_MISTAKES,
)

# Task 2: train

FIRST, GROW, SHRINK, SMALLEST, LARGEST = 0.8, 1.2, 0.5, 1e-6, 50.0
EPOCHS = 1, 2, 4, 8, 12, 24
NAMES = ("P", "Q", "b", "c")
APART = 0.03  # a case is drawn again until the mistakes are so far from the right answer, relatively


def training_cases(rng: np.random.Generator) -> list[Case]:
    """Ratings that a model of distances has made, with noise; one part is observed, another hidden."""
    while True:
        cases = [training_case(rng, epochs) for epochs in EPOCHS]
        with np.errstate(all="ignore"):  # some mistakes make a training diverge
            right = [trained()(c) for c in cases]
            if all(differ(right, [mistake.answer(c) for c in cases]) for mistake in TRAINING_MISTAKES):
                return cases


def differ(right: list[Outputs], wrong: list[Outputs]) -> bool:
    """Whether an output of a case is far from the right one."""
    return any(
        its[name].shape != a[name].shape or not abs(its[name] - a[name]).max() < APART * abs(a[name]).max()
        for a, its in zip(right, wrong, strict=True)
        for name in its
    )


def training_case(rng: np.random.Generator, epochs: int) -> Case:
    n, d, k = (6, 6, 2) if epochs == 4 else (8, 6, 2)  # of a square matrix, P and Q have the same shape
    truth = {
        "P": rng.normal(0, 1, (n, k)),
        "Q": rng.normal(0, 1, (d, k)),
        "b": rng.normal(4, 0.5, n),
        "c": rng.normal(0, 0.5, d),
    }
    X = distance.predicted(truth) + rng.normal(0, 0.2, (n, d))
    drawn = rng.random((n, d))
    drawn[0], drawn[:, 0] = np.linspace(0, 1, d), np.linspace(0, 1, n)
    start = Case(X=X, here=drawn < 0.65, hidden=drawn >= 0.65, l2=np.array(0.1), epochs=np.array(epochs))
    return start.drawn(rng, P=(n, k), Q=(d, k)).with_(b=np.zeros(n), c=np.zeros(d))


def loss_of(c: Case) -> Array:
    """One cell at a time."""
    loss = c.l2 / 2 * sum((c[name] * c[name]).sum() for name in NAMES)
    for i, j in zip(*np.nonzero(c.here), strict=True):
        away = c.P[i] - c.Q[j]
        loss = loss + (c.b[i] + c.c[j] - (away * away).sum() - c.X[i, j]) ** 2
    return loss


def rmse_of(c: Case) -> Array:
    squares = [
        (c.b[i] + c.c[j] - ((c.P[i] - c.Q[j]) ** 2).sum() - c.X[i, j]) ** 2
        for i, j in zip(*np.nonzero(c.hidden), strict=True)
    ]
    return np.array((sum(squares) / len(squares)) ** 0.5)


def training(c: Case) -> Outputs:
    """Slowly, one cell and one weight at a time, by the complex step of the loss."""
    rule = Case(grow=GROW, shrink=SHRINK, smallest=SMALLEST, largest=LARGEST, forget=True)
    losses: list[float] = []
    state: dict[str, tuple[Array, Array]] = {
        name: (np.zeros(c[name].shape), np.full(c[name].shape, FIRST)) for name in NAMES
    }
    for _ in range(int(c.epochs)):
        loss, grads = float(loss_of(c)), gradients(loss_of, c, NAMES)
        undo, now = bool(losses) and loss > losses[-1], {}
        losses.append(loss)
        for name in NAMES:
            now[name], (previous, step) = c[name].copy(), state[name]
            for at in np.ndindex(previous.shape):
                w, g = now[name][at], grads[f"d{name}"][at]
                now[name][at], previous[at], step[at] = moved(w, g, previous[at], step[at], rule, undo)
        c = c.with_(**now)
    return {"rmse": rmse_of(c), "losses": np.array(losses)}


def trained(
    undo: Callable = lambda loss, losses: loss > losses[-1],
    forget: bool = True,
    trains: tuple[str, ...] = NAMES,
    shared: bool = False,
    again: tuple[str, ...] = (),
    once: bool = False,
    sign: int = 1,
    first: float = FIRST,
    more: int = 0,
    by_size: bool = False,
    kept: bool = True,
) -> Callable[[Case], Outputs]:
    """c -> what a training with one fault gives; without one, it is right.

    undo: (loss, losses before) -> whether it is on;  trains: what is trained;  shared: one state for all arrays
    again: what of the state starts again in each epoch;  once: the gradients are those of the start
    more: epochs more than asked for;  kept: whether the caller sees the trained arrays
    """

    def answer(c: Case) -> Outputs:
        params: dict[str, Array] = {name: c[name].copy() for name in NAMES}
        losses: list[float] = []
        state = {name: {"previous": np.zeros(c[name].shape), "step": np.full(c[name].shape, first)} for name in NAMES}
        grads: dict[str, Array] = {}
        for epoch in range(int(c.epochs) + more):
            loss, new = distance.loss_and_grads(params, c.X, c.here, float(c.l2))
            grads = grads if once and epoch else new
            is_undone = bool(losses) and undo(loss, losses)
            losses.append(loss)
            for name in trains:
                its = state[name]
                if shared and "all" in state and state["all"]["step"].shape == its["step"].shape:
                    its = state["all"]
                elif shared:
                    state["all"] = its
                for what in again:
                    its[what][...] = 0 if what == "previous" else first
                if by_size:
                    params[name] -= 0.1 * grads[name]
                    continue
                follow(params[name], sign * grads[name], forget, is_undone, **its)
        its = c.with_(**params) if kept else c
        return {"rmse": rmse_of(its), "losses": np.array(losses)}

    return answer


def follow(w: Array, g: Array, forget: bool, undo: bool, previous: Array, step: Array) -> None:
    """One step in place, of all weights at once: faster than `moved`."""
    v = Case(g=g, previous=previous.copy(), old=step.copy(), undo=np.array(undo), change=g * previous)
    c = Case(forget=np.array(forget))
    step[...] = np.clip(step * np.where(v.change > 0, GROW, np.where(v.change < 0, SHRINK, 1)), SMALLEST, LARGEST)
    v["step"] = step
    previous[...] = PIECES["keep"](v, c)
    w += PIECES["move"](v, c)


def losses_only(change: Callable[[Array], Array]) -> Callable[[Case], Outputs]:
    return lambda c: {"losses": change(trained()(c)["losses"])}


def after(c: Case) -> Array:
    """The losses after each epoch."""
    return trained(more=1)(c)["losses"][1:]


TRAINING_MISTAKES = (
    Mistake(
        "the loss is compared with the lowest so far; compare it with that of the epoch before.",
        trained(undo=lambda loss, losses: loss > min(losses)),
    ),
    Mistake("moves are never taken back, also where the loss rose.", trained(undo=lambda loss, losses: False)),
    Mistake("nothing is trained: the params of the caller do not change.", trained(kept=False)),
    Mistake("w climbs: the loss rises.", trained(sign=-1)),
    Mistake("there is one epoch too few.", trained(more=-1)),
    Mistake("there is one epoch too many.", trained(more=1)),
    Mistake("the sizes of the steps start again in each epoch; they must be kept.", trained(again=("step",))),
    Mistake(
        "what is remembered starts again in each epoch, so that no step ever changes; it must be kept.",
        trained(again=("previous",)),
    ),
    Mistake("the gradients are taken once, at the start; each epoch needs its own.", trained(once=True)),
    Mistake("only the first of the arrays is trained.", trained(trains=NAMES[:1])),
    Mistake("only the last of the arrays is trained.", trained(trains=NAMES[-1:])),
    Mistake("moves are always taken back, also where the loss fell.", trained(undo=lambda loss, losses: True)),
    Mistake("moves are taken back where the loss fell.", trained(undo=lambda loss, losses: loss <= losses[-1])),
    Mistake(
        "this is rprop-: where the sign changed, the gradient still counts.",
        trained(undo=lambda *_: False, forget=False),
    ),
    Mistake("the steps start at 0.1; they must start at 0.8.", trained(first=0.1)),
    Mistake("this is gradient descent, with moves as large as the gradient.", trained(by_size=True)),
    Mistake("losses are those after each epoch; the first is that of the start.", lambda c: {"losses": after(c)}),
    Mistake("the losses are in the opposite order.", losses_only(lambda its: its[::-1])),
    Mistake(
        "arrays of one shape share one state; each has its own.",
        trained(shared=True),
    ),
)

TRAIN = Task(
    title="a training",
    stub='''
    def train(loss_and_grads, params, epochs):
        """Train with the whole batch by iRprop+ and return the losses (epochs,), each before the move of its epoch.

        loss_and_grads: a function, params -> (loss, grads), where grads has an array for each name in params
        params: arrays by name; they are changed in place

        It is rprop of task 1 with grow 1.2, shrink 0.5, steps from 1e-6 to 50 that start at 0.8, and forget on. undo is
        on in epochs whose loss is higher than that of the epoch before. Copy your rprop into this file, or import it.
        """
    ''',
    secrets=("tinyrec.backend.reference:rprop",),
    cases=training_cases,
    answer=training,
    parts=(Part(("rmse",), 3), Part(("losses",), 1)),
    mistakes=TRAINING_MISTAKES,
    tolerance=0.01,
)

AXES = {
    "direction": {
        "down": Option(),
        "up": Option(
            "w climbs: task 1 moves with the sign of g, and task 2 makes a gain as large as it can.",
            {
                1: (("new step, against the sign of g", "new step, with the sign of g"),),
                2: (
                    ("train(loss_and_grads,", "train(gain_and_grads,"),
                    ("return the losses (epochs,)", "return the gains (epochs,)"),
                    (
                        "loss_and_grads: a function, params -> (loss, grads)",
                        "gain_and_grads: a function, params -> (gain, grads)",
                    ),
                    ("Train with", "Make the gain large with"),
                    ("whose loss is higher than", "whose gain is lower than"),
                ),
            },
        ),
    },
    "shrink": {
        "factor": Option(),
        "divisor": Option(
            "shrink of task 1 is a number above 1 by which the step is divided.",
            {1: (("shrinks by the factor shrink", "is divided by shrink"),)},
        ),
    },
    "form": {
        "in place": Option(),
        "new arrays": Option(
            "rprop of task 1 returns new arrays and leaves those that it gets.",
            {1: (("w, previous and step are changed in place.", "returns the new (w, previous, step)."),)},
        ),
    },
    "losses": {
        "before": Option(),
        "after": Option(
            "Task 2 returns the losses after each epoch.",
            {2: (("each before the move of its epoch", "each after the move of its epoch"),)},
        ),
    },
}

ASSIGNMENT = Assignment(
    title="RProp",
    minutes=60,
    tasks=(RPROP, TRAIN),
    given=("distance.py",),
    axes=AXES,
    bonus=1,
)
