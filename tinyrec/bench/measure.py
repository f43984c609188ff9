"""Measure time, operations, bytes and memory of an epoch of I-AutoRec with RProp, and of its kernels."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from tinyrec.backend import Params, get_backend, to_host
from tinyrec.bench.contest import contest
from tinyrec.bench.machine import free_cached, gpu_peak_mb, stopwatch, timed
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.data import Dataset
from tinyrec.data.ids import Index
from tinyrec.models import AutoRec
from tinyrec.optim import RProp
from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.scaling import Scaling
from tinyrec.sparse import Ratings
from tinyrec.training.loop import begin, fit
from tinyrec.training.memory import peak_rss_mb

L2 = 250.0  # as on ML-1M; it does not affect the time
MAX_TOP10_CELLS = 10**8  # top-10 lists of larger shapes are not timed: they take longer than all else


@dataclass(frozen=True)
class Case:
    """What one process measures; rounds: timed repetitions after a warm-up; against: "torch" or None."""

    shape: str
    hidden_units: int
    rounds: int
    backend: str
    seed: int
    against: str | None = None


@dataclass(frozen=True)
class Part:
    """A part of an epoch: a function that runs it, and the fewest operations and bytes that it needs."""

    name: str
    run: Callable[[], Any]
    flops: int
    bytes: int


def measure(case: Case) -> dict[str, Any]:
    """Measure one shape; the result can be written as JSON."""
    backend = get_backend(case.backend)
    draw_seconds, R = timed(lambda: draw(find_shape(case.shape), case.seed).T.to(backend.name), backend)
    model, optimizer = AutoRec(hidden_units=case.hidden_units, l2=L2), RProp()
    size = {"shape": case.shape, "users": R.shape[1], "items": R.shape[0], "ratings": R.size}
    result = size | {"draw_seconds": draw_seconds} | measure_training(case, model, R, optimizer)
    return result | {"contest": contest(model, R, optimizer, case.rounds, case.seed) if case.against else None}


def measure_training(case: Case, model: AutoRec, R: Ratings, optimizer: RProp) -> dict[str, Any]:
    """Measure the training by tinyrec; its gigabytes of parameters are freed before the contest."""
    free_cached(R.backend)
    start = begin(model, R, optimizer, case.seed)
    epochs = fit(model, R, optimizer, epochs=1 + case.rounds, start=start)
    times = [timed(lambda: next(epochs), R.backend)[0] for _ in range(1 + case.rounds)]
    peak, gpu_peak = peak_rss_mb(), gpu_peak_mb(R.backend)  # of drawing and training only
    works, seconds_of = parts(model, R, optimizer, start.params, start.state), stopwatch(R.backend)
    part_times = {part: [seconds_of(part.run) for _ in range(case.rounds)] for part in works}
    epoch = summarize(times[1:], sum(part.flops for part in works), sum(part.bytes for part in works))
    return {
        "epoch": epoch,
        "ns_per_rating": epoch["seconds"] / R.size * 1e9,
        "peak_rss_mb": peak,
        "gpu_peak_mb": gpu_peak,
        "parts": {part.name: summarize(rounds, part.flops, part.bytes) for part, rounds in part_times.items()},
        "top10_seconds": top10_seconds(model, start.params, R) if np.prod(R.shape) <= MAX_TOP10_CELLS else None,
    }


def parts(model: AutoRec, R: Ratings, optimizer: RProp, params: Params, state: dict[str, Any]) -> list[Part]:
    """Return the kernels of an epoch, called as AutoRec and RProp call them.

    A product at p cells takes 2pk operations, and reads or writes the values (p,), their columns (p,) and two dense
    matrices, (n, k) and (d, k), at least once. For each parameter, the update reads four arrays and writes three.
    """
    V, W = params["V"], params["W"]
    H, (_, grads) = model.encode(params, R), model.loss_and_grads(params, R)
    dZ, E = 0.1 * H, R.with_values(0.1 * R.values)
    products: dict[str, Callable] = {
        "R V": lambda: R @ V,
        "H Wᵀ at the cells": lambda: R.sampled(H, W),
        "E W": lambda: E @ W,
        "Eᵀ H": lambda: E.with_values(E.values).T @ H,  # E is new in each epoch, so its transpose is not cached
        "Rᵀ dZ": lambda: R.T @ dZ,
    }
    p, k, width = R.size, H.shape[1], R.values.itemsize
    moved = p * (width + R.cols.itemsize) + (H.size + V.size) * width
    works = [Part(name, run, 2 * p * k, moved) for name, run in products.items()]
    weights = sum(w.size for w in params.values())
    update = Part("RProp", lambda: optimizer.step(params, grads, state, R.backend, loss=0.0), 0, 7 * width * weights)
    return [*works, update]


def summarize(rounds: list[float], flops: int, moved: int) -> dict[str, Any]:
    """Return the median seconds of the rounds, and the rates of operations and of bytes at this median."""
    seconds = median(rounds)
    rates = {"gflops": flops / seconds / 1e9, "gb_per_s": moved / seconds / 1e9}
    return {"seconds": seconds, **rates, "flops": flops, "bytes": moved, "rounds": rounds}


def top10_seconds(model: AutoRec, params: Params, R: Ratings) -> float:
    """Measure the time to recommend ten items to every user."""
    users, items = (Index(np.arange(size)) for size in R.T.shape)
    data = Dataset(R.T.to("reference"), users, items, scale=(1, 5))
    on_host = {name: to_host(w) for name, w in params.items()}
    recommendations = FittedAutoencoder(model, on_host, data, Scaling.of(data, "scale")).recommend_many(users.ids)
    return timed(lambda: deque(recommendations, maxlen=0), R.backend)[0]
