"""The page "Speed on a CPU", of results of `python -m tinyrec bench --json FILE` that are kept, for each machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tinyrec.bench.contest import OURS
from tinyrec.errors import FileError
from tinyrec.files import write_text
from tinyrec.reproduce import pages
from tinyrec.reproduce.gpu_page import digits, environment, load, markdown, ms_of

NAME = "speed"
RIVALS = {"dense": "torch dense", "sparse": "torch sparse"}
ABOUT = """\
Medians; contestants run in turns, in one process. Other machines differ, also in the ratios: `python -m tinyrec bench`
measures yours, and `python -m tinyrec.reproduce FILE` keeps what it wrote with `--json FILE` here.
"""
EPOCHS = """\
### An epoch

Milliseconds an epoch of I-AutoRec, {units} hidden units, RProp on the full batch, on synthetic ratings of the sizes and
the skew of known data sets, in turns with the same training in PyTorch: dense with a mask and autograd, and by hand on
its sparse matrices. MB: the peak memory of the process, while tinyrec trains, in 2²⁰ bytes. `bench --against torch`:
"""
RACE = """\
### To an RMSE

Seconds of training to test RMSE {target} on split 0 of ML-1M: I-AutoRec with Adam, a decaying rate and batches of 128
rows, the same in PyTorch, dense, in the faster of float32 and bfloat16. In many small steps, much of the time goes into
updating all weights, and sparse products save nothing of that. `bench --race`:
"""
IMPLICIT = """\
### The loss over all cells

Milliseconds of the loss over all cells for implicit feedback and its gradients, beside NumPy on dense matrices.
`bench --implicit`:
"""
STEPS = """\
### A step of NRP

Milliseconds a step, without noise, and the same in PyTorch. The users of a batch have rated a tenth of the movies or
less: at this density, sparse products gain little on dense ones. `bench --pairs --against torch`:
"""
READING = """\
### Reading a file

Reading a CSV file of ratings with times, checking it and making a matrix, beside `polars.read_csv` and `np.unique` of
both ids, which check nothing. The ratios are medians over the rounds. `bench --reading`:
"""


def is_for(path: Path) -> bool:
    """Whether this file has a result of `bench` on a CPU."""
    document = load(path)
    return "ceilings" in document and document.get("backend") != "cupy"


def keep(path: Path, folder: Path) -> None:
    """Keep each part of a result of `bench` on a CPU in place of an older one of the same machine."""
    new = load(path)
    shared = {"hidden_units": new["hidden_units"], "environment": environment(new)}
    found = [{"kind": kind, **shared, "its": its} for kind in WRITERS for its in _several(new.get(kind))]
    if not found:
        raise FileError(f"{path} has no result of bench; make it with: bench --json FILE")
    kept = [part for part in read(folder) if _key(part) not in map(_key, found)] + found
    lines = ",\n".join(json.dumps(part, ensure_ascii=False) for part in kept)
    write_text(folder / f"{NAME}.json", f'{{"results": [\n{lines}\n]}}\n')


def write(folder: Path) -> None:
    """Make the page, if anything is kept."""
    if parts := read(folder):
        write_text(folder / f"{NAME}.md", page(parts))


def read(folder: Path) -> list[dict[str, Any]]:
    """The kept parts; FileError: the file is damaged"""
    return load(folder / f"{NAME}.json", {"results": []})["results"]


def _several(parts: Any) -> list[dict[str, Any]]:
    return parts if isinstance(parts, list) else [parts] if parts else []


def _key(part: dict[str, Any]) -> tuple[Any, ...]:
    machine, its = part["environment"], part["its"]
    return machine["cpu"], machine["threads"], part["kind"], its.get("shape"), its.get("head"), part["hidden_units"]


def page(parts: list[dict[str, Any]]) -> str:
    """Return the page, with a chapter for each machine."""
    machines: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        machines.setdefault(_machine(part["environment"]), []).append(part)
    text = ["# Speed on a CPU", ABOUT.strip()]
    for machine, its in sorted(machines.items()):
        text.append(f"## {machine}")
        for kind, write in WRITERS.items():
            if found := [part for part in its if part["kind"] == kind]:
                text += write(found)
    return "\n\n".join(text) + "\n"


def _machine(used: dict[str, Any]) -> str:
    torch = used["versions"]["torch"]
    return pages.environment({"environment": used}) + (f", PyTorch {torch}" if torch else "")


def _mb(its: dict[str, Any]) -> str:
    return f"{its['peak_rss_mb']:,.0f}" if its["peak_rss_mb"] else ""  # not every system tells it


def epochs(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the seconds of an epoch of each shape, beside PyTorch."""
    units = " or ".join(sorted({str(part["hidden_units"]) for part in parts}))
    yield EPOCHS.strip().format(units=units)
    heads = [f"PyTorch, {name}" for name in RIVALS], [f"{name} / tinyrec" for name in RIVALS]
    lines = [["shape", "ratings", "tinyrec alone", "tinyrec", *heads[0], *heads[1], "MB"]]
    for its in sorted((part["its"] for part in parts), key=lambda its: its["ratings"]):
        ms = ms_of(its)
        times = [digits(ms[name]) if name in ms else "" for name in ("alone", OURS, *RIVALS.values())]
        ratios = [f"{ms[name] / ms[OURS]:.1f}" if name in ms else "" for name in RIVALS.values()]
        lines.append([its["shape"], f"{its['ratings']:,}", *times, *ratios, _mb(its)])
    yield markdown(lines)


def race(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the seconds to an RMSE, and their range over the rounds."""
    contestants = parts[-1]["its"]["contestants"]
    yield RACE.strip().format(target=parts[-1]["its"]["target"])
    lines = [["trained by", "seconds", "lowest", "highest", "epochs", "/ tinyrec"]]
    for name, its in contestants.items():
        seconds = [run["seconds"] for run in its["runs"]]
        of_all = [f"{value:.2f}" for value in (its["seconds"], min(seconds), max(seconds))]
        count = f"{median(len(run['curve']) for run in its['runs']):.0f}"
        lines.append([name, *of_all, count, f"{its['seconds'] / contestants[OURS]['seconds']:.2f}"])
    yield markdown(lines)


def implicit(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the seconds of the loss over all cells."""
    yield IMPLICIT.strip()
    lines = [["shape", "hidden units", "by", "ms", "/ tinyrec"]]
    for part in parts:
        shape, all_seconds = part["its"]["shape"], part["its"]["seconds"]
        for name, seconds in all_seconds.items():
            ratio = f"{seconds / all_seconds[OURS]:.2f}"
            lines.append([shape, str(part["hidden_units"]), name, digits(1000 * seconds), ratio])
    yield markdown(lines, texts=(0, 2))


def steps(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the seconds of a step of NRP."""
    yield STEPS.strip()
    lines = [["shape", "head", "trained by", "ms / step", "/ tinyrec", "MB"]]
    for its in (part["its"] for part in parts):
        for name, result in its["contestants"].items():
            ratio = f"{result['seconds'] / its['contestants'][OURS]['seconds']:.2f}"
            peak = _mb(its) if name == OURS else ""
            lines.append([its["shape"], its["head"], name, digits(1000 * result["seconds"]), ratio, peak])
    yield markdown(lines, texts=(0, 1, 2))


def reading(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the CPU seconds and the memory of reading a file."""
    yield READING.strip()
    lines = [["file", "by", "CPU seconds", "MB above the start", "tinyrec / this, CPU", "MB"]]
    for its in (part["its"] for part in parts):
        ratios = [f"{its[f'{what}_ratio']:.2f}" for what in ("cpu_seconds", "peak_mb")]
        for name, seconds in its["cpu_seconds"].items():
            file = f"{its['shape']}, {its['file_mb']:.0f} MB"
            of_ours = ["", ""] if name == OURS else ratios
            lines.append([file, name, digits(seconds), digits(its["peak_mb"][name]), *of_ours])
    yield markdown(lines, texts=(0, 1))


WRITERS = {"shapes": epochs, "race": race, "implicit": implicit, "pairs": steps, "reading": reading}
