"""reproduce: run a table or figure of a paper, and print it beside what was published."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinyrec.cli.common import add_backend_flag, add_command, say, whole, write_result
from tinyrec.cli.common import table as text_table
from tinyrec.reproduce import pages
from tinyrec.reproduce.run import run as run_cells
from tinyrec.reproduce.tables import names, read
from tinyrec.reproduce.writing import write
from tinyrec.signals import explained


def add_to(subparsers: Any) -> None:
    summary = "Run a table or figure of a paper, and print it beside what was published."
    parser = add_command(subparsers, "reproduce", run, summary, "reproduce autorec-table-1a --splits 1 --quick")
    parser.add_argument("table", metavar="list|TABLE", help=f"list, or one of {', '.join(names())}")
    parser.add_argument("--splits", type=whole(1), metavar="N", help="random splits; default: as in the table")
    parser.add_argument("--quick", action="store_true", help="at most ten epochs, for a quick look; kept apart")
    parser.add_argument("--jobs", type=whole(1), default=1, metavar="N", help="trainings side by side; default: 1")
    parser.add_argument("--out", default="reproduced", metavar="DIR", help="for the results; default: reproduced")
    add_backend_flag(parser)


def run(args: argparse.Namespace) -> None:
    if args.table == "list":
        titles = [(name, read(name).title) for name in names()]
        write_result(args, {"tables": dict(titles)}, text_table(titles, ("table", "what it is")))
        return
    table, folder = read(args.table), Path(args.out)

    measures = {row.name: row.measure for row in table.rows}

    def observe(row, cell, left):
        split, value = cell["task"]["split"], cell["scores"]["usual"][measures[row]]
        say(args, f"{row}, split {split}: {measures[row].upper()} {value:.4f}, {cell['seconds']:.0f} s; {left} to go")

    for package in dict.fromkeys(row.lacks for row in table.rows if row.lacks):
        say(args, f'rows of {package}, which is not installed, are left out; pip install "tinyrec[field]"')
    options = {"splits": args.splits, "quick": args.quick, "jobs": args.jobs, "backend": args.backend}
    with explained(lambda: f"stopped; finished trainings are in {folder}: run it again to continue"):
        cells = run_cells(table, folder, observe=observe, **options)
    rows = pages.measured(table, cells, args.quick)
    result = {"table": table.name, "quick": args.quick, "rows": list(map(as_dict, rows))}
    note = "\n\nQUICK: at most ten epochs, so do not compare these numbers." if args.quick else ""
    write_result(args, result, pages.markdown(table, rows) + note)
    if not args.quick:
        plotted = write(table, rows, folder)
        say(args, f"the results, and their page{' and plot' if plotted else ''}, are in {folder}")


def as_dict(measured: pages.Measured) -> dict[str, Any]:
    """Return a row for JSON."""
    row, cells = measured.row, measured.cells
    result: dict[str, Any] = {"name": row.name, "published": row.published}
    if cells:
        result |= {row.measure: measured.value, "splits": measured.values, "seconds": measured.mean("seconds")}
    return result | {"interval": measured.interval, "corrected": measured.corrected} if cells else result
