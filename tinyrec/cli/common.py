"""What the subcommands share: flags, reading data and models, and printing results."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.backend import BACKENDS
from tinyrec.cli.own_model import is_own, load_own_model
from tinyrec.data import DATASETS, Dataset, load_dataset
from tinyrec.data.reading.layout import ROLES
from tinyrec.errors import FileError, UsageError
from tinyrec.files import write_text
from tinyrec.optim import OPTIMIZERS
from tinyrec.recommenders import Recommender, load
from tinyrec.reproduce.config import ALL_MODELS
from tinyrec.training.warm_start import sides_read

FEATURE_READERS = ", ".join(name for name, kind in ALL_MODELS.items() if getattr(kind, "reads_features", False))


def add_command(subparsers, name: str, run, summary: str, example: str) -> argparse.ArgumentParser:
    """Add a subcommand, with the flags that all of them have."""
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example: python -m tinyrec {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the example on one line
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - for standard output")
    parser.add_argument("--quiet", action="store_true", help="print only results and errors")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


SOURCE: dict[str, Any] = {"metavar": "NAME|PATH", "help": f"{', '.join(DATASETS)}, or a file"}


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reading a file")
    columns = "names or numbers (from 0) of user, item and, if there are any, rating and time; or user=U,item=I,time=T"
    group.add_argument("--columns", metavar="U,I[,R[,T]]", help=columns)
    group.add_argument("--sep", help=r"the delimiter, \t for a tab; default: detected")
    group.add_argument("--header", action=argparse.BooleanOptionalAction, help="is there a header? default: detected")
    scale = "the rating scale; default: lowest and highest rating found"
    group.add_argument("--scale", nargs=2, type=float, metavar=("LOW", "HIGH"), help=scale)
    duplicates = "what to do with a pair rated twice; default: error"
    group.add_argument("--duplicates", choices=("error", "last", "mean"), help=duplicates)
    bad_rows = "skip: leave out rows that cannot be read, and say how many; default: error"
    group.add_argument("--bad-rows", choices=("error", "skip"), help=bad_rows)
    missing = "a rating that means not rated, such as 0; repeatable"
    group.add_argument("--missing", action="append", type=float, metavar="R", help=missing)
    group.add_argument("--wide", action="store_true", help="the file is a matrix: a user a line, an item a column")
    group.add_argument("--encoding", metavar="NAME", help="such as latin-1; default: UTF-8")


def add_training_flags(parser: argparse.ArgumentParser, also: str = "") -> None:
    """The flags of the commands that train; also: further choices of --model"""
    parser.usage = "%(prog)s [FLAG ...]"
    add = parser.add_argument
    add("--dataset", default="synthetic", **SOURCE)
    add_reading_flags(parser)
    add_backend_flag(parser)
    add("--deterministic", action="store_true", help="the same bits for any number of threads: BLAS gets one thread")
    models = f"{', '.join(ALL_MODELS)}{also}, or FILE.py:CLASS; default: autorec"
    add("--model", default="autorec", metavar="NAME", help=models)
    add("--by", choices=("item", "user"), help="what a row is; default: item")
    features = "own or all of those in the data set itself, or a CSV file with the id in its first column"
    add("--item-features", metavar="own|all|FILE", help=f"for {FEATURE_READERS}: {features}")
    add("--user-features", metavar="own|all|FILE", help="the same for users; for cfn, with --by user")
    add("--optimizer", metavar="NAME", help=f"{', '.join(OPTIMIZERS)}; default: the model's")
    batch_size = "rows in a step of sgd, rmsprop or adam; 0: all rows"
    add("--batch-size", type=whole(0), metavar="N", help=batch_size)
    settings = "a setting of model or optimizer; repeatable"
    add("--set", action="append", default=[], metavar="KEY=VALUE", help=settings)
    add("--seed", type=whole(0), default=0, help="of the split and of the initial weights; default: 0")
    group = parser.add_argument_group("implicit feedback")
    group.add_argument("--feedback", choices=("explicit", "implicit"), help="implicit: ratings become interactions")
    group.add_argument("--threshold", type=float, metavar="R", help="keep only ratings of at least R; default: all")
    group.add_argument("--latest", action="store_true", help="hold out each user's latest item, not a random one")


def check_feature_flags(args: argparse.Namespace, models: Sequence[Any]) -> None:
    """UsageError: features for models that do not read them, or for the wrong side"""
    given = {side for side in ("item", "user") if getattr(args, f"{side}_features")}
    read = {side for model in models for side in sides_read(model)}
    if given and not read:
        raise UsageError(f"{args.model} reads no features; train one of {FEATURE_READERS} with them")
    if given - read:
        raise UsageError("a CFN reads features of its rows: --item-features by item, --user-features with --by user")


def add_protocol_flags(parser: Any) -> None:
    """How predictions are scored; parser: or a group of its flags"""
    parser.add_argument("--no-clip", action="store_true", help="do not clip predictions to the rating scale")
    cold = "use the model's predictions for users and items without training ratings, not the default rating"
    parser.add_argument("--no-default", action="store_true", help=cold)


def read_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of load_dataset among the flags."""
    options = {
        "columns": parse_columns(args.columns) if args.columns else None,
        "sep": args.sep.replace("\\t", "\t") if args.sep else None,
        "header": args.header,
        "scale": tuple(args.scale) if args.scale else None,
        "duplicates": args.duplicates,
        "bad_rows": args.bad_rows,
        "missing": args.missing,
        "wide": args.wide or None,
        "encoding": args.encoding,
    }
    return {name: value for name, value in options.items() if value is not None}


def parse_columns(text: str) -> list[int | str] | dict[str, int | str]:
    """Return the columns in a flag such as "userId,movieId,stars" or "user=0,item=1,time=3"."""
    text = re.sub(r"\s*([,=])\s*", r"\1", text.strip())
    parts = [part.partition("=") for part in text.split(",")]
    if all(role in ROLES and name for role, _, name in parts):
        return {role: int(name) if name.isdecimal() else name for role, _, name in parts}
    return [int(name) if name.isdecimal() else name for name in text.split(",")]


def find_model(args: argparse.Namespace) -> Any:
    """Return the name in --model, or the class in FILE.py; with --feedback implicit, ncae becomes implicit-ncae."""
    if args.model and is_own(args.model):
        return load_own_model(args.model)
    return "implicit-ncae" if args.model == "ncae" and getattr(args, "feedback", None) == "implicit" else args.model


def add_saved_model_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the commands that read a model file."""
    parser.add_argument("path", metavar="MODEL.npz")
    parser.add_argument("--model", metavar="FILE.py:CLASS", help="the class of the model, if it is your own")
    add_backend_flag(parser)


def load_model(args: argparse.Namespace) -> Recommender:
    """Load the model file of the command."""
    return load(args.path, args.backend, load_own_model(args.model) if args.model else None)


def add_new_ratings_flag(parser: argparse.ArgumentParser) -> None:
    new = "a file of ratings, also of new users and items: added without training again"
    parser.add_argument("--new-ratings", metavar="FILE", help=new)
    add_reading_flags(parser)


def load_with_new_ratings(
    args: argparse.Namespace, new_items: Sequence[str] = ()
) -> tuple[Recommender, dict[str, dict[Any, float]]]:
    """Return the model with the new ratings, if any, and {item: {user: rating}} for the new items among them."""
    recommender = load_model(args)
    rated: dict[str, dict[Any, float]] = {item: {} for item in new_items}
    if not args.new_ratings:
        if read_options(args):
            raise UsageError("the flags for reading a file are for --new-ratings; give it, too")
        return recommender, rated
    data = recommender.data
    options = {"scale": data.scale, "duplicates": "last", **read_options(args)}
    new = load_dataset(Path(args.new_ratings), **options)
    say_assumed(args, new)
    if new.implicit and not data.implicit:
        raise UsageError(f"{new.name} has no column of ratings, and this model is for ratings; give ratings")
    raw_users, raw_items, values = new.triples()
    users = data.users.parse_all(list(map(str, raw_users.tolist())))  # of the model's type
    items = np.array(list(map(str, raw_items.tolist())), object)
    is_new = np.array([item in rated for item in items.tolist()], bool)
    if not is_new.all():
        others = data.items.parse_all(items[~is_new].tolist())
        more = Dataset.from_triples(users[~is_new], others, values[~is_new], scale=data.scale)
        recommender = recommender.with_ratings(more)
        tell_new_ratings(args, recommender)
    is_known = recommender.data.users.find(users) >= 0
    for user, item, rating in zip(*(its[is_new & is_known].tolist() for its in (users, items, values)), strict=True):
        rated[item][user] = rating
    if unknown := int((is_new & ~is_known).sum()):
        say(args, f"ratings of new items by users who are not in the training data, left out: {unknown}")
    return recommender, rated


def assumed(data: Dataset) -> list[str]:
    """Which columns of a file were taken for what, and what else was assumed, a line each."""
    return [f"{data.name}: {line}" for line in ([data.taken] if data.columns else []) + [*data.notes]]


def say_assumed(args: argparse.Namespace, data: Dataset) -> None:
    for line in assumed(data):
        say(args, line)


def tell_new_ratings(args: argparse.Namespace, recommender: Recommender) -> None:
    """Print how many new ratings there are, how many users and items they add, and how many cannot be used."""
    counts = recommender.info["new_ratings"]
    text = f"new ratings: {counts['ratings']}, in place of older ones: {counts['replaced']}, "
    text += f"new users folded in: {counts['new_users']}, new items folded in: {counts['new_items']}"
    if counts["unused"]:
        reason = "new items, which need training" if recommender.data.implicit else "user and item both new"
        text += f", left out: {counts['unused']} ({reason})"
    say(args, text)


def add_backend_flag(parser: argparse.ArgumentParser) -> None:
    choices = ("auto", *BACKENDS)
    parser.add_argument("--backend", choices=choices, default="auto", help="default: auto, the fastest one available")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="CPU threads; default: all cores")


def whole(least: int) -> Callable[[str], int]:
    """Return the type of a flag that is a whole number of at least `least`."""

    def whole_number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    whole_number.__name__ = "whole number"  # argparse says: invalid whole number value
    return whole_number


def positive(text: str) -> float:
    """Convert the text of a flag that is a number above 0."""
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def check_outputs(args: argparse.Namespace) -> None:
    """Check, before any work, that every output file can be written and is not an input."""
    outputs = {name: getattr(args, name, None) for name in ("json", "save", "plot", "write", "csv", "html")}
    paths = [Path(path) for path in outputs.values() if path and path != "-"]
    read = [Path(value) for name, value in vars(args).items() if isinstance(value, str) and name not in outputs]
    read += [folder / "checkpoint.npz" for folder in read]
    for number, path in enumerate(paths):
        if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise FileError(f"cannot write {path}: {path.parent} is not a writable folder; choose another")
        if path.exists() and not path.is_file():
            raise FileError(f"cannot write {path}: it is not a regular file; choose another name")
        if path.exists() and any(other.is_file() and other.samefile(path) for other in read):
            raise UsageError(f"{path} is an input, so it cannot be written; choose another name")
        if path.resolve() in [other.resolve() for other in paths[:number]]:
            raise UsageError(f"{path} cannot hold two outputs; choose another name")


def write_result(args: argparse.Namespace, result: dict[str, Any], text: str) -> None:
    """Print the text, and write the result as JSON with --json; `--json -` prints JSON instead of the text."""
    if args.json != "-":
        print(text)
    if not args.json:
        return
    document = json.dumps(_plain(result), indent=2, ensure_ascii=False)
    if args.json == "-":
        print(document)
    else:
        write_text(args.json, document + "\n")


def say(args: argparse.Namespace, text: str) -> None:
    """Print a message on standard error, so that results can be piped."""
    if not args.quiet:
        print(text, file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """Return the rows as aligned text: columns of numbers to the right, others to the left."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    aligned = []
    for i, column in enumerate(zip(*cells, strict=True)):
        width = max(map(len, column))
        is_numeric = all(isinstance(row[i], int | float | None) for row in rows)
        aligned.append([cell.rjust(width) if is_numeric else cell.ljust(width) for cell in column])
    return "\n".join("  ".join(line).rstrip() for line in zip(*aligned, strict=True)).lstrip("\n")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Convert to what JSON can hold: None for NaN and infinity, and Python numbers for those of NumPy."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
