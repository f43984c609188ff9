"""Which part of the data `train` holds out, and how `evaluate` finds it again."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tinyrec.cli.common import read_options
from tinyrec.data import DATASETS, Dataset, load_dataset, load_split
from tinyrec.errors import DataError, FileError, UsageError
from tinyrec.evaluation.splits import split_folds, split_leave_one_out, split_random, split_time
from tinyrec.recommenders import Recommender
from tinyrec.recommenders.contents import (
    Check,
    brief,
    check_fields,
    dict_of,
    label,
    list_of,
    number,
    optional,
    text,
    truth,
    whole,
)

# What a model file holds of its test part, and the options of load_dataset in it
SPLIT: dict[str, Check] = {"dataset": text, "split": optional(text), "test": number, "threshold": optional(number)}
SPLIT |= {"latest": truth, "seed": whole, "options": dict_of(lambda value: True)}
OPTIONS: dict[str, Check] = {"header": truth, "wide": truth, "sep": text, "duplicates": text, "encoding": text}
OPTIONS |= {"bad_rows": text, "scale": list_of(number), "missing": list_of(number)}
OPTIONS |= {"columns": lambda its: list_of(label)(its) or dict_of(label)(its)}


def check_split_flags(args: argparse.Namespace, implicit: bool) -> None:
    """UsageError: flags that exclude each other, or are for the other kind of feedback"""
    one_split = (args.split, args.split_time, args.repeats != 1, args.folds, args.test == 0)
    if sum(map(bool, one_split)) > 1:
        raise UsageError("--split, --split-time, --repeats, --folds and --test 0 exclude each other; give one of them")
    for_ratings = ("valid", "split", "split_time", "folds", "plot", "repeats", "no_clip", "no_default")
    check_feedback_flags(args, implicit, for_ratings)


def check_feedback_flags(args: argparse.Namespace, implicit: bool, for_ratings: Sequence[str]) -> None:
    """UsageError: flags that are not for a model of this kind of feedback; for_ratings: those that are for ratings"""
    if implicit:
        if args.feedback == "explicit":
            raise UsageError(f"{args.model} is for implicit feedback; leave --feedback explicit out")
        if args.test not in (0, 0.1):
            raise UsageError("for implicit feedback, one item of each user is held out, or none with --test 0")
        for name in for_ratings:
            if getattr(args, name) != args.parser.get_default(name):
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"{flag} is for ratings, and does not go with implicit feedback; leave it out")
    elif args.feedback == "implicit":
        raise UsageError(f"{args.model} is for ratings; for implicit feedback use ncae, ease, wmf, ...")
    elif args.threshold is not None or args.latest:
        raise UsageError("--threshold and --latest are for implicit feedback; add --feedback implicit")


def as_feedback(data: Dataset, wanted: str | None, implicit: bool, threshold: float | None) -> Dataset:
    """Return the data as the model needs them: ratings, or implicit feedback."""
    if data.implicit and not implicit:
        raise UsageError(f"{data.name} is implicit feedback; use --model ncae --feedback implicit, or ease, wmf, ...")
    if data.implicit and threshold is not None:
        raise UsageError(f"{data.name} is implicit feedback without ratings; leave --threshold out")
    if implicit and not data.implicit and wanted != "implicit":
        raise UsageError(f"{data.name} has ratings, and this model is for implicit feedback; add --feedback implicit")
    return data.binarized(threshold) if implicit and not data.implicit else data


def splits(args: argparse.Namespace, implicit: bool) -> Iterator[tuple[int, Dataset, Dataset | None]]:
    """Yield (seed, training part, test part) for each training."""
    if args.split:
        yield args.seed, *load_split(args.dataset, args.split, **read_options(args))
        return
    data = as_feedback(load_dataset(args.dataset, **read_options(args)), args.feedback, implicit, args.threshold)
    if args.test == 0:
        yield args.seed, data, None
    elif implicit:
        yield args.seed, *split_leave_one_out(data, args.latest, args.seed)
    elif args.split_time:
        yield args.seed, *split_at(data, args.split_time)
    elif args.folds:
        yield from ((args.seed, *pair) for pair in split_folds(data, args.folds, args.seed))
    else:
        for seed in range(args.seed, last := args.seed + args.repeats):
            pair = split_random(data, args.test, seed)
            if seed + 1 == last:
                del data  # the parts have all that training needs
            yield seed, *pair


def split_at(data: Dataset, text: str) -> tuple[Dataset, Dataset]:
    """Split by time: text is the fraction of the ratings that is the test part, or the date at which it begins."""
    return split_time(data, float(text)) if is_number(text) else split_time(data, at=text)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def split_info(args: argparse.Namespace, seed: int, test: Dataset | None) -> dict[str, Any]:
    """Return what `own_test_part` needs to find the test part again, from any folder."""
    info = {name: getattr(args, name) for name in ("dataset", "split", "split_time", "test", "threshold", "latest")}
    if args.dataset not in DATASETS:  # files
        info |= {name: str(Path(info[name]).resolve()) for name in ("dataset", "split") if info[name]}
    info |= {"options": read_options(args), "seed": seed}
    return info | ({"test_part": test.fingerprint()} if test else {})


def own_test_part(recommender: Recommender) -> Dataset:
    """Return what `train` held out when it trained this model. DataError: the data have changed since then"""
    split = recommender.info.get("split")
    if not split or (isinstance(split, dict) and not (split.get("split") or split.get("test"))):
        raise UsageError("this model has no test part of its own; give ratings with --dataset")
    try:
        check_fields("the split", split, SPLIT, {"test_part": text, "split_time": optional(text)})
        check_fields("its options", split["options"], {}, OPTIONS)
    except ValueError as problem:
        raise FileError(f"the model's test part is damaged ({brief(problem)}); give ratings with --dataset") from None
    test = _held_out(split, recommender.data.implicit)
    if test.fingerprint() != split.get("test_part", test.fingerprint()):
        raise DataError(f"{split['dataset']} is no longer what this model was trained on; give ratings with --dataset")
    return test


def _held_out(split: dict[str, Any], implicit: bool) -> Dataset:
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in split["options"].items()}
    if split["split"]:
        return load_split(split["dataset"], split["split"], **options)[1]
    data = load_dataset(split["dataset"], **options)
    if implicit:
        data = data if data.implicit else data.binarized(split["threshold"])
        return split_leave_one_out(data, split["latest"], split["seed"])[1]
    if split.get("split_time"):
        return split_at(data, split["split_time"])[1]
    return split_random(data, split["test"], split["seed"])[1]
