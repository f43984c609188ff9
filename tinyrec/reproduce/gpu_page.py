"""The page "On a GPU", of what is kept in three files: the table of the models, `bench` beside PyTorch, and seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.bench.contest import COMPARED, OURS, TF32, largest_difference
from tinyrec.errors import FileError
from tinyrec.files import write_text
from tinyrec.reproduce import pages, run
from tinyrec.reproduce.pages import Measured
from tinyrec.reproduce.tables import Table, read

NAME, BENCH, SEEDS = "gpu", "gpu-bench", "gpu-seeds"
RIVALS = ("torch sparse", TF32, "torch dense")
PARTS_OF = ("ml-1m", "netflix")  # the shapes whose parts are shown
ITEMSIZE = 4  # bytes of a float32, in which `bench` trains
MODELS = """\
ms / epoch: the median of the epochs after any pretraining; of an average, that of each member. Seconds are those of the
whole training, with pretraining and, where CuPy has not kept them, the compilation of the kernels. CPU: the same
training on the same split, as kept with the table of a paper.
"""
BESIDE = """\
Milliseconds an epoch of I-AutoRec, {k} hidden units, RProp on the full batch, on synthetic ratings of the sizes and the
skew of known data sets: medians, in turns with the same training in PyTorch on the same GPU, by hand on its sparse
matrices, and dense with a mask and autograd. MB: the most GPU memory that tinyrec's arrays take, in 2²⁰ bytes
(`python -m tinyrec bench --backend cupy --against torch --shape` ...).
"""
BOUNDS = """\
Each part is timed alone, with nothing in the caches when it begins. GEMM: its share of the rate of a large float32
matrix product. GB: what a product gathers, a row of a dense matrix for each rating, p k {itemsize} bytes; for RProp,
what it reads and writes. Memory: this rate as a share of what a large copy or sum reaches. Above 100 %, not all of it
can have come from memory: the caches answer the rest, and they bound the product; arithmetic does not. RProp has each
array once, so that memory bounds it. What is near no limit is bound by latency. "All else" is what the parts leave of
the epoch: other kernels, and the waits for them.
"""
MINI_BATCHES = """\
In mini-batches of 128 rows, the time is mostly that of Python's launches. A step launches dozens of kernels, however
few rows it has; most of them are done in microseconds, sooner than Python launches the next, and the GPU waits.
"""


@dataclass(frozen=True)
class Extras:
    """What is kept beside the table: results of `bench`, and {"seeds": , "cupy": , "numpy": RMSE of each} or {}."""

    benches: list[dict[str, Any]]
    seeds: dict[str, list[float]]

    @property
    def shapes(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Each shape with the result that it is in, the smallest first."""
        found = [(shape, bench) for bench in self.benches for shape in bench["shapes"]]
        return sorted(found, key=lambda pair: pair[0]["ratings"])


def read_extras(folder: Path) -> Extras:
    """Read what this folder has; FileError: a file is damaged"""
    benches, seeds = (load(folder / f"{name}.json", {}) for name in (BENCH, SEEDS))
    return Extras(benches.get("results", []), seeds)


def keep(paths: Sequence[Path], folder: Path) -> None:
    """Keep files in this folder, each for what it holds, in place of older results of the same.

    They come from `reproduce gpu --out DIR` (DIR/gpu.json) and from `bench --backend cupy --json FILE`; or are
    {"seeds": [...], "cupy": [...], "numpy": [...]}, the RMSE of I-AutoRec with each seed on both backends.
    """
    for path in paths:
        document = load(path)
        if "cells" in document:
            table = read(NAME)
            cells = [cell for cell in run.read(path) if run.is_of(table, cell)]
            if document.get("table") != NAME or not cells:
                raise FileError(f"{path} has no results of the table {NAME}, measured on a GPU")
            run.write(folder / f"{NAME}.json", table, cells)
        elif "seeds" in document:
            if not len(document["seeds"]) == len(document.get("cupy", ())) == len(document.get("numpy", ())) > 0:
                raise FileError(f"{path} must have an RMSE of both backends for each seed")
            write_text(folder / f"{SEEDS}.json", json.dumps(document) + "\n")
        else:
            keep_bench(path, document, folder)


def keep_bench(path: Path, new: dict[str, Any], folder: Path) -> None:
    if new.get("backend") != "cupy" or not new.get("shapes"):
        raise FileError(f"{path} has no epochs timed on a GPU; make it with: bench --backend cupy --json FILE")
    names = {shape["shape"] for shape in new["shapes"]}
    kept = []
    for bench in read_extras(folder).benches:
        if others := [shape for shape in bench["shapes"] if shape["shape"] not in names]:
            kept.append({**bench, "shapes": others})
    lines = ",\n".join(json.dumps(bench, ensure_ascii=False) for bench in [*kept, new])
    write_text(folder / f"{BENCH}.json", f'{{"results": [\n{lines}\n]}}\n')


def load(path: Path, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read a JSON object; default: what to return if there is no such file. FileError: it is damaged"""
    if default is not None and not path.exists():
        return default
    try:
        document = json.loads(path.read_text("utf-8"))
        return dict(document)
    except (OSError, ValueError, TypeError) as problem:
        raise FileError(f"{path} cannot be read ({problem})") from None


def page(table: Table, rows: list[Measured], extras: Extras, plotted: bool) -> str:
    """Return the page; the parts for which nothing is kept are left out."""
    shown = [its for its in rows if its.cells]
    machines = {pages.environment(cell) for its in shown for cell in its.cells}
    machines |= {pages.environment({"environment": environment(bench)}) for bench in extras.benches}
    parts = [f"# {table.title}", *([table.about.strip(), *models(table, shown)] if shown else [])]
    if extras.benches:
        parts += ["## An epoch, beside PyTorch", *beside(extras)]
        parts += [f"![{caption(extras)}]({table.name}.png)"] if plotted else []
        parts += ["## What bounds it", *bounds(extras)]
    parts += ["## In mini-batches", MINI_BATCHES.strip() + slower(shown)] if shown else []
    if extras.seeds:
        parts += ["## Over seeds", over_seeds(extras.seeds)]
    settings = [f"* {its.row.name}: `{'` and `'.join(map(pages.describe, its.row.configs()))}`" for its in shown]
    parts += ["## Settings", "\n".join(settings)] if shown else []
    parts += ["## Measured on"]
    return "\n\n".join([*parts, "\n".join(f"* {machine}" for machine in sorted(machines))]) + "\n"


def models(table: Table, rows: list[Measured]) -> Iterator[str]:
    """Yield the table of the models, what it is, and how far apart the backends are."""
    lines = [["model", "data", "ms / epoch", "epochs", "seconds", "measure", "GPU", "CPU", "GPU - CPU"]]
    differences: dict[str, float] = {}
    for its in rows:
        ms, epochs = ", ".join(map(digits, epoch_ms(its))), ", ".join(str(its) for its in epochs_of(its))
        on_cpu, measure = cpu_values(its), its.row.measure.upper()
        line = [its.row.name, its.row.dataset, ms, epochs, digits(its.mean("seconds")), measure, f"{its.value:.4f}"]
        if on_cpu:
            difference = float(np.mean(np.subtract(its.values, on_cpu)))
            differences |= {its.row.name: difference} if its.row.measure == "rmse" else {}
            line += [f"{np.mean(on_cpu):.4f}", f"{difference:+.4f}"]
        lines.append([*line, "", ""][:9])
    yield markdown(lines, texts=(0, 1, 5))
    splits = max((len(its.cells) for its in rows), default=0)
    what = "split 0" if splits == 1 else f"the mean of splits 0 to {splits - 1}"
    yield f"`python -m tinyrec reproduce {table.name} --backend {table.backend}`, {what}.\n{MODELS.strip()}"
    if differences:
        most = max(differences, key=lambda name: abs(differences[name]))
        mean = np.mean(list(differences.values()))
        yield (
            f"The RMSE on the GPU minus that on the CPU is {mean:+.5f} in the mean of these models, and the largest "
            f"is {differences[most]:+.5f}, of {most}."
        )


def epoch_ms(its: Measured) -> list[float]:
    """Milliseconds an epoch of each member, in the mean of the splits."""
    members = zip(*(cell["members"] for cell in its.cells), strict=True)
    return [1000 * float(np.mean([member["epoch_seconds"] for member in same])) for same in members]


def epochs_of(its: Measured) -> list[int]:
    return [member["epochs"] for member in its.cells[0]["members"]]


def cpu_values(its: Measured) -> list[float]:
    """The scores of the same trainings on the CPU, split by split; none unless there are all."""
    row, found = its.row, []
    for cell in its.cells:
        kept = (other for other in cells_of_cpus() if run.serves(other, cell["task"], {(row.score, row.measure)}))
        found += [other["scores"][row.score][row.measure] for other in list(kept)[:1]]
    return found if len(found) == len(its.cells) else []


@lru_cache(1)
def cells_of_cpus() -> list[run.Cell]:
    """All kept cells that NumPy's backend measured."""
    files = filter(run.is_shared, sorted(pages.RESULTS.glob("*.json")))
    return [cell for path in files for cell in run.read(path) if cell["environment"]["backend"] == "numpy"]


def beside(extras: Extras) -> Iterator[str]:
    """Yield the times of each shape, and how far the losses of tinyrec and PyTorch are apart."""
    rivals = [name for name in RIVALS if any(name in ms_of(shape) for shape, _ in extras.shapes)]
    names = [name.replace("torch", "PyTorch") for name in rivals]
    lines = [["shape", "ratings", "tinyrec alone", "tinyrec", *names, "PyTorch sparse / tinyrec", "MB"]]
    for shape, _ in extras.shapes:
        ms = ms_of(shape)
        ratio = f"{ms[RIVALS[0]] / ms[OURS]:.2f}" if RIVALS[0] in ms else ""
        times = [digits(ms[name]) if name in ms else "" for name in ("alone", OURS, *rivals)]
        memory = "" if shape["gpu_peak_mb"] is None else f"{shape['gpu_peak_mb']:,.0f}"
        lines.append([shape["shape"], f"{shape['ratings']:,}", *times, ratio, memory])
    yield BESIDE.strip().format(k=" or ".join(sorted({str(bench["hidden_units"]) for bench in extras.benches})))
    yield markdown(lines)
    if contests := {shape["shape"]: shape["contest"]["contestants"] for shape, _ in extras.shapes if shape["contest"]}:
        yield agreement(contests)


def agreement(contests: dict[str, dict[str, Any]]) -> str:
    """Say how far the losses of tinyrec and PyTorch are apart; contests: shape -> what each implementation gave."""

    def difference(its: dict[str, Any], names: Sequence[str], epochs: int | None = None) -> float:
        return largest_difference([its[name]["losses"] for name in (OURS, *names) if name in its], epochs)

    exact = [name for name in RIVALS if name != TF32]
    shortest = min(len(its[OURS]["losses"]) for its in contests.values())
    text = f"The losses of the first {min(COMPARED, shortest)} epochs agree to "
    text += f"{max(difference(its, exact, COMPARED) for its in contests.values()):.0e}"
    if coarse := [difference(its, [TF32], COMPARED) for its in contests.values() if TF32 in its]:
        text += f", with TF32 to {max(coarse):.0e}"
    drift = {name: difference(its, exact) for name, its in contests.items()}
    worst = max(drift, key=lambda name: drift[name])
    n, most = len(contests[worst][OURS]["losses"]), f"{drift[worst]:.0e}"
    return f"{text}. Of all {n}, they agree to {most} on {worst}: RProp uses signs, and rounding errors grow."


def ms_of(shape: dict[str, Any]) -> dict[str, float]:
    """Milliseconds an epoch: of tinyrec "alone" and, if there was a contest, of each contestant."""
    contest = shape["contest"]["contestants"] if shape["contest"] else {}
    both = {"alone": shape["epoch"], **contest}
    return {name: 1000 * result["seconds"] for name, result in both.items()}


def curves(extras: Extras) -> dict[str, dict[int, float]]:
    """For the plot, of each implementation: number of ratings -> milliseconds an epoch."""
    found: dict[str, dict[int, float]] = {OURS: {}}
    for shape, _ in extras.shapes:
        ms = ms_of(shape)
        for name in (OURS, *RIVALS):
            if (time := ms.get(name, ms["alone"] if name == OURS else None)) is not None:
                found.setdefault(name.replace("torch", "PyTorch"), {})[shape["ratings"]] = time
    return found


def sizes(extras: Extras) -> dict[str, int]:
    """Shape -> number of ratings."""
    return {shape["shape"]: shape["ratings"] for shape, _ in extras.shapes}


def caption(extras: Extras) -> str:
    gpus = sorted({bench["machine"]["gpu"]["name"] for bench in extras.benches})
    return f"An epoch of I-AutoRec on {' or '.join(gpus)}, by number of ratings"


def bounds(extras: Extras) -> Iterator[str]:
    """Yield the parts of an epoch, with the rates of arithmetic and of what is read and written."""
    lines = [["shape", "part", "ms", "GFLOP/s", "GEMM", "GB", "GB/s", "memory", "bound by"]]
    for shape, bench in extras.shapes:
        if shape["shape"] in PARTS_OF:
            gathered = shape["ratings"] * bench["hidden_units"] * ITEMSIZE
            parts, whole = shape["parts"], shape["epoch"]["seconds"]
            rest = max(0, whole - sum(part["seconds"] for part in parts.values()))
            rows = [[name, *rates(part, gathered, bench["ceilings"])] for name, part in parts.items()]
            rows += [[name, digits(1000 * its), *[""] * 6] for name, its in (("all else", rest), ("the epoch", whole))]
            lines += [[shape["shape"], *row] for row in rows]
    if len(lines) > 1:
        yield markdown(lines, texts=(0, 1, 8))
    yield BOUNDS.strip().format(itemsize=ITEMSIZE)
    best = [bench["ceilings"] for bench in extras.benches]
    said = dict.fromkeys(f"{its['memory_gb_per_s']:,.0f} GB/s and {its['gemm_gflops']:,.0f} GFLOP/s" for its in best)
    yield f"The rates of a large copy or sum, and of a large product: {', or '.join(said)}."


def rates(part: dict[str, Any], gathered: int, best: dict[str, float]) -> list[str]:
    """Return the columns of a part: ms, those of arithmetic, those of memory, and what bounds it."""
    is_product = part["flops"] > 0
    moved = gathered if is_product else part["bytes"]
    rate = moved / part["seconds"] / 1e9
    share = rate / best["memory_gb_per_s"]
    flops = [f"{part['gflops']:,.0f}", f"{part['gflops'] / best['gemm_gflops']:.0%}"] if is_product else ["", ""]
    bound = "caches" if share > 1 else "memory" if share > 0.5 else "latency"
    return [digits(1000 * part["seconds"]), *flops, digits(moved / 1e9), f"{rate:,.0f}", f"{share:.0%}", bound]


def slower(rows: list[Measured]) -> str:
    """Say how much longer an epoch takes in mini-batches than on the full batch, if a network is here with both."""
    full: dict[Any, Measured] = {}
    for its in rows:
        trainings = its.cells[0]["task"]["trainings"]
        settings = trainings[0]["settings"]
        same = (its.row.dataset, trainings[0]["model"], settings.get("by"), settings.get("hidden_units"))
        if len(trainings) > 1:
            continue
        if trainings[0]["batch_size"] == 0:
            full[same] = its
        elif same in full:
            ratio = epoch_ms(its)[0] / epoch_ms(full[same])[0]
            size = trainings[0]["batch_size"]
            return (
                f'\nIn batches of {size} rows, an epoch of "{its.row.name}" takes {ratio:.1f} times as long as one of '
                f'"{full[same].row.name}" on the full batch, whose products are as large in all.'
            )
    return ""


def over_seeds(seeds: dict[str, list[float]]) -> str:
    differences = np.subtract(seeds["cupy"], seeds["numpy"])
    most = differences[np.abs(differences).argmax()]
    names = ", ".join(str(seed) for seed in seeds["seeds"])
    return (
        f"I-AutoRec with RProp on MovieLens 1M, `train --dataset ml-1m --seed` {names} on both backends: the RMSE is "
        f"{np.mean(seeds['cupy']):.4f} on the GPU and {np.mean(seeds['numpy']):.4f} on the CPU in the mean; the "
        f"differences are {differences.mean():+.5f} in the mean, and the largest is {most:+.5f}."
    )


def environment(bench: dict[str, Any]) -> dict[str, Any]:
    """The environment of a result of `bench`, as cells have it."""
    return {"tinyrec": bench["version"], "backend": bench["backend"], **bench["machine"]}


def digits(value: float) -> str:
    """The number with three digits or, if it is large, with all before the point."""
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def markdown(lines: list[list[str]], texts: Sequence[int] = (0,)) -> str:
    """A table in Markdown: the first line has the heads; texts: which columns are aligned to the left."""
    rule = ["---" if column in texts else "---:" for column in range(len(lines[0]))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], rule, *lines[1:]])
