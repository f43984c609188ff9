"""What is recorded is what tinyrec trains, and the formulas say how each number came about."""

import math

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.gradcheck import TOLERANCE
from tinyrec.optim import RProp
from tinyrec.playground import RUNS, formulas, record
from tinyrec.playground.formulas import AXES, PARAMS
from tinyrec.playground.record import EPOCHS, RATINGS
from tinyrec.sparse import Ratings
from tinyrec.training import fit

every_run = pytest.mark.parametrize("run", RUNS)
RATED = ~np.isnan(RATINGS.T)


def gradients(params, mask, l2):
    """By hand, in dense NumPy, with the loss (AutoRec, eq. 2); l2: of the gradient."""
    V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
    R = np.nan_to_num(RATINGS.T)
    H = 1 / (1 + np.exp(-(R @ V + mu)))
    E = mask * (H @ W.T + b - R)
    dZ = 2 * E @ W * H * (1 - H)
    loss = (E**2).sum() + ((W**2).sum() + (V**2).sum()) / 2
    return loss, {"V": R.T @ dZ + l2 * V, "mu": dZ.sum(0), "W": 2 * E.T @ H + l2 * W, "b": 2 * E.sum(0)}


def sums(formula, arrays, name, cell, epoch):
    """The terms of a cell, added up, and the sum of their absolute values."""

    def number(factor):
        if len(factor) == 2:
            return factor[1]
        of, row, col, *before = factor
        return arrays[of][epoch + sum(before)][row, col]

    products = [math.prod(map(number, term)) for term in formula.terms(*cell)]
    total = sum(products)
    return (1 / (1 + math.exp(-total)) if name == "H" else total), sum(map(abs, products))


def test_the_training_is_that_of_fit(recordings):
    R = Ratings.from_cells(*np.nonzero(RATED), RATINGS.T[RATED], RATED.shape)
    model = tr.AutoRec(by="item", hidden_units=2, l2=1.0)
    losses = [epoch.loss for epoch in fit(model, R, RProp(), epochs=EPOCHS + 1, seed=0)]
    assert recordings["correct"].arrays["loss"][:, 0, 0].tolist() == losses
    assert recordings["correct"].baseline == pytest.approx(np.nansum((RATINGS.T - np.nanmean(RATINGS, 1)) ** 2))


@every_run
def test_gradients_are_those_by_hand(recordings, run):
    recording, (no_mask, doubled) = recordings[run], RUNS[run]
    for epoch in range(0, EPOCHS + 1, 10):
        arrays = {name: its[epoch] for name, its in recording.arrays.items()}
        loss, grads = gradients(arrays, RATED | no_mask, 1 + doubled)
        assert arrays["loss"][0, 0] == pytest.approx(loss, rel=1e-12)
        for name, grad in grads.items():
            np.testing.assert_allclose(arrays[f"d{name}"], np.atleast_2d(grad), rtol=1e-9, atol=1e-12)


@every_run
def test_the_terms_of_each_number_add_up_to_it(recordings, run):
    recording, count = recordings[run], 0
    for name, formula in formulas(recording).items():
        its = recording.arrays[name]
        for cell in np.argwhere(~np.isnan(its[0])).tolist():
            for epoch in range(1, EPOCHS + 1):
                if formula.terms(*cell):
                    total, size = sums(formula, recording.arrays, name, cell, epoch)
                    assert total == pytest.approx(its[epoch][tuple(cell)], rel=1e-12, abs=1e-13 * size), (name, cell)
                    count += 1
    assert count > 15_000


def test_all_arrays_have_a_shape_and_all_that_are_shown_a_formula(recordings):
    arrays = recordings["correct"].arrays
    assert set(arrays) == set(AXES)
    assert all(its.shape[1:] == tuple(map(len, AXES[name])) for name, its in arrays.items())
    factors = {name for name in AXES if name == "1-H" or name.startswith(("eta", "sign"))}
    assert set(formulas(recordings["correct"])) == set(AXES) - factors


@every_run
def test_unrated_cells_are_left_out_unless_the_mask_is_forgotten(recordings, run):
    for name in ("R", "E", "dY"):
        assert np.array_equal(~np.isnan(recordings[run].arrays[name][7]), RATED | RUNS[run][0])
    assert not np.isnan(recordings[run].arrays["Y"]).any()


@every_run
def test_the_check_finds_the_doubled_penalty_and_not_the_forgotten_mask(recordings, run):
    check = recordings[run].check
    for name in PARAMS:
        is_wrong = RUNS[run][1] and name in ("V", "W")
        assert ((check[name] > TOLERANCE["complex"]) == is_wrong).all()


def test_a_weight_whose_derivative_turns_waits_with_half_the_step(recordings):
    arrays = recordings["correct"].arrays
    for name in PARAMS:
        turned = arrays[f"d{name}"][1:] * arrays[f"d{name}"][:-1] < 0
        halved = arrays[f"eta {name}"][1:] == 0.5
        assert halved.any() and (halved <= turned).all()  # after a turn, RProp does not look for another
        assert np.array_equal(halved, arrays[f"sign {name}"][1:] == 0)
        assert set(np.unique(arrays[f"eta {name}"].round(9))) == {0.5, 1.0, 1.2}


def test_the_mistakes_have_the_results_that_the_page_tells(recordings):
    stars = {name: its.arrays["Y"][-1][2, 0] for name, its in recordings.items()}  # Casablanca, Ann
    assert stars["correct"] > 4 and stars["no mask"] < 1.5
    loss = {name: its.arrays["loss"][-1, 0, 0] for name, its in recordings.items()}
    assert loss["correct"] + 1 < loss["double λ"]


def test_the_numbers_in_the_texts_of_the_page(recordings):
    arrays = recordings["correct"].arrays
    assert RATED.sum() == 14 and RATED.shape == (5, 4) and arrays["H"].shape[1:] == (5, 2)
    assert RProp().step_init == 0.0125 and (arrays["mu"][0] == 0).all() and (arrays["b"][0] == 0).all()
    assert 0.005 < np.std([arrays["V"][0], arrays["W"][0]]) < 0.02  # drawn with 0.01


def test_a_recording_can_be_short():
    assert len(record("correct", epochs=2).arrays["loss"]) == 3
