"""Independent trainings, one after another or in parallel. The only file that imports joblib."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinyrec.backend.threads import threads, use_threads

QUIET = "ignore:resource_tracker:UserWarning"
SECONDS = 0.5  # between two looks at whether the parent process is alive


def each(function: Callable, arguments: Sequence[Any], jobs: int = 1) -> Iterator[tuple[Any, Any]]:
    """Yield (argument, function(argument)) as they finish, `jobs` of them at a time, each in its own process.

    The threads are divided among the jobs. On a cluster, wrap the call in `with joblib.parallel_config("dask")`, and
    give jobs=-1. function and arguments must be picklable.
    """
    from joblib import Parallel, delayed
    from joblib.parallel import BACKENDS, get_active_backend

    share, options = max(1, threads() // jobs) if jobs > 1 else None, {}
    calls = (delayed(_call)(function, argument, share) for argument in arguments)
    if jobs != 1:  # after a signal, the process of joblib that cleans up would tell that it does
        filters = os.environ.get("PYTHONWARNINGS", "").split(",")
        os.environ["PYTHONWARNINGS"] = ",".join(filter(None, dict.fromkeys([*filters, QUIET])))
        if type(get_active_backend()[0]) is BACKENDS["loky"]:  # the processes are ours, and not of a cluster
            options = {"initializer": _follow, "initargs": (os.getpid(),)}
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered", **options)(calls)


def _call(function, argument, share):
    if share:
        use_threads(share)
    return argument, function(argument)


def _follow(parent: int) -> None:
    """End this process soon after the one that started it, which alone decides what Ctrl-C means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
