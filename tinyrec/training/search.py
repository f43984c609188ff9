"""Train each candidate model, and choose the one with the lowest RMSE on a validation part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tinyrec.data import Dataset
from tinyrec.evaluation.splits import split_random
from tinyrec.models import Network
from tinyrec.recommenders.protocol import Protocol
from tinyrec.recommenders.scaling import Biases

MIN_RATINGS = 20  # with fewer, a tenth of them is too small a validation part
# The RMSE of an autoencoder must be less than that of the biases alone by a relative gain of NOISE / √(validation
# ratings), about a standard error. 0.2 was better than 0.3 on small samples of ML-1M and on small synthetic sets.
NOISE = 0.2


def choose(
    model: Network,
    data: Dataset,
    valid: float,
    seed: int,
    trials: list[dict[str, Any]],
    run_trial: Callable[[Network, Dataset, Dataset], Any],
) -> tuple[Network, int, float | None]:
    """The candidate with the lowest validation RMSE, its best number of epochs, and this RMSE.

    run_trial(candidate, part, held_out): trains on `part`, and adds to `trials`; those already there are not repeated

    If no candidate is clearly better than user and item biases alone, and the user set neither l2 nor center=False,
    the biases are the model: a centred AutoRec after 0 epochs.
    """
    p = data.total(data.ratings.size)
    candidates = model.candidates(p)
    may_be_biases = model.l2 is None and candidates[-1].offset == "biases"
    if may_be_biases and p < MIN_RATINGS:
        return candidates[-1], 0, None
    part, held_out = split_random(data, valid, seed)
    for candidate in candidates[len(trials) :]:
        run_trial(candidate, part, held_out)
    best = min(trials, key=lambda trial: trial["valid_rmse"])
    biases = biases_alone(part, held_out)
    if may_be_biases and best["valid_rmse"] > biases * (1 - NOISE / data.total(held_out.ratings.size) ** 0.5):
        return candidates[-1], 0, biases
    return replace(model, **best["settings"]), best["epochs"], best["valid_rmse"]


def biases_alone(part: Dataset, held_out: Dataset) -> float:
    """The RMSE of a centred model after 0 epochs."""
    y = Biases.estimate(part.ratings, total=part.total).predict(held_out.ratings.rows, held_out.ratings.cols)
    return Protocol.of(part).score(y, held_out.ratings)["rmse"]
