"""The ranks of `train --mpi`: what each of them reads, prints, writes and computes with."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import numpy as np

from tinyrec.backend.threads import threads, use_threads
from tinyrec.cli.common import assumed, say
from tinyrec.cli.report import NOT_BETTER
from tinyrec.cli.split import is_number
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.evaluation.rating_metrics import mae, problems, rmse
from tinyrec.parts import Part, united
from tinyrec.recommenders.protocol import Protocol
from tinyrec.recommenders.scaling import Biases
from tinyrec.shard import VISIBLE, first_other, on_this_machine

RANK = "{rank}"  # in a path, the number of the rank


def join(args: argparse.Namespace, comm: Any) -> Any:
    """All ranks, with as many threads each; the first alone prints and, without parts, writes. None: only one rank."""
    flags = {name: repr(value) for name, value in vars(args).items() if name not in ("run", "parser")}
    everywhere = comm.allgather(flags)
    for name in flags:
        if other := first_other([its.get(name) for its in everywhere]):
            cause = f"rank {other} was given another --{name.replace('_', '-')} than rank 0"
            raise UsageError(f"{cause}; give all the same, with {RANK} where a path has the number of the rank")
    args.in_parts = use_own_paths(args, comm.rank)
    if comm.size == 1:
        say(args, "one rank: the same as without --mpi")
        return None
    if not args.threads:
        use_threads(min(comm.allgather(max(1, threads() // on_this_machine(comm)))))
    if comm.rank:
        args.quiet, args.json, args.plot = True, None, None
        args.save = args.save if args.in_parts else None
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    return comm


def use_own_paths(args: argparse.Namespace, rank: int) -> bool:
    """Put the number of the rank in paths; return whether each rank has a part of the ratings.

    UsageError: some ranks would read or write the same file, and others not
    """
    source, in_parts = args.dataset, RANK in args.dataset
    for name in ("dataset", "split", "save", "checkpoint"):
        path = getattr(args, name)
        if path and (RANK in path) != in_parts:
            cause = f"--dataset {source} {'has' if in_parts else 'lacks'} {RANK}"
            raise UsageError(f"{cause} and --{name} {path} {'lacks' if in_parts else 'has'} it; give both or none")
        setattr(args, name, path and path.replace(RANK, str(rank)))
    for name in ("json", "plot", "item_features", "user_features"):
        if RANK in (getattr(args, name) or ""):
            raise UsageError(f"--{name.replace('_', '-')} is of all ranks together; leave {RANK} out of it")
    if in_parts and args.split_time and is_number(args.split_time):
        raise UsageError("the latest ratings of a part are not the latest of all; give --split-time a date")
    return in_parts


def part_of(args: argparse.Namespace, data: Dataset, test: Dataset | None) -> Dataset:
    """The data as a part of those of all ranks, after printing what was assumed of each, and how large they are."""
    if not getattr(args, "in_parts", False) or not args.comm:
        return data
    part = united(data, args.comm)
    of_test = assumed(test) if test and args.split else []
    for rank, notes in enumerate(args.comm.allgather([*data.notes, *of_test])):
        for note in notes if rank else ():
            say(args, f"rank {rank}: {note}")
    users, ratings = zip(*args.comm.allgather((len(data.users), data.ratings.size)), strict=True)
    largest = max(ratings) * len(ratings) / sum(ratings)
    held_out = sum(args.comm.allgather(test.ratings.size if test else 0))
    whole = f"{len(ratings)} parts: {sum(users)} users x {len(part.items)} items, {sum(ratings)} ratings to train on"
    say(args, f"{whole}, {held_out} to test; the largest part has {largest:.2f} times the mean. That of rank 0:")
    return part


def over_parts(part: Dataset, recommender: Any, test: Dataset | None, its: dict[str, Any]) -> dict[str, Any]:
    """A result, see `tinyrec.cli.report`, of all parts, from those of each."""
    if not isinstance(part, Part):
        return its
    comm, common = part.comm, sum(w.size for name, w in recommender.params.items() if name not in VISIBLE)
    whole: dict[str, Any] = {name: int(part.total(its[name])) for name in ("n_train", "n_test", "n_cold")}
    whole["parameters"] = common + int(part.total(its["parameters"] - common))
    whole["peak_rss_mb"] = max(comm.allgather(its["peak_rss_mb"] or 0.0)) or None
    whole |= {"dataset": f"{comm.size} parts as {part.name}", "ranks": comm.size}
    return its | whole | (scores_of_all(part, recommender, test, its) if test else {})


def scores_of_all(part: Part, recommender: Any, test: Dataset, its: dict[str, Any]) -> dict[str, Any]:
    """The scores of all parts, as `tinyrec.cli.report.ratings` has them of one."""
    protocol, follow = {name: its["protocol"][name] for name in ("clip", "default")}, Protocol.of(part).follow
    (raw_users, raw_items, r), biases = test.triples(), Biases.fit(part.ratings, total=part.total)
    users, items = part.users.find(raw_users), part.items.find(raw_items)
    is_warm, y = ~recommender.protocol.cold(users, items), recommender.predict(raw_users, raw_items, **protocol)
    predicted = {"global mean": np.full(len(r), biases.mean)}
    predicted["user and item bias"] = follow(biases.predict(users, items), users, items, **protocol)
    simple = {name: {"rmse": rmse(x, r, part.total), "mae": mae(x, r, part.total)} for name, x in predicted.items()}
    scores: dict[str, Any] = {"test_rmse": rmse(y, r, part.total), "test_mae": mae(y, r, part.total)}
    scores["baselines"] = simple
    found = problems(y, r, biases.mean, part.scale, part.total)
    found += {its: None for some in part.comm.allgather(its["warnings"]) for its in some if its.startswith("None of")}
    is_worse = scores["test_rmse"] > simple["user and item bias"]["rmse"]
    scores["warnings"] = found + [NOT_BETTER] * is_worse
    some_warm = part.total(is_warm.sum()) > 0
    return scores | {"test_rmse_warm": rmse(y[is_warm], r[is_warm], part.total) if some_warm else None}


def is_first(comm: Any) -> bool:
    return not comm or comm.rank == 0


def traffic_of(its: dict[str, Any]) -> str:
    """What each rank summed, since the last training began or parts were united, and how much of the time it took."""
    waiting, summing = (" to ".join(f"{100 * part:.0f}" for part in its[what]) for what in ("waiting", "summing"))
    what = f"{its['ranks']} ranks, {its['bytes'] / 1e6:.1f} MB summed in {its['pieces']} pieces"
    return f"{what}, {waiting} % of the time waiting, {summing} % summing"
