"""bench: time an epoch, and compare it with the peak rates of the machine and with PyTorch."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
from collections.abc import Iterator
from statistics import median
from typing import Any

import tinyrec
from tinyrec.backend import get_backend
from tinyrec.bench.contest import COMPARED, OURS, SAME, TF32
from tinyrec.bench.implicit import implicit_loss
from tinyrec.bench.machine import ceilings, description, in_own_process, in_words
from tinyrec.bench.measure import Case, measure
from tinyrec.bench.pairs import pairs
from tinyrec.bench.race import TARGET, race
from tinyrec.bench.reading import reading
from tinyrec.bench.shapes import SHAPES, find_shape
from tinyrec.cli.common import add_backend_flag, add_command, say, table, whole, write_result
from tinyrec.cli.plot import check_plot, plot_epochs
from tinyrec.errors import UsageError

DEFAULT_SHAPES = ["ml-100k", "ml-1m"]
PAIRS_SHAPE = "ml-1m"
FILE_SHAPE = "150000x30000x5000000"


def add_to(subparsers: Any) -> None:
    summary = "Time an epoch of I-AutoRec and its parts on synthetic ratings."
    parser = add_command(subparsers, "bench", run, summary, "bench --shape ml-1m --against torch --plot bench.png")
    shapes = f"{', '.join(SHAPES)}, or USERSxITEMSxRATINGS; repeatable; default: {', '.join(DEFAULT_SHAPES)}"
    add = parser.add_argument
    add("--shape", action="append", metavar="NAME", help=shapes)
    add("--hidden-units", type=whole(1), default=500, metavar="K", help="default: 500; for NRP: of its second layer")
    add("--rounds", type=whole(1), default=10, metavar="N", help="repetitions of each timing; default: 10")
    add("--against", choices=("torch",), help="also time the same training in PyTorch")
    add("--race", action="store_true", help=f"time training to test RMSE {TARGET} on ml-1m, and the same in PyTorch")
    add("--implicit", action="store_true", help="time the loss for implicit feedback instead, and that of dense NumPy")
    add("--pairs", action="store_true", help=f"time steps of NRP instead, on {PAIRS_SHAPE} by default")
    add("--reading", action="store_true", help=f"time reading a CSV file, of {FILE_SHAPE} by default, and polars alone")
    add("--seed", type=whole(0), default=0, help="of the synthetic ratings; default: 0")
    add("--plot", metavar="FILE.png", help="draw seconds per epoch against ratings")
    add_backend_flag(parser)


def run(args: argparse.Namespace) -> int:
    cases = check_flags(args)
    backend = get_backend(args.backend).name
    if backend == "cupy":
        check_gpu_flags(args)
    settings = {"hidden_units": args.hidden_units, "rounds": args.rounds, "seed": args.seed, "backend": backend}
    result: dict[str, Any] = {"version": tinyrec.__version__, **settings, "machine": description(backend)}
    say(args, "measuring the peak rates of this machine")
    result |= {"ceilings": in_own_process(ceilings, backend), "shapes": [], "implicit": [], "reading": [], "pairs": []}
    key, function = ("implicit", implicit_loss) if args.implicit else ("shapes", measure)
    key, function = ("reading", reading) if args.reading else (key, function)
    for case in cases:
        say(args, f"measuring {case.shape}")
        if args.pairs:
            result["pairs"] += pairs(case)
        else:
            result[key].append(function(case) if args.reading else in_own_process(function, case))
    if args.race:
        say(args, f"racing to RMSE {TARGET} on ml-1m, {args.rounds} times each")
    result["race"] = in_own_process(race, args.rounds, backend) if args.race else None
    write_result(args, result, text(result))
    if args.plot:
        plot(args.plot, result)
    contests = [shape["contest"] for shape in result["shapes"] if shape["contest"]]
    return 0 if all(map(is_same, contests + result["pairs"])) else 1


def check_flags(args: argparse.Namespace) -> list[Case]:
    """Return what to measure. UsageError: flags that are wrong or exclude each other"""
    default = [FILE_SHAPE] if args.reading else [PAIRS_SHAPE] if args.pairs else DEFAULT_SHAPES
    shapes = args.shape or ([] if args.race else default)
    for name in shapes:
        find_shape(name)
    if args.implicit and (args.against or args.race):
        raise UsageError("--implicit compares with NumPy; leave --against and --race out")
    if (args.against or args.race) and importlib.util.find_spec("torch") is None:
        raise UsageError('PyTorch is not installed; install it with: pip install "tinyrec[bench]"')
    if args.reading and (args.implicit or args.against or args.race):
        raise UsageError("--reading times nothing else; leave --implicit, --against and --race out")
    if args.pairs and (args.implicit or args.reading or args.race):
        raise UsageError("--pairs times nothing else; leave --implicit, --reading and --race out")
    if args.plot and (args.implicit or args.reading or args.pairs or not shapes):
        raise UsageError("--plot draws the seconds per epoch of I-AutoRec; name a --shape, and time nothing else")
    if args.plot:
        check_plot(args.plot)
    return [Case(name, args.hidden_units, args.rounds, args.backend, args.seed, args.against) for name in shapes]


def check_gpu_flags(args: argparse.Namespace) -> None:
    """UsageError: what the flags ask for, or this machine, would not give a fair comparison on the GPU"""
    if args.implicit or (args.pairs and args.against):
        them = "NumPy" if args.implicit else "PyTorch"
        raise UsageError(f"{them} would run on the CPU, and tinyrec on the GPU; choose --backend numpy")
    if os.environ.get("CUPY_TF32", "0") != "0":
        raise UsageError("CUPY_TF32 is set: products would be in TF32, which is less exact than float32; unset it")
    if args.against or args.race:
        from tinyrec.bench import rivals  # imports torch, which is optional

        rivals.device_of(get_backend("cupy"))


def text(result: dict[str, Any]) -> str:
    """Return the result as text with tables."""
    machine, best, shapes = result["machine"], result["ceilings"], result["shapes"]
    lines = [f"{processor(machine)}, backend: {result['backend']}; peak rates:"]
    lines[0] += f" {best['gemm_gflops']:.0f} GFLOP/s (GEMM) and {best['memory_gb_per_s']:.0f} GB/s (memory)"
    if shapes:
        heads = ["shape", "part of an epoch", "      ms", "GFLOP/s", "of GEMM", "    GB", "  GB/s", " of mem"]
        lines += ["", table([row for shape in shapes for row in part_rows(shape, best)], heads)]
        heads = ["shape", "trained by", "s/epoch", "x tinyrec", "ns/rating"]
        heads += ["MB of GPU" if machine.get("gpu") else "peak MB", "top 10, s"]
        lines += ["", table([row for shape in shapes for row in epoch_rows(shape)], heads)]
        lines += [remark(shape) for shape in shapes if shape["contest"]]
    if result["implicit"]:
        heads = ["implicit loss", "by", "seconds", "x tinyrec"]
        rows = [
            [shape["shape"], name, f"{seconds:7.3f}", f"{shape['ratio'] if name != OURS else 1:9.1f}"]
            for shape in result["implicit"]
            for name, seconds in shape["seconds"].items()
        ]
        lines += ["", table(rows, heads)]
        for shape in result["implicit"]:
            lines.append(f"{shape['shape']}: losses and gradients differ by at most {shape['largest_difference']:.0e}")
    if result["reading"]:
        heads = ["reading a CSV file", "by", "CPU seconds", "MB above the start"]
        rows = [
            [f"{its['shape']}, {its['file_mb']:.0f} MB", name, f"{seconds:11.2f}", f"{its['peak_mb'][name]:18.0f}"]
            for its in result["reading"]
            for name, seconds in its["cpu_seconds"].items()
        ]
        lines += ["", table(rows, heads)]
        for its in result["reading"]:
            ratios = f"{its['cpu_seconds_ratio']:.2f} x the CPU and {its['peak_mb_ratio']:.2f} x the memory"
            lines.append(f"tinyrec takes {ratios}, in the median of {len(its['rounds'])} rounds")
    if result["pairs"]:
        heads = ["NRP", "head", "trained by", "s/step", "s/epoch", "x tinyrec", "peak MB"]
        lines += ["", table([row for its in result["pairs"] for row in pair_rows(its)], heads)]
        compared = [its for its in result["pairs"] if len(its["contestants"]) > 1]
        lines += [f"{its['shape']}, {its['head']}: {differences(its)}" for its in compared]
    if result["race"]:
        heads = [f"RMSE {TARGET} on ml-1m", "seconds", "epochs", "all rounds' seconds"]
        lines += ["", table(list(race_rows(result["race"])), heads)]
    return "\n".join(lines)


def processor(machine: dict[str, Any]) -> str:
    """The GPU if there is one, else the CPU."""
    return in_words(gpu) if (gpu := machine.get("gpu")) else f"{machine['cpu']}, threads: {machine['threads']}"


def decimal(number: float, width: int, digits: int) -> str:
    """The number with `digits` decimals, or with more, so that it has three digits other than leading zeros."""
    needed = 2 - math.floor(math.log10(number)) if number > 0 else 0
    return f"{number:{width}.{min(max(digits, needed), width - 2)}f}"


def part_rows(shape: dict[str, Any], best: dict[str, float]) -> Iterator[list[str]]:
    """Yield a row for each part of an epoch, one for the remaining time, and one for the whole epoch."""
    parts, epoch = shape["parts"], shape["epoch"]
    for name, part in parts.items():
        yield [shape["shape"], name, *rates(part, best)]
    rest = epoch["seconds"] - sum(part["seconds"] for part in parts.values())
    yield [shape["shape"], "all else", decimal(max(rest, 0) * 1000, 8, 1), *[""] * 5]
    yield [shape["shape"], "the whole epoch", *rates(epoch, best)]


def rates(part: dict[str, Any], best: dict[str, float]) -> list[str]:
    """Return the columns after the names: time, operations, bytes."""
    flops = [f"{part['gflops']:7.1f}", f"{part['gflops'] / best['gemm_gflops']:7.0%}"] if part["flops"] else ["", ""]
    share = part["gb_per_s"] / best["memory_gb_per_s"]
    moved = [decimal(part["bytes"] / 1e9, 6, 2), f"{part['gb_per_s']:6.1f}", f"{share:7.0%}"]
    return [decimal(part["seconds"] * 1000, 8, 1), *flops, *moved]


def epoch_rows(shape: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a row for each implementation; memory and top 10 are measured for tinyrec only."""
    all_seconds = seconds_per_epoch(shape)
    for name, seconds in all_seconds.items():
        ratio, per_rating = seconds / all_seconds[OURS], seconds / shape["ratings"] * 1e9
        pace = [decimal(seconds, 7, 3), decimal(ratio, 9, 1), decimal(per_rating, 9, 0)]
        peak_of = "peak_rss_mb" if shape["gpu_peak_mb"] is None else "gpu_peak_mb"
        peak, top10 = (shape[key] if name == OURS else None for key in (peak_of, "top10_seconds"))
        yield [shape["shape"], name, *pace, f"{peak:7.0f}" if peak else "", f"{top10:9.2f}" if top10 else ""]


def seconds_per_epoch(shape: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of each implementation, from the comparison with PyTorch if there was one."""
    results = shape["contest"]["contestants"] if shape["contest"] else {OURS: shape["epoch"]}
    return {name: result["seconds"] for name, result in results.items()}


def remark(shape: dict[str, Any]) -> str:
    """Say whether the losses agree, and how the dense PyTorch training fits into memory."""
    contest = shape["contest"]
    verdict = f"{shape['shape']}: {differences(contest)}"
    if TF32 in contest["contestants"]:
        verdict += f", with TF32 by {contest['tf32_difference']:.0e}"
    if "torch dense" not in contest["contestants"]:
        return f"{verdict}; torch dense is left out, because its matrices would take too much memory"
    if contest["dense_batch_size"] < shape["items"]:
        return f"{verdict}; torch dense takes {contest['dense_batch_size']} of {shape['items']} rows at a time"
    return verdict


def differences(contest: dict[str, Any]) -> str:
    """Say whether the losses agree."""
    n = min(COMPARED, len(contest["contestants"][OURS]["losses"]))
    differ = f"the losses of the first {n} epochs differ by at most {contest['largest_difference']:.0e}"
    return differ if is_same(contest) else f"{differ}, MORE THAN {SAME:.0e}: not the same training"


def pair_rows(its: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a row for each implementation; an epoch is not run, its seconds are those of a step times its steps."""
    all_seconds = {name: result["seconds"] for name, result in its["contestants"].items()}
    for name, seconds in all_seconds.items():
        pace = [f"{seconds:7.3f}", f"{seconds * its['steps_per_epoch']:7.0f}", f"{seconds / all_seconds[OURS]:9.1f}"]
        yield [its["shape"], its["head"], name, *pace, f"{its['peak_rss_mb']:7.0f}" if name == OURS else ""]


def race_rows(race: dict[str, Any]) -> Iterator[list[str]]:
    for name, result in race["contestants"].items():
        epochs = median(len(run["curve"]) for run in result["runs"])
        rounds = ", ".join(f"{run['seconds']:.1f}" for run in result["runs"])
        yield [name, f"{result['seconds']:7.1f}", f"{epochs:6.0f}", rounds]


def plot(path: str, result: dict[str, Any]) -> None:
    """Plot seconds per epoch against the number of ratings, log-log."""
    shapes = sorted(result["shapes"], key=lambda shape: shape["ratings"])
    names = dict.fromkeys(name for shape in shapes for name in seconds_per_epoch(shape))
    curves = {
        name: {shape["ratings"]: seconds for shape in shapes if (seconds := seconds_per_epoch(shape).get(name))}
        for name in names  # not every implementation was trained on all shapes
    }
    rate = result["ceilings"]["gemm_gflops"] * 1e9
    ceiling = {shape["ratings"]: shape["epoch"]["flops"] / rate for shape in shapes}
    gpu = result["machine"].get("gpu")
    where = gpu["name"] if gpu else f"threads: {result['machine']['threads']}"
    title = f"One epoch of I-AutoRec, {result['hidden_units']} hidden units, {where}"
    plot_epochs(path, title, curves, ceiling, {shape["shape"]: shape["ratings"] for shape in shapes})


def is_same(contest: dict[str, Any]) -> bool:
    return contest["largest_difference"] <= SAME
