"""train: split, fit, score, and report."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tinyrec.backend import get_backend
from tinyrec.cli import report
from tinyrec.cli.common import (
    SOURCE,
    add_backend_flag,
    add_command,
    add_feature_flags,
    add_feedback_flags,
    add_reading_flags,
    check_feature_flags,
    find_model,
    positive,
    read_options,
    say,
    whole,
    write_result,
)
from tinyrec.cli.plot import check_plot, plot_learning_curve
from tinyrec.cli.settings import parse_settings
from tinyrec.cli.split import check_split_flags, splits
from tinyrec.cli.watch import Watch
from tinyrec.data import Dataset
from tinyrec.errors import FileError, UsageError
from tinyrec.models import Autoencoder
from tinyrec.optim import OPTIMIZERS
from tinyrec.recommenders import Average, Recommender
from tinyrec.reproduce.config import ALL_MODELS, AVERAGE, TrainingConfig, find_configs
from tinyrec.training import Progress
from tinyrec.training.checkpoint import NAME as CHECKPOINT
from tinyrec.training.checkpoint import Checkpoint
from tinyrec.training.memory import check_memory, present_bytes, training_bytes
from tinyrec.training.run import find_batch_size


def add_to(subparsers: Any) -> None:
    example = "train --dataset ml-100k --set l2=160 --epochs 60 --save model.npz"
    parser = add_command(subparsers, "train", run, "Train a model, and score it on ratings held out.", example)
    parser.add_argument("--dataset", default="synthetic", **SOURCE)
    parser.usage = "python -m tinyrec train [FLAG ...]"
    add_reading_flags(parser)
    add_backend_flag(parser)
    models = f"{', '.join(ALL_MODELS)}; average: the mean of several, our best; or FILE.py:CLASS; default: autorec"
    parser.add_argument("--model", default="autorec", metavar="NAME", help=models)
    parser.add_argument("--by", choices=("item", "user"), help="what a row is; default: item")
    add_feature_flags(parser)
    parser.add_argument("--optimizer", metavar="NAME", help=f"{', '.join(OPTIMIZERS)}; default: the model's")
    parser.add_argument("--epochs", type=whole(1), metavar="N", help="if l2 is set: so many; else at most so many")
    parser.add_argument(
        "--batch-size", type=whole(0), metavar="N", help="rows in a step of sgd, rmsprop or adam; 0: all"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of model or optimizer"
    )
    parser.add_argument("--config", metavar="FILE.toml", help="flags from a file; those given here override it")
    parser.add_argument("--seed", type=whole(0), default=0, help="of the split and of the initial weights; default: 0")
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
    add_feedback_flags(parser)
    group = parser.add_argument_group("what to keep")
    group.add_argument("--save", metavar="FILE.npz", help="write the model")
    group.add_argument("--plot", metavar="FILE.png", help="draw the learning curve")
    group.add_argument("--checkpoint", metavar="DIR", help="write checkpoints there")
    group.add_argument("--resume", action="store_true", help="continue from the checkpoint")


def run(args: argparse.Namespace) -> None:
    options = {"epochs": args.epochs, "batch_size": args.batch_size, "set": parse_settings(args.set)}
    model = find_model(args)
    configs, chosen_by = find_configs(
        args.dataset, model, args.by, bool(args.valid), optimizer=args.optimizer, **options
    )
    implicit = configs[0].model.implicit
    check_flags(args, configs, implicit)
    results: list[dict[str, Any]] = []
    for seed, part, test in splits(args, implicit):
        part = part.with_features(items=args.item_features, users=args.user_features)
        say(args, f"{part}, {test.ratings.size if test else 'none'} more to test on, seed {seed}")
        if part.item_features or part.user_features:
            say(args, f"features: {part.item_features or part.user_features}")
        if not results:  # those to come are as large, and take the same memory again
            tell_memory(args, [its for its in configs if isinstance(its.model, Autoencoder)], part)
        fold = {"fold": len(results)} if args.folds else {}
        results.append({**fold, "settings_from": chosen_by, **run_one(args, seed, configs, part, test)})
    result = results[0] if len(results) == 1 else report.summary(results)
    write_result(args, result, report.text(result))


def run_one(
    args: argparse.Namespace, seed: int, configs: list[TrainingConfig], part: Dataset, test: Dataset | None
) -> dict[str, Any]:
    """Train on `part`, score on `test`, write what is to be kept, and return what JSON will hold."""
    started = time.perf_counter()
    folders = checkpoint_folders(args, len(configs))
    members: list[Any] = [train_one(args, seed + i, its, part, folders[i]) for i, its in enumerate(configs)]
    seconds = time.perf_counter() - started
    backend = get_backend(args.backend).name
    recommender = members[0] if len(members) == 1 else Average(members, {"backend": backend, "seed": seed})
    source = str(Path(args.dataset).resolve()) if Path(args.dataset).exists() else args.dataset
    split = {"dataset": source, "options": read_options(args), "split": args.split, "test": args.test, "seed": seed}
    split |= {"threshold": args.threshold, "latest": args.latest} | ({"test_part": test.fingerprint()} if test else {})
    recommender.info["split"] = split
    if args.save:
        recommender.save(args.save)
    result = report.result(recommender, test, seconds, clip=not args.no_clip, default=not args.no_default)
    if args.plot:
        plot_learning_curve(args.plot, report.title(result), result)
    return result


def train_one(
    args: argparse.Namespace, seed: int, config: TrainingConfig, part: Dataset, folder: Path | None
) -> Recommender:
    """Train one model, with a progress bar and with checkpoints."""
    model = config.model
    if not isinstance(model, Autoencoder):
        return config.fit(part, seed=seed)
    backend = get_backend(args.backend).name
    options = {"valid": args.valid, "seed": seed}
    task = {"data": part.fingerprint()[:12], "scale": list(part.scale), "backend": backend, **asdict(model)}
    features = part.features_of(model.by) if model.reads_features else None
    task |= {"optimizer": repr(config.optimizer), "epochs": config.epochs, "batch_size": config.batch_size, **options}
    task |= {"features": features.names if features else None}
    checkpoint, resume = open_checkpoint(folder, args.resume, task)
    with Watch(args.quiet, config.epochs, checkpoint) as watch:
        return config.fit(part, backend=backend, observe=watch, resume=resume, **options)


def checkpoint_folders(args: argparse.Namespace, n: int) -> list[Path | None]:
    """Where the checkpoints of n trainings are: those of an average in the folders 1, 2, ...

    FileError: they are to be continued, and there is none
    """
    if not args.checkpoint:
        return [None] * n
    folders = [Path(args.checkpoint, str(number + 1) if n > 1 else "") for number in range(n)]
    if args.resume and not any((folder / CHECKPOINT).exists() for folder in folders):
        raise FileError(f"there is no {folders[0] / CHECKPOINT} to continue from; begin without --resume")
    return [*folders]


def tell_memory(args: argparse.Namespace, configs: list[TrainingConfig], part: Dataset) -> None:
    """Say how much memory the process, or the GPU, will need at most; OutOfMemory: more than is allowed."""
    if not configs:
        return
    on_gpu = get_backend(args.backend).name == "cupy"
    needed = max(map(partial(bytes_of, part), configs)) + (0 if on_gpu else present_bytes())
    needed += sum(8 * its.model.count(shape_of(part, its.model)[1]) for its in configs[1:])  # type: ignore[attr-defined]
    say(args, f"this takes about {needed / 1e9:.2f} GB of {'GPU memory' if on_gpu else 'memory'}")
    check_memory(needed, args.max_memory)


def shape_of(part: Dataset, model: Any) -> tuple[int, int]:
    """The numbers of rows and of columns of the matrix that an autoencoder reads."""
    return part.ratings.shape if model.by == "user" else part.ratings.shape[::-1]


def bytes_of(part: Dataset, config: TrainingConfig) -> int:
    model: Any = config.model
    size = find_batch_size(model, config.optimizer, config.batch_size)
    features = part.features_of(model.by) if model.reads_features else None
    q = len(features.names) if features else 0
    return training_bytes(model, shape_of(part, model), part.ratings.size, config.optimizer, size, q)


def check_flags(args: argparse.Namespace, configs: list[TrainingConfig], implicit: bool) -> None:
    """What can be found to be wrong before any work is done."""
    if args.resume and not args.checkpoint:
        raise UsageError("--resume needs --checkpoint DIR, the folder to continue from")
    if (args.repeats != 1 or args.folds) and (args.checkpoint or args.save or args.plot):
        raise UsageError("--checkpoint, --save and --plot are for one training; leave --repeats and --folds out")
    check_split_flags(args, implicit)
    check_feature_flags(args, [its.model for its in configs])
    if not isinstance(configs[0].model, Autoencoder):
        flags = {"--checkpoint": args.checkpoint, "--plot": args.plot, "--valid": args.valid}
        flags |= {"--max-memory": args.max_memory, "--backend cupy": args.backend == "cupy"}
        for flag, value in flags.items():
            if value:
                raise UsageError(f"{flag} is for autoencoders, and {args.model} is none; leave it out")
    if args.plot and args.model == AVERAGE:
        raise UsageError("an average has no learning curve of its own; leave --plot out")
    if args.plot:
        check_plot(args.plot)
    get_backend(args.backend)


def open_checkpoint(
    folder: Path | None, resume: bool, task: dict[str, Any]
) -> tuple[Checkpoint | None, Progress | None]:
    """With --resume, a training without a checkpoint begins."""
    if not folder:
        return None, None
    checkpoint = Checkpoint(folder, task)
    if resume and checkpoint.path.exists():
        return checkpoint, checkpoint.read()
    checkpoint.start()
    return checkpoint, None
