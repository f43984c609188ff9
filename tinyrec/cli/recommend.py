"""recommend: list the items with the highest predictions among those that a user has not rated."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.cli import common
from tinyrec.cli.table_file import write_blocks
from tinyrec.data import Dataset
from tinyrec.data.features.columns import read_columns
from tinyrec.data.reading.readers import read_ids
from tinyrec.errors import UsageError
from tinyrec.recommenders import Ranking, Recommender
from tinyrec.training.bar import track

BLOCK = 100_000  # rows of the file that are written at a time


def add_to(subparsers: Any) -> None:
    summary = "Recommend items with a saved model: to a known user, to a new one with a few ratings, or to all."
    parser = common.add_command(subparsers, "recommend", run, summary, "recommend model.npz --rate 50=5 --rate 181=4")
    common.add_saved_model_flags(parser)
    parser.add_argument("--user", action="append", default=[], metavar="ID", help="repeatable")
    rate = "a rating of a new user; repeatable"
    parser.add_argument("--rate", action="append", default=[], metavar="ITEM=RATING", help=rate)
    parser.add_argument("--all", action="store_true", help="to every user of the training data")
    parser.add_argument("--for-new-items", action="store_true", help="list users for items that are new to the model")
    parser.add_argument("--item-features", metavar="FILE.csv", help="the new items: id, then features as in training")
    parser.add_argument("-n", type=common.whole(1), default=10, help="how many items, or users; default: 10")
    parser.add_argument("--candidates", metavar="FILE", help="a column of item ids: recommend only these")
    parser.add_argument("--exclude", metavar="FILE", help="a column of item ids: never recommend these")
    table = "write user, rank, item and rating to this file, in place of a table here; .parquet: as Parquet"
    parser.add_argument("--csv", metavar="FILE", help=table)
    common.add_new_ratings_flag(parser)


def run(args: argparse.Namespace) -> None:
    if bool(args.user) + bool(args.rate) + args.all + args.for_new_items != 1:
        raise UsageError("give --user ID, or --rate ITEM=RATING for a new user, or --all, or --for-new-items")
    if args.for_new_items != bool(args.item_features):
        raise UsageError("--for-new-items goes with --item-features FILE.csv, which describes them")
    if args.for_new_items and (args.candidates or args.exclude or args.csv):
        raise UsageError("--candidates, --exclude and --csv are for recommendations to users; leave them out")
    if args.for_new_items:
        rows = users_for_new_items(args)
        columns = ["item", "rank", "user", "rating"]
        body = common.table([[row[column] for column in columns] for row in rows], columns)
        common.write_result(args, {"recommendations": rows}, body)
        return
    recommender, _ = common.load_with_new_ratings(args)
    info = recommender.data.item_info
    titles = info.get("title", info.get("name"))
    what, rows = "score" if recommender.data.implicit else "rating", []
    if args.csv:
        write_file(args, recommender, what)
        return
    for user, ranking in rankings(args, recommender):
        for rank, (item, rating) in enumerate(ranking, 1):
            title = str(titles[recommender.data.items.find([item])[0]]) if titles is not None else None
            rows.append({"user": user, "rank": rank, "item": item, what: rating, "title": title})
    common.write_result(args, {"recommendations": rows}, text(rows, what, titled=titles is not None))


def rankings(args: argparse.Namespace, recommender: Recommender) -> Iterator[tuple[Any, Ranking]]:
    data = recommender.data
    only = {name: read_items(args, name, data) for name in ("candidates", "exclude") if getattr(args, name)}
    if args.rate:
        yield None, recommender.recommend(ratings=parse_ratings(args.rate, data), n=args.n, **only)
    else:
        users = data.users.ids.tolist() if args.all else [data.users.parse(user) for user in args.user]
        hidden = args.quiet or not args.all or not sys.stderr.isatty()
        yield from track(recommender.recommend_many(users, args.n, **only), len(users), "users", hidden)


def read_items(args: argparse.Namespace, name: str, data: Dataset) -> Array:
    """Return the item ids in the file of --candidates or --exclude; say how many are not in the training data."""
    (items,) = read_ids(getattr(args, name), ("item",), (data.items,))
    if unknown := int((data.items.find(items) < 0).sum()):
        common.say(args, f"{unknown} of {len(items)} items in {getattr(args, name)} are not in the training data")
    return items


def write_file(args: argparse.Namespace, recommender: Recommender, what: str) -> None:
    """Write the recommendations to the file of --csv while they are computed."""
    data, found, counts = recommender.data, rankings(args, recommender), {"users": 0, "rows": 0}

    def blocks() -> Iterator[dict[str, list[Any]]]:
        while some := list(islice(found, max(1, BLOCK // args.n))):
            rows = [(user, rank, *pair) for user, ranking in some for rank, pair in enumerate(ranking, 1)]
            counts["users"] += sum(bool(ranking) for _, ranking in some)
            counts["rows"] += len(rows)
            yield dict(zip(schema, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}

    user, item = (str if index.is_text else int for index in (data.users, data.items))
    schema = {"user": user, "rank": int, "item": item, what: float}
    write_blocks(args.csv, schema, blocks())
    written = f"wrote {counts['rows']:,} recommendations for {counts['users']:,} users to {args.csv}"
    common.write_result(args, {"csv": args.csv, **counts}, written)


def users_for_new_items(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the users with the highest predictions for each item of the file, from its features and new ratings."""
    _, ids, columns = read_columns(args.item_features)
    recommender, rated = common.load_with_new_ratings(args, ids)
    features, rows = recommender.data.item_features, []
    if features and features.unseen(columns):
        common.say(args, f"ignored, because not in the training data: {', '.join(features.unseen(columns))}")
    for number, item in enumerate(ids):
        ratings = recommender.predict_new_item(rated[item], {name: texts[number] for name, texts in columns.items()})
        best = np.argsort(-ratings, kind="stable")[: args.n]
        users = recommender.data.users.ids[best].tolist()
        for rank, (user, rating) in enumerate(zip(users, ratings[best].tolist(), strict=True), 1):
            rows.append({"item": item, "rank": rank, "user": user, "rating": rating})
    return rows


def parse_ratings(pairs: list[str], data: Dataset) -> dict[Any, float]:
    ratings = {}
    for pair in pairs:
        item, equals, text = pair.rpartition("=")
        try:
            rating = float(text if equals else "")
        except ValueError:
            raise UsageError(f"--rate {pair} is not a rating; write ITEM=RATING, such as 50=4.5") from None
        if data.items.parse(item) in ratings:
            raise UsageError(f"--rate gives item {item} two ratings; give it one")
        ratings[data.items.parse(item)] = rating
    return ratings


def text(rows: list[dict[str, Any]], what: str, titled: bool) -> str:
    """Return a table, with a column for the user if there are several."""
    columns = ["rank", "item", what]
    if len({row["user"] for row in rows}) > 1:
        columns.insert(0, "user")
    body = common.table([[row[column] for column in columns] for row in rows], columns).splitlines()
    if titled:
        titles = ["title", *(row["title"] for row in rows)]
        body = [f"{line}  {title}" for line, title in zip(body, titles, strict=True)]
    return "\n".join(body)
