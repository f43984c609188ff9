"""doctor: what of tinyrec works here, and what to install for the rest."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from typing import Any

import numpy as np

import tinyrec
from tinyrec.backend import Backend, get_backend
from tinyrec.cli.common import add_command, table, write_result

NEEDED_FOR = {
    "numpy": "everything",
    "scipy": "L-BFGS, intervals of repeated runs",
    "numba": "the fast backend",
    "pooch": "downloads",
    "tqdm": "progress bars",
    "matplotlib": "plots: pip install matplotlib",
}


def add_to(subparsers: Any) -> None:
    add_command(subparsers, "doctor", run, "Say what works here, and what to install for the rest.", "doctor")


def run(args: argparse.Namespace) -> int:
    versions = {name: version(name) for name in NEEDED_FOR}
    backend = get_backend("auto")
    result = {
        "tinyrec": tinyrec.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": versions,
        "backend": backend.name,
        "kernels_agree": kernels_agree(backend),
        "TINYREC_DATA": os.environ.get("TINYREC_DATA"),
        "TINYREC_OFFLINE": os.environ.get("TINYREC_OFFLINE"),
    }
    rows = [(name, str(value)) for name, value in result.items() if name != "packages"]
    packages = [(name, versions[name] or "missing", NEEDED_FOR[name]) for name in NEEDED_FOR]
    text = table(rows, ("", "")) + "\n\n" + table(packages, ("package", "version", "needed for"))
    write_result(args, result, text)
    return 0 if result["kernels_agree"] else 4


def kernels_agree(backend: Backend) -> bool:
    """Whether the kernels of the fastest backend give what those of the reference give, on a small matrix."""
    rng, reference = np.random.default_rng(0), get_backend("reference")
    indptr, cols = np.array([0, 5, 5, 7]), np.array([0, 1, 2, 3, 4, 1, 3], np.int32)
    values, X, H = rng.standard_normal(7), rng.standard_normal((5, 3)), rng.standard_normal((3, 3))
    pairs = [(b.spmm(indptr, cols, values, X), b.sddmm(indptr, cols, H, X)) for b in (backend, reference)]
    return all(np.allclose(ours, theirs, rtol=1e-12) for ours, theirs in zip(*pairs, strict=True))


def version(name: str) -> str | None:
    try:
        return importlib.import_module(name).__version__
    except Exception:  # a broken package fails in many ways
        return None
