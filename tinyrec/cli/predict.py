"""predict: predict the rating that a user would give an item."""

from __future__ import annotations

import argparse
import csv
import io
from typing import Any

import numpy as np

from tinyrec.cli import common
from tinyrec.errors import DataError, FileError, UsageError
from tinyrec.recommenders import Recommender


def add_to(subparsers: Any) -> None:
    summary = "Predict ratings with a saved model: of one pair, or of each line `user,item` of a CSV file."
    parser = common.add_command(subparsers, "predict", run, summary, "predict model.npz --user 196 --item 242")
    common.add_saved_model_flags(parser)
    parser.add_argument("--user", metavar="ID")
    parser.add_argument("--item", metavar="ID")
    parser.add_argument("--pairs", metavar="FILE.csv", help="two columns, user and item, without a header")
    table = "write the predictions there, not to standard output; Parquet if the name ends in .parquet"
    parser.add_argument("--csv", metavar="FILE", help=table)
    common.add_protocol_flags(parser)
    common.add_new_ratings_flag(parser)


def run(args: argparse.Namespace) -> None:
    given = [flag is not None for flag in (args.user, args.item, args.pairs)]
    if given not in ([True, True, False], [False, False, True]):
        raise UsageError("give --user ID and --item ID, or --pairs FILE.csv")
    recommender, _ = common.load_with_new_ratings(args)
    pairs = read_pairs(args.pairs) if args.pairs else [(args.user, args.item)]
    users = recommender.data.users.parse_all([user for user, _ in pairs]).tolist()
    items = recommender.data.items.parse_all([item for _, item in pairs]).tolist()
    known = find_known(args, recommender, users, items)
    ratings = recommender.predict(users, items, clip=not args.no_clip, default=not args.no_default).tolist()
    what = "score" if recommender.data.implicit else "rating"
    columns = {"user": users, "item": items, what: ratings, "known": known}
    if args.csv:
        common.write_table(args.csv, columns)
    text = f"{len(pairs)} predictions are in {args.csv}" if args.csv else csv_text(columns)
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


def read_pairs(path: str) -> list[tuple[str, str]]:
    pairs = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if len(row) != 2:
                    raise DataError(f"{path}, line {number}: {len(row)} fields instead of 2; write user,item")
                pairs.append((row[0].strip(), row[1].strip()))
    except OSError as problem:
        raise FileError(f"cannot read {path}: {problem.strerror}; check the path") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path} is not a CSV file in UTF-8 ({problem}); convert it") from None
    return pairs
