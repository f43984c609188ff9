"""Independent trainings, one after another or in parallel. The only file that imports joblib."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
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

    share = max(1, threads() // jobs) if jobs > 1 else None
    calls = (delayed(_call)(function, argument, share, os.getpid()) for argument in arguments)
    if jobs != 1:  # after a signal, the process of joblib that cleans up would tell that it does
        filters = os.environ.get("PYTHONWARNINGS", "").split(",")
        os.environ["PYTHONWARNINGS"] = ",".join(filter(None, dict.fromkeys([*filters, QUIET])))
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)


def _call(function, argument, share, caller):
    if share:
        use_threads(share)
    if os.getppid() == caller and threading.current_thread() is threading.main_thread():  # not in a worker of Dask
        _follow_parent()
    return argument, function(argument)


@cache
def _follow_parent() -> None:
    """End this process soon after the one that started it, which alone decides what Ctrl-C means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
