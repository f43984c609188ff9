"""Batching changes nothing.

Predictions of any subset, in any order and in blocks of any size, are those of all pairs at once, to 1e-6 (the last
digit of float32).
"""

import numpy as np
import pytest

import tinyrec as tr
from tests.promises.models import MODELS, fitted
from tinyrec.evaluation import top_n


def test_predictions_of_parts(figure, size):
    data, rng, rounds, worst = tr.make_synthetic(60, 40, 900, seed=0), np.random.default_rng(0), size(5, 50), 0.0
    users, items = np.repeat(data.users.ids, len(data.items)), np.tile(data.items.ids, len(data.users))
    for model in MODELS:
        its = fitted(model, data, backend="numpy")
        whole = its.predict(users, items, clip=False)
        for _ in range(rounds):
            part = rng.permutation(len(users))[: rng.integers(1, 200)]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(top_n, "BLOCK", int(rng.integers(1, 99)))
                found = its.predict(users[part], items[part], clip=False)
            worst = max(worst, float(np.abs(found - whole[part]).max()))
    figure(f"{len(MODELS)} models, {rounds} random parts each: {worst:.0e} apart")
    assert worst <= 1e-6
