"""train: split, fit, score, and say how it went."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tinyrec.backend import get_backend
from tinyrec.cli import clicks, report
from tinyrec.cli.common import (
    SOURCE,
    add_backend_flag,
    add_command,
    add_feature_flags,
    add_reading_flags,
    check_feature_flags,
    positive,
    read_options,
    say,
    whole,
    write_result,
)
from tinyrec.cli.plot import check_plot, plot_learning_curve
from tinyrec.cli.settings import parse_settings
from tinyrec.cli.watch import Watch
from tinyrec.data import Dataset, load_dataset, load_split
from tinyrec.errors import FileError, UsageError
from tinyrec.evaluation.splits import split_folds, split_random
from tinyrec.models import MODELS
from tinyrec.optim import OPTIMIZERS
from tinyrec.recommenders.autoencoder import TrainedAutoencoder
from tinyrec.recommenders.average import Average
from tinyrec.reproduce.config import AVERAGE, Spec, find
from tinyrec.training.checkpoint import NAME as CHECKPOINT
from tinyrec.training.checkpoint import Checkpoint
from tinyrec.training.memory import check_memory, present_bytes, training_bytes
from tinyrec.training.progress import Progress
from tinyrec.training.train import rows_in_a_step, train


def add_to(subparsers: Any) -> None:
    example = "train --dataset ml-100k --set l2=160 --epochs 60 --save model.npz"
    parser = add_command(subparsers, "train", run, "Train a model, and score it on ratings held out.", example)
    parser.add_argument("--dataset", default="synthetic", **SOURCE)
    parser.usage = "python -m tinyrec train [FLAG ...]"
    add_reading_flags(parser)
    add_backend_flag(parser)
    models = "default: autorec; average: the mean of several, our best"
    parser.add_argument("--model", choices=(*MODELS, AVERAGE), default="autorec", help=models)
    parser.add_argument("--by", choices=("item", "user"), help="what a row is; default: item")
    add_feature_flags(parser)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, help="default: rprop; for cfn, adam")
    parser.add_argument("--epochs", type=whole(1), metavar="N", help="with l2 set: so many; else at most so many")
    parser.add_argument(
        "--batch-size", type=whole(0), metavar="N", help="rows in a step of sgd, rmsprop or adam; 0: all"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of model or optimizer"
    )
    parser.add_argument("--config", metavar="FILE.toml", help="flags from a file; those given here go before")
    parser.add_argument("--seed", type=whole(0), default=0, help="of the split and of the first weights; default: 0")
    parser.add_argument("--max-memory", type=positive, metavar="GB", help="refuse to train if it would take more")
    group = parser.add_argument_group("what to hold out")
    group.add_argument("--test", type=float, default=0.1, metavar="PART", help="default: 0.1; 0: train on everything")
    group.add_argument("--valid", type=float, metavar="PART", help="of the training part; default: 0.1 if needed")
    group.add_argument("--split", metavar="NAME|PATH", help="u1 to u5, ua or ub of ml-100k, or a file of test ratings")
    group.add_argument(
        "--repeats", type=whole(1), default=1, metavar="K", help="K random splits, seeds SEED, SEED + 1, ..."
    )
    group.add_argument("--folds", type=whole(2), metavar="K", help="K-fold cross-validation")
    group.add_argument("--no-clip", action="store_true", help="let predictions leave the rating scale")
    group.add_argument("--no-default", action="store_true", help="no default rating for cold users and items")
    clicks.add_click_flags(parser)
    group = parser.add_argument_group("what to keep")
    group.add_argument("--save", metavar="FILE.npz", help="write the model")
    group.add_argument("--plot", metavar="FILE.png", help="draw the learning curve")
    group.add_argument("--checkpoint", metavar="DIR", help="write checkpoints there")
    group.add_argument("--resume", action="store_true", help="go on from the checkpoint")


def run(args: argparse.Namespace) -> None:
    if args.model == "ncae" and args.feedback == "implicit":
        args.model = "implicit-ncae"
    options = {"epochs": args.epochs, "batch_size": args.batch_size, "set": parse_settings(args.set)}
    specs, chosen_by = find(args.dataset, args.model, args.by, bool(args.valid), optimizer=args.optimizer, **options)
    check_flags(args)
    results: list[dict[str, Any]] = []
    for seed, part, test in splits(args):
        part = part.with_features(items=args.item_features, users=args.user_features)
        say(args, f"{part}, {test.ratings.size if test else 'none'} more to test on, seed {seed}")
        if part.item_features or part.user_features:
            say(args, f"features: {part.item_features or part.user_features}")
        if not results:  # those to come are as large, and take the same memory again
            tell_memory(args, specs, part)
        results.append({"settings_from": chosen_by, **run_one(args, seed, specs, part, test)})
    if args.model == "implicit-ncae":
        write_result(args, results[0], clicks.text(results[0]))
        return
    result = results[0] if len(results) == 1 else report.summary(results)
    write_result(args, result, report.text(result))


def run_one(
    args: argparse.Namespace, seed: int, specs: list[Spec], part: Dataset, test: Dataset | None
) -> dict[str, Any]:
    """Train on `part`, score on `test`, write what is to be kept, and return what JSON will hold."""
    started = time.perf_counter()
    folders = checkpoint_folders(args, len(specs))
    members = [train_one(args, seed + i, spec, part, folders[i]) for i, spec in enumerate(specs)]
    seconds = time.perf_counter() - started
    backend = get_backend(args.backend).name
    recommender = members[0] if len(members) == 1 else Average(members, {"backend": backend, "seed": seed})
    source = str(Path(args.dataset).resolve()) if Path(args.dataset).exists() else args.dataset
    split = {"dataset": source, "options": read_options(args), "split": args.split}
    mark = {"test_part": test.fingerprint()} if test else {}
    recommender.info["split"] = {**split, "test": args.test, "seed": seed, **mark, **clicks.split_info(args)}
    if args.save:
        recommender.save(args.save)
    if isinstance(recommender, TrainedAutoencoder) and recommender.data.implicit:
        return clicks.result(recommender, test, seconds)
    result = report.result(recommender, test, seconds, clip=not args.no_clip, default=not args.no_default)
    if args.plot:
        plot_learning_curve(args.plot, report.name_of(result), result)
    return result


def train_one(
    args: argparse.Namespace, seed: int, spec: Spec, part: Dataset, folder: Path | None
) -> TrainedAutoencoder:
    """Train one model, watched and with checkpoints."""
    backend = get_backend(args.backend).name
    options = {"valid": args.valid, "batch_size": spec.batch_size, "seed": seed}
    task = {"data": part.fingerprint()[:12], "scale": list(part.scale), "backend": backend, **asdict(spec.model)}
    features = spec.model.features(part)
    task |= {"optimizer": repr(spec.optimizer), "epochs": spec.epochs, **options}
    task |= {"features": features.names if features else None}
    checkpoint, progress = open_checkpoint(folder, args.resume, task)
    with Watch(args.quiet, spec.epochs, checkpoint) as watch:
        options |= {"optimizer": spec.optimizer, "backend": backend, "observe": watch, "progress": progress}
        return train(spec.model, part, epochs=spec.epochs, **options)


def checkpoint_folders(args: argparse.Namespace, n: int) -> list[Path | None]:
    """Where the checkpoints of n trainings are: those of an average in the folders 1, 2, ...

    FileError: they are to be gone on from, and there is not one
    """
    if not args.checkpoint:
        return [None] * n
    folders = [Path(args.checkpoint, str(number + 1) if n > 1 else "") for number in range(n)]
    if args.resume and not any((folder / CHECKPOINT).exists() for folder in folders):
        raise FileError(f"there is no {folders[0] / CHECKPOINT} to go on from; begin without --resume")
    return [*folders]


def tell_memory(args: argparse.Namespace, specs: list[Spec], part: Dataset) -> None:
    """Say how many bytes the process will occupy at most, or those on the card; OutOfMemory: more than are allowed."""
    on_card = get_backend(args.backend).name == "cupy"
    needed = max(map(partial(bytes_of, part), specs)) + (0 if on_card else present_bytes())
    needed += 8 * sum(spec.model.count(columns(part, spec)) for spec in specs[1:])  # of each that is kept, W twice
    say(args, f"this takes about {needed / 1e9:.2f} GB of {'the card' if on_card else 'memory'}")
    check_memory(needed, args.max_memory)


def columns(part: Dataset, spec: Spec) -> int:
    return part.ratings.shape[spec.model.by == "user"]


def bytes_of(part: Dataset, spec: Spec) -> int:
    shape = part.ratings.shape if spec.model.by == "user" else part.ratings.shape[::-1]
    rows = rows_in_a_step(spec.model, spec.optimizer, spec.batch_size)
    features = spec.model.features(part)
    q = len(features.names) if features else 0
    return training_bytes(spec.model, shape, part.ratings.size, spec.optimizer, rows, q)


def check_flags(args: argparse.Namespace) -> None:
    """What can be told to be wrong before any work is done."""
    if args.resume and not args.checkpoint:
        raise UsageError("--resume needs --checkpoint DIR, the folder to go on from")
    if (args.repeats != 1 or args.folds) and (args.checkpoint or args.save or args.plot):
        raise UsageError("--checkpoint, --save and --plot are for one training; leave --repeats and --folds out")
    if bool(args.split) + (args.repeats != 1) + bool(args.folds) + (args.test == 0) > 1:
        raise UsageError("--split, --repeats, --folds and --test 0 exclude each other; give one of them")
    check_feature_flags(args)
    clicks.check_click_flags(args)
    if args.plot and args.model == AVERAGE:
        raise UsageError("an average has no learning curve of its own; leave --plot out")
    if args.plot:
        check_plot(args.plot)
    get_backend(args.backend)


def splits(args: argparse.Namespace) -> Iterator[tuple[int, Dataset, Dataset | None]]:
    """(seed, training part, test part) of each training that is asked for."""
    if args.split:
        yield args.seed, *load_split(args.dataset, args.split, **read_options(args))
        return
    data = load_dataset(args.dataset, **read_options(args))
    if args.model == "implicit-ncae":
        yield args.seed, *clicks.hold_out(args, clicks.clicks_of(args, data), args.seed)
        return
    if data.implicit:
        raise UsageError(f"{data.name} holds clicks, no ratings; add --model ncae --feedback implicit")
    if args.folds:
        yield from ((args.seed, *pair) for pair in split_folds(data, args.folds, args.seed))
    elif args.test == 0:
        yield args.seed, data, None
    else:
        for seed in range(args.seed, args.seed + args.repeats):
            yield seed, *split_random(data, args.test, seed)


def open_checkpoint(
    folder: Path | None, resume: bool, task: dict[str, Any]
) -> tuple[Checkpoint | None, Progress | None]:
    """With --resume, what was not begun begins."""
    if not folder:
        return None, None
    checkpoint = Checkpoint(folder, task)
    if resume and checkpoint.path.exists():
        return checkpoint, checkpoint.read()
    checkpoint.start()
    return checkpoint, None
