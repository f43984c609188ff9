"""Trainings in fresh processes that are killed at random moments, and continued until each has ended."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tinyrec as tr
from tinyrec.recommenders import storage

PROGRAM = """
import sys
from tinyrec.training import checkpoint
checkpoint.MIN_SECONDS = checkpoint.MIN_RATIO = 0  # a checkpoint after each epoch
from tinyrec.cli import main
sys.exit(main())
"""
COMMON = "--quiet --backend numpy --checkpoint checkpoints --save model.npz --dataset ../../ratings.csv"
TRAININGS = {
    "mini-batches": "--set hidden_units=20 --set l2=5 --optimizer adam --batch-size 8 --epochs 70",
    "ncae, pretrained": "--model ncae --set hidden_units=10x5 --set pretrain_epochs=20 --epochs 70",
    "search": "--set hidden_units=20 --epochs 50",
    "l-bfgs": "--set hidden_units=20 --set l2=5 --optimizer lbfgs --set iterations=3 --epochs 50",
    "autorec": "--set hidden_units=20 --set l2=5 --epochs 100",
    "deep, pretrained": "--model deep-autorec --set hidden_units=10x5x10 --set l2=5 --set pretrain=20 --epochs 70",
    "cfn": "--model cfn --set hidden_units=20 --epochs 50",
    "average": "--model average",
    "early stopping": "--set hidden_units=20 --set l2=5",
    "implicit": "--model ncae --feedback implicit --set hidden_units=10 --epochs 50",
}


@dataclass
class Outcome:
    """What was found in all runs: numbers, and one sentence for each failure."""

    kills: int = 0
    ended: int = 0
    leftovers_of_kills: int = 0
    unreadable: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)


@cache
def outcome(kills):
    """Kill so many trainings, of all kinds alike (where they are few, of the first kinds), two at a time."""
    found, names = Outcome(), list(TRAININGS)[:kills]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        tr.make_synthetic(40, 30, 500, seed=1).to_polars().write_csv(Path(folder, "ratings.csv"))
        list(pool.map(lambda name: kill_often(name, Path(folder, name), -(-kills // len(names)), found), names))
    return found


def kill_often(name, folder, kills, found):
    """Train without a kill, then again and again with kills, until there were so many."""
    rng, whole = random.Random(name), folder / "whole"
    seconds = min(seconds_of(name, folder / "first"), seconds_of(name, whole))  # numba compiles in the first
    expected = model_in(whole)
    number = done = 0
    while done < kills:
        number += 1
        own = folder / str(number)
        while True:
            process = start(name, own)
            time.sleep(rng.uniform(0, seconds) if done < kills else 0)
            if process.poll() is None and done < kills:
                process.kill()
                done += 1
                found.kills += 1
            if said := finish(process):
                found.unreadable.append(f"{name}: {said}")
                return
            if process.returncode == 0:
                found.ended += 1
                found.different += [] if model_in(own) == expected else [name]
                found.litter += [f"{name}: {path}" for path in unfinished(own)]
                break
            found.leftovers_of_kills += bool(unfinished(own))


def seconds_of(name, folder):
    """How long a training takes that is not killed."""
    started = time.monotonic()
    assert finish(start(name, folder)) == ""
    return time.monotonic() - started


def start(name, folder):
    """Begin a training in this folder, or continue the one that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    resume = ["--resume"] if [*folder.rglob("checkpoint.npz")] else []
    command = [sys.executable, "-c", PROGRAM, "train", *COMMON.split(), *TRAININGS[name].split(), *resume]
    environment = {**os.environ, "PYTHONPATH": str(Path(tr.__file__).parents[1])}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    """Wait for the end. Return what was said if it neither succeeded nor was killed."""
    _, said = process.communicate(timeout=300)
    return "" if process.returncode in (0, -signal.SIGKILL) else said or f"exit code {process.returncode}"


def unfinished(folder):
    return [path.relative_to(folder) for path in folder.rglob("*") if path.suffix == ".tmp" or path.suffix == ".lock"]


def model_in(folder):
    """All that is in the model file, except how long things took."""
    header, arrays = storage.read(folder / "model.npz", "model")
    without = lambda fields: {key: its for key, its in fields.items() if key != "seconds"}  # noqa: E731
    header = json.loads(json.dumps(header), object_hook=without)
    return header, {key: array.tobytes() for key, array in arrays.items()}
