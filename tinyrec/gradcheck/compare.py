"""Compare hand-written gradients with numeric ones, and explain what is wrong.

Two numeric derivatives, both in float64. The complex step, f'(x) = Im f(x + ih) / h, has no cancellation, so h = 1e-30
is exact to rounding (Squire & Trapp 1998); it is taken for every parameter. Central differences along random directions
need no complex numbers: they show whether the forward is also right for complex numbers, and replace the complex step
if it is not.
"""

from __future__ import annotations

import contextlib
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params

COMPLEX_STEP, CENTRAL_STEP = 1e-30, 1e-6
CENTRAL_STEPS = CENTRAL_STEP, 1e-5, 1e-4
TOLERANCE = {"complex": 1e-10, "central": 1e-6}  # relative
HERE = Path(__file__).parent
Function = Callable[[Params], tuple[Array, Params]]  # float64 arrays by name -> a number and its gradients


@dataclass(frozen=True)
class Case:
    """A number with hand-written gradients, at some params.

    of: the layer, loss or model under test
    further: a check that is made once the gradients are right; it returns what is wrong, in sentences
    """

    name: str
    of: Any
    function: Function
    params: Params
    further: Callable[[], list[str]] = list  # nothing is wrong

    @property
    def piece(self) -> str:
        return getattr(self.of, "__name__", self.name)


@dataclass(frozen=True)
class Result:
    """The result of checking a case.

    problems: what is wrong, in sentences; none: all is right
    errors: the relative error of the gradient of each parameter
    complex: the largest of these errors, by the complex step; NaN: the function does not take complex numbers
    central: the relative error along random directions, by central differences
    """

    case: Case
    problems: list[str]
    errors: dict[str, float] = field(default_factory=dict)
    complex: float = np.nan
    central: float = np.nan


def passed(result: Result) -> bool:
    return not result.problems


def check(case: Case, rng: np.random.Generator) -> Result:
    """Compare the gradients of a case with numeric ones; an exception is a problem like any other."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of overflow: numbers that are not finite are problems anyway
            return _compare(case, rng)
    except Exception as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        entered = [frame for frame in frames if Path(frame.filename).parent != HERE]  # the code under test
        where = f" ({Path(entered[0].filename).name}, line {entered[0].lineno})" if entered else ""
        last_line = ": ".join([type(problem).__name__, *str(problem).strip().splitlines()[-1:]])
        return Result(case, [f"it raises {last_line}{where}"])


def _compare(case: Case, rng: np.random.Generator) -> Result:
    function, params = case.function, case.params
    loss, grads = function(params)
    if misfits := list(_misfits(case, loss, grads)):
        return Result(case, misfits)
    grads = {name: np.asarray(grads[name]) for name in params}
    way, numeric = numeric_gradients(function, params, rng)
    floor = 0 if way == "complex" else max(np.abs(derivative).max(initial=0) for derivative in numeric.values())
    errors = {name: relative_error(grads[name], numeric[name], floor) for name in params}
    wrong = [name for name in params if not errors[name] <= TOLERANCE[way]]  # so that NaN is wrong, too
    problems = [_wrong_gradient(name, grads[name], numeric[name], errors[name]) for name in wrong]
    central = central_difference(function, params, grads, rng)
    if not wrong and not central <= TOLERANCE["central"]:
        problems = [f"along random directions, the gradient differs from central differences by {central:.0e}"]
    problems = problems or case.further()
    return Result(case, problems, errors, max(errors.values()) if way == "complex" else np.nan, central)


def _misfits(case: Case, loss: Array, grads: Params) -> Iterator[str]:
    """Problems other than a wrong derivative, in sentences."""
    if np.ndim(loss) or not np.isfinite(loss):
        yield f"the loss is {'an array' if np.ndim(loss) else loss}, but must be one finite number"
    elif case.function(case.params)[0] != loss:
        yield "the loss of a second call differs: draw all noise from rng, and change no array that you are given"
    for name in dict.fromkeys([*case.params, *grads]):
        if name not in grads:
            yield f"no gradient of {name}"
        elif name not in case.params:
            yield f"a gradient of {name}, which is no parameter"
        elif np.shape(grads[name]) != case.params[name].shape:
            yield f"d{name} has the shape {np.shape(grads[name])}, but {name} has {case.params[name].shape}"


def _wrong_gradient(name: str, ours: Array, numeric: Array, error: float) -> str:
    """The relative error, the worst entry, and the factor if ours is a multiple of the derivative."""
    at = np.unravel_index(np.argmax(np.abs(ours - numeric)), ours.shape)
    entry = f"{name}[{', '.join(map(str, at))}]" if at else name
    factor = (ours * numeric).sum() / (numeric * numeric).sum()
    is_multiple = ours.size > 1 and np.abs(ours - factor * numeric).max() <= 1e-6 * np.abs(numeric).max()
    multiple = f"; all of ours is {factor:.3g} times the numeric one" if is_multiple else ""
    return f"d{name}: relative error {error:.0e}; at {entry}, ours {ours[at]:.6g}, numeric {numeric[at]:.6g}{multiple}"


def explanation(results: list[Result]) -> str:
    """The smallest wrong piece in its smallest case, and one line with the other wrong pieces; "" if none is wrong.

    Results are in the order of the size of the pieces: a layer comes before the models that use it.
    """
    wrong = [result for result in results if not passed(result)]
    if not wrong:
        return ""
    pieces = dict.fromkeys(result.case.piece for result in wrong)  # in order
    smallest, *others = pieces
    its = [result for result in wrong if result.case.piece == smallest]
    first = min(its, key=lambda result: sum(w.size for w in result.case.params.values()))
    lines = [f"WRONG: {first.case.name}", *(f"  {problem}" for problem in first.problems)]
    lines += [f"  {len(its)} cases of {smallest} are wrong; this is the smallest"] if len(its) > 1 else []
    lines += [f"also wrong, probably because of it: {', '.join(others)}"] if others else []
    return "\n".join(textwrap.fill(line, 80, subsequent_indent="    ", break_on_hyphens=False) for line in lines)


def complex_step(function: Function, params: Params) -> Params:
    """The derivative by every parameter: Im f(w + ih) / h, one entry at a time."""
    return _by_entry(function, params, lambda f: np.imag(f(1j * COMPLEX_STEP)) / COMPLEX_STEP)


def _by_entry(function: Function, params: Params, slope: Callable) -> Params:
    numeric = {name: np.empty_like(w) for name, w in params.items()}
    for name, w in params.items():
        for entry in np.ndindex(w.shape):
            v = np.zeros_like(w)
            v[entry] = 1
            numeric[name][entry] = slope(_along(function, params, {name: v}))
    return numeric


def _along(function: Function, params: Params, v: Params) -> Callable[[complex], complex]:
    """h -> the value of the function at w + h v, for each w that v has"""
    return lambda h: function({**params, **{name: params[name] + h * v[name] for name in v}})[0]


def _central_slope(f: Callable, h: float = CENTRAL_STEP) -> float:
    return (f(h) - f(-h)) / (2 * h)


def numeric_gradients(function: Function, params: Params, rng: np.random.Generator) -> tuple[str, Params]:
    """The derivative by every parameter: "complex", or "central" where the function is for real numbers alone."""
    with contextlib.suppress(Exception):
        numeric = complex_step(function, params)
        if central_difference(function, params, numeric, rng) <= TOLERANCE["central"]:
            return "complex", numeric
    return "central", _by_entry(function, params, _central_slope)


def central_difference(function: Function, params: Params, grads: Params, rng: np.random.Generator) -> float:
    """The worst error of the slope g · v along five random directions v, against (f(w + hv) - f(w - hv)) / 2h.

    It is relative to |g|, the size of a typical slope: along some direction the slope may be 0 by chance. h is the best
    of three: with a small one the rounding of f counts, and with a large one its third derivative.
    """
    errors, norm = [], np.sqrt(sum((g * g).sum() for g in grads.values()))
    for _ in range(5):
        v = draw({name: w.shape for name, w in params.items()}, rng)
        slope = sum((grads[name] * v[name]).sum() for name in params)
        f = _along(function, params, v)
        numeric = [_central_slope(f, h) for h in CENTRAL_STEPS]
        errors.append(min(abs(slope - its) / max(norm, abs(its), 1e-300) for its in numeric))
    return float(max(errors))


def relative_error(ours: Array, numeric: Array, floor: float = 0.0) -> float:
    """max |ours - numeric| / max(|ours|, |numeric|, floor), over all entries."""
    size = max(np.abs(ours).max(initial=floor), np.abs(numeric).max(initial=floor))
    return float(np.abs(ours - numeric).max() / size) if size else 0.0


def draw(shapes: dict[str, Any], rng: np.random.Generator) -> Params:
    return {name: np.asarray(rng.standard_normal(shape)) for name, shape in shapes.items()}
