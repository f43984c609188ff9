"""Masking is airtight.

What stands in an unobserved cell, even NaN, changes loss and gradient by exactly 0; a rating of 0 or below counts as
observed; a row without ratings has no gradient. On random matrices, for AutoRec, CFN and NCAE.
"""

import numpy as np

import tinyrec as tr
from tests.strategies import from_dense

MODELS = tr.AutoRec(hidden_units=3, l2=1.0), tr.CFN(hidden_units=3, l2=1.0), tr.NCAE(hidden_units=3)


def loss_and_grads(model, R):
    R = model.prepare(R)
    params = model.init(R, np.random.default_rng(0))
    params = {name: np.random.default_rng(1).standard_normal(w.shape) for name, w in params.items()}
    loss, grads = model.loss_and_grads(params, R, np.random.default_rng(2))
    return float(loss), {name: grad.tobytes() for name, grad in grads.items()}, grads


def test_unobserved_cells_have_no_influence(figure, size):
    rng, changed, rounds = np.random.default_rng(0), 0, size(100, 1000)
    for number in range(rounds):
        model, (n, d) = MODELS[number % 3], rng.integers(2, 9, 2)
        observed = rng.random((n, d)) < 0.5
        observed[0], observed[1, 0] = False, True  # a row without ratings
        r = rng.integers(-1, 3, (n, d)).astype(float)
        loss, bits, grads = loss_and_grads(model, from_dense(r, observed))
        other = np.where(observed, r, rng.choice([np.nan, np.inf, 7.0, 0.0], (n, d)))
        changed += loss_and_grads(model, from_dense(other, observed))[:2] != (loss, bits)
        assert np.isfinite(loss) and all(np.isfinite(grad).all() for grad in grads.values())
        row, col = np.argwhere(observed)[rng.integers(observed.sum())]
        r[row, col] = 0.0
        fewer = observed.copy()
        fewer[row, col] = False
        assert loss_and_grads(model, from_dense(r, observed))[0] != loss_and_grads(model, from_dense(r, fewer))[0]
    figure(f"{changed} of {rounds} random matrices changed")
    assert changed == 0


def test_a_row_without_ratings_has_no_gradient():
    model, R = MODELS[0], from_dense(np.ones((3, 4)), np.zeros((3, 4), bool))
    params = {name: np.ones(w.shape) for name, w in model.init(R, np.random.default_rng(0)).items()}
    loss, grads = tr.AutoRec(hidden_units=3, l2=0.0).loss_and_grads(params, R, np.random.default_rng(0))
    assert loss == 0 and not any(grad.any() for grad in grads.values())
