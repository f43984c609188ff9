"""doctor --promises: check what the package promises, with the tests that come with its source."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinyrec.cli.common import say, table, write_result
from tinyrec.errors import UsageError
from tinyrec.reproduce import promise_page, promises
from tinyrec.signals import explained


def add_flags(parser: Any) -> None:
    group = parser.add_argument_group("the promises of the package, see tinyrec/reproduce/results/promises.md")
    which = "run the tests of all promises, or of those with these numbers, in a checkout of the source"
    group.add_argument("--promises", nargs="*", type=int, metavar="N", help=which)
    group.add_argument("--full", action="store_true", help="at their full size, which can take an hour")
    group.add_argument("--out", metavar="DIR", help="write the results, and a page of them, to this folder")


def run(args: argparse.Namespace) -> int:
    """Return 1 if a promise is broken, else 0."""
    with explained(lambda: "stopped; nothing was written"):
        results = promises.measure(promises.read_promises(args.promises), args.full)
    if args.out:
        promise_page.keep(results, Path(args.out))
        say(args, f"the results, and their page, are in {args.out}")
    rows = [(its["number"], its["title"], promises.VERDICTS[its["kept"]], its["figure"]) for its in results]
    write_result(args, {"promises": results}, table(rows, ("", "promise", "", "measured")))
    return 1 if any(its["kept"] is False for its in results) else 0


def check_flags(args: argparse.Namespace) -> None:
    """UsageError: flags for --promises without it"""
    if args.promises is None and (args.full or args.out):
        raise UsageError("--full and --out go with --promises; give it, too")
