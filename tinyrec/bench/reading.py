"""Reading a CSV file of ratings: tinyrec against polars alone, which checks nothing and makes no matrix."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tinyrec.bench.contest import OURS
from tinyrec.bench.machine import in_own_process
from tinyrec.bench.measure import Case
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.data import load_dataset
from tinyrec.training.memory import peak_rss_mb

POLARS = "polars.read_csv and np.unique of both ids"
FIRST_TIME, LAST_TIME = 10**9, 1_600_000_000


def reading(case: Case) -> dict[str, Any]:
    """Read one file of this shape by both, in turns and in processes of their own: CPU seconds, and MB above the start.

    np.unique gives the number of each id, too, which any matrix of ratings needs.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/ratings.csv"
        in_own_process(write, path, case)
        functions = {OURS: ours, POLARS: theirs}
        rounds = [{name: in_own_process(run, path) for name, run in functions.items()} for _ in range(case.rounds)]
        megabytes = Path(path).stat().st_size / 1e6
    result: dict[str, Any] = {"shape": case.shape, "file_mb": megabytes, "rounds": rounds}
    for figure in ("cpu_seconds", "peak_mb"):
        result[figure] = {name: median(its[name][figure] for its in rounds) for name in functions}
        ratios = [its[OURS][figure] / max(its[POLARS][figure], 1e-3) for its in rounds]  # a small file takes no memory
        result[f"{figure}_ratio"] = median(ratios)
    return result


def write(path: str, case: Case) -> None:
    """Write the ratings as userId,movieId,rating,timestamp, in random order."""
    import polars as pl

    R, rng = draw(find_shape(case.shape), case.seed), np.random.default_rng(case.seed)
    columns = {"userId": R.rows + 1, "movieId": R.cols + 1, "rating": rng.integers(1, 11, R.size) / 2}
    columns["timestamp"] = rng.integers(FIRST_TIME, LAST_TIME, R.size)
    pl.DataFrame(columns)[rng.permutation(R.size)].write_csv(path)


def ours(path: str) -> dict[str, float]:
    import tinyrec.data.reading.readers  # noqa: F401 - imports are not part of the work

    return _measured(lambda: load_dataset(path))


def theirs(path: str) -> dict[str, float]:
    import polars as pl

    def read() -> Any:
        frame = pl.read_csv(path)
        return frame, [np.unique(frame[name].to_numpy(), return_inverse=True) for name in ("userId", "movieId")]

    return _measured(read)


def _measured(work: Any) -> dict[str, float]:
    import polars as pl

    pl.read_csv(b"a,b\n1,2\n")  # starts its threads
    before, started = peak_rss_mb() or 0, time.process_time()
    kept = work()
    seconds = time.process_time() - started
    del kept
    return {"cpu_seconds": seconds, "peak_mb": (peak_rss_mb() or 0) - before}
