"""gradcheck: is every hand-written backward the derivative of its forward?"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from tinyrec import gradcheck
from tinyrec.cli.common import add_command, table, whole, write_result


def add_to(subparsers: Any) -> None:
    summary = "Check every gradient against a complex step and against central differences."
    parser = add_command(subparsers, "gradcheck", run, summary, "gradcheck --seed 1")
    parser.add_argument("--seed", type=whole(0), default=0, help="of the random matrices and directions; default: 0")


def run(args: argparse.Namespace) -> int:
    rng = np.random.default_rng(args.seed)
    results = [(case, gradcheck.check(case, rng)) for case in gradcheck.cases(rng)]
    wrong = [case.name for case, errors in results if not gradcheck.passed(errors)]
    rows = []
    for name in dict.fromkeys(case.of.__name__ for case, _ in results):
        its = [errors for case, errors in results if case.of.__name__ == name]
        worst = [max(errors[way] for errors in its) for way in gradcheck.TOLERANCE]
        rows.append((name, len(its), *map(short, worst), "ok" if all(map(gradcheck.passed, its)) else "WRONG"))
    rows.append(("tolerance", "", *map(short, gradcheck.TOLERANCE.values()), ""))
    text = table(rows, ("gradient of", "cases", "complex step", "central difference", ""))
    cases = [{"case": case.name, "of": case.of.__name__, **errors} for case, errors in results]
    write_result(args, {"passed": not wrong, "wrong": wrong, "cases": cases}, "\n".join([text, *wrong]))
    return 1 if wrong else 0


def short(error: float) -> str:
    return f"{error:.0e}"
