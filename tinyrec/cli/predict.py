"""predict: predict the rating that a user would give an item."""

from __future__ import annotations

import argparse
import csv
import io
from typing import Any

from tinyrec.cli import common
from tinyrec.errors import DataError, FileError, UsageError


def add_to(subparsers: Any) -> None:
    summary = "Predict ratings with a saved model: of one pair, or of each line `user,item` of a CSV file."
    parser = common.add_command(subparsers, "predict", run, summary, "predict model.npz --user 196 --item 242")
    common.add_saved_model_flags(parser)
    parser.add_argument("--user", metavar="ID")
    parser.add_argument("--item", metavar="ID")
    parser.add_argument("--pairs", metavar="FILE.csv", help="two columns, user and item, without a header")
    common.add_protocol_flags(parser)
    common.add_new_ratings_flag(parser)


def run(args: argparse.Namespace) -> None:
    given = [flag is not None for flag in (args.user, args.item, args.pairs)]
    if given not in ([True, True, False], [False, False, True]):
        raise UsageError("give --user ID and --item ID, or --pairs FILE.csv")
    recommender, _ = common.load_with_new_ratings(args)
    pairs = read_pairs(args.pairs) if args.pairs else [(args.user, args.item)]
    users = [recommender.data.users.parse(user) for user, _ in pairs]
    items = [recommender.data.items.parse(item) for _, item in pairs]
    data = recommender.data
    if unknown := int(((data.users.find(users) < 0) | (data.items.find(items) < 0)).sum()):
        common.say(args, f"{unknown} of {len(pairs)} pairs have a user or an item that is not in the training data")
    ratings = recommender.predict(users, items, clip=not args.no_clip, default=not args.no_default)
    triples = zip(users, items, ratings.tolist(), strict=True)
    what = "score" if data.implicit else "rating"
    rows = [{"user": user, "item": item, what: rating} for user, item, rating in triples]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("user", "item", what))
    writer.writerows((row["user"], row["item"], f"{row[what]:.4f}") for row in rows)
    common.write_result(args, {"predictions": rows}, text.getvalue().rstrip("\n"))


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
