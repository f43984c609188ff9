"""Estimate the memory that a training needs, before it starts."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.errors import OutOfMemory
from tinyrec.models.autoencoder import Autoencoder
from tinyrec.nn.all_cells import CELLS

KERNELS = 40 * 2**20  # bytes of numba's machine code


def training_bytes(
    model: Autoencoder, shape: tuple[int, int], p: int, optimizer: Any, batch_size: int | None = None, q: int = 0
) -> int:
    """About how many bytes training needs at its peak, for p ratings in (n, d) rows and columns, with q features.

    parameters: the parameters, their gradient, a copy at the end, and the optimiser's state
    codes (batch size, k): H of each hidden layer, and the intermediate results of one of them in the backward pass
    14 p: the matrix and its transpose with their index arrays, predictions and errors
    """
    (n, d), width = shape, np.dtype(optimizer.dtype).itemsize
    parameters = model.count(d, q) * (3 + optimizer.state_per_parameter)
    shapes = model.shapes(d, q)
    units = [its[0] for name, its in shapes.items() if name.startswith("mu")]  # one mu for each hidden unit
    units = units or [min(its) for its in shapes.values() if len(its) == 2]  # other names: an estimate
    rows = min(batch_size or n, n)
    codes = rows * (2 * sum(units) + 4 * max(units)) + n * (sum(units) + q)  # and those of all rows in prediction
    cells = 5 * min(CELLS, rows * d) if model.implicit else 0  # unobserved cells are computed, too
    return KERNELS + width * (parameters + codes + cells + 14 * p)


def present_bytes() -> int:
    """The memory of this process now, in bytes; its peak where the system does not report it."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return int((peak_rss_mb() or 0) * 2**20)


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
