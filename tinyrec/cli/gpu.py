"""doctor --gpu: compare the GPU with the CPU, in about a minute; the text goes into a bug report."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterable, Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import tinyrec
from tinyrec.backend import Array, Backend, get_backend, to_host
from tinyrec.backend.threads import threads
from tinyrec.bench.machine import cpu_name, gpu, timed
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.cli.common import say, table, write_result
from tinyrec.models import AutoRec
from tinyrec.optim import Adam, RProp
from tinyrec.sparse import Pattern
from tinyrec.training.loop import begin, fit

WIDTHS = 1, 3, 64, 500  # k, the columns of the dense matrices
ROWS, COLS = 300, 4000  # of the sparse matrix
ALLOWED = {"float64": 1e-12, "float32": 1e-5}  # a larger difference of a kernel is an error
UPDATES: dict[str, tuple[int, int, tuple[float, ...]]] = {  # arrays of any sign, then positive ones; constants
    "rprop": (3, 1, (1.2, 0.5, 1e-6, 50.0, True, True)),
    "sgd": (2, 1, (0.1, 0.9)),
    "rmsprop": (2, 1, (0.1, 0.9, 1e-8)),
    "adam": (3, 1, (0.1, 0.9, 0.999, 1e-8, 0.1, 0.001)),
    "add_l2": (2, 0, (0.1,)),
}
EPOCHS, ALLOWED_FIT = 20, 1e-9  # what differs in the last bits at first grows from epoch to epoch
FITS = {"rprop": (RProp(), None), "adam": (Adam(0.01), 64)}  # optimizers, and rows in a batch
SHAPE, HIDDEN_UNITS, ROUNDS = "ml-1m", 500, 10  # what is timed


def run(args: argparse.Namespace, backend: Backend) -> int:
    """Return 4 if the GPU fails or disagrees with the CPU, else 0."""
    result: dict[str, Any] = {**versions(backend), "problems": []}
    for name, check in CHECKS.items():
        say(args, f"checking: {name}")
        try:
            result |= check(backend)
        except Exception as problem:  # of the compiler, the driver, a library: whatever it is, we tell it
            if args.debug:
                raise
            result["problems"].append(f"{name}: {type(problem).__name__}: {problem}")
    result["problems"] += disagreements(result)
    write_result(args, result, text(result))
    return 4 if result["problems"] else 0


def versions(backend: Backend) -> dict[str, Any]:
    """Describe the GPU, and what computes on it."""
    its, device = gpu(backend), backend.xp.cuda.Device()
    return {
        "gpu": its["name"],
        "memory": f"{its['memory_gb']:.1f} GB, {device.mem_info[0] / 1e9:.1f} GB free",
        "compute_capability": device.compute_capability,
        "driver": its["driver"],
        "driver_supports_cuda": its["cuda_of_driver"],
        "cuda_runtime": its["cuda"],
        "cupy": its["cupy"],
        "numpy": np.__version__,
        "tinyrec": tinyrec.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": f"{cpu_name()}, threads: {threads()}",
    }


def speed(backend: Backend) -> dict[str, Any]:
    """Time epochs of I-AutoRec on both backends; the first on the GPU compiles the kernels."""
    R, seconds = draw(find_shape(SHAPE)).T, {}
    model, optimizer = AutoRec(hidden_units=HIDDEN_UNITS, l2=250.0), RProp()
    for name in (backend.name, get_backend("numpy").name):
        S = R.to(name)
        epochs = fit(model, S, optimizer, epochs=1 + ROUNDS, start=begin(model, S, optimizer))
        seconds[name] = [timed(partial(next, epochs), S.backend)[0] for _ in range(1 + ROUNDS)]
    return {
        "shape": SHAPE,
        "ms_per_epoch": {name: 1000 * median(its[1:]) for name, its in seconds.items()},
        "first_epoch_seconds": seconds[backend.name][0],
    }


def kernels(backend: Backend) -> dict[str, Any]:
    """Return how far products and updates are from the reference, for each dtype and k; `fits` runs the others."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for k in WIDTHS:
        for name, arrays, constants in calls(k):
            for dtype in ALLOWED:
                row = rows.setdefault((name, dtype), {"kernel": name, "dtype": dtype, "differences": {}})
                row["differences"][k] = kernel_difference(backend, name, arrays, constants, dtype)
    return {"kernels": list(rows.values())}


def calls(k: int) -> Iterator[tuple[str, list[Array], tuple[float, ...]]]:
    """Yield the name of each kernel, the arrays that it takes, and the constants after them."""
    rng = np.random.default_rng(k)
    at, values = pattern(rng), rng.standard_normal
    W = values((COLS, k))
    yield "spmm", [at.indptr, at.cols, values(len(at.cols)), W], ()
    yield "sddmm", [at.indptr, at.cols, values((ROWS, k)), W], ()
    yield "take", [values(COLS * k), rng.integers(COLS * k, size=5000)], ()
    for name, (signed, positive, constants) in UPDATES.items():
        arrays = [values(W.shape) for _ in range(signed)] + [rng.uniform(0.1, 1, W.shape) for _ in range(positive)]
        yield name, arrays, constants


def pattern(rng: np.random.Generator) -> Pattern:
    """Return random cells: two full rows, every third row empty, and few cells in each of the others."""
    counts = rng.integers(1, 40, ROWS)
    counts[::3], counts[[1, -1]] = 0, COLS
    cols = np.concatenate([np.sort(rng.choice(COLS, count, replace=False)) for count in counts])
    return Pattern((ROWS, COLS), np.append(0, np.cumsum(counts)), cols.astype(np.int32))


def kernel_difference(backend: Backend, name: str, arrays: list[Array], constants: tuple, dtype: str) -> float:
    """Return the largest difference from the reference in float64, of what the kernel returns and what it changes."""

    def after(b: Backend, arrays: list[Array]) -> list[Array]:
        given = [b.asarray(array) for array in arrays]
        passed = [[tuple(given)]] if name in UPDATES else given
        return [to_host(array) for array in (*given, getattr(b, name)(*passed, *constants)) if array is not None]

    def cast(arrays: list[Array], dtype: str) -> list[Array]:
        return [array.astype(dtype) if array.dtype.kind == "f" else array for array in arrays]

    arrays = cast(arrays, dtype)
    expected = after(get_backend("reference"), cast(arrays, "float64"))
    return largest(zip(after(backend, arrays), expected, strict=True))


def fits(backend: Backend) -> dict[str, Any]:
    """Return the difference in the loss and the parameters after small fits in float64 on the GPU and on the CPU."""
    R, model = tinyrec.make_synthetic(200, 150, 4000).ratings.T, AutoRec(hidden_units=20, l2=1.0)

    def trained(name: str, optimizer: Any, batch_size: int | None) -> list[Array]:
        *_, last = fit(model, R.to(name, np.float64), optimizer, epochs=EPOCHS, batch_size=batch_size)
        return [np.array(last.loss), *map(to_host, last.params.values())]

    return {
        "fits": {
            name: largest(zip(*(trained(b, *how) for b in (backend.name, get_backend("numpy").name)), strict=True))
            for name, how in FITS.items()
        }
    }


def largest(pairs: Iterable[tuple[Array, Array]]) -> float:
    """Return the largest difference in any pair of arrays, relative to the largest number of its second array."""
    return float(np.max([np.abs(a - b).max() / np.abs(b).max() for a, b in pairs]))  # NaN if one is NaN


def disagreements(result: dict[str, Any]) -> list[str]:
    """Name each difference that is too large; NaN is."""
    found = [
        f"kernels: {row['kernel']} in {row['dtype']} with k = {k} differs by {its:.0e}, more than {allowed:.0e}"
        for row in result.get("kernels", [])
        for k, its in row["differences"].items()
        if not its <= (allowed := ALLOWED[row["dtype"]])
    ]
    return found + [
        f"fit: {name} differs by {its:.0e}, more than {ALLOWED_FIT:.0e}"
        for name, its in result.get("fits", {}).items()
        if not its <= ALLOWED_FIT
    ]


def text(result: dict[str, Any]) -> str:
    """Return the result as text with tables."""
    about = [(name, str(its)) for name, its in result.items() if isinstance(its, str | int | None) and name != "shape"]
    lines = [table(about, ("", ""))]
    if "kernels" in result:
        rows = [[row["kernel"], row["dtype"], *map(short, row["differences"].values())] for row in result["kernels"]]
        heads = ("kernel", "dtype", *(f"k = {k}" for k in WIDTHS))
        lines += ["", "largest relative difference from the reference", table(rows, heads), ""]
    if "fits" in result:
        found = ", ".join(f"{short(its)} ({name})" for name, its in result["fits"].items())
        lines.append(f"loss and parameters after {EPOCHS} epochs in float64 differ from those of the CPU by {found}")
    if "ms_per_epoch" in result:
        pace = ", ".join(f"{its:.1f} ms ({name})" for name, its in result["ms_per_epoch"].items())
        lines.append(f"an epoch of I-AutoRec at the shape of {result['shape']}, float32, RProp: {pace}")
        first = f"{result['first_epoch_seconds']:.1f} s for the first epoch on the GPU"
        lines.append(f"{first}, with compiling, unless CuPy kept the kernels of an earlier run")
    verdict = [f"WRONG {problem}" for problem in result["problems"]]
    return "\n".join([*lines, "", *(verdict or ["the GPU agrees with the CPU"])])


def short(difference: float) -> str:
    return f"{difference:.0e}"


CHECKS = {"speed": speed, "kernels": kernels, "fit": fits}  # speed first, since it times compiling, too
