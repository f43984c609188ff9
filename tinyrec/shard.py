"""Training on several processes, also of several machines: each rank of MPI has some of the visible units.

Columns of R, the rows of V, W and b that belong to them, and the state of the optimiser for these rows stay on their
rank; every other array is the same on all ranks. The matrix carries the sums, so that no model knows of ranks:

    Z = R V                   R @ V        Σ over all columns: summed over the ranks, (n, k)
    y = H Wᵀ + b              R.sampled    own cells alone
    dH = E W                  E @ W        summed over the ranks, (n, k)
    dW = Eᵀ H, dV = Rᵀ dZ     R.T @ H      own rows alone
    loss                      R.total      summed over the ranks

Two sums of n k numbers for each pass over the rows, however many users and ratings there are.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyrec.backend import Array, Params, get_backend
from tinyrec.errors import BackendError, DataError, UsageError
from tinyrec.sparse import Pattern, Ratings

VISIBLE = "V", "V1", "W", "b"  # the parameters with a row for each visible unit, of every model that is sharded


@dataclass
class Traffic:
    """What was summed since the start: bytes, in so many pieces; seconds of waiting for the others, and of summing."""

    bytes: int = 0
    pieces: int = 0
    waiting: float = 0.0
    summing: float = 0.0
    start: float = field(default_factory=time.perf_counter)


def launched() -> tuple[int, int]:
    """The rank of this process and the number of ranks that mpiexec started; (0, 1): it was started without it"""
    if is_in_use():
        return mpi().COMM_WORLD.rank, mpi().COMM_WORLD.size
    for rank, size in (("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")):
        if size in os.environ:
            return int(os.environ[rank]), int(os.environ[size])
    return 0, 1


def mpi() -> Any:
    """The module mpi4py.MPI. BackendError: it, or a library of MPI, is not installed"""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as problem:
        cause = str(problem).partition("\n")[0]
        raise BackendError(f'MPI cannot be used here ({cause}); pip install "tinyrec[mpi]"') from None
    return MPI


def world() -> Any:
    """All ranks that mpiexec started. From here on, an exception that nobody catches on one rank ends all."""
    comm, usual = mpi().COMM_WORLD, sys.excepthook

    def hook(kind: Any, problem: Any, trace: Any) -> None:
        usual(kind, problem, trace)
        end_all(getattr(problem, "exit_code", 1))

    sys.excepthook = hook
    return comm


def on_this_machine(comm: Any) -> int:
    """How many of the ranks share this one's memory, and so its cores."""
    return comm.Split_type(mpi().COMM_TYPE_SHARED).size


def is_heard() -> bool:
    """Whether this rank is to say why it fails: the others may have the same reason, and the lowest one says it."""
    rank, _ = launched()
    if rank and is_in_use():
        time.sleep(min(0.5 + 0.5 * rank, 3))  # by now, one below has ended all
    return rank == 0 or is_in_use()


def end_all(code: int) -> None:
    """End all ranks with this exit code, if they wait for each other."""
    if is_in_use() and launched()[1] > 1:
        sys.stderr.flush()
        time.sleep(0.2)  # until mpiexec has passed on what was printed
        mpi().COMM_WORLD.Abort(code)


def is_in_use() -> bool:
    return "mpi4py.MPI" in sys.modules


class Shard(Ratings):
    """The columns bounds[rank] to bounds[rank + 1] of an (n, d) matrix, whose others are on other ranks.

    shape, rows, cols and values are those of the own columns. R @ X sums over the columns of all ranks: X has this
    rank's rows of a (d, k) matrix, and R @ X is the same on all ranks. R.T is an ordinary matrix: R.T @ H has this
    rank's rows of the product.

    local: the own columns;  comm: of MPI;  bounds: ascending column numbers, one more than there are ranks
    counts (n,): the number of cells of each row over all columns; None: summed here
    """

    def __init__(
        self,
        local: Ratings,
        comm: Any,
        bounds: Sequence[int],
        counts: Array | None = None,
        traffic: Traffic | None = None,
    ):
        super().__init__(local.pattern, local.values, local.backend, local.side, local.unobserved_weights, local.share)
        self.comm, self.bounds, self.traffic = comm, bounds, traffic or Traffic()
        self._counts = self.total(np.diff(self.pattern.indptr)) if counts is None else counts

    @classmethod
    def of(cls, R: Ratings, comm: Any) -> Shard:
        """This rank's columns of R (n, d), with about as many cells and columns as those of the others."""
        ends = np.cumsum(np.bincount(R.cols, minlength=R.shape[1]) + 1)
        inner = np.searchsorted(ends, np.linspace(0, ends[-1], comm.size + 1)[1:-1])
        bounds = [0, *(int(bound) for bound in inner), R.shape[1]]
        local = columns(R, *bounds[comm.rank : comm.rank + 2])
        return cls(local, comm, bounds)

    def __matmul__(self, X: Array) -> Array:
        return self.total(super().__matmul__(X))

    @property
    def counts(self) -> Array:
        return self._counts

    def total(self, x: Array) -> Array:
        return summed(self.comm, x, self.traffic)

    def joined(self, x: Array) -> Array:
        return self.total(x)

    def once(self, x: Array) -> Array:
        return x if self.comm.rank == 0 else 0 * x

    def penalty(self, arrays: dict[str, tuple[Array, Array]], l2: float) -> Array:
        own = {name: pair for name, pair in arrays.items() if name in VISIBLE}
        common = {name: pair for name, pair in arrays.items() if name not in VISIBLE}
        return super().penalty(own, l2) + self.once(super().penalty(common, l2))

    def noise(self, rng: np.random.Generator) -> np.random.Generator:
        """A generator of this rank's own. All ranks take one number of the common one, which stays the same on all."""
        return np.random.default_rng([int(rng.integers(2**63)), self.comm.rank])

    def start(self, model: Any, rng: np.random.Generator) -> Params:
        """This rank's rows of the parameters that one process would draw."""
        n, d = self.shape[0], self.bounds[-1]
        nothing = Pattern((n, d), np.zeros(n + 1, np.int64), np.zeros(0, np.int32))
        everywhere = Ratings(nothing, self.values[:0], self.backend, self.side)
        return Shard.cut(self, model.init(everywhere, rng))

    def own(self, cells: Ratings) -> Ratings:
        return columns(cells, *self.bounds[self.comm.rank : self.comm.rank + 2])

    def cut(self, tree: dict[str, Any]) -> dict[str, Any]:
        """This rank's rows of the visible arrays among parameters, or in the state of an optimiser."""
        own = slice(*self.bounds[self.comm.rank : self.comm.rank + 2])
        d = self.bounds[-1]
        return mapped(tree, lambda name, w: w[own].copy() if name in VISIBLE and w.shape[:1] == (d,) else w)

    def gathered(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The inverse of `cut`, on every rank."""
        return mapped(tree, lambda name, w: self._rows_of_all(w) if name in VISIBLE else w)

    def agreed(self, number: float) -> float:
        return max(self.comm.allgather(number))

    @property
    def is_first(self) -> bool:  # type: ignore[override]
        return self.comm.rank == 0

    def report(self) -> dict[str, Any]:
        """The number of ranks, what each summed, and the least and the largest part of the time that this took."""
        its = self.traffic
        seconds = time.perf_counter() - its.start
        parts = np.array(self.comm.allgather((its.waiting / seconds, its.summing / seconds)))
        waiting, summing = np.stack([parts.min(axis=0), parts.max(axis=0)], axis=1).tolist()
        counted = {"ranks": self.comm.size, "bytes": its.bytes, "pieces": its.pieces}
        return counted | {"waiting": waiting, "summing": summing}

    def check_same(self, params: Params) -> None:
        """BackendError: a parameter that all ranks have is not the same on all, so that they train different models"""
        for name in sorted(params.keys() - set(VISIBLE)):  # the order of a set differs between processes
            its = self.comm.allgather(hashlib.sha256(params[name].tobytes()).hexdigest())
            if other := first_other(its):
                cause = f"rank {other} has computed another {name} than rank 0"
                raise BackendError(f"{cause}; use as many --threads, and the same NumPy, on all machines")

    def to(self, backend: str, dtype: Any = None) -> Ratings:
        raise NotImplementedError("move the whole matrix to a backend, and take the shard of that")

    def _rows_of_all(self, w: Array) -> Array:
        whole = np.empty((self.bounds[-1], *w.shape[1:]), w.dtype)
        self.comm.Allgatherv(np.ascontiguousarray(w), (whole, np.diff(self.bounds) * whole[:1].size))
        return whole

    def take_rows(self, rows: Array) -> Ratings:
        taken = super().take_rows(rows)
        taken._counts = self._counts[rows]  # type: ignore[attr-defined]
        return taken

    def _with(self, **changes: Any) -> Ratings:
        return type(self)(super()._with(**changes), self.comm, self.bounds, self._counts, self.traffic)


def summed(comm: Any, x: Any, traffic: Traffic) -> Array:
    """The sum of the arrays of all ranks, on every rank."""
    x = np.asarray(x, order="C")
    its, started = np.empty_like(x), time.perf_counter()
    comm.Barrier()
    meeting = time.perf_counter()
    comm.Allreduce(x, its)
    traffic.waiting += meeting - started
    traffic.summing += time.perf_counter() - meeting
    traffic.bytes += x.nbytes
    traffic.pieces += 1
    return its


def columns(R: Ratings, start: int, stop: int) -> Ratings:
    """The columns `start` to `stop` of R (n, d), with the features of all rows."""
    own = (R.cols >= start) & (R.cols < stop)
    indptr = np.concatenate([[0], np.cumsum(own)])[R.pattern.indptr]
    pattern = Pattern((R.shape[0], stop - start), indptr, (R.cols[own] - start).astype(np.int32))
    weights = None if R.unobserved_weights is None else R.unobserved_weights[start:stop]
    return Ratings(pattern, R.values[own], R.backend, R.side, weights, R.share)


def mapped(tree: dict[str, Any], change: Any) -> dict[str, Any]:
    """Nested dicts with change(name, array) in place of each array; other leaves stay."""
    changed = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            changed[name] = mapped(value, change)
        else:
            changed[name] = change(name, value) if isinstance(value, np.ndarray) else value
    return changed


def first_other(its: Sequence[Any]) -> int | None:
    """The first rank whose value is another than that of rank 0."""
    return next((rank for rank, value in enumerate(its) if value != its[0]), None)


def check_ranks(model: Any, data: Any, optimizer: Any, backend: str, comm: Any, **options: Any) -> None:
    """UsageError: this cannot be trained on several ranks;  UsageError, DataError: they were given different things

    options: all that the training depends on, beside model, data and optimizer
    """
    name = type(model).__name__
    for its in (model, optimizer):
        if not type(its).__module__.startswith("tinyrec."):
            cause = f"{type(its).__name__} may need sums over the ranks that nobody has written"
            raise UsageError(f"{cause}; only models and optimizers of tinyrec are shared out, so leave --mpi out")
    if not hasattr(model, "checked_shapes"):
        raise UsageError(f"only autoencoders are trained on several ranks, and {name} is none; leave --mpi out")
    if optimizer.line_search:
        raise UsageError("L-BFGS, as SciPy has it, needs all parameters in one place; take rprop or adam")
    if get_backend(backend).name == "cupy":
        raise UsageError("several ranks train on the CPU; choose the backend numpy")
    what, used = ("users", data.ratings.rows) if model.by == "item" else ("items", data.ratings.cols)
    if data.is_part and model.implicit:
        raise UsageError(f"each rank has users of its own, and {name} sums over all of their items; leave parts out")
    if data.is_part and model.by == "user":
        raise UsageError("each rank has users of its own, so that a row must be an item; leave --by user out")
    if not data.is_part and comm.size > (n := len(np.unique(used))):
        raise UsageError(f"{comm.size} ranks for {n} {what}; start fewer")
    features = [its and (its.names, float(its.X.values.sum())) for its in (data.user_features, data.item_features)]
    given = {"ratings": data.is_part or data.fingerprint(), "rating scale": data.scale, "features": features}
    given |= {"model": repr(model), "optimizer": repr(optimizer), **options}
    everywhere = comm.allgather(given)
    for key in given:
        if other := first_other([its[key] for its in everywhere]):
            kind = DataError if key in ("ratings", "rating scale", "features") else UsageError
            raise kind(f"rank {other} has another {key} than rank 0; give all the same")
