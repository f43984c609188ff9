"""doctor: check what works on this machine, and what to install for the rest."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from importlib import metadata
from typing import Any

import numpy as np

import tinyrec
from tinyrec.backend import Backend, get_backend, to_host
from tinyrec.cli import gpu, promises
from tinyrec.cli.common import add_command, table, write_result
from tinyrec.errors import BackendError, UsageError

NEEDED_FOR = {
    "numpy": "everything",
    "scipy": "L-BFGS, ease and item-knn, intervals of repeated runs",
    "numba": "the fast backend",
    "cupy": 'training on an NVIDIA GPU: pip install "tinyrec[cuda12]" or "tinyrec[cuda13]"',
    "requests": "downloads",
    "tqdm": "progress bars",
    "matplotlib": 'plots: pip install "tinyrec[plot]"',
}


def add_to(subparsers: Any) -> None:
    summary = "Check what works on this machine, and what to install for the rest."
    parser = add_command(subparsers, "doctor", run, summary, "doctor --promises")
    parser.add_argument("--gpu", action="store_true", help="compare the GPU with the CPU and time both, for a report")
    promises.add_flags(parser)


def run(args: argparse.Namespace) -> int:
    promises.check_flags(args)
    if args.gpu and args.promises is not None:
        raise UsageError("--gpu and --promises check different things; give one of them")
    if args.promises is not None:
        return promises.run(args)
    if args.gpu:
        return gpu.run(args, the_gpu())
    versions = {name: version(name) for name in NEEDED_FOR}
    backend = get_backend("auto")
    on_gpu, card = check_gpu()
    result = {
        "tinyrec": tinyrec.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "gpu": card,
        "packages": versions,
        "backend": backend.name,
        "kernels_agree": kernels_agree(backend) and (on_gpu is None or kernels_agree(on_gpu)),
        "TINYREC_DATA": os.environ.get("TINYREC_DATA"),
        "TINYREC_OFFLINE": os.environ.get("TINYREC_OFFLINE"),
    }
    rows = [(name, str(value)) for name, value in result.items() if name != "packages"]
    packages = [(name, versions[name] or "missing", NEEDED_FOR[name]) for name in NEEDED_FOR]
    text = table(rows, ("", "")) + "\n\n" + table(packages, ("package", "version", "needed for"))
    write_result(args, result, text)
    return 0 if result["kernels_agree"] else 4


def check_gpu() -> tuple[Backend | None, str]:
    """Return the backend of the GPU and the GPU's name, or None and what is missing."""
    if conflict := packages_that_conflict():
        return None, conflict
    try:
        backend = get_backend("cupy")
    except BackendError as problem:
        return None, str(problem).partition(";")[0]
    properties = backend.xp.cuda.runtime.getDeviceProperties(0)
    return backend, f"{properties['name'].decode()}, {properties['totalGlobalMem'] / 1e9:.0f} GB"


def the_gpu() -> Backend:
    """Return the backend of the GPU.  BackendError: there is none"""
    if conflict := packages_that_conflict():
        raise BackendError(conflict)
    return get_backend("cupy")


def packages_that_conflict() -> str | None:
    """Say which packages of CuPy are installed beside each other; None: at most one is."""
    packages = {name for found in metadata.distributions() if (name := found.name).lower().startswith("cupy")}
    if len(packages) < 2:
        return None
    return f"{' and '.join(sorted(packages))} conflict with each other: uninstall all, then install one"


def kernels_agree(backend: Backend) -> bool:
    """Return whether the kernels of a backend agree with those of the reference, on a small matrix."""
    rng, reference = np.random.default_rng(0), get_backend("reference")
    indptr, cols = np.array([0, 5, 5, 7]), np.array([0, 1, 2, 3, 4, 1, 3], np.int32)
    values, X, H = rng.standard_normal(7), rng.standard_normal((5, 3)), rng.standard_normal((3, 3))

    def products(b):
        at, c, v, x, h = map(b.asarray, (indptr, cols, values, X, H))
        return to_host(b.spmm(at, c, v, x)), to_host(b.sddmm(at, c, h, x))

    pairs = zip(products(backend), products(reference), strict=True)
    return all(np.allclose(ours, theirs, rtol=1e-12) for ours, theirs in pairs)


def version(name: str) -> str | None:
    try:
        return importlib.import_module(name).__version__
    except Exception:  # a broken package can raise anything
        return None
