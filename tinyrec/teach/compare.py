"""Compare one answer with the right one, in sentences."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import Case, Outputs
from tinyrec.teach.run import Answer

FEW = 12  # numbers of an array that are shown


def problem_of(answer: Answer, right: Outputs, tolerance: float) -> dict[str, str]:
    """output -> what is wrong with it; "" stands for all of them."""
    if answer.error:
        return {"": f"{answer.error[:1].upper()}{answer.error[1:]}."}
    if answer.changed:
        return {"": f"Your function changes its input {answer.changed}; leave inputs as they are."}
    if answer.differs:
        return {"": f"{answer.differs} of a second call with the same inputs is different."}
    found = {name: compare(name, answer.outputs.get(name), its, tolerance) for name, its in right.items()}
    return {name: says for name, says in found.items() if says}


def compare(name: str, ours: Array | None, right: Array, tolerance: float) -> str:
    """What is wrong with an output, in one or two sentences; "" if it is right."""
    right = np.asarray(right)
    if ours is None:
        return f"{name} is missing."
    if ours.shape != right.shape:
        return f"{name} has the shape {ours.shape}, should have {right.shape}."
    if right.dtype.kind in "US" or ours.dtype.kind in "US":
        return "" if np.array_equal(ours, right) else f"{name} is {str(ours)[:80]}, should be {str(right)[:80]}."
    if ours.dtype.kind == "c":
        return f"{name} is complex; return real numbers."
    if right.dtype == np.float64 and ours.dtype.kind == "f" and ours.dtype != np.float64:
        return f"{name} is {ours.dtype}, should be float64: somewhere numbers lose digits."
    if matches(ours, right, tolerance):
        return ""
    with np.errstate(invalid="ignore"):
        away = np.abs(ours.astype(float) - right)
    same = (ours == right) | (np.isnan(right.astype(float)) & np.isnan(ours.astype(float)))
    at = np.unravel_index(int(np.argmax(np.where(same, -1, np.nan_to_num(away, nan=np.inf)))), ours.shape)
    entry = f"{name}[{', '.join(map(str, at))}]" if at else name
    digits = 6
    while digits < 17 and f"{ours[at]:.{digits}g}" == f"{right[at]:.{digits}g}":
        digits += 1
    return f"{entry} is {ours[at]:.{digits}g}, should be {right[at]:.{digits}g}."


def matches(ours: Array, right: Array, tolerance: float) -> bool:
    ours, right = np.asarray(ours), np.asarray(right)
    if ours.shape != right.shape or ours.dtype.kind in "USc" or right.dtype.kind in "US":
        return ours.shape == right.shape and bool(np.array_equal(ours, right))
    with np.errstate(invalid="ignore", over="ignore"):
        ours, right = ours.astype(float), right.astype(float)
        size = np.abs(right[np.isfinite(right)]).max(initial=1e-3)
        return bool((np.isclose(ours, right, rtol=0, atol=tolerance * size, equal_nan=True)).all())


def size_of(case: Case) -> int:
    return sum(its.size for its in case.values())


def described(case: Case) -> str:
    """The sizes of a case, such as n=1, d=2, k=3, p=2 at [(0, 0), (0, 1)], and its numbers, if they are few."""
    if "indptr" not in case or "shape" not in case:
        return ", ".join(
            f"{name}={shown(its)}" if its.size <= FEW else f"{name} {its.shape}" for name, its in case.items()
        )
    (n, d), p = case["shape"], len(case["cols"])
    k = next((f", k={case[name].shape[1]}" for name in ("H", "V", "W") if name in case and case[name].ndim == 2), "")
    rows = np.repeat(np.arange(n), np.diff(case["indptr"]))
    cells = f" at {[(int(i), int(j)) for i, j in zip(rows, case['cols'], strict=True)]}" if p <= 6 else ""
    numbers = {name: its for name, its in case.items() if name not in ("shape", "indptr", "cols")}
    small = sum(its.size for its in numbers.values()) <= FEW
    values = "".join(f", {name}={shown(its)}" for name, its in numbers.items()) if small else ""
    return f"n={n}, d={d}{k}, p={p}{cells}{values}"


def shown(its: Array) -> str:
    return " ".join(np.array2string(its, precision=4, separator=", ").split())
