"""evaluate: score a saved model on data that it was not trained on."""

from __future__ import annotations

import argparse
from typing import Any

from tinyrec.cli import common
from tinyrec.cli.report import AT, cold_note, ranking_table
from tinyrec.cli.split import own_test_part
from tinyrec.data import DATASETS, load_dataset
from tinyrec.errors import UsageError


def add_to(subparsers: Any) -> None:
    summary = "Score a saved model: on the test part of its own split, or on all ratings of --dataset."
    parser = common.add_command(subparsers, "evaluate", run, summary, "evaluate model.npz --dataset new_ratings.csv")
    common.add_saved_model_flags(parser)
    parser.add_argument("--dataset", **common.SOURCE)
    common.add_reading_flags(parser)
    common.add_protocol_flags(parser)
    precision = "also the precision among the top P %% of each user's test items, and that of a random order"
    parser.add_argument("--precision-at", type=percentages, default=[], metavar="P[,P]", help=precision)
    parser.add_argument("--ranking", action="store_true", help="rank the test items of each user among all others")
    relevant = "with --ranking: only ratings of at least R make an item a test item; default: all"
    parser.add_argument("--relevant", type=float, metavar="R", help=relevant)


def run(args: argparse.Namespace) -> None:
    recommender = common.load_model(args)
    if recommender.data.implicit and args.dataset:
        raise UsageError(
            "for implicit feedback, only the test part of the model's split can be scored; leave --dataset out"
        )
    if args.relevant is not None and (recommender.data.implicit or not args.ranking):
        raise UsageError("--relevant goes with --ranking, and with a model of ratings; leave it out")
    if args.precision_at and (recommender.data.implicit or args.ranking):
        raise UsageError("--precision-at goes with a model of ratings, and without --ranking; leave it out")
    if common.read_options(args) and not args.dataset:
        raise UsageError("the flags for reading a file are for --dataset; give it, too")
    if args.dataset:
        is_file = args.dataset not in DATASETS
        like = {"like": recommender.data} if is_file else {}
        test = load_dataset(args.dataset, **common.read_options(args), **like)
        common.say_assumed(args, test)
    else:
        test = own_test_part(recommender)
    result = {"model": args.path, "dataset": test.name}
    if recommender.data.implicit or args.ranking:
        ranked = recommender.rank(test, AT, args.relevant)
        common.write_result(args, {**result, "relevant": args.relevant, **ranked}, ranking_table({test.name: ranked}))
        return
    options = {"clip": not args.no_clip, "default": not args.no_default, "precision_at": args.precision_at}
    score, problems = recommender.examine(test, **options)
    heads = {"test ratings of": test.name, "number": score["n"], "cold": score["cold"]}
    heads |= {"RMSE": score["rmse"], "MAE": score["mae"]}
    heads |= {name.replace("_", ", "): value for name, value in score.items() if name.startswith("precision@")}
    text = [common.table([list(heads.values())], list(heads))]
    text += cold_note(score["n"], score["cold"], score["rmse"], score["rmse_warm"]) + problems
    common.write_result(args, {**result, **score, "warnings": problems}, "\n".join(text))


def percentages(text: str) -> list[float]:
    """Convert the text of a flag such as "10,25"; what is no percentage is refused where it is used."""
    return [float(part) for part in text.split(",")]
