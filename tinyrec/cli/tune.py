"""tune: compare settings on a validation part of the training data; the test part stays unused."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from tinyrec.backend.threads import deterministic
from tinyrec.cli import common
from tinyrec.cli.settings import as_text, parse_settings, parse_value
from tinyrec.cli.split import as_feedback, check_feedback_flags
from tinyrec.data import Dataset, load_dataset
from tinyrec.errors import Diverged, UsageError
from tinyrec.evaluation.splits import split_leave_one_out, split_random
from tinyrec.files import write_text
from tinyrec.models import Network
from tinyrec.reproduce.config import TrainingConfig
from tinyrec.signals import explained
from tinyrec.training.parallel import each
from tinyrec.training.run import check_options, try_candidate

Candidate = dict[str, Any]  # the arguments of TrainingConfig.from_names, except the model
RANGE = re.compile(r"(.+)\.\.(.+)")
NDCG = "ndcg@100"  # the measure for implicit feedback; for ratings it is RMSE


def add_to(subparsers: Any) -> None:
    example = "tune --dataset ml-100k --grid l2=80,160,320 --grid center=true,false --write best.toml"
    parser = common.add_command(subparsers, "tune", run, "Search for settings on a validation part.", example)
    common.add_training_flags(parser)
    grid = "values to try for a setting, epochs or batch_size; repeatable; without one for l2: five values of l2"
    add = parser.add_argument
    add("--grid", action="append", default=[], metavar="KEY=A,B,...", help=grid)
    draws = "try N random combinations instead of all; then KEY=LOW..HIGH is a range, on a logarithmic scale"
    add("--random", type=common.whole(1), metavar="N", help=draws)
    add("--epochs", type=common.whole(1), metavar="N", help="the maximum; with linear_decay, the number")
    add("--test", type=float, default=0.1, metavar="FRACTION", help="left unused; default: 0.1")
    add("--valid", type=float, default=0.1, metavar="FRACTION", help="of the rest; default: 0.1")
    add("--repeats", type=common.whole(1), default=1, metavar="K", help="K random splits; their mean counts")
    add("--jobs", type=common.whole(1), default=1, metavar="N", help="trainings side by side; default: 1")
    add("--write", metavar="FILE.toml", help="write the best for: train --config FILE.toml")


def run(args: argparse.Namespace) -> None:
    fixed = {"by": args.by, "optimizer": args.optimizer, "epochs": args.epochs, "batch_size": args.batch_size}
    fixed |= {"set": parse_settings(args.set)}
    model, grid = common.find_model(args), parse_grid(args.grid)
    base: Any = make(model, fixed).model
    measure = NDCG if base.implicit else "rmse"
    check_feedback_flags(args, base.implicit, for_ratings=["valid"])
    if isinstance(base, Network) and base.l2 is None and "l2" not in grid:
        grid |= default_grid(args)
    drawn_or_all = drawn(fixed, grid, args) if args.random else combined(fixed, grid)
    candidates = [json.loads(text) for text in dict.fromkeys(map(json.dumps, drawn_or_all))]  # without duplicates
    for config in [make(model, candidate) for candidate in candidates]:  # find wrong settings before any training
        common.check_feature_flags(args, [config.model])
        if isinstance(config.model, Network):
            valid = None if base.implicit else args.valid
            check_options(config.model, config.optimizer, config.epochs, valid, config.batch_size, args.seed)
    names = "dataset", "model", "feedback", "test", "valid", "backend", "threshold", "latest", "deterministic"
    same = {name: getattr(args, name) for name in names} | {"reading": common.read_options(args)}
    same |= {"features": {"items": args.item_features, "users": args.user_features}}
    cells = [
        {**same, "candidate": candidate, "at": (number, repeat), "seed": args.seed + repeat}
        for number, candidate in enumerate(candidates)
        for repeat in range(args.repeats)
    ]
    common.say(args, f"{len(candidates)} candidates on {args.repeats} splits of {args.dataset}, {args.jobs} at a time")
    results: dict[tuple[int, int], dict[str, Any]] = {}
    with explained(
        lambda: f"stopped after {len(results)} of {len(cells)} trainings, listed above; nothing was written"
    ):
        for cell, result in each(try_cell, cells, args.jobs):
            for line in result["assumed"] if not results else ():
                common.say(args, line)
            results[cell["at"]] = result
            figure = f"{measure.upper()} {result[f'valid_{measure}']:.4f}"
            epochs = "" if result["epochs"] is None else f", {result['epochs']} epochs"
            common.say(args, f"{changing(cell['candidate'], grid)}: {figure}{epochs}".removeprefix(": "))
    rows = []
    for number, candidate in enumerate(candidates):
        by = asdict(make(model, candidate).model).get("by")  # type: ignore[call-overload]
        trials = [results[number, repeat] for repeat in range(args.repeats)]
        rows.append({"model": args.model, **candidate, "by": by, **means(trials, measure)})
    rows.sort(key=lambda row: row[f"valid_{measure}"], reverse=measure == NDCG)
    if math.isinf(rows[0][f"valid_{measure}"]):
        raise Diverged("every candidate diverged; try smaller learning rates or another l2")
    result = {"dataset": args.dataset, "valid": args.valid, "candidates": rows}
    common.write_result(args, result, text(rows, grid, measure))
    if args.write:
        write_config(args, rows[0], measure)


def make(model: Any, candidate: Candidate) -> TrainingConfig:
    return TrainingConfig.from_names(model, **candidate)


def try_cell(cell: dict[str, Any]) -> dict[str, Any]:
    """Train one candidate on one split; one that diverges gets the worst value."""
    started = time.perf_counter()
    config = make(common.find_model(argparse.Namespace(**cell)), cell["candidate"])
    read = load_dataset(cell["dataset"], **cell["reading"]).with_features(**cell["features"])
    data = as_feedback(read, cell["feedback"], config.model.implicit, cell["threshold"])
    try:
        with deterministic(cell["deterministic"]):  # this may be another process
            result = (measure_ranking if data.implicit else measure_rmse)(cell, config, data)
    except Diverged:
        result = {"epochs": 0, "valid_rmse": math.inf, f"valid_{NDCG}": -math.inf}
    return {**result, "assumed": common.assumed(read), "seconds": time.perf_counter() - started}


def measure_rmse(cell: dict[str, Any], config: TrainingConfig, data: Dataset) -> dict[str, Any]:
    """Return {"epochs": the best number, "valid_rmse": ...} on a validation part of the training part."""
    train = split_random(data, cell["test"], cell["seed"])[0] if cell["test"] else data
    part, held_out = split_random(train, cell["valid"], cell["seed"])
    if not isinstance(config.model, Network):
        epochs = getattr(config.model, "epochs", None)
        rmse = config.fit(part, seed=cell["seed"]).examine(held_out)[0]["rmse"]
        return {"epochs": epochs, "valid_rmse": rmse}
    options = {"optimizer": config.optimizer, "batch_size": config.batch_size, "epochs": config.epochs}
    return try_candidate(config.model, part, held_out, backend=cell["backend"], seed=cell["seed"], **options)


def measure_ranking(cell: dict[str, Any], config: TrainingConfig, data: Dataset) -> dict[str, Any]:
    """Return the same with NDCG: of each user, one item is the test part, and another the validation part."""
    train = split_leave_one_out(data, cell["latest"], cell["seed"])[0] if cell["test"] else data
    part, held_out = split_leave_one_out(train, cell["latest"], cell["seed"])
    fitted = config.fit(part, seed=cell["seed"])
    return {
        "epochs": getattr(config.model, "epochs", config.epochs),
        f"valid_{NDCG}": fitted.rank(held_out, (100,))[NDCG],
    }


def parse_grid(texts: list[str]) -> dict[str, list[Any] | tuple[float, float]]:
    """["l2=100,200", "dropout=0.1..0.5"] -> {"l2": [100, 200], "dropout": (0.1, 0.5)}"""
    grid: dict[str, list[Any] | tuple[float, float]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if key in grid:
            raise UsageError(f"--grid gives {key} twice; write --grid {key}=A,B,...")
        bounds = RANGE.fullmatch(values)
        if not equals or not values:
            raise UsageError(f"--grid {text} has no values; write --grid {key}=A,B,...")
        if bounds:
            low, high = (parse_value(bound) for bound in bounds.groups())
            if not (isinstance(low, int | float) and isinstance(high, int | float) and 0 < low < high < math.inf):
                raise UsageError(f"--grid {text} is not a range; write --grid {key}=LOW..HIGH, with 0 < LOW < HIGH")
            grid[key] = (low, high)
        else:
            grid[key] = [parse_value(value.strip()) for value in values.split(",")]
    return grid


def default_grid(args: argparse.Namespace) -> dict[str, list[Any] | tuple[float, float]]:
    """Return five values of λ around 0.3 √(number of ratings), see AutoRec.candidates."""
    data = load_dataset(args.dataset, **common.read_options(args))
    return {"l2": [float(f"{factor * 0.3 * data.ratings.size**0.5:.3g}") for factor in (0.25, 0.5, 1, 2, 4)]}


def combined(fixed: Candidate, grid: dict[str, Any]) -> Iterator[Candidate]:
    """Yield all combinations of the values of the grid."""
    for key, values in grid.items():
        if isinstance(values, tuple):
            raise UsageError(f"{key} has a range, from which values are drawn; say how many with --random N")
    for values in itertools.product(*grid.values()):
        yield with_values(fixed, dict(zip(grid, values, strict=True)))


def drawn(fixed: Candidate, grid: dict[str, Any], args: argparse.Namespace) -> Iterator[Candidate]:
    """Yield args.random combinations of independently drawn values."""
    rng = np.random.default_rng(args.seed)
    for _ in range(args.random):
        yield with_values(fixed, {key: draw(values, rng) for key, values in grid.items()})


def draw(values: list[Any] | tuple[float, float], rng: np.random.Generator) -> Any:
    if isinstance(values, list):
        return values[rng.integers(len(values))]
    low, high = values
    value = math.exp(rng.uniform(math.log(low), math.log(high)))
    value = round(value) if isinstance(low, int) and isinstance(high, int) else float(f"{value:.3g}")
    return min(max(value, low), high)  # rounding may leave a narrow range


def with_values(fixed: Candidate, values: dict[str, Any]) -> Candidate:
    """Return `fixed` with these values: epochs and batch_size at the top level, the others in "set"."""
    own = {key: value for key, value in values.items() if key in ("epochs", "batch_size")}
    others = {key: value for key, value in values.items() if key not in own}
    return {**fixed, **own, "set": {**fixed["set"], **others}}


def means(results: list[dict[str, Any]], measure: str) -> dict[str, Any]:
    """Return the means of one candidate over the splits."""
    values = [result[f"valid_{measure}"] for result in results]
    epochs = [result["epochs"] for result in results]
    return {
        "epochs": None if None in epochs else round(float(np.mean(epochs))),
        f"valid_{measure}": float(np.mean(values)),
        "seconds": float(np.mean([result["seconds"] for result in results])),
        f"valid_{measure}s": values,
    }


def changing(candidate: Candidate, grid: dict[str, Any]) -> str:
    """Return the candidate's values of the grid as text: "l2=100 dropout=0.5"."""
    return " ".join(f"{key}={as_text(value_of(candidate, key))}" for key in grid)


def value_of(candidate: Candidate, key: str) -> Any:
    return candidate[key] if key in ("epochs", "batch_size") else candidate["set"][key]


def text(rows: list[dict[str, Any]], grid: dict[str, Any], measure: str) -> str:
    """Return the validation table, best first."""
    keys = [key for key in grid if key != "epochs"]
    cells = []
    for row in rows:
        settings = [as_text(value_of(row, key)) for key in keys]
        cells.append([*settings, row["epochs"], row[f"valid_{measure}"], f"{row['seconds']:7.1f}"])
    return common.table(cells, [*keys, "epochs", f"valid {measure.upper()}", "seconds"])


def toml(value: Any) -> str:
    """Return a number, string, boolean or list as TOML, which is the same as JSON for these."""
    return json.dumps(value, ensure_ascii=False)


def write_config(args: argparse.Namespace, best: dict[str, Any], measure: str) -> None:
    """Write the best candidate as flags for `train --config`."""
    flags = {"dataset": args.dataset, "model": args.model, "by": best["by"], "optimizer": best["optimizer"]}
    flags |= {"epochs": best["epochs"], "batch-size": best["batch_size"], "seed": args.seed, "test": args.test}
    flags |= {"item-features": args.item_features, "user-features": args.user_features}
    flags |= common.read_options(args)
    flags |= {"feedback": args.feedback, "threshold": args.threshold, "latest": args.latest or None}
    figure = f"{measure.upper()} {best[f'valid_{measure}']:.4f}"
    lines = [f"# by tinyrec tune: {figure} on validation parts of the training data"]
    lines += [f"{key} = {toml(value)}" for key, value in flags.items() if value is not None]
    lines += ["", "[set]", *(f"{key} = {toml(value)}" for key, value in best["set"].items() if value is not None)]
    write_text(args.write, "\n".join([*lines, ""]))
