"""Steps of NRP, a model of pairs: tinyrec, and the same training in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyrec.backend import get_backend
from tinyrec.bench.contest import OURS, largest_difference, take_turns
from tinyrec.bench.machine import in_own_process
from tinyrec.bench.measure import Case
from tinyrec.bench.shapes import draw, find_shape
from tinyrec.models import NRP
from tinyrec.models.nrp import HEADS
from tinyrec.models.pairs import Sides
from tinyrec.optim import Adam
from tinyrec.training.loop import Epoch, begin, checked
from tinyrec.training.memory import peak_rss_mb

OPTIMIZER = Adam(learning_rate=1e-4)  # a larger rate makes the first losses jump, which amplifies rounding


def pairs(case: Case) -> list[dict[str, Any]]:
    """Measure both heads, each in a process of its own, because the peak of its memory is measured."""
    return [in_own_process(steps, case, head) for head in HEADS]


def steps(case: Case, head: str) -> dict[str, Any]:
    """Time steps of all contestants in turns, after a turn of ours alone, whose peak memory is reported."""
    model, backend = sized(case.hidden_units, head), get_backend(case.backend)
    R = draw(find_shape(case.shape), case.seed)
    data = Sides(R.with_values(R.values - R.values.mean()).to(backend.name))
    batch_size = model.default_batch_size

    def start() -> Epoch:
        return begin(model, data, OPTIMIZER, case.seed)

    take_turns({OURS: train(model, data, start(), batch_size)}, 1, backend)
    peak = peak_rss_mb()  # before PyTorch is imported
    contestants = {OURS: train(model, data, start(), batch_size)}
    if case.against:
        from tinyrec.bench import pair_rivals  # imports torch, which is optional

        contestants["torch dense"] = pair_rivals.dense(model, data, OPTIMIZER, start(), batch_size)
        contestants["torch sparse"] = pair_rivals.sparse(model, data, OPTIMIZER, start(), batch_size)
    results = take_turns(contestants, case.rounds, backend)
    return {
        "shape": case.shape,
        "head": head,
        "batch_size": batch_size,
        "steps_per_epoch": sum(1 for _ in model.batches(data, batch_size, np.random.default_rng(case.seed))),
        "hidden_units": model.hidden_units,
        "head_units": model.head_units if head == "mlp" else None,
        "peak_rss_mb": peak,
        "contestants": results,
        "largest_difference": largest_difference([result["losses"] for result in results.values()]),
    }


def sized(k: int, head: str) -> NRP:
    """NRP without noise; with k = 500 in the sizes that the paper has for ML-1M (section 4.1)."""
    hidden_units, head_units = ((max(1, k * c // 10) for c in parts) for parts in ((20, 10, 6, 2), (10, 4, 2, 1)))
    return NRP(hidden_units=tuple(hidden_units), head=head, head_units=tuple(head_units), dropout=0, hidden_dropout=0)


def train(model: NRP, data: Sides, start: Epoch, batch_size: int) -> Iterator[float]:
    """The steps of `tinyrec.training.loop.fit`; yield the loss of each."""
    while True:
        for batch in model.batches(data, batch_size, start.rng):
            returned = model.loss_and_grads(start.params, batch, start.rng)
            read, grads = checked(returned, start.params, data, number=1)
            loss = read()
            OPTIMIZER.step(start.params, grads, start.state, data.backend, loss)
            yield loss
