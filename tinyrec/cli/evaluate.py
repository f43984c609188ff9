"""evaluate: score a saved model on ratings that it was not trained on."""

from __future__ import annotations

import argparse
from typing import Any

from tinyrec.cli import clicks
from tinyrec.cli.clicks import ranking_table
from tinyrec.cli.common import (
    SOURCE,
    add_backend_flag,
    add_command,
    add_reading_flags,
    read_options,
    table,
    write_result,
)
from tinyrec.data import Dataset, load_dataset, load_split
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation.splits import split_random
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.model_file import load


def add_to(subparsers: Any) -> None:
    summary = "Score a saved model: on the test part of its own split, or on all ratings of --dataset."
    parser = add_command(subparsers, "evaluate", run, summary, "evaluate model.npz --dataset new_ratings.csv")
    parser.add_argument("path", metavar="MODEL.npz")
    parser.add_argument("--dataset", **SOURCE)
    add_reading_flags(parser)
    add_backend_flag(parser)
    parser.add_argument("--no-clip", action="store_true", help="let predictions leave the rating scale")
    parser.add_argument("--no-default", action="store_true", help="no default rating for cold users and items")


def run(args: argparse.Namespace) -> None:
    recommender = load(args.path, args.backend)
    if recommender.data.implicit and args.dataset:
        raise UsageError("of clicks, the test part of the model's own split is ranked; leave --dataset out")
    test = load_dataset(args.dataset, **read_options(args)) if args.dataset else own_test_part(recommender)
    if recommender.data.implicit:
        ranked = recommender.rank(test)
        write_result(args, {"model": args.path, "dataset": test.name, **ranked}, ranking_table({test.name: ranked}))
        return
    score = recommender.score(test, clip=not args.no_clip, default=not args.no_default)
    result = {"model": args.path, "dataset": test.name, **score}
    row = (test.name, score["n"], score["cold"], score["rmse"], score["mae"])
    write_result(args, result, table([row], ("test ratings of", "number", "cold", "RMSE", "MAE")))


def own_test_part(recommender: Recommender) -> Dataset:
    """The ratings that `train` held out when it made this model. DataError: the data are no longer the same"""
    split = recommender.info.get("split")
    if not split or not (split["split"] or split["test"]):
        raise UsageError("this model has no test part of its own; name ratings with --dataset")
    test = held_out(split)
    if test.fingerprint() != split.get("test_part", test.fingerprint()):
        raise DataError(f"{split['dataset']} is no longer what this model was trained on; name ratings with --dataset")
    return test


def held_out(split: dict[str, Any]) -> Dataset:
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in split["options"].items()}
    if split["split"]:
        return load_split(split["dataset"], split["split"], **options)[1]
    data = load_dataset(split["dataset"], **options)
    return (
        clicks.own_test_part(data, split) if "latest" in split else split_random(data, split["test"], split["seed"])[1]
    )
