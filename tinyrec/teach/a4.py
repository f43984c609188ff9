"""a4: trust nobody: a numeric gradient, and a checker that is judged by the faults that it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import Assignment, Case, Mistake, Option, Outputs, Part, Task
from tinyrec.teach.given.functions import function

NAMES = "W", "b", "s", "u", "v"
RIGHT_NUMBERS = {"times": np.ones(2), "more": 0.0, "bend": 0.0, "bump": 0.0, "turned": False, "wide": False}


def layer_case(
    rng: np.random.Generator, d: int, kind: str | None = None, units: tuple[float, float] = (1.0, 1.0), **numbers: Any
) -> Case:
    """A function of a square W and of b, at random params; W is square, so that a transpose is of the same shape."""
    W, b = rng.normal(0, 1, (d, d)) / units[0], rng.normal(0, 1, d) / units[1]
    its = {"W": W, "b": b, "X": rng.normal(0, 1, (6, d)), "T": rng.normal(0, 2, (6, d)), "units": np.array(units)}
    its["kind"] = np.array(kind or rng.choice(["line", "wave", "hinge"]))
    return Case(its).with_(**({"offset": 0.0, "size": 1.0, "l2": rng.uniform(0.1, 1)} | RIGHT_NUMBERS | numbers))


def products_case(rng: np.random.Generator, q: int, scale: float = 1.0, **numbers: Any) -> Case:
    its = {"u": scale * rng.normal(0, 1, q), "v": scale * rng.normal(0, 1, q), "T": rng.normal(0, 2, q)}
    return Case(its).with_(**({"offset": 0.0, "size": 1.0} | RIGHT_NUMBERS | numbers))


def params_of(c: Case) -> dict[str, Array]:
    return {name: c[name] for name in NAMES if name in c}


# Task 1: numeric_gradient

TINY = 1e-30


def gradient_cases(rng: np.random.Generator) -> list[Case]:
    cases = [
        products_case(rng, 1),
        layer_case(rng, 1, "wave"),
        products_case(rng, 0),
        layer_case(rng, 2, "hinge"),
        layer_case(rng, 3, "wave"),
        layer_case(rng, 3, "line", units=(1e5, 1e-4)),
        layer_case(rng, 2, "wave").with_(s=np.array(rng.normal())),
        layer_case(rng, 4, "wave", offset=1e9),
        layer_case(rng, 2, "wave"),
        products_case(rng, 5),
        layer_case(rng, 2, "wave").with_(s=rng.normal(0, 1, (2, 1, 3))),
    ]
    return [c.with_(h=1e-2 if number == 8 else TINY) for number, c in enumerate(cases)]


def loss_of(c: Case, params: dict[str, Array]) -> complex:
    return complex(function(c)(params)[0])


def slopes(slope: Callable[[Callable[[complex], complex], float], float]) -> Callable[[Case], Outputs]:
    """c -> the derivatives by each entry alone: slope(f, h), where f(z) is the loss with z added to the entry."""

    def answer(c: Case) -> Outputs:
        grads = {}
        for name, w in params_of(c).items():
            g = np.zeros(w.shape)
            for at in np.ndindex(w.shape):

                def moved(z: complex, name=name, w=w, at=at) -> complex:
                    its = w.astype(complex)
                    its[at] += z
                    return loss_of(c, params_of(c) | {name: its})

                g[at] = slope(moved, float(c.h))
            grads[f"d{name}"] = g
        return grads

    return answer


numeric_gradient = slopes(lambda f, h: f(1j * h).imag / h)


def each(change: Callable[[Array], Array]) -> Callable[[Case], Outputs]:
    """c -> the right gradients, each of them changed."""
    return lambda c: {name: np.asarray(change(g)) for name, g in numeric_gradient(c).items()}


def summed(c: Case) -> Outputs:
    """All entries of an array are moved at once."""
    return {
        f"d{name}": np.full(w.shape, loss_of(c, params_of(c) | {name: w + 1j * c.h}).imag / c.h)
        for name, w in params_of(c).items()
    }


def all_moved(c: Case) -> Outputs:
    """Each entry that was moved stays moved: the last derivative is a sum of all."""
    grads, params = {}, params_of(c)
    for name, w in params.items():
        params[name], g = w.astype(complex), np.zeros(w.shape)
        for at in np.ndindex(w.shape):
            params[name][at] += 1j * c.h
            g[at] = loss_of(c, params).imag / c.h
        grads[f"d{name}"] = g
    return grads


def moved_in_array(c: Case) -> Outputs:
    """The same, where each array starts anew."""
    grads = {}
    for name, w in params_of(c).items():
        its, g = w.astype(complex), np.zeros(w.shape)
        for at in np.ndindex(w.shape):
            its[at] += 1j * c.h
            g[at] = loss_of(c, params_of(c) | {name: its}).imag / c.h
        grads[f"d{name}"] = g
    return grads


def first_entry(g: Array) -> Array:
    kept = np.zeros_like(g)
    kept[(0,) * g.ndim if g.size else ...] = g[(0,) * g.ndim] if g.size else 0
    return kept


GRADIENT_MISTAKES = (
    Mistake("it is not divided by h.", slopes(lambda f, h: f(1j * h).imag)),
    Mistake("it is divided by 2 h; only one side is looked at.", slopes(lambda f, h: f(1j * h).imag / (2 * h))),
    Mistake("it is divided by h twice.", slopes(lambda f, h: f(1j * h).imag / h**2)),
    Mistake("the real part is taken; the derivative is in the other one.", slopes(lambda f, h: f(1j * h).real / h)),
    Mistake("the absolute value is taken; the derivative is in one part.", slopes(lambda f, h: abs(f(1j * h)) / h)),
    Mistake("the derivative has the wrong sign.", each(lambda g: -g)),
    Mistake("the derivative has lost its sign.", each(abs)),
    Mistake(
        "a real h is added, on one side: that needs another size of h, and loses digits.",
        slopes(lambda f, h: (f(h) - f(0)).real / h),
    ),
    Mistake(
        "a real h is added and subtracted: that needs another size of h, and loses digits.",
        slopes(lambda f, h: (f(h) - f(-h)).real / (2 * h)),
    ),
    Mistake("the h that is given is not used.", slopes(lambda f, h: f(1j * TINY).imag / TINY)),
    Mistake("all entries of an array are moved at once; each has a derivative of its own.", summed),
    Mistake("entries that were moved stay moved, in all arrays; put each back before the next.", all_moved),
    Mistake("entries that were moved stay moved, in their array; put each back before the next.", moved_in_array),
    Mistake("only the first entry of each array is looked at.", each(first_entry)),
    Mistake(
        "the entries are in another order, as if transposed.", each(lambda g: g.ravel().reshape(g.shape, order="F"))
    ),
)

NUMERIC_GRADIENT = Task(
    title="a numeric gradient",
    stub='''
    def numeric_gradient(f, params, h):
        """The gradient of f by the complex step, Im f(w + ih) / h, one entry of params at a time.

        f: a function, params -> a number, that takes complex arrays, too
        params: float64 arrays by name, of any shape, also () and (0,); they are not changed

        Returns grads: float64 arrays by name, of the shapes of params.
        """
    ''',
    secrets=("tinyrec.gradcheck.compare:complex_step",),
    cases=gradient_cases,
    answer=numeric_gradient,
    parts=(Part(tuple(f"d{name}" for name in NAMES), 3),),
    mistakes=GRADIENT_MISTAKES,
)

# Task 2: is_right


@dataclass(frozen=True)
class Kind:
    """A kind of function. says: for the message;  draw: rng -> one of them;  right: whether its gradient is"""

    says: str
    draw: Callable[[np.random.Generator], Case]
    right: bool = False


def small(rng: np.random.Generator, **numbers: Any) -> Case:
    return layer_case(rng, int(rng.integers(3, 6)), **numbers)


def badly_scaled(rng: np.random.Generator) -> tuple[float, float]:
    return 10 ** rng.uniform(5, 5.5), 10 ** -rng.uniform(5, 5.5)


def at_zero(rng: np.random.Generator, **numbers: Any) -> Case:
    return products_case(rng, int(rng.integers(3, 6)), scale=0.0, **numbers)


def unused(rng: np.random.Generator) -> Case:
    return small(rng).with_(s=rng.normal(0, 1, 3))


def penalty(rng: np.random.Generator) -> Case:
    """The part of the penalty is some thousandths of dW."""
    c = small(rng, l2=0.0)
    own = abs(numeric_gradient(c.with_(h=TINY))["dW"]).max() / abs(c.W).max()
    return c.with_(l2=own * rng.uniform(2e-3, 5e-3), more=rng.choice([-1.0, 1.0]))


def one_entry(rng: np.random.Generator) -> Case:
    c = layer_case(rng, 20)
    bump, at = np.zeros((20, 20)), tuple(rng.integers(1, 19, 2))
    bump[at] = rng.choice([-1, 1]) * rng.uniform(0.3, 0.6) * abs(numeric_gradient(c.with_(h=TINY))["dW"]).max()
    return c.with_(bump=bump)


def origin(rng: np.random.Generator) -> Case:
    c = small(rng, kind="wave", bend=rng.uniform(100, 200))
    return c.with_(W=0 * c.W, b=0 * c.b)


KINDS = (
    Kind("a plain right function", small, right=True),
    Kind("a right function with 400 weights", lambda rng: layer_case(rng, 20), right=True),
    Kind("a right function of badly scaled parameters", lambda rng: small(rng, units=badly_scaled(rng)), right=True),
    Kind("a right function with a kink nearby (relu)", lambda rng: small(rng, kind="hinge"), right=True),
    Kind("a right function that does not depend on one of its parameters", unused, right=True),
    Kind("a right function with a large constant", lambda rng: small(rng, offset=rng.uniform(1e9, 9e9)), right=True),
    Kind("a right function with a tiny gradient", lambda rng: small(rng, size=10 ** rng.uniform(-14, -12)), right=True),
    Kind("a right function with a huge gradient", lambda rng: small(rng, size=10 ** rng.uniform(10, 12)), right=True),
    Kind("a right function, where its gradient is 0", at_zero, right=True),
    Kind("a gradient with the wrong sign", lambda rng: small(rng, times=(-1, 1))),
    Kind("a gradient that is transposed", lambda rng: small(rng, turned=True)),
    Kind("a gradient with a wrong factor", lambda rng: small(rng, times=np.full(2, rng.choice([0.5, 2, 1 / 6])))),
    Kind("a gradient with the penalty forgotten or doubled", penalty),
    Kind("a gradient of b that is forgotten", lambda rng: small(rng, times=(1, 0))),
    Kind("a gradient with one wrong entry of 400", one_entry),
    Kind("a gradient that is right at the origin alone", origin),
    Kind("a gradient that is 0, where the loss is flat", lambda rng: at_zero(rng, times=(0, 0))),
    Kind("a gradient of nan", lambda rng: small(rng, times=(np.nan, 1))),
    Kind("a gradient of another shape", lambda rng: small(rng, wide=True)),
    Kind(
        "a tiny gradient with the wrong sign", lambda rng: small(rng, size=10 ** rng.uniform(-14, -12), times=(-1, 1))
    ),
    Kind("a small gradient, wrong, beside a large one", lambda rng: small(rng, units=badly_scaled(rng), times=(1, -1))),
)
PLAIN = 3  # more of the first kind, so that as many are right as are wrong


def pool(rng: np.random.Generator) -> list[Case]:
    """One function of each kind, and some more that are plain, in any order."""
    codes = [*range(len(KINDS)), *[0] * PLAIN]
    return [KINDS[code].draw(rng).with_(code=code) for code in rng.permutation(codes)]


def kind(c: Case) -> Kind:
    return KINDS[int(c.code)]


def is_right(c: Case) -> Outputs:
    return {"is_right": np.array(int(kind(c).right))}


def misjudges(*parts: str) -> Callable[[Case], Outputs]:
    """c -> the right verdict, but for kinds with these words."""
    assert all(any(part in its.says for its in KINDS) for part in parts)
    return lambda c: {"is_right": np.array(int(kind(c).right != any(part in kind(c).says for part in parts)))}


WRONG_SIGN, TINY_SIGN, BESIDE = "a gradient with the wrong sign", "a tiny gradient with", "beside a large one"
TURNED, FACTOR, PENALTY, FORGOTTEN, ONE = "transposed", "wrong factor", "the penalty", "b that is forgotten", "of 400"
ORIGIN, FLAT, NAN, SHAPE = "at the origin", "loss is flat", "of nan", "another shape"
SCALED, UNUSED, CONSTANT, HUGE, ZERO = "badly scaled", "not depend", "large constant", "huge", "where its gradient is 0"

VERDICT_MISTAKES = (
    Mistake("every gradient is called right.", lambda c: {"is_right": np.array(1)}),
    Mistake("every gradient is called wrong.", lambda c: {"is_right": np.array(0)}),
    Mistake("right and wrong are exchanged.", lambda c: {"is_right": 1 - is_right(c)["is_right"]}),
    Mistake(
        "you called a gradient right that has one wrong entry of 400: you may be looking at a few entries only.",
        misjudges(ONE),
    ),
    Mistake("you look at one entry of each array: a transpose, or one wrong entry, passes.", misjudges(TURNED, ONE)),
    Mistake(
        "you look at the params that you are given, and nowhere else: some gradients are right just there.",
        misjudges(ORIGIN, FLAT),
    ),
    Mistake("a tiny gradient with the wrong sign passes: compare relative to its size.", misjudges(TINY_SIGN)),
    Mistake(
        "you allow the same absolute error for tiny and for huge gradients: compare relative to their size.",
        misjudges(TINY_SIGN, HUGE, SCALED),
    ),
    Mistake(
        "a small gradient beside a large one passes: compare each array relative to its own size.", misjudges(BESIDE)
    ),
    Mistake("a gradient of nan passes: every comparison with nan is False.", misjudges(NAN)),
    Mistake("a gradient of another shape passes: NumPy broadcasts it without a word.", misjudges(SHAPE)),
    Mistake("you call a gradient of 0 wrong that is right: 0/0 is nan.", misjudges(UNUSED, ZERO)),
    Mistake("you look at sums of the entries, which a transpose does not change.", misjudges(TURNED)),
    Mistake(
        "you compare lengths of gradients: one with another sign or order has the same length.",
        misjudges(WRONG_SIGN, TINY_SIGN, BESIDE, TURNED),
    ),
    Mistake("you compare directions of gradients: a wrong factor passes.", misjudges(FACTOR)),
    Mistake("you allow too large an error: a gradient without the penalty passes.", misjudges(PENALTY)),
    Mistake("you look at the first array alone, or return too early.", misjudges(FORGOTTEN, SHAPE, BESIDE)),
    Mistake(
        "the verdict on the last array replaces the others.",
        misjudges(WRONG_SIGN, TINY_SIGN, TURNED, PENALTY, ONE, NAN),
    ),
    Mistake(
        "you subtract two nearly equal numbers: right gradients are called wrong where the loss has a large constant "
        "or the parameters have other sizes.",
        misjudges(CONSTANT, SCALED),
    ),
    Mistake(
        "you subtract two nearly equal numbers: a large constant in the loss takes all digits.", misjudges(CONSTANT)
    ),
)

IS_RIGHT = Task(
    title="is it right?",
    stub='''
    def is_right(f, params):
        """Whether the gradients of f are right: True or False.

        f: a function, params -> (loss, grads), that takes complex params, too; grads: arrays by name, as params
        params: float64 arrays by name; they are not changed

        Right means: grads are the derivatives of loss, to rounding, and have the shapes of params; at these params, and
        at others near them.
        """
    ''',
    secrets=("tinyrec.gradcheck.compare:relative_error", "tinyrec.gradcheck.compare:complex_step"),
    cases=pool,
    answer=is_right,
    parts=(Part(("is_right",), 7),),
    mistakes=VERDICT_MISTAKES,
    score=lambda share: max(0.0, 2 * share - 1),
    describe=lambda c: kind(c).says,
    seconds=40.0,
)

AXES = {
    "sign": {
        "gradient": Option(),
        "descent": Option(
            "Gradients are directions of descent: the derivatives with the other sign, in both tasks.",
            {
                1: (
                    ("The gradient of f by", "The direction of steepest descent, minus the gradient of f, by"),
                    ("Im f(w + ih) / h", "-Im f(w + ih) / h"),
                ),
                2: (("grads are the derivatives of loss", "grads are minus the derivatives of loss"),),
            },
        ),
    },
    "params": {
        "dict": Option(),
        "list": Option(
            "params and grads are lists of arrays.",
            {
                1: (
                    ("params: float64 arrays by name", "params: a list of float64 arrays"),
                    ("grads: float64 arrays by name", "grads: a list of float64 arrays"),
                ),
                2: (
                    ("params: float64 arrays by name", "params: a list of float64 arrays"),
                    ("grads: arrays by name", "grads: a list of arrays"),
                ),
            },
        ),
    },
    "verdict": {
        "is_right": Option(),
        "is_wrong": Option(
            "Task 2 asks whether the gradients are wrong.",
            {
                2: (
                    ("def is_right(", "def is_wrong("),
                    ("f are right: True", "f are wrong: True"),
                )
            },
        ),
    },
}

ASSIGNMENT = Assignment(
    title="Trust nobody",
    minutes=75,
    tasks=(NUMERIC_GRADIENT, IS_RIGHT),
    given=("functions.py",),
    axes=AXES,
    bonus=1,
)
