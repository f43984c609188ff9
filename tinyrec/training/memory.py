"""Estimate the memory that a training needs, before it starts."""

from __future__ import annotations

import math
import os
import re
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinyrec.backend import get_backend
from tinyrec.errors import OutOfMemory
from tinyrec.models.autoencoder import Autoencoder
from tinyrec.nn.all_cells import CELLS
from tinyrec.optim import LBFGS, RProp

KERNELS = {"numpy": 40 * 2**20}  # bytes of numba's machine code


def training_bytes(
    model: Autoencoder,
    shape: tuple[int, int],
    p: int,
    optimizer: Any,
    batch_size: int | None = None,
    q: int = 0,
    backend: str = "numpy",
) -> int:
    """About how many bytes training needs at its peak, for p ratings in (n, d) rows and columns, with q features.

    Parameters, gradients and optimiser state are kept, and the matrix besides. The peak is in one of these:

    loss: the gradients of the step before, H of each hidden layer, and of the widest dH and two intermediate results
    update: on the reference backend, intermediate results of the largest parameter array
    pretraining: codes of all rows, and the autoencoder that reconstructs them
    prediction: codes of all rows at once

    On a GPU, this is its own memory, without what CUDA takes for itself, and without the state of L-BFGS.
    """
    (n, d), width = shape, np.dtype(optimizer.dtype).itemsize
    parameters, rows = model.count(d, q), min(batch_size or n, n)
    units, largest = hidden_units(model, d, q), max(map(math.prod, model.shapes(d, q).values()))
    state = 0 if backend == "cupy" and isinstance(optimizer, LBFGS) else optimizer.state_per_parameter
    kept, codes = parameters * (2 + state), sum(units) + (max(units) + q if q else 0)
    unobserved = unobserved_cells(model, rows, d, largest)
    loss = kept + parameters + rows * codes + max(3 * rows * max(units), unobserved)
    update = kept + largest * (6 if isinstance(optimizer, RProp) else 3) * (backend == "reference")
    stages = pairwise(units) if getattr(model, "pretrain", 0) not in (0, "none") else ()
    pretraining = 2 * parameters + max((n * j + rows * (6 * j + 2 * k) for j, k in stages), default=0)
    prediction = kept + n * (codes + 2 * max(units))
    numbers = n * q + max(loss, update, pretraining, prediction)
    return KERNELS.get(backend, 0) + matrix_bytes(model, p, width, rows == n, backend) + width * numbers


def matrix_bytes(model: Autoencoder, p: int, width: int, in_one_batch: bool, backend: str) -> int:
    """The bytes of what has a number for each of the p ratings; in batches, these are few after the start.

    But a GPU sorts the cells of all batches of an epoch at once, see `Pattern.batches`.
    """
    scaled = 70 if backend == "cupy" else 24  # the arrays of this sort; float64, before training
    indices = 24 if model.by == "item" else 12  # int32, of the transpose and, by item, of that of the transpose
    values = 4 if model.implicit else 10 if getattr(model, "dropout", 0) else 7  # of both, y, error, dy, noise, weights
    return p * (indices + values * width if in_one_batch else scaled)


def unobserved_cells(model: Autoencoder, rows: int, d: int, largest: int) -> int:
    """How many numbers a model of implicit feedback needs for the cells that are not observed, see `nn.all_cells`."""
    if not model.implicit:
        return 0
    if getattr(model, "output", None) == "identity":
        return 3 * largest
    return 4 * rows * d if rows * d <= CELLS else 5 * CELLS  # one more is of the block before


def hidden_units(model: Autoencoder, d: int, q: int) -> list[int]:
    """The sizes of the hidden layers; where parameters have names of their own, an estimate."""
    shapes = model.shapes(d, q)
    units = [its[0] for name, its in shapes.items() if name.startswith("mu")]  # one mu for each hidden unit
    return units or [min(its) for its in shapes.values() if len(its) == 2] or [0]


def present_bytes() -> int:
    """The memory of this process now, in bytes; its peak where the system does not report it."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return int((peak_rss_mb() or 0) * 2**20)


def array_bytes(*its: Any) -> int:
    """The bytes of all arrays that these objects lead to, each counted once; an id that is text is taken for 64."""
    seen: dict[int, Any] = {}
    ahead = list(its)
    while ahead:
        one = ahead.pop()
        if id(one) in seen or isinstance(one, ModuleType | type):
            continue
        seen[id(one)] = one
        ahead += one.values() if isinstance(one, dict) else vars(one).values() if hasattr(one, "__dict__") else ()
    arrays = [one for one in seen.values() if isinstance(one, np.ndarray)]
    return sum(64 * array.size if array.dtype == object else array.nbytes for array in arrays)


def free_gpu_bytes(backend: str) -> int:
    """The memory of the GPU that nothing holds now, in bytes."""
    free, _ = get_backend(backend).xp.cuda.Device().mem_info
    return free


def peak_bytes() -> int:
    """The most memory that this process has taken, in bytes; 0 where the system does not report it.

    Not `peak_rss_mb`, which on Linux counts what the process that started this one had taken.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return 1024 * int(peak[1]) if peak else 0


def peak_rss_mb() -> float | None:
    """The peak memory of this process, in MB of 2²⁰ bytes; None where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def reset_peak() -> None:
    """Reset the peak; only Linux can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def check_memory(needed: int, limit: float | None) -> None:
    """OutOfMemory: `needed` bytes are more than `limit` gigabytes."""
    if limit is not None and needed > limit * 1e9:
        raise OutOfMemory(
            f"training needs about {needed / 1e9:.2f} GB, more than the {limit:g} allowed; "
            "use fewer hidden units, less data or another optimizer"
        )
