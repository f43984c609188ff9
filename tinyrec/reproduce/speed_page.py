"""The page "Speed on a CPU", of results of `python -m tinyrec bench --json FILE` that are kept, for each machine."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tinyrec.bench.contest import OURS, SAME
from tinyrec.bench.race import BATCH_SIZE, EPOCHS, MODEL
from tinyrec.errors import FileError
from tinyrec.files import write_text
from tinyrec.reproduce import pages
from tinyrec.reproduce.gpu_page import digits, environment, load, markdown, ms_of

NAME = "speed"
RIVALS = {"dense": "torch dense", "sparse": "torch sparse"}
ABOUT = """\
Medians of so many rounds, in which the contestants take turns. "/ tinyrec" is what another takes, divided by ours. MB
are 2²⁰ bytes. Machines differ, also in these ratios, and are noisy: the commands below measure yours, and
`python -m tinyrec.reproduce FILE` keeps here what they write with `--json FILE`. Each chapter is one machine, with one
set of versions.
"""
EPOCHS_ABOUT = """\
### An epoch

Milliseconds an epoch of I-AutoRec, RProp on the full batch, on synthetic ratings of the sizes and the skew of known
data sets: alone, before PyTorch starts, and then in turns with the same training in PyTorch, dense with a mask and
autograd, and by hand on its sparse matrices. MB: the peak memory of the process until tinyrec has trained. What is
empty was not measured. Made by `bench --against torch --shape` ...
"""
RACE_ABOUT = f"""\
### To an RMSE

Seconds of training until the test RMSE on split 0 of ML-1M is {{target}}: I-AutoRec with {MODEL.hidden_units} hidden
units and Adam, in batches of {BATCH_SIZE} rows, with a learning rate that falls to 0 in {EPOCHS} epochs. Our search
chose these settings for the shortest training. PyTorch trains the same, dense, in the faster of float32 and bfloat16.
Loading, compiling and computing the RMSE are not timed. Made by `bench --race`.
"""
IMPLICIT_ABOUT = """\
### The loss over all cells

Milliseconds of NCAE's loss for implicit feedback and its gradients, beside NumPy on dense matrices. Made by
`bench --implicit`.
"""
STEPS_ABOUT = """\
### A step of NRP

Milliseconds of a step of Adam, without noise, beside PyTorch: on dense rows of the users and items of the batch, and on
sparse matrices of all users and items, because building sparse rows of a batch would take longer. Made by
`bench --pairs --against torch`.
"""
READING_ABOUT = """\
### Reading a file

CPU seconds and memory, above the start, of reading a CSV file of ratings with times, checking it and making a matrix,
each in a process of its own, beside `polars.read_csv` and `np.unique` of both ids, which check nothing. Made by
`bench --reading`.
"""


def is_for(path: Path) -> bool:
    """Whether this file has a result of `bench` on a CPU."""
    document = load(path)
    return "ceilings" in document and document.get("backend") == "numpy"


def keep(path: Path, folder: Path) -> None:
    """Keep each part of a result of `bench` on a CPU in place of an older one of the same machine.

    FileError: the file has no such part; a training was not the same in PyTorch; the older part has more contestants
    """
    new, older = load(path), read(folder)
    shared = {"hidden_units": new.get("hidden_units"), "environment": environment(new)}
    parts = [{"kind": kind, **shared, "its": its} for kind in SECTIONS for its in _several(new.get(kind))]
    found = {_key(part): part for part in parts}
    if not found:
        raise FileError(f"{path} has no result of bench; make it with: bench --json FILE")
    if any(_contest(part).get("largest_difference", 0) > SAME for part in parts):
        raise FileError(f"{path} has losses that differ by more than {SAME:.0e}: not the same training")
    for part in older:
        if (its := found.get(_key(part))) and _contestants(its) < _contestants(part):
            raise FileError(f"{path} lacks PyTorch, which is kept beside the same; measure it with --against torch")
    kept = [part for part in older if _key(part) not in found]
    lines = ",\n".join(json.dumps(part, ensure_ascii=False) for part in [*kept, *found.values()])
    write_text(folder / f"{NAME}.json", f'{{"results": [\n{lines}\n]}}\n')


def write(folder: Path) -> None:
    """Make the page, if anything is kept."""
    if parts := read(folder):
        write_text(folder / f"{NAME}.md", page(parts))


def read(folder: Path) -> list[dict[str, Any]]:
    """The kept parts; FileError: the file is damaged"""
    return load(folder / f"{NAME}.json", {}).get("results", [])


def _several(parts: Any) -> list[dict[str, Any]]:
    return parts if isinstance(parts, list) else [parts] if parts else []


def _key(part: dict[str, Any]) -> tuple[Any, ...]:
    machine, its, kind = part["environment"], part["its"], part["kind"]
    size = part["hidden_units"] if kind in ("shapes", "implicit") else its.get("hidden_units")
    return machine["cpu"], machine["threads"], kind, its.get("shape"), its.get("head"), str(size)


def _contest(part: dict[str, Any]) -> dict[str, Any]:
    return part["its"].get("contest") or part["its"]


def _contestants(part: dict[str, Any]) -> int:
    return len(_contest(part).get("contestants", ()))


def page(parts: list[dict[str, Any]]) -> str:
    """Return the page, with a chapter for each machine."""
    machines: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        machines.setdefault(_machine(part["environment"]), []).append(part)
    text = ["# Speed on a CPU", ABOUT.strip()]
    for machine, its in sorted(machines.items()):
        text.append(f"## {machine}")
        for kind, section in SECTIONS.items():
            if found := [part for part in its if part["kind"] == kind]:
                text += section(found)
    return "\n\n".join(text) + "\n"


def _machine(used: dict[str, Any]) -> str:
    torch = used["versions"]["torch"]
    return pages.environment({"environment": used}) + (f", PyTorch {torch}" if torch else "")


def _mb(megabytes: float | None) -> str:
    return f"{megabytes:,.0f}" if megabytes else ""  # not every system tells it


def _units(units: Any) -> str:
    return "-".join(map(str, units)) if isinstance(units, list) else str(units)


def epochs(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the milliseconds of an epoch of each shape, beside PyTorch, and how far the losses are apart."""
    yield EPOCHS_ABOUT.strip()
    heads = [f"PyTorch, {name}" for name in RIVALS], [f"{name} / tinyrec" for name in RIVALS]
    lines = [["shape", "ratings", "hidden units", "tinyrec alone", "tinyrec", *heads[0], *heads[1], "MB", "rounds"]]
    for part in sorted(parts, key=lambda part: part["its"]["ratings"]):
        its, ms = part["its"], ms_of(part["its"])
        times = [digits(ms[name]) if name in ms else "" for name in ("alone", OURS, *RIVALS.values())]
        ratios = [f"{ms[name] / ms[OURS]:.1f}" if name in ms else "" for name in RIVALS.values()]
        size = [its["shape"], f"{its['ratings']:,}", _units(part["hidden_units"])]
        lines.append([*size, *times, *ratios, _mb(its["peak_rss_mb"]), str(len(its["epoch"]["rounds"]))])
    yield markdown(lines)
    yield from agreement([part["its"]["contest"] for part in parts if part["its"]["contest"]])


def agreement(contests: list[dict[str, Any]]) -> Iterator[str]:
    """Say how far the losses of tinyrec and PyTorch are apart, if both were trained."""
    if found := [its["largest_difference"] for its in contests if len(its["contestants"]) > 1]:
        yield f"The losses of tinyrec and PyTorch agree to {max(found):.0e}."


def race(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the seconds to an RMSE, and their range over the rounds."""
    its = parts[-1]["its"]
    yield RACE_ABOUT.strip().format(target=its["target"])
    lines = [["trained by", "seconds", "lowest", "highest", "epochs", "/ tinyrec", "rounds"]]
    ours = _seconds(its["contestants"][OURS])
    for name, result in its["contestants"].items():
        theirs, of_runs = _seconds(result), [_seconds(run) for run in result["runs"]]
        texts = [f"{x:.2f}" if x < math.inf else "not reached" for x in (theirs, min(of_runs), max(of_runs))]
        count = f"{median(len(run['curve']) for run in result['runs']):.0f}"
        ratio = f"{theirs / ours:.2f}" if max(theirs, ours) < math.inf else ""
        lines.append([name, *texts, count, ratio, str(len(of_runs))])
    yield markdown(lines)


def _seconds(its: dict[str, Any]) -> float:
    return math.inf if its["seconds"] is None else its["seconds"]  # JSON has no infinity


def implicit(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the milliseconds of the loss over all cells."""
    yield IMPLICIT_ABOUT.strip()
    lines = [["shape", "hidden units", "by", "ms", "/ tinyrec", "rounds"]]
    for part in parts:
        its, units = part["its"], _units(part["hidden_units"])
        for name, seconds in its["seconds"].items():
            ratio, rounds = f"{seconds / its['seconds'][OURS]:.2f}", str(len(its["rounds"][name]))
            lines.append([its["shape"], units, name, digits(1000 * seconds), ratio, rounds])
    yield markdown(lines, texts=(0, 2))


def steps(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the milliseconds of a step of NRP, and how far the losses are apart."""
    yield STEPS_ABOUT.strip()
    lines = [["shape", "head", "hidden units", "ratings in a batch", "by", "ms", "/ tinyrec", "MB", "rounds"]]
    for its in (part["its"] for part in parts):
        size = [its["shape"], its["head"], _units(its["hidden_units"]), f"{its['batch_size']:,}"]
        for name, result in its["contestants"].items():
            ratio = f"{result['seconds'] / its['contestants'][OURS]['seconds']:.2f}"
            peak, rounds = _mb(its["peak_rss_mb"]) if name == OURS else "", str(len(result["rounds"]))
            lines.append([*size, name, digits(1000 * result["seconds"]), ratio, peak, rounds])
    yield markdown(lines, texts=(0, 1, 2, 4))
    yield from agreement([part["its"] for part in parts])


def reading(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the CPU seconds and the memory of reading a file."""
    yield READING_ABOUT.strip()
    lines = [["file", "MB of the file", "by", "CPU seconds", "/ tinyrec", "MB", "/ tinyrec", "rounds"]]
    for its in (part["its"] for part in parts):
        seconds, peaks = its["cpu_seconds"], its["peak_mb"]
        for name in seconds:
            ratios = [f"{of[name] / of[OURS]:.2f}" if of[OURS] else "" for of in (seconds, peaks)]
            file = [its["shape"], _mb(its["file_mb"] * 1e6 / 2**20)]
            rest = [digits(seconds[name]), ratios[0], _mb(peaks[name]), ratios[1], str(len(its["rounds"]))]
            lines.append([*file, name, *rest])
    yield markdown(lines, texts=(0, 2))


SECTIONS = {"shapes": epochs, "race": race, "implicit": implicit, "pairs": steps, "reading": reading}
