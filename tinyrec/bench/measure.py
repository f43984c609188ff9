"""Seconds, operations, bytes and memory of an epoch of I-AutoRec with RProp, and of the kernels it consists of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from tinyrec.backend import Params, get_backend, to_host
from tinyrec.bench.contest import contest
from tinyrec.bench.machine import seconds
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.data import Dataset
from tinyrec.data.ids import Index
from tinyrec.models import AutoRec
from tinyrec.optim import RProp
from tinyrec.recommenders.autoencoder import TrainedAutoencoder
from tinyrec.recommenders.scaling import Scaling
from tinyrec.sparse import Ratings
from tinyrec.training.loop import begin, fit
from tinyrec.training.memory import peak_rss_mb

L2 = 250.0  # that of ML-1M; no time depends on it
TOP_CELLS = 10**8  # of larger shapes, recommending to all users would take longer than all else


@dataclass(frozen=True)
class Case:
    """What one process measures; rounds: how often each thing is timed, after a warm-up; against: "torch" or None"""

    shape: str
    hidden_units: int
    rounds: int
    backend: str
    seed: int
    against: str | None = None


@dataclass(frozen=True)
class Part:
    """A part of an epoch: how to run it, and the operations and bytes that it needs at the least."""

    name: str
    run: Callable[[], Any]
    flops: int
    bytes: int


def measure(case: Case) -> dict[str, Any]:
    """All figures of one shape, as JSON will hold them."""
    backend = get_backend(case.backend)
    draw_seconds, R = seconds(lambda: draw(find_shape(case.shape), case.seed).T.to(backend.name), backend)
    model, optimizer = AutoRec(hidden_units=case.hidden_units, l2=L2), RProp()
    size = {"shape": case.shape, "users": R.shape[1], "items": R.shape[0], "ratings": R.size}
    result = size | {"draw_seconds": draw_seconds} | alone(case, model, R, optimizer)
    return result | {"contest": contest(model, R, optimizer, case.rounds, case.seed) if case.against else None}


def alone(case: Case, model: AutoRec, R: Ratings, optimizer: RProp) -> dict[str, Any]:
    """The figures of our own training."""
    start = begin(model, R, optimizer, case.seed)
    epochs = fit(model, R, optimizer, epochs=1 + case.rounds, start=start)
    times = [seconds(lambda: next(epochs), R.backend)[0] for _ in range(1 + case.rounds)]
    peak = peak_rss_mb()  # of drawing and training, before anything else takes memory
    works = parts(model, R, optimizer, start.params, start.state)
    rounds = [[seconds(part.run, R.backend)[0] for _ in range(case.rounds)] for part in works]
    whole = figures(times[1:], sum(part.flops for part in works), sum(part.bytes for part in works))
    return {
        "epoch": whole,
        "ns_per_rating": whole["seconds"] / R.size * 1e9,
        "peak_rss_mb": peak,
        "parts": {part.name: figures(its, part.flops, part.bytes) for part, its in zip(works, rounds, strict=True)},
        "top10_seconds": top10_seconds(model, start.params, R) if np.prod(R.shape) <= TOP_CELLS else None,
    }


def parts(model: AutoRec, R: Ratings, optimizer: RProp, params: Params, state: dict[str, Any]) -> list[Part]:
    """The kernels, called as AutoRec and RProp call them.

    A product at p cells is 2pk operations. It reads or writes, once at least, the values (p,), their columns (p,) and
    two dense matrices, (n, k) and (d, k). The update reads four arrays of a parameter's size, and writes three.
    """
    V, W = params["V"], params["W"]
    H, (_, grads) = model.encode(params, R), model.loss_and_grads(params, R)
    dZ, E = 0.1 * H, R.with_values(0.1 * R.values)
    products: dict[str, Callable] = {
        "R V": lambda: R @ V,
        "H Wᵀ at the cells": lambda: R.sampled(H, W),
        "E W": lambda: E @ W,
        "Eᵀ H": lambda: E.with_values(E.values).T @ H,  # E is new in each epoch, and has to be transposed
        "Rᵀ dZ": lambda: R.T @ dZ,
    }
    p, k, width = R.size, H.shape[1], R.values.itemsize
    moved = p * (width + R.cols.itemsize) + (H.size + V.size) * width
    works = [Part(name, run, 2 * p * k, moved) for name, run in products.items()]
    weights = sum(w.size for w in params.values())

    def update():
        optimizer.step(lambda _: (0.0, grads), params, state, R.backend)

    return [*works, Part("RProp", update, 0, 7 * width * weights)]


def figures(rounds: list[float], flops: int, moved: int) -> dict[str, Any]:
    """The median of the rounds, and the rates it makes."""
    middle = median(rounds)
    rates = {"gflops": flops / middle / 1e9, "gb_per_s": moved / middle / 1e9}
    return {"seconds": middle, **rates, "flops": flops, "bytes": moved, "rounds": rounds}


def top10_seconds(model: AutoRec, params: Params, R: Ratings) -> float:
    """The ten best items for every user, from parameters to lists."""
    users, items = (Index(np.arange(size)) for size in R.T.shape)
    data = Dataset(R.T.to("reference"), users, items, scale=(1, 5))
    on_host = {name: to_host(w) for name, w in params.items()}
    everybody = TrainedAutoencoder(model, on_host, data, Scaling.of(data, "scale")).recommend_many(users.ids)
    return seconds(lambda: deque(everybody, maxlen=0), R.backend)[0]
