"""Independent trainings, one after another or in parallel. The only file that imports joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinyrec.backend import threads, use_threads


def each(function: Callable, arguments: Sequence[Any], jobs: int = 1) -> Iterator[tuple[Any, Any]]:
    """Yield (argument, function(argument)) as they finish, `jobs` of them at a time, each in its own process.

    The threads are divided among the jobs. On a cluster, wrap the call in `with joblib.parallel_config("dask")`, and
    give jobs=-1. function and arguments must be picklable.
    """
    from joblib import Parallel, delayed

    share = max(1, threads() // jobs) if jobs > 1 else None
    calls = (delayed(_call)(function, argument, share) for argument in arguments)
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)


def _call(function, argument, share):
    if share:
        use_threads(share)
    return argument, function(argument)
