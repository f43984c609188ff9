"""train for clicks: hold out one of each user's, and say how well it is ranked among all others."""

from __future__ import annotations

import argparse
from typing import Any

import tinyrec
from tinyrec.baselines import EASE, Pop
from tinyrec.cli.common import table
from tinyrec.cli.report import of_training
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.evaluation.ranking_metrics import rank
from tinyrec.evaluation.splits import split_leave_one_out
from tinyrec.recommenders.autoencoder import TrainedAutoencoder
from tinyrec.training.memory import peak_rss_mb

AT = (10, 50, 100)
MOST_FOR_EASE = 5_000  # users or items, whichever are fewer: it inverts a matrix of so many rows, in 0.7 GB


def add_click_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("clicks (ncae)")
    group.add_argument("--feedback", choices=("explicit", "implicit"), help="ratings or clicks; default: ratings")
    group.add_argument("--threshold", type=float, metavar="R", help="a click is a rating of R or more; default: any")
    group.add_argument("--latest", action="store_true", help="hold out the latest of each user, not one at random")


def check_click_flags(args: argparse.Namespace) -> None:
    """UsageError: flags that go with ratings, or with clicks, alone"""
    if args.model == "implicit-ncae":
        if args.feedback == "explicit":
            raise UsageError("implicit-ncae is for clicks; leave --feedback explicit out, or take --model ncae")
        if args.test not in (0, 0.1):
            raise UsageError("of clicks, one of each user's is held out, or with --test 0 none; leave --test out")
        others = {"--valid": args.valid, "--split": args.split, "--folds": args.folds, "--plot": args.plot}
        others |= {
            "--by item": args.by == "item",
            "--repeats": args.repeats > 1,
            "--no-clip": args.no_clip,
            "--no-default": args.no_default,
        }
        for flag, value in others.items():
            if value:
                raise UsageError(f"{flag} is for ratings, and does not go with clicks; leave it out")
    elif args.feedback == "implicit":
        raise UsageError(f"{args.model} is for ratings; for clicks there is --model ncae")
    elif args.threshold is not None or args.latest:
        raise UsageError("--threshold and --latest are for clicks; add --feedback implicit")


def clicks_of(args: argparse.Namespace, data: Dataset) -> Dataset:
    """The data set as clicks."""
    if data.implicit and args.threshold is not None:
        raise UsageError(f"{data.name} holds clicks, which have no rating; leave --threshold out")
    return data if data.implicit else data.binarized(args.threshold)


def split_info(args: argparse.Namespace) -> dict[str, Any]:
    """What `evaluate` must know to find the test part again."""
    return {"threshold": args.threshold, "latest": args.latest} if args.model == "implicit-ncae" else {}


def own_test_part(data: Dataset, split: dict[str, Any]) -> Dataset:
    """The clicks that were held out."""
    data = data if data.implicit else data.binarized(split["threshold"])
    return split_leave_one_out(data, split["latest"], split["seed"])[1]


def hold_out(args: argparse.Namespace, data: Dataset, seed: int) -> tuple[Dataset, Dataset | None]:
    return (data, None) if args.test == 0 else split_leave_one_out(data, args.latest, seed)


def result(trained: TrainedAutoencoder, test: Dataset | None, seconds: float) -> dict[str, Any]:
    """All figures of one training."""
    train = trained.data
    simple: dict[str, Any] = {"popularity": Pop()}
    if min(train.ratings.shape) <= MOST_FOR_EASE:
        simple["EASE"] = EASE()
    ranked = (
        {name: rank(model.fit(train.ratings).scores, train.ratings, test.ratings, AT) for name, model in simple.items()}
        if test
        else {}
    )
    return {
        **of_training(trained),
        "dataset": train.name,
        "backend": trained.info["backend"],
        "seed": trained.info["seed"],
        "n_train": train.ratings.size,
        "n_test": test.ratings.size if test else 0,
        "ranking": trained.rank(test, AT) if test else None,
        "baselines": ranked,
        "seconds": seconds,
        "peak_rss_mb": peak_rss_mb(),
        "version": tinyrec.__version__,
    }


def text(result: dict[str, Any]) -> str:
    """What a person reads at the end."""
    settings = result["settings"]
    units = "-".join(map(str, settings["hidden_units"]))
    what = (
        f"NCAE for clicks on {result['dataset']}, {units} {settings['activation']} units, output {settings['output']}"
    )
    pace = f"{result['parameters']:,} parameters, {result['epochs']} epochs"
    pace += f" ({result['seconds_per_epoch'] * 1000:.0f} ms each)"
    lines = [f"{what}, l2 {settings['l2']:g}: {pace}, {result['seconds']:.1f} s in all"]
    if result["ranking"] is None:
        return lines[0]
    ranked = {**result["baselines"], "NCAE": result["ranking"]}
    unseen = result["ranking"]["unseen"]
    note = f"One of each user's was held out, and ranked among all that the user had not met; {unseen} were new to all."
    return "\n".join([*lines, "", ranking_table(ranked), "", note])


def ranking_table(ranked: dict[str, dict[str, float]]) -> str:
    """A line for each of them, by name."""
    names = [f"{name}@{k}" for k in AT for name in ("hr", "ndcg")]
    users = next(iter(ranked.values()))["users"]
    heads = [f"{users} users", *(name.upper() for name in names), "s.e. of HR@100"]
    rows = [(name, *(its[metric] for metric in names), its["hr@100_se"]) for name, its in ranked.items()]
    return table(rows, heads)
