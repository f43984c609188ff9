"""The ranks of `train --mpi`: what each of them prints, writes and computes with."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from tinyrec.backend.threads import threads, use_threads
from tinyrec.cli.common import say
from tinyrec.shard import on_this_machine


def join(args: argparse.Namespace, comm: Any) -> Any:
    """All ranks, of which the first alone prints and writes, with as many threads each; None: there is no other."""
    if comm.size == 1:
        say(args, "one rank: the same as without --mpi")
        return None
    if not args.threads:
        use_threads(min(comm.allgather(max(1, threads() // on_this_machine(comm)))))
    if comm.rank:
        args.quiet, args.json, args.save, args.plot = True, None, None, None
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    return comm


def is_first(comm: Any) -> bool:
    return not comm or comm.rank == 0


def traffic_of(its: dict[str, Any]) -> str:
    """What each rank summed in the last training, and how much of the time that took."""
    waiting, summing = (" to ".join(f"{100 * part:.0f}" for part in its[what]) for what in ("waiting", "summing"))
    what = f"{its['ranks']} ranks, {its['bytes'] / 1e6:.1f} MB summed in {its['pieces']} pieces"
    return f"{what}, {waiting} % of the time waiting, {summing} % summing"
