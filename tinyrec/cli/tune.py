"""tune: compare settings on a validation part of the training data; the test part is never looked at."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.cli.common import (
    SOURCE,
    add_backend_flag,
    add_command,
    add_feature_flags,
    add_feedback_flags,
    add_reading_flags,
    check_feature_flags,
    find_model,
    read_options,
    say,
    table,
    whole,
    write_result,
)
from tinyrec.cli.settings import as_text, parse_settings, parse_value
from tinyrec.cli.split import as_feedback
from tinyrec.data import Dataset, load_dataset
from tinyrec.errors import Diverged, FileError, Interrupted, UsageError
from tinyrec.evaluation.splits import split_leave_one_out, split_random
from tinyrec.models import Autoencoder
from tinyrec.optim import OPTIMIZERS
from tinyrec.reproduce.config import ALL_MODELS, TrainingConfig
from tinyrec.training.parallel import each
from tinyrec.training.run import check_options, try_candidate

Candidate = dict[str, Any]  # the arguments of TrainingConfig.from_names but for the model
RANGE = re.compile(r"(.+)\.\.(.+)")
NDCG = "ndcg@100"  # by which models of implicit feedback are compared; others by RMSE


def add_to(subparsers: Any) -> None:
    example = "tune --dataset ml-100k --grid l2=80,160,320 --grid center=true,false --write best.toml"
    parser = add_command(subparsers, "tune", run, "Search for settings on a validation part.", example)
    parser.usage = "python -m tinyrec tune [FLAG ...]"
    parser.add_argument("--dataset", default="synthetic", **SOURCE)
    add_reading_flags(parser)
    add_backend_flag(parser)
    models = f"{', '.join(ALL_MODELS)}, or FILE.py:CLASS; default: autorec"
    parser.add_argument("--model", default="autorec", metavar="NAME", help=models)
    parser.add_argument("--by", choices=("item", "user"), help="what a row is; default: item")
    add_feature_flags(parser)
    parser.add_argument("--optimizer", metavar="NAME", help=f"{', '.join(OPTIMIZERS)}; default: the model's")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="the same for all candidates")
    grid = "values to try of a setting, of epochs or batch_size; may be given again; without one for l2: five values"
    parser.add_argument("--grid", action="append", default=[], metavar="KEY=A,B,...", help=grid)
    draws = "instead of all combinations, N at random; then KEY=LOW..HIGH is a range, on a logarithmic scale"
    parser.add_argument("--random", type=whole(1), metavar="N", help=draws)
    parser.add_argument("--epochs", type=whole(1), metavar="N", help="at most so many; adam with linear_decay: so many")
    parser.add_argument("--batch-size", type=whole(0), metavar="N", help="rows in a step of sgd, rmsprop or adam")
    parser.add_argument("--test", type=float, default=0.1, metavar="PART", help="set aside unseen; default: 0.1")
    parser.add_argument("--valid", type=float, default=0.1, metavar="PART", help="of the rest; default: 0.1")
    parser.add_argument("--repeats", type=whole(1), default=1, metavar="K", help="K random splits: their mean counts")
    parser.add_argument("--seed", type=whole(0), default=0, help="of the splits and first weights; default: 0")
    parser.add_argument("--jobs", type=whole(1), default=1, metavar="N", help="trainings side by side; default: 1")
    parser.add_argument("--write", metavar="FILE.toml", help="write the best for: train --config FILE.toml")
    add_feedback_flags(parser)


def run(args: argparse.Namespace) -> None:
    fixed = {"by": args.by, "optimizer": args.optimizer, "epochs": args.epochs, "batch_size": args.batch_size}
    fixed |= {"set": parse_settings(args.set)}
    model, grid = find_model(args), parse_grid(args.grid)
    l2_is_open = isinstance(make(model, fixed).model, Autoencoder) and make(model, fixed).model.l2 is None  # type: ignore[attr-defined]
    if l2_is_open and "l2" not in grid:
        grid |= default_grid(args)
    drawn_or_all = drawn(fixed, grid, args) if args.random else combined(fixed, grid)
    candidates = [json.loads(text) for text in dict.fromkeys(map(json.dumps, drawn_or_all))]  # each once
    for candidate in candidates:  # wrong settings are found before any work is done
        check_candidate(args, make(model, candidate))
    same = {"dataset": args.dataset, "reading": read_options(args), "model": args.model, "feedback": args.feedback}
    same |= {"test": args.test, "valid": args.valid, "backend": args.backend}
    same |= {"threshold": args.threshold, "latest": args.latest}
    same |= {"features": {"items": args.item_features, "users": args.user_features}}
    cells = [
        {**same, "candidate": candidate, "at": (number, repeat), "seed": args.seed + repeat}
        for number, candidate in enumerate(candidates)
        for repeat in range(args.repeats)
    ]
    measure = NDCG if make(model, candidates[0]).model.implicit else "rmse"
    say(args, f"{len(candidates)} candidates on {args.repeats} splits of {args.dataset}, {args.jobs} at a time")
    results: dict[tuple[int, int], dict[str, Any]] = {}
    try:
        for cell, result in each(try_cell, cells, args.jobs):
            results[cell["at"]] = result
            figure = f"{measure.upper()} {result[f'valid_{measure}']:.4f}"
            say(args, f"{changing(cell['candidate'], grid)}: {figure}, {result['epochs']} epochs")
    except KeyboardInterrupt:
        done = f"{len(results)} of {len(cells)} trainings, which are listed above"
        raise Interrupted(signal.SIGINT, f"stopped after {done}; nothing is written") from None
    of_splits = [[results[number, repeat] for repeat in range(args.repeats)] for number in range(len(candidates))]
    rows = [
        {"model": args.model, **candidate, "by": getattr(make(model, candidate).model, "by", None)}
        | means(results, measure)
        for candidate, results in zip(candidates, of_splits, strict=True)
    ]
    rows.sort(key=lambda row: row[f"valid_{measure}"], reverse=measure == NDCG)
    if math.isinf(rows[0][f"valid_{measure}"]):
        raise Diverged("every candidate diverged; try smaller learning rates or another l2")
    result = {"dataset": args.dataset, "valid": args.valid, "candidates": rows}
    write_result(args, result, text(rows, grid, measure))
    if args.write:
        write_config(args, rows[0], measure)


def make(model: Any, candidate: Candidate) -> TrainingConfig:
    return TrainingConfig.from_names(model, **candidate)


def check_candidate(args: argparse.Namespace, config: TrainingConfig) -> None:
    check_feature_flags(args, [config.model])
    if isinstance(config.model, Autoencoder):
        check_options(config.model, config.optimizer, config.epochs, args.valid, config.batch_size, args.seed)


def try_cell(cell: dict[str, Any]) -> dict[str, Any]:
    """One candidate on one split; one that diverges has the worst value."""
    started = time.perf_counter()
    config = make(find_model(argparse.Namespace(**cell)), cell["candidate"])
    data = load_dataset(cell["dataset"], **cell["reading"]).with_features(**cell["features"])
    data = as_feedback(data, cell["feedback"], config.model.implicit, cell["threshold"])
    try:
        result = (measure_ranking if data.implicit else measure_rmse)(cell, config, data)
    except Diverged:
        result = {"epochs": 0, "valid_rmse": math.inf, f"valid_{NDCG}": -math.inf}
    return {**result, "seconds": time.perf_counter() - started}


def measure_rmse(cell: dict[str, Any], config: TrainingConfig, data: Dataset) -> dict[str, Any]:
    """{"epochs": the best number of them, "valid_rmse": } on a validation part of the training part."""
    train = split_random(data, cell["test"], cell["seed"])[0] if cell["test"] else data
    part, held_out = split_random(train, cell["valid"], cell["seed"])
    if not isinstance(config.model, Autoencoder):
        return {"epochs": None, "valid_rmse": config.fit(part, seed=cell["seed"]).score(held_out)["rmse"]}
    options = {"optimizer": config.optimizer, "batch_size": config.batch_size, "epochs": config.epochs}
    return try_candidate(config.model, part, held_out, backend=cell["backend"], seed=cell["seed"], **options)


def measure_ranking(cell: dict[str, Any], config: TrainingConfig, data: Dataset) -> dict[str, Any]:
    """The same by NDCG: one item of each user is the test part, and one more the validation part."""
    train = split_leave_one_out(data, cell["latest"], cell["seed"])[0] if cell["test"] else data
    part, held_out = split_leave_one_out(train, cell["latest"], cell["seed"])
    fitted = config.fit(part, seed=cell["seed"])
    return {"epochs": config.epochs, f"valid_{NDCG}": fitted.rank(held_out, (100,))[NDCG]}


def parse_grid(texts: list[str]) -> dict[str, list[Any] | tuple[float, float]]:
    """["l2=100,200", "dropout=0.1..0.5"] -> {"l2": [100, 200], "dropout": (0.1, 0.5)}"""
    grid: dict[str, list[Any] | tuple[float, float]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if key.strip() in grid:
            raise UsageError(f"--grid gives {key.strip()} twice; write --grid {key}=A,B,...")
        bounds = RANGE.fullmatch(values)
        if not equals or not values:
            raise UsageError(f"--grid {text} has no values; write --grid {key}=A,B,...")
        if bounds:
            low, high = (parse_value(bound) for bound in bounds.groups())
            if not (isinstance(low, int | float) and isinstance(high, int | float) and 0 < low < high < math.inf):
                raise UsageError(f"--grid {text} is no range; write --grid {key}=LOW..HIGH, with 0 < LOW < HIGH")
            grid[key.strip()] = (low, high)
        else:
            grid[key.strip()] = [parse_value(value.strip()) for value in values.split(",")]
    return grid


def default_grid(args: argparse.Namespace) -> dict[str, list[Any] | tuple[float, float]]:
    """λ around 0.3 √n, see AutoRec.candidates."""
    data = load_dataset(args.dataset, **read_options(args))
    return {"l2": [float(f"{factor * 0.3 * data.ratings.size**0.5:.3g}") for factor in (0.25, 0.5, 1, 2, 4)]}


def combined(fixed: Candidate, grid: dict[str, Any]) -> Iterator[Candidate]:
    """All combinations of the values of the grid."""
    for key, values in grid.items():
        if isinstance(values, tuple):
            raise UsageError(f"{key} has a range, from which values are drawn; say how many with --random N")
    for values in itertools.product(*grid.values()):
        yield with_values(fixed, dict(zip(grid, values, strict=True)))


def drawn(fixed: Candidate, grid: dict[str, Any], args: argparse.Namespace) -> Iterator[Candidate]:
    """args.random combinations, each value drawn for itself."""
    rng = np.random.default_rng(args.seed)
    for _ in range(args.random):
        yield with_values(fixed, {key: draw(values, rng) for key, values in grid.items()})


def draw(values: list[Any] | tuple[float, float], rng: np.random.Generator) -> Any:
    if isinstance(values, list):
        return values[rng.integers(len(values))]
    low, high = values
    value = math.exp(rng.uniform(math.log(low), math.log(high)))
    value = round(value) if isinstance(low, int) and isinstance(high, int) else float(f"{value:.3g}")
    return min(max(value, low), high)  # rounding may lead out of a narrow range


def with_values(fixed: Candidate, values: dict[str, Any]) -> Candidate:
    """`fixed` with these values: epochs and batch_size in their places, the others among the settings."""
    own = {key: value for key, value in values.items() if key in ("epochs", "batch_size")}
    others = {key: value for key, value in values.items() if key not in own}
    return {**fixed, **own, "set": {**fixed["set"], **others}}


def means(results: list[dict[str, Any]], measure: str) -> dict[str, Any]:
    """The means of one candidate over the splits."""
    values = [result[f"valid_{measure}"] for result in results]
    epochs = [result["epochs"] for result in results]
    return {
        "epochs": None if None in epochs else round(float(np.mean(epochs))),
        f"valid_{measure}": float(np.mean(values)),
        "seconds": float(np.mean([result["seconds"] for result in results])),
        f"valid_{measure}s": values,
    }


def changing(candidate: Candidate, grid: dict[str, Any]) -> str:
    """The values of the grid that make this candidate: "l2=100 dropout=0.5"."""
    return " ".join(f"{key}={as_text(value_of(candidate, key))}" for key in grid)


def value_of(candidate: Candidate, key: str) -> Any:
    return candidate[key] if key in ("epochs", "batch_size") else candidate["set"][key]


def text(rows: list[dict[str, Any]], grid: dict[str, Any], measure: str) -> str:
    """The validation table, best first."""
    keys = [key for key in grid if key != "epochs"]
    cells = []
    for row in rows:
        settings = [as_text(value_of(row, key)) for key in keys]
        cells.append([*settings, row["epochs"], row[f"valid_{measure}"], f"{row['seconds']:7.1f}"])
    return table(cells, [*keys, "epochs", f"valid {measure.upper()}", "seconds"])


def toml(value: Any) -> str:
    """A number, string, boolean or list, which TOML writes as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def write_config(args: argparse.Namespace, best: dict[str, Any], measure: str) -> None:
    """The best candidate as flags of `train`."""
    flags = {"dataset": args.dataset, "model": args.model, "by": best["by"], "optimizer": best["optimizer"]}
    flags |= {"epochs": best["epochs"], "batch-size": best["batch_size"], "seed": args.seed, "test": args.test}
    flags |= {"item-features": args.item_features, "user-features": args.user_features}
    flags |= {name: list(value) if isinstance(value, tuple) else value for name, value in read_options(args).items()}
    flags |= {"feedback": args.feedback, "threshold": args.threshold, "latest": args.latest or None}
    figure = f"{measure.upper()} {best[f'valid_{measure}']:.4f}"
    lines = [f"# by tinyrec tune: {figure} on validation parts of the training data"]
    lines += [f"{key} = {toml(value)}" for key, value in flags.items() if value is not None]
    lines += ["", "[set]", *(f"{key} = {toml(value)}" for key, value in best["set"].items() if value is not None)]
    try:
        Path(args.write).write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as problem:
        raise FileError(f"cannot write {args.write}: {problem.strerror}; choose another place") from None
