"""playground: write a page that plays back a training of AutoRec, number by number."""

from __future__ import annotations

import argparse
from typing import Any

from tinyrec.cli.common import add_command, say, table, write_result
from tinyrec.files import write_text
from tinyrec.gradcheck import TOLERANCE
from tinyrec.playground import RUNS, page, record


def add_to(subparsers: Any) -> None:
    summary = "Write a page that plays back a training of AutoRec, with every number and what made it."
    parser = add_command(subparsers, "playground", run, summary, "playground --html play.html")
    parser.add_argument("--html", metavar="FILE", required=True, help="the page: one file, which needs no network")


def run(args: argparse.Namespace) -> None:
    recordings = {name: record(name) for name in RUNS}
    write_text(args.html, page(recordings))
    result, rows = {}, []
    for name, recording in recordings.items():
        loss = float(recording.arrays["loss"][-1, 0, 0])
        error = max(float(errors.max()) for errors in recording.check.values())
        result[name] = {"loss": loss, "gradient_error": error}
        rows.append((name, loss, f"{error:.0e}", "passes" if error <= TOLERANCE["complex"] else "fails"))
    text = table(rows, ("training", "loss", "largest error of a gradient", "gradient check"))
    write_result(args, {"html": args.html, "trainings": result}, text)
    say(args, f"open {args.html} in a browser")
