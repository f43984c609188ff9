"""evaluate: score a saved model on ratings that it was not trained on."""

from __future__ import annotations

import argparse
from typing import Any

from tinyrec.cli.common import (
    SOURCE,
    add_command,
    add_reading_flags,
    add_saved_model_flags,
    load_model,
    read_options,
    table,
    write_result,
)
from tinyrec.cli.report import ranking_table
from tinyrec.cli.split import own_test_part
from tinyrec.data import load_dataset
from tinyrec.errors import UsageError


def add_to(subparsers: Any) -> None:
    summary = "Score a saved model: on the test part of its own split, or on all ratings of --dataset."
    parser = add_command(subparsers, "evaluate", run, summary, "evaluate model.npz --dataset new_ratings.csv")
    add_saved_model_flags(parser)
    parser.add_argument("--dataset", **SOURCE)
    add_reading_flags(parser)
    parser.add_argument("--no-clip", action="store_true", help="let predictions leave the rating scale")
    parser.add_argument("--no-default", action="store_true", help="no default rating for cold users and items")


def run(args: argparse.Namespace) -> None:
    recommender = load_model(args)
    if recommender.data.implicit and args.dataset:
        raise UsageError("for implicit feedback, the test part of the model's own split is ranked; leave --dataset out")
    test = load_dataset(args.dataset, **read_options(args)) if args.dataset else own_test_part(recommender)
    result = {"model": args.path, "dataset": test.name}
    if recommender.data.implicit:
        ranked = recommender.rank(test)
        write_result(args, {**result, **ranked}, ranking_table({test.name: ranked}))
        return
    score = recommender.score(test, clip=not args.no_clip, default=not args.no_default)
    row = (test.name, score["n"], score["cold"], score["rmse"], score["mae"])
    write_result(args, {**result, **score}, table([row], ("test ratings of", "number", "cold", "RMSE", "MAE")))
