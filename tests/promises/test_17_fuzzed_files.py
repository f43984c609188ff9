"""Fuzzed rating files never traceback.

Files of ratings with random edits, of all delimiters and encodings, also compressed and zipped, are loaded, with finite
ratings, or refused with one sentence that names the file.
"""

import time
from pathlib import Path

import numpy as np

from tests.data.test_readers import PIECES, SEEDS
from tinyrec.data import load_dataset
from tinyrec.errors import DataError, FileError

SECONDS = 300  # of the full size


def mutant(rng):
    """One of the files with up to six edits at random places; in a tenth of them, of random bytes alone."""
    content = SEEDS[rng.integers(len(SEEDS))] if rng.random() < 0.9 else rng.bytes(rng.integers(0, 300))
    for _ in range(rng.integers(1, 7)):
        at, cut = rng.integers(0, len(content) + 1), rng.integers(0, 4)
        piece = PIECES[rng.integers(len(PIECES))] if rng.random() < 0.5 else rng.bytes(rng.integers(0, 4))
        content = content[:at] + piece + content[at + cut :]
    return content


def is_loaded(path: Path) -> bool:
    try:
        data = load_dataset(path)
    except (DataError, FileError) as problem:
        assert path.name in str(problem) and "\n" not in str(problem), problem
        return False
    assert data.ratings.size and np.isfinite(data.ratings.values).all()
    return True


def test_they_are_loaded_or_refused(figure, size, tmp_path, recwarn):
    rng, started, loaded, n, slowest = np.random.default_rng(0), time.monotonic(), 0, 0, 0.0
    path = tmp_path / "ratings.csv"
    while n < 2000 or (size(False, True) and time.monotonic() - started < SECONDS):
        path.write_bytes(mutant(rng))
        before = time.monotonic()
        loaded += is_loaded(path)
        n, slowest = n + 1, max(slowest, time.monotonic() - before)
        recwarn.clear()
    figure(f"{n:,} files: {loaded:,} loaded, {n - loaded:,} refused, 0 tracebacks; the slowest took {slowest:.1f} s")
