"""train: train a model, score it on held-out ratings, and save it."""

from __future__ import annotations

import argparse
import math
import os
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinyrec.backend import get_backend
from tinyrec.cli import common, report
from tinyrec.cli.plot import check_plot, plot_learning_curve
from tinyrec.cli.ranks import is_first, over_parts, part_of, traffic_of
from tinyrec.cli.settings import parse_settings
from tinyrec.cli.split import check_split_flags, split_info, splits
from tinyrec.cli.watch import Watch
from tinyrec.data import Dataset
from tinyrec.errors import DataError, FileError, UsageError
from tinyrec.files import claimed
from tinyrec.models import Autoencoder, Network, PairModel
from tinyrec.optim import LBFGS
from tinyrec.recommenders import Average, FittedAutoencoder, Recommender, load
from tinyrec.reproduce.config import AVERAGE, TrainingConfig, find_configs, name_of, weights_of
from tinyrec.training import Progress
from tinyrec.training.checkpoint import Checkpoint, exists
from tinyrec.training.memory import (
    array_bytes,
    check_memory,
    free_gpu_bytes,
    peak_bytes,
    present_bytes,
    training_bytes,
)
from tinyrec.training.run import find_batch_size
from tinyrec.training.warm_start import feature_names

POOLS = 110 * 2**20  # bytes of the library that reads files, and of what it keeps to read more


def add_to(subparsers: Any) -> None:
    example = "train --dataset ml-100k --set l2=160 --epochs 60 --save model.npz"
    parser = common.add_command(subparsers, "train", run, "Train a model, and score it on ratings held out.", example)
    common.add_training_flags(parser, also=", average (the mean of several models)")
    parser.add_argument("--epochs", type=common.whole(1), metavar="N", help="the number if l2 is set, else the maximum")
    start = "start from this model, with its settings; then give --epochs, too"
    parser.add_argument("--from", dest="start", metavar="MODEL.npz", help=start)
    parser.add_argument("--config", metavar="FILE.toml", help="read flags from a file; those given here override it")
    parser.add_argument("--max-memory", type=common.positive, metavar="GB", help="refuse to train if it takes more")
    mpi = "share the model out over the processes of mpiexec; {rank} in a path: each has a file of its own"
    parser.add_argument("--mpi", action="store_true", help=mpi)
    group = parser.add_argument_group("what to hold out, and how to score it")
    add = group.add_argument
    add("--test", type=float, default=0.1, metavar="FRACTION", help="default: 0.1; 0: train on everything")
    add("--valid", type=float, metavar="FRACTION", help="of the training part; default: 0.1 if needed")
    add("--split", metavar="NAME|PATH", help="u1 to u5, ua or ub of ml-100k, or a file of test ratings")
    add("--split-time", metavar="FRACTION|DATE", help="the latest ratings, such as 0.1, or from 2001-05-01 on (UTC)")
    add("--repeats", type=common.whole(1), default=1, metavar="K", help="K random splits, seeds SEED, SEED + 1, ...")
    add("--folds", type=common.whole(2), metavar="K", help="K-fold cross-validation")
    common.add_protocol_flags(group)
    add = parser.add_argument_group("what to keep").add_argument
    add("--save", metavar="FILE.npz", help="write the model")
    add("--plot", metavar="FILE.png", help="draw the learning curve")
    add("--checkpoint", metavar="DIR", help="write checkpoints there")
    add("--resume", action="store_true", help="continue from the checkpoint, also to more --epochs than before")


def run(args: argparse.Namespace) -> None:
    options = {"optimizer": args.optimizer, "epochs": args.epochs, "batch_size": args.batch_size}
    options["set"] = parse_settings(args.set)
    model, search = common.find_model(args), bool(args.valid)
    if start := load_start(args, model):
        model = type(start.model)
        options["set"] = asdict(start.model) | ({"by": args.by} if args.by else {}) | options["set"]
    try:
        configs, chosen_by = find_configs(args.dataset, model, args.by, search, **options)
    except UsageError as problem:
        raise UsageError(f"{problem} (flags of {args.config} included)" if args.config else str(problem)) from None
    check_flags(args, configs)
    comm, before, peak = args.comm, present_bytes(), peak_bytes()
    results: list[dict[str, Any]] = []
    for seed, part, test in splits(args, configs[0].model.implicit):
        part = part_of(args, part, test).with_features(items=args.item_features, users=args.user_features)
        held_out, what = test.ratings.size if test else "no", "pairs" if part.implicit else "ratings"
        common.say(args, f"{part}, {held_out} {what} held out for testing, seed {seed}")
        for note in part.notes:
            common.say(args, note)
        if test and args.split:
            common.say_assumed(args, test)
        for what, features in (("users", part.user_features), ("items", part.item_features)):
            if features:
                common.say(args, f"features of {what}: {features}")
        if start and test:
            check_held_out(args, start, test)
        if not results:  # the other splits need as much
            held = min(present_bytes(), before + POOLS + array_bytes(part, test))
            reading = peak_bytes() if peak_bytes() > peak else 0
            networks = [config for config in configs if isinstance(config.model, Autoencoder)]
            tell_memory(args, networks, part, held, reading)
            if get_backend(args.backend).name == "cupy":
                tell_gpu(args, [config for config in configs if isinstance(config.model, Network)])
        fold = {"fold": len(results)} if args.folds else {}
        results.append({**fold, "settings_from": chosen_by, **run_one(args, seed, configs, part, test, start, comm)})
    if not is_first(comm):
        return
    result = results[0] if len(results) == 1 else report.summary(results)
    common.write_result(args, result, report.text(result))


def run_one(
    args: argparse.Namespace,
    seed: int,
    configs: list[TrainingConfig],
    part: Dataset,
    test: Dataset | None,
    start: FittedAutoencoder | None,
    comm: Any = None,
) -> dict[str, Any]:
    """Train on `part`, score on `test`, write model and plot, and return the result for JSON."""
    started = time.perf_counter()
    weights, folders = weights_of(configs), checkpoint_folders(args, len(configs))
    writes = is_first(comm) or part.is_part
    with claimed(args.checkpoint) if args.checkpoint and writes else nullcontext():
        members: list[Any] = [
            train_one(args, seed + i, config, part, folders[i], start, comm) for i, config in enumerate(configs)
        ]
    seconds = time.perf_counter() - started
    backend = get_backend(args.backend).name
    info = {"backend": backend, "seed": seed}
    recommender = members[0] if len(members) == 1 else Average(members, info, weights)
    recommender.info["split"] = split_info(args, seed, test)
    if comm:
        common.say(args, traffic_of(recommender.info["mpi"]))
    if not writes:
        return {}
    if args.save:
        recommender.save(args.save)
    result = report.result(recommender, test, seconds, clip=not args.no_clip, default=not args.no_default)
    result = over_parts(part, recommender, test, result)
    if args.plot:
        plot_learning_curve(args.plot, report.title(result), result)
    return result


def train_one(
    args: argparse.Namespace,
    seed: int,
    config: TrainingConfig,
    part: Dataset,
    folder: Path | None,
    start: FittedAutoencoder | None,
    comm: Any = None,
) -> Recommender:
    """Train one model, with a progress bar and with checkpoints."""
    model = config.model
    if not isinstance(model, Network):
        return config.fit(part, seed=seed)
    backend = get_backend(args.backend).name
    options = {"valid": args.valid, "seed": seed}
    task = {"data": part.fingerprint()[:12], "scale": list(part.scale), "backend": backend, **asdict(model)}
    task |= {"optimizer": repr(config.optimizer), "batch_size": config.batch_size, **options}
    task |= {"features": feature_names(part, model) or None, "from": start and start.data.fingerprint()[:12]}
    task |= {"deterministic": args.deterministic or None}  # half a training with it has not the bits of a whole one
    task |= {"ranks": comm.size} if part.is_part else {}
    checkpoint, resume = open_checkpoint(folder, args.resume, task, comm, part.is_part)
    with Watch(args.quiet, config.epochs, checkpoint) as watch:
        return config.fit(part, backend=backend, observe=watch, resume=resume, start=start, comm=comm, **options)


def load_start(args: argparse.Namespace, model: Any) -> FittedAutoencoder | None:
    """Return the model of --from. UsageError: it is no single autoencoder, or another one than that of --model"""
    if not args.start:
        return None
    start = load(args.start, args.backend, None if isinstance(model, str) else model)
    if not isinstance(start, FittedAutoencoder) or model == AVERAGE:
        raise UsageError("--from is for a single autoencoder, which cannot start from other models; leave it out")
    name = name_of(start.model)
    if args.model not in (args.parser.get_default("model"), name) and model not in (name, type(start.model)):
        raise UsageError(f"{args.start} holds a model of the kind {name}, not {args.model}; leave --model out")
    return start


def check_held_out(args: argparse.Namespace, start: FittedAutoencoder, test: Dataset) -> None:
    """DataError: the model of --from was trained on some of the ratings held out, so that they would be no test"""
    users, items = test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols]
    if leaked := start.data.count_common(users, items):
        cause = f"{args.start} was trained on {leaked} of the {len(users)} ratings held out"
        raise DataError(f"{cause}; hold out others with --split FILE, or none with --test 0")


def checkpoint_folders(args: argparse.Namespace, n: int) -> list[Path | None]:
    """Return the folder of each training's checkpoints: the members of an average have the folders 1, 2, ...

    FileError: --resume, and there is no checkpoint
    """
    if not args.checkpoint:
        return [None] * n
    folders = [Path(args.checkpoint, str(number + 1) if n > 1 else "") for number in range(n)]
    if args.resume and not any(map(exists, folders)):
        raise FileError(f"there is no checkpoint in {folders[0]} to continue from; begin without --resume")
    return [*folders]


def tell_memory(
    args: argparse.Namespace, configs: list[TrainingConfig], part: Dataset, held: int, reading: int
) -> None:
    """Print how much memory training needs at most, with the bytes held, or that reading took more.

    OutOfMemory: training needs more than --max-memory

    held: not always that of the process, as what reading has freed is used again, or given back a little later
    """
    if not configs:
        return
    backend = get_backend(args.backend).name
    needed, fitted = [], []  # bytes of each training, and of each model after it
    for config in configs:
        model: Any = config.model
        shape = part.ratings.shape if model.by == "user" else part.ratings.shape[::-1]  # of the matrix that it reads
        ranks = args.comm.size if args.comm and not part.is_part else 1  # each has so many of the columns
        shape = shape[0], -(-shape[1] // ranks)
        size, q = find_batch_size(model, config.optimizer, config.batch_size), len(feature_names(part, model))
        needed.append(training_bytes(model, shape, part.ratings.size // ranks, config.optimizer, size, q, backend))
        fitted.append(8 * model.count(shape[1]))
    total = max(needed) + sum(fitted[1:]) + (0 if backend == "cupy" else held)
    if args.comm:  # all parameters are drawn on every rank
        total = max(args.comm.allgather(max(total, held + drawn_bytes(configs[0].model, part))))
    where = "GPU memory" if backend == "cupy" else "memory on each rank" if args.comm else "memory"
    reading = 0 if backend == "cupy" else reading
    told = f"training takes about {max(total, reading) / 1e9:.2f} GB of {where}"
    told += ", which reading took" if reading > total else ""
    if backend == "cupy":
        free = free_gpu_bytes(backend)
        told += f", where {free / 1e9:.2f} GB are free" + (": it may not fit" if total > free else "")
    common.say(args, told)
    check_memory(total, args.max_memory)


def drawn_bytes(model: Any, part: Dataset) -> int:
    """About how many bytes the parameters of all users or items take while they are drawn, in float64 one by one."""
    d = int(part.total(part.ratings.shape[0])) if model.by == "item" else part.ratings.shape[1]
    return 4 * model.count(d) + 8 * max(map(math.prod, model.shapes(d).values()))


def tell_gpu(args: argparse.Namespace, configs: list[TrainingConfig]) -> None:
    """Print why a training on a GPU starts slowly, or stays slow."""
    if any(isinstance(config.optimizer, LBFGS) for config in configs):
        common.say(args, "L-BFGS is of SciPy: its vectors are in host memory, copied at each iteration; the GPU waits")
    if configs and not has_gpu_kernels():
        common.say(args, "compiling the kernels for this GPU (once)")


def has_gpu_kernels() -> bool:
    """Whether CuPy has kept compiled kernels on this disk, of whatever program."""
    folder = Path(os.environ.get("CUPY_CACHE_DIR", "~/.cupy/kernel_cache")).expanduser()
    return folder.is_dir() and any(folder.iterdir())


def check_flags(args: argparse.Namespace, configs: list[TrainingConfig]) -> None:
    """UsageError: flags that do not go together, or are not for this model"""
    if args.resume and not args.checkpoint:
        raise UsageError("--resume needs --checkpoint DIR, the folder to continue from")
    if (args.repeats != 1 or args.folds) and (args.checkpoint or args.save or args.plot):
        raise UsageError("--checkpoint, --save and --plot are for one training; leave --repeats and --folds out")
    check_split_flags(args, configs[0].model.implicit)
    common.check_feature_flags(args, [config.model for config in configs])
    if not isinstance(configs[0].model, Network):
        flags = {"--checkpoint": args.checkpoint, "--plot": args.plot, "--valid": args.valid}
        flags |= {"--max-memory": args.max_memory, "--backend cupy": args.backend == "cupy"}
        for flag, value in flags.items():
            if value:
                raise UsageError(f"{flag} is for trained networks, and {args.model} is none; leave it out")
    if args.max_memory and any(isinstance(config.model, PairModel) for config in configs):
        raise UsageError(
            f"--max-memory is for models whose memory is estimated, and {args.model} is none; leave it out"
        )
    if args.mpi and (args.model == AVERAGE or args.folds or args.repeats != 1 or args.start):
        raise UsageError("--mpi is for one training from its start; leave --folds, --repeats, --from and averages out")
    if args.mpi and not isinstance(configs[0].model, Autoencoder):
        raise UsageError(f"--mpi is for autoencoders, and {args.model} is none; leave it out")
    if args.plot and args.model == AVERAGE:
        raise UsageError("an average has no learning curve of its own; leave --plot out")
    if args.plot:
        check_plot(args.plot)
    get_backend(args.backend)


def open_checkpoint(
    folder: Path | None, resume: bool, task: dict[str, Any], comm: Any, in_parts: bool
) -> tuple[Checkpoint | None, Progress | None]:
    """Return the checkpoint to write and, with --resume, the progress in it; without one, training begins anew."""
    if not folder:
        return None, None
    checkpoint = Checkpoint(folder, task)
    if resume and in_parts:
        return checkpoint, checkpoint.read_of_all(comm)
    if resume and checkpoint.path.exists():
        return checkpoint, checkpoint.read()
    if is_first(comm) or in_parts:
        checkpoint.start()
    return checkpoint, None
