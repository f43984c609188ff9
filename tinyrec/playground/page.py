"""Write the recorded trainings and their formulas into one HTML file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.gradcheck import TOLERANCE
from tinyrec.playground.formulas import AXES, PARAMS, formulas
from tinyrec.playground.record import MOVIES, RATINGS, USERS, Recording

DIGITS = 4  # significant ones


def page(recordings: Mapping[str, Recording]) -> str:
    """The page, with every number that it shows."""
    files = resources.files("tinyrec.playground")
    text, style, script = ((files / f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    data = json.dumps(content(recordings), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    text = text.replace("/* page.css */", style).replace("/* page.js */", script)
    return text.replace("/* recording */", data)


def content(recordings: Mapping[str, Recording]) -> dict[str, Any]:
    """What the page knows, as JSON."""
    scales = {
        name: max(float(np.nanmax(np.abs(recording.arrays[name]))) for recording in recordings.values())
        for name in AXES
    }
    return {
        "axes": AXES,
        "params": list(PARAMS),
        "rated": (~np.isnan(RATINGS.T)).tolist(),
        "scales": {name: short(scale) for name, scale in scales.items()},
        "tolerance": TOLERANCE["complex"],
        "runs": {name: run(recording) for name, recording in recordings.items()},
        "verdicts": verdicts(recordings),
    }


def run(recording: Recording) -> dict[str, Any]:
    arrays = {name: [list(map(short, frame.ravel())) for frame in its] for name, its in recording.arrays.items()}
    check = {name: [float(f"{error:.0e}") for error in errors] for name, errors in recording.check.items()}
    texts = {}
    for name, its in formulas(recording).items():
        counted = np.argwhere(~np.isnan(recording.arrays[name][0])).tolist()
        terms = {f"{row},{col}": its.terms(row, col) for row, col in counted}
        texts[name] = {"rule": its.rule, "why": its.why, "start": its.start, "terms": terms}
    return {"arrays": arrays, "check": check, "baseline": short(recording.baseline), "formulas": texts}


def verdicts(recordings: Mapping[str, Recording]) -> dict[str, str]:
    """What the gradient check says of each training, and what came of it."""
    at = (-1, MOVIES.index("Casablanca"), USERS.index("Ann"))
    stars = {name: recording.arrays["Y"][at] for name, recording in recordings.items()}
    loss = {name: recording.arrays["loss"][-1, 0, 0] for name, recording in recordings.items()}
    unrated = (~recordings["correct"].mask).sum()
    return {
        "correct": "The gradient is the derivative of the loss, and the loss is that of the paper.",
        "no mask": f"The loss counts {unrated} ratings of 0 stars that nobody gave. The gradient is exactly the "
        "derivative of this wrong loss, so the check cannot see it. In the end, Ann gets "
        f"{stars['no mask']:.1f} stars for Casablanca, and {stars['correct']:.1f} with the mask.",
        "double λ": "The gradient of λ/2 ‖W‖² is λ W, not 2λ W. The loss still falls, "
        f"to {loss['double λ']:.1f}; with the right gradient it falls to {loss['correct']:.1f}. "
        "Only the check says that something is wrong.",
        "no mask, double λ": "The check finds the wrong penalty, and does not see that the mask is forgotten.",
    }


def short(value: Array) -> float | int | None:
    """Rounded, for JSON; None for a cell that is not counted."""
    rounded = float(f"{value:.{DIGITS}g}")
    if np.isnan(rounded):
        return None
    return int(rounded) if rounded.is_integer() else rounded
