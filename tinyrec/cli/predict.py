"""predict: predict the rating that a user would give an item."""

from __future__ import annotations

import argparse
import csv
import io
from typing import Any

import numpy as np

from tinyrec.cli import common
from tinyrec.cli.table_file import write_blocks
from tinyrec.data.reading.readers import read_ids
from tinyrec.errors import DataError, UsageError
from tinyrec.recommenders import Recommender


def add_to(subparsers: Any) -> None:
    summary = "Predict ratings with a saved model: of one pair, or of each line `user,item` of a file."
    parser = common.add_command(subparsers, "predict", run, summary, "predict model.npz --user 196 --item 242")
    common.add_saved_model_flags(parser)
    parser.add_argument("--user", metavar="ID")
    parser.add_argument("--item", metavar="ID")
    parser.add_argument("--pairs", metavar="FILE.csv", help="two columns, user and item")
    table = "write the predictions there, not to standard output; Parquet if the name ends in .parquet"
    parser.add_argument("--csv", metavar="FILE", help=table)
    common.add_protocol_flags(parser)
    common.add_new_ratings_flag(parser)


def run(args: argparse.Namespace) -> None:
    given = [flag is not None for flag in (args.user, args.item, args.pairs)]
    if given not in ([True, True, False], [False, False, True]):
        raise UsageError("give --user ID and --item ID, or --pairs FILE.csv")
    recommender, _ = common.load_with_new_ratings(args)
    like = recommender.data.users, recommender.data.items
    if args.pairs:
        users, items = (ids.tolist() for ids in read_ids(args.pairs, ("user", "item"), like))
    else:
        users, items = ([index.parse(text)] for index, text in zip(like, (args.user, args.item), strict=True))
    known = find_known(args, recommender, users, items)
    ratings = recommender.predict(users, items, clip=not args.no_clip, default=not args.no_default).tolist()
    what = "score" if recommender.data.implicit else "rating"
    columns = {"user": users, "item": items, what: ratings, "known": known}
    if args.csv:
        kinds = {name: type(column[0]) for name, column in columns.items()}
        write_blocks(args.csv, kinds, iter([columns]))
    text = f"{len(users)} predictions are in {args.csv}" if args.csv else csv_text(columns)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    common.write_result(args, {"predictions": rows}, text)


def find_known(args: argparse.Namespace, recommender: Recommender, users: list[Any], items: list[Any]) -> list[bool]:
    """Return for each pair whether both are in the training data, and print how many are not.

    DataError: the only pair, given by --user and --item, is not
    """
    known_users, known_items = recommender.known(users, items)
    known = known_users & known_items
    if known.all():
        return known.tolist()
    first = int(np.argmin(known))
    if not args.pairs:
        what = f"item {items[first]!r}" if known_users[first] else f"user {users[first]!r}"
        raise DataError(f"{what} is not in the training data; give one that is")
    unknown = f"{np.count_nonzero(~known)} of {len(known)} pairs have a user or an item that is not in the training"
    common.say(args, f"{unknown} data; the first is user {users[first]!r} with item {items[first]!r}")
    return known.tolist()


def csv_text(columns: dict[str, list[Any]]) -> str:
    """Return columns as CSV with a header: numbers with four decimals, truth values as true and false."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(as_text, row) for row in zip(*columns.values(), strict=True))
    return text.getvalue().rstrip("\n")


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)
