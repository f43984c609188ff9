"""gradcheck: check that every hand-written backward is the derivative of its forward."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinyrec import gradcheck
from tinyrec.checks import suggestion
from tinyrec.cli.common import add_command, table, whole, write_result
from tinyrec.cli.own_model import load_all, load_own
from tinyrec.errors import UsageError


def add_to(subparsers: Any) -> None:
    summary = "Check every gradient against a complex step and against central differences."
    parser = add_command(subparsers, "gradcheck", run, summary, "gradcheck --only sparse_in")
    parser.add_argument(
        "--only", metavar="PATTERN", help="only layers, losses, models and cases with PATTERN in the name"
    )
    own = "your own model, activation f(X) -> (Y, backward) or loss(y, r) -> (loss, backward); no NAME: all of them"
    parser.add_argument("--model", metavar="FILE.py:NAME", help=own)
    parser.add_argument("--seed", type=whole(0), default=0, help="of the random matrices and directions; default: 0")


def run(args: argparse.Namespace) -> int:
    try:
        results = [gradcheck.check(case, np.random.default_rng(args.seed)) for case in chosen(args)]
    except Exception as problem:
        write_result(args, as_json([], str(problem)), "nothing was checked")
        raise
    wrong = gradcheck.explanation(results)
    write_result(args, as_json(results, wrong), wrong or summary(results))
    return 1 if wrong else 0


def chosen(args: argparse.Namespace) -> list[gradcheck.Case]:
    """Return the cases to check. UsageError: no name contains the pattern"""
    rng = np.random.default_rng(args.seed)
    cases = list(own_cases(args.model, rng) if args.model else gradcheck.cases(rng))
    pattern = (args.only or "").casefold()
    found = [case for case in cases if pattern in case.piece.casefold() or pattern in case.name.casefold()]
    if not found:
        pieces = dict.fromkeys(case.piece for case in cases)
        raise UsageError(f"nothing to check is called {args.only!r}; {suggestion(args.only, pieces)}")
    return found


def own_cases(text: str, rng: np.random.Generator) -> Iterator[gradcheck.Case]:
    """Yield the cases of FILE.py:NAME; without NAME, of all models, activations and losses that FILE.py defines."""
    if ".py:" in text:
        yield from gradcheck.own_cases(load_own(text), rng)
        return
    things = [thing for thing in load_all(text).values() if gradcheck.is_checkable(thing)]
    if not things:
        raise UsageError(
            f"{text} defines no subclass of tinyrec.Autoencoder or PairModel, activation f(X) -> (Y, backward) "
            "or loss(y, r) -> (loss, backward); add one"
        )
    for thing in sorted(things, key=lambda thing: isinstance(thing, type)):  # models last: they use the others
        yield from gradcheck.own_cases(thing, rng)


def summary(results: Sequence[gradcheck.Result]) -> str:
    """Return a table of the largest errors of each layer, loss and model."""
    rows = []
    for name in dict.fromkeys(result.case.piece for result in results):
        own = [result for result in results if result.case.piece == name]
        worst = [max(result.complex for result in own), max(result.central for result in own)]
        rows.append((name, len(own), *map(short, worst), "ok"))
    rows.append(("tolerance", "", *map(short, gradcheck.TOLERANCE.values()), ""))
    return table(rows, ("gradient of", "cases", "complex step", "central difference", ""))


def short(error: float) -> str:
    return "-" if np.isnan(error) else f"{error:.0e}"


def as_json(results: Sequence[gradcheck.Result], wrong: str) -> dict[str, Any]:
    cases = [
        {
            "case": result.case.name,
            "of": result.case.piece,
            "passed": gradcheck.passed(result),
            "problems": result.problems,
            "complex": result.complex,
            "central": result.central,
            "errors": result.errors,
        }
        for result in results
    ]
    failed = [case["case"] for case in cases if not case["passed"]]
    return {"passed": not wrong, "wrong": failed, "explanation": wrong, "cases": cases}
