"""a3: RProp, one step and a training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import Assignment, Case, Mistake, Option, Outputs, Part, Task, gradients
from tinyrec.teach.given import distance

# Task 1: rprop

STEPS = 12
ANY_SHAPE = "any shape"
# rule -> the outputs that count, the lengths of its walks, and the number of weights. A walk of a rule starts anew in
# each case and is one step longer than before, so that the smallest failing case ends with the first wrong step.
RULES: dict[str, tuple[tuple[str, ...], tuple[int, ...], int]] = {
    "plain": (("step", "previous", "w"), tuple(range(1, STEPS + 1)), 3),
    "g = 0": (("step", "previous", "w"), tuple(range(1, STEPS + 1)), 3),
    "limits": (("step",), (1, 1, 1), 4),
    "forget": (("step", "previous", "w"), tuple(range(1, STEPS + 1)), 3),
    "undo": (("w", "step", "previous"), (1, 1, 1, 1), 4),
    "all": (("step", "previous", "w"), tuple(range(1, STEPS + 1)), 3),
}


def walk_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for rule, (_, lengths, m) in RULES.items():
        whole = walk_case(rng, rule, m)
        for length in lengths:
            if max(lengths) == 1:
                whole = walk_case(rng, rule, m)
            cases.append(whole.with_(gs=whole.gs[:length], undo=whole.undo[:length]))
    for shape in ((), (3, 2)):
        cases.append(walk_case(rng, ANY_SHAPE, int(np.prod(shape))).with_(asked=np.array(shape, int)))
    return cases


def walk_case(rng: np.random.Generator, rule: str, m: int) -> Case:
    """Twelve gradients of m weights: signs that stay, signs that change, and sizes from 1e-4 to 1e4.

    "g = 0" and "all" have zeros among them; "limits" and "all" have limits that the steps meet.
    """
    signs = np.where(rng.random((STEPS, m)) < 0.35, -1.0, 1.0).cumprod(axis=0)
    previous = 10 ** rng.uniform(-4, 4, m) * np.where(rng.random(m) < 0.5, -1, 1)
    if rule in ("limits", "undo"):  # two of four signs change
        signs[0] = np.sign(previous) * rng.permutation([-1, -1, 1, 1])
    gs = signs * 10 ** rng.uniform(-4, 4, signs.shape)
    if rule in ("g = 0", "all", ANY_SHAPE):
        previous = np.zeros(m)
        gs[rng.random(gs.shape) < 0.15] = 0
    if rule == "g = 0":
        gs[2:6, 0] = 2.0, 3.0, 0.0, 4.0  # the same sign, with a zero between
    tight, undone = rule in ("limits", "all"), rule in ("all", ANY_SHAPE)
    step = rng.uniform(0.3, 0.6, m)
    if rule == "all":  # with a sign that changes while undo is on, and one while it is off
        gs[1:6, 0] = 1.0, 2.0, -1.5, -0.5, 2.5
    c = Case(
        rule=np.array(rule),
        w=rng.standard_normal(m),
        gs=gs,
        previous=previous,
        step=step,
        grow=np.array(rng.uniform(1.2, 1.6)),
        shrink=np.array(rng.uniform(0.3, 0.6)),
        smallest=np.array(rng.uniform(0.15, 0.25) if tight else 1e-9),
        largest=np.array(rng.uniform(0.7, 1.0) if tight else 1e9),
        forget=np.array(rule in ("forget", "undo") or undone),
        undo=((rng.random(STEPS) < 0.6) & undone) | (rule == "undo"),
    )
    if rule == "all":
        c.undo[3], c.undo[5] = True, False
    if rule == "limits":  # one step of those that grow and one of those that shrink meets a limit
        c.step[np.argmax(gs[0] * previous > 0)] = 0.95 * c.largest
        c.step[np.argmax(gs[0] * previous < 0)] = 1.05 * c.smallest
    return c


def named(c: Case, states: list[tuple[Array, Array, Array]]) -> Outputs:
    """The outputs that count in this case: the states after each step, (steps, weights)."""
    rule = str(c.rule)
    them = {name: np.array([state[at] for state in states]) for at, name in enumerate(("w", "previous", "step"))}
    return {f"{name} ({rule})": them[name] for name in RULES[rule][0]}


def last_step(c: Case) -> str:
    """What to call a case: its last step, and how things stand before it."""
    if str(c.rule) == ANY_SHAPE:
        return f"arrays of shape {tuple(c.asked.tolist())}"
    before = {name: c[name] for name in ("previous", "step")}
    if len(c.gs) > 1:
        its = states_of(c.with_(gs=c.gs[:-1], undo=c.undo[:-1]))[-1]
        before = {"previous": its[1], "step": its[2]}
    on = {True: "on", False: "off"}
    stand = ", ".join(f"{name} = {shown(its)}" for name, its in {"g": c.gs[-1], **before}.items())
    return (
        f"step {len(c.gs)} of a walk with {stand} before it, forget {on[bool(c.forget)]}, undo {on[bool(c.undo[-1])]}, "
        f"grow {c.grow:.3g}, shrink {c.shrink:.3g}, smallest {c.smallest:.3g}, largest {c.largest:.3g}"
    )


def shown(its: Array) -> str:
    return f"[{', '.join(f'{number:.3g}' for number in its)}]"


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


def states_of(c: Case) -> list[tuple[Array, Array, Array]]:
    """(w, previous, step) after each step."""
    w, previous, step = (c[name].astype(float) for name in ("w", "previous", "step"))
    states: list[tuple[Array, Array, Array]] = []
    for g, undo in zip(c.gs, c.undo, strict=True):
        for at in np.ndindex(w.shape):
            w[at], previous[at], step[at] = moved(w[at], g[at], previous[at], step[at], c, bool(undo))
        states.append((w.copy(), previous.copy(), step.copy()))
    return states


def walk(c: Case) -> Outputs:
    return {ANY_SHAPE: np.array(1)} if str(c.rule) == ANY_SHAPE else named(c, states_of(c))


def faulty(**changed: Callable) -> Callable[[Case], Outputs]:
    """c -> the states where one piece of the rule is another.

    pieces: change(g, previous), factor(change, c), limit(step, c), keep(v, c) and move(v, c), where v has all numbers
    of a step by name; hand on(c, w, previous, step): what the caller sees, and the next step starts from
    """
    pieces = PIECES | changed

    def answer(c: Case) -> Outputs:
        if str(c.rule) == ANY_SHAPE:
            return {}
        w, previous, step = (c[name].astype(float) for name in ("w", "previous", "step"))
        states = []
        for g, undo in zip(c.gs, c.undo, strict=True):
            v = Case(w=w, g=g, previous=previous, old=step, undo=undo, change=pieces["change"](g, previous))
            v["factor"] = pieces["factor"](v.change, c)
            v["step"] = step = np.asarray(pieces["limit"](step * v.factor, c))
            v["kept"] = previous = np.asarray(pieces["keep"](v, c))
            w = np.asarray(w + pieces["move"](v, c))
            w, previous, step = (np.asarray(its) for its in pieces["hand on"](c, w, previous, step))
            states.append((w, previous, step))
        return named(c, states)

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

STEP_MISTAKES = (
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
        "undo takes the last move back and then moves as well; what is taken back moves no more.",
        faulty(move=lambda v, c: np.where(turned(v), back(v) - np.sign(v.g) * v.step, against(v, c))),
    ),
    Mistake(
        "where the sign changed, a move follows all the same: forget must stop it, also after an undo.",
        faulty(move=lambda v, c: turned(v) * back(v) - np.sign(v.g) * v.step),
    ),
    Mistake(
        "previous is not changed in place, so that the next step does not know this gradient.",
        faulty(**{"hand on": lambda c, w, previous, step: (w, c.previous, step)}),
    ),
    Mistake(
        "step is not changed in place, so that the next step starts from the first size.",
        faulty(**{"hand on": lambda c, w, previous, step: (w, previous, c.step)}),
    ),
    Mistake(
        "step and previous do not change: they are made anew instead of changed in place.",
        faulty(**{"hand on": lambda c, w, previous, step: (w, c.previous, c.step)}),
    ),
    Mistake("w is not changed in place.", faulty(**{"hand on": lambda c, w, previous, step: (c.w, previous, step)})),
    Mistake(
        "nothing changes: the arrays are made anew instead of changed in place.",
        faulty(**{"hand on": lambda c, w, previous, step: (c.w, c.previous, c.step)}),
    ),
)


def only_in(*shapes: tuple[int, ...]) -> Callable[[Case], Outputs]:
    """c -> what is wrong if it works for arrays with one axis, and not in these shapes."""
    return lambda c: {ANY_SHAPE: np.array(0)} if str(c.rule) == ANY_SHAPE and tuple(c.asked) in shapes else {}


def both(mistake: Mistake) -> Mistake:
    return Mistake(f"{mistake.says} Besides, {NO_AXIS}", lambda c: {**mistake.answer(c), **only_in(())(c)})


NO_AXIS = (
    "arrays of shape () stop with an error or get other numbers than those of shape (1,): NumPy's results are plain "
    "numbers then, which nothing can be put into. Try it with w = np.array(1.0), and so on."
)
SHAPE_MISTAKES = (
    Mistake(NO_AXIS, only_in(())),
    Mistake("it works for arrays with one axis, and not with two.", only_in((3, 2))),
    Mistake("it works for arrays with one axis alone; any shape may come, also ().", only_in((), (3, 2))),
)
RPROP_MISTAKES = (*STEP_MISTAKES, *SHAPE_MISTAKES, *map(both, STEP_MISTAKES))

RPROP = Task(
    title="one step of RProp",
    stub='''
    def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
        """One step of RProp for weights w with the gradient g; w, previous and step are changed in place.

        w, g, previous, step: arrays of one shape, which may be any, also (): weights, gradient, what is remembered of
        the gradient before (0 at first), and the size of the step of each weight
        A step grows by the factor grow where g has the sign of previous, and shrinks by the factor shrink where it has
        the other. It stays within smallest and largest. Each weight then moves by its new step, against the sign of g.
        forget: where the sign changed, g counts as 0, now and when it is remembered
        undo: where the sign changed, the last move, of the size of the old step, is taken back; only with forget
        """
    ''',
    secrets=("tinyrec.backend.reference:rprop_step",),
    cases=walk_cases,
    answer=walk,
    parts=(
        Part(("step (plain)", "previous (plain)", "w (plain)"), 1.5),
        Part(("step (g = 0)", "previous (g = 0)", "w (g = 0)"), 0.5),
        Part(("step (limits)",), 1),
        Part(("step (forget)", "previous (forget)", "w (forget)", "previous (undo)"), 1),
        Part(("w (undo)", "step (undo)"), 1),
        Part((ANY_SHAPE,), 1),
        Part(("step (all)", "previous (all)", "w (all)"), 0),  # the example: what is wrong there is wrong elsewhere
    ),
    mistakes=RPROP_MISTAKES,
    describe=last_step,
    example=sum(len(lengths) for _, lengths, _ in RULES.values()) - 1,
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
                follow(params[name], sign * grads[name], is_undone, **its)
        its = c.with_(**params) if kept else c
        return {"rmse": rmse_of(its), "losses": np.array(losses)}

    return answer


def follow(w: Array, g: Array, undo: bool, previous: Array, step: Array) -> None:
    """One step in place, of all weights at once: faster than `moved`."""
    v = Case(g=g, previous=previous.copy(), old=step.copy(), undo=np.array(undo), change=g * previous)
    c = Case(forget=np.array(True))
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
    Mistake(
        "moves are never taken back, also where the loss rose "
        "(or undo is never true: which loss do you compare with?).",
        trained(undo=lambda loss, losses: False),
    ),
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
    def train(loss_and_grads, params, epochs, rprop):
        """Train with the whole batch by iRprop+ and return the losses (epochs,), each before the move of its epoch.

        loss_and_grads: a function, params -> (loss, grads), where grads has an array for each name in params
        params: arrays by name; they are changed in place
        rprop: a right one that is given, rprop(w, g, previous, step, undo) for arrays of one shape. It changes w,
        previous and step in place, in every course. grow, shrink, smallest, largest and forget are set in it.

        previous is 0 at first, and all steps are 0.8. undo is True in epochs whose loss is higher than that of the
        epoch before, and False in the first.
        """
    ''',
    secrets=("tinyrec.backend.reference:rprop_step",),
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
    given=("distance.py", "slow_rprop.py"),
    axes=AXES,
    bonus=1,
)
