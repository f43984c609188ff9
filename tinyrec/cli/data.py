"""data: list, fetch, describe and check data sets."""

from __future__ import annotations

import argparse
from typing import Any

from tinyrec.cli.common import SOURCE, add_command, add_reading_flags, read_options, table, write_result
from tinyrec.data import DATASETS, load_dataset
from tinyrec.data.sets import fetch
from tinyrec.errors import FileError


def add_to(subparsers: Any) -> None:
    summary = "List, fetch, describe and check data sets."
    epilog = "example: python -m tinyrec data list"
    group = subparsers.add_parser("data", help=summary, description=summary, epilog=epilog)
    commands = group.add_subparsers(required=True, metavar="COMMAND")
    add_command(commands, "list", list_, "List the known data sets, and where they are.", "data list")
    parser = add_command(commands, "fetch", fetch_, "Download a data set, if it is not here yet.", "data fetch ml-100k")
    parser.add_argument("name", choices=tuple(fetch.MD5))
    for name, run, summary in (
        ("describe", describe, "Print the statistics of a data set."),
        ("check", check, "Read a data set, and check that it can be used."),
    ):
        parser = add_command(commands, name, run, summary, f"data {name} ratings.csv")
        parser.add_argument("source", **SOURCE)
        add_reading_flags(parser)


def list_(args: argparse.Namespace) -> None:
    rows = [{"name": name, "place": place(name)} for name in DATASETS]
    write_result(args, {"datasets": rows}, table([(row["name"], row["place"]) for row in rows], ("name", "place")))


def place(name: str) -> str:
    if name == "synthetic":
        return "generated when needed"
    try:
        found = fetch.find(name)
    except FileError as problem:
        return str(problem)
    how = f"python -m tinyrec data fetch {name}" if fetch.MD5[name] else "put it into the folder TINYREC_DATA"
    return str(found) if found else f"not here; {how}"


def fetch_(args: argparse.Namespace) -> None:
    path = str(fetch.locate(args.name))
    write_result(args, {"name": args.name, "path": path}, path)


def describe(args: argparse.Namespace) -> None:
    data = load_dataset(args.source, **read_options(args))
    figures = data.describe()
    shown = figures | ({"columns": data.taken.removeprefix("columns: ")} if data.columns else {})
    rows = [(name, compact(value)) for name, value in shown.items()]
    write_result(args, figures, table(rows, ("figure", "value")))


def check(args: argparse.Namespace) -> None:
    data = load_dataset(args.source, **read_options(args))
    write_result(args, {"ok": True, **data.describe()}, "\n".join([f"ok: {data}", *data.notes]))


def compact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {compact(part)}" for key, part in value.items())
    if isinstance(value, tuple):
        return " to ".join(compact(part) for part in value)
    if isinstance(value, list):
        return "; ".join(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
