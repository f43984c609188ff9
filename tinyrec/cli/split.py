"""What a training holds out, and how `evaluate` finds it again."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from tinyrec.cli.common import read_options
from tinyrec.data import Dataset, load_dataset, load_split
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation.splits import split_folds, split_leave_one_out, split_random
from tinyrec.recommenders import Recommender


def check_split_flags(args: argparse.Namespace, implicit: bool) -> None:
    """UsageError: flags that exclude each other, or that belong to ratings or to implicit feedback alone"""
    if bool(args.split) + (args.repeats != 1) + bool(args.folds) + (args.test == 0) > 1:
        raise UsageError("--split, --repeats, --folds and --test 0 exclude each other; give one of them")
    if implicit:
        if args.feedback == "explicit":
            raise UsageError(f"{args.model} is for implicit feedback; leave --feedback explicit out")
        if args.test not in (0, 0.1):
            raise UsageError("for implicit feedback, one item of each user is held out, or none with --test 0")
        others = {"--valid": args.valid, "--split": args.split, "--folds": args.folds, "--plot": args.plot}
        others |= {"--repeats": args.repeats > 1, "--no-clip": args.no_clip, "--no-default": args.no_default}
        for flag, value in others.items():
            if value:
                raise UsageError(f"{flag} is for ratings, and does not go with implicit feedback; leave it out")
    elif args.feedback == "implicit":
        raise UsageError(f"{args.model} is for ratings; for implicit feedback use ncae, ease, wmf, ...")
    elif args.threshold is not None or args.latest:
        raise UsageError("--threshold and --latest are for implicit feedback; add --feedback implicit")


def as_feedback(data: Dataset, wanted: str | None, implicit: bool, threshold: float | None) -> Dataset:
    """The data set as the model needs it: ratings, or implicit feedback."""
    if data.implicit and not implicit:
        raise UsageError(f"{data.name} is implicit feedback; use --model ncae --feedback implicit, or ease, wmf, ...")
    if data.implicit and threshold is not None:
        raise UsageError(f"{data.name} is implicit feedback without ratings; leave --threshold out")
    if implicit and not data.implicit and wanted != "implicit":
        raise UsageError(f"{data.name} has ratings, and this model is for implicit feedback; add --feedback implicit")
    return data.binarized(threshold) if implicit and not data.implicit else data


def splits(args: argparse.Namespace, implicit: bool) -> Iterator[tuple[int, Dataset, Dataset | None]]:
    """(seed, training part, test part) of each training that is asked for."""
    if args.split:
        yield args.seed, *load_split(args.dataset, args.split, **read_options(args))
        return
    data = as_feedback(load_dataset(args.dataset, **read_options(args)), args.feedback, implicit, args.threshold)
    if args.test == 0:
        yield args.seed, data, None
    elif implicit:
        yield args.seed, *split_leave_one_out(data, args.latest, args.seed)
    elif args.folds:
        yield from ((args.seed, *pair) for pair in split_folds(data, args.folds, args.seed))
    else:
        for seed in range(args.seed, args.seed + args.repeats):
            yield seed, *split_random(data, args.test, seed)


def own_test_part(recommender: Recommender) -> Dataset:
    """The part that `train` held out when it made this model. DataError: the data are no longer the same"""
    split = recommender.info.get("split")
    if not split or not (split["split"] or split["test"]):
        raise UsageError("this model has no test part of its own; name ratings with --dataset")
    test = _held_out(split, recommender.data.implicit)
    if test.fingerprint() != split.get("test_part", test.fingerprint()):
        raise DataError(f"{split['dataset']} is no longer what this model was trained on; name ratings with --dataset")
    return test


def _held_out(split: dict[str, Any], implicit: bool) -> Dataset:
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in split["options"].items()}
    if split["split"]:
        return load_split(split["dataset"], split["split"], **options)[1]
    data = load_dataset(split["dataset"], **options)
    if implicit:
        data = data if data.implicit else data.binarized(split["threshold"])
        return split_leave_one_out(data, split["latest"], split["seed"])[1]
    return split_random(data, split["test"], split["seed"])[1]
