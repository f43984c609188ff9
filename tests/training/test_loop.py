import copy
import hashlib
import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import GENERATORS, fast_backends, fetch, from_dense, matrices
from tinyrec.backend import get_backend
from tinyrec.errors import Diverged, UsageError
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.models import AutoRec
from tinyrec.models.autoencoder import row_batches as batches
from tinyrec.nn import embedding, l2_penalty, squared_error
from tinyrec.optim import LBFGS, SGD, Adam, RMSprop, RProp
from tinyrec.training.early_stopping import EarlyStopping
from tinyrec.training.loop import Epoch, begin, checked, fit

MODEL = AutoRec(hidden_units=4, l2=0.1)


def planted():
    """30 rows and 20 columns of rank 2, of which 40 % is observed."""
    rng = np.random.default_rng(0)
    r = 3 + rng.standard_normal((30, 2)) @ rng.standard_normal((2, 20))
    return from_dense(r, rng.random(r.shape) < 0.4)


R = planted()

every_way = pytest.mark.parametrize(
    "optimizer, batch_size",
    [
        pytest.param(RProp(), None, id="rprop"),
        pytest.param(RProp("irprop+"), None, id="irprop+"),
        pytest.param(LBFGS(iterations=5), None, id="lbfgs"),
        pytest.param(SGD(1e-3), 7, id="sgd in batches"),
        pytest.param(RMSprop(), 7, id="rmsprop in batches"),
        pytest.param(Adam(0.01), 7, id="adam in batches"),
        pytest.param(Adam(0.01), None, id="adam"),
    ],
)


def digest(epoch):
    """One number for all bits of the parameters."""
    return hashlib.sha256(b"".join(w.tobytes() for w in fetch(epoch.params).values())).hexdigest()


def last(epochs):
    *_, epoch = epochs
    return epoch


@every_way
def test_fit_yields_so_many_epochs_and_the_loss_falls(backend, optimizer, batch_size):
    losses = []
    for number, epoch in enumerate(fit(MODEL, R.to(backend), optimizer, epochs=30, batch_size=batch_size), start=1):
        assert epoch.number == number and epoch.seconds >= 0
        losses.append(epoch.loss)
    assert len(losses) == 30
    assert losses[-1] < 0.7 * losses[0]


def test_fit_does_nothing_before_it_is_asked_for_an_epoch_and_one_at_a_time():
    start = begin(MODEL, R, RProp())
    untrained = digest(start)
    epochs = fit(MODEL, R, RProp(), epochs=2, start=start)
    assert digest(start) == untrained
    first = digest(next(epochs))
    assert untrained != first != digest(next(epochs))
    with pytest.raises(StopIteration):
        next(epochs)


def test_loss_is_that_of_the_objective_before_the_update():
    epoch = begin(MODEL, R, RProp())
    expected, _ = MODEL.loss_and_grads(epoch.params, R)
    assert next(fit(MODEL, R, RProp(), epochs=1, start=epoch)).loss == expected


def test_loss_of_an_epoch_in_batches_is_the_sum_of_its_parts():
    stay = SGD(learning_rate=0.0)
    whole, parts = (next(fit(MODEL, R, stay, epochs=1, batch_size=batch_size)).loss for batch_size in (None, 7))
    assert parts == pytest.approx(whole, rel=1e-12)


@every_way
def test_same_seed_same_bits_other_seed_others(backend, optimizer, batch_size):
    runs = (fit(MODEL, R.to(backend), optimizer, epochs=3, batch_size=batch_size, seed=seed) for seed in (0, 0, 1))
    first, again, other = (digest(last(epochs)) for epochs in runs)
    assert first == again != other


@fast_backends
@pytest.mark.parametrize("optimizer", [RProp(), Adam(0.01)], ids=repr)
def test_the_backends_learn_the_same(backend, optimizer):
    rmses = []
    for name in ("reference", backend):
        S = R.to(name, np.float32)
        epoch = last(fit(MODEL, S, optimizer, epochs=50))
        rmses.append(rmse(*fetch((MODEL.predict_cells(epoch.params, S, S), S.values))))
    assert rmses[0] == pytest.approx(rmses[1], abs=1e-4)


SAME_BITS = """
from tests.training.test_loop import *
print(digest(last(fit(MODEL, R.to("numpy", np.float32), Adam(), epochs=3, batch_size=7))))
"""


def test_same_seed_same_bits_in_another_process(run_python):
    here = digest(last(fit(MODEL, R.to("numpy", np.float32), Adam(), epochs=3, batch_size=7)))
    assert run_python(SAME_BITS) == here + "\n"


@every_way
def test_going_on_is_the_same_as_never_having_stopped(optimizer, batch_size):
    stopped = copy.deepcopy(last(fit(MODEL, R, optimizer, epochs=3, batch_size=batch_size)))
    resumed = last(fit(MODEL, R, optimizer, epochs=8, batch_size=batch_size, start=stopped))
    uninterrupted = last(fit(MODEL, R, optimizer, epochs=8, batch_size=batch_size))
    assert resumed.number == uninterrupted.number == 8
    assert digest(resumed) == digest(uninterrupted)


def test_going_on_from_the_last_epoch_yields_nothing():
    assert list(fit(MODEL, R, RProp(), epochs=2, start=last(fit(MODEL, R, RProp(), epochs=2)))) == []


@pytest.mark.parametrize("optimizer", [RProp(), LBFGS()], ids=repr)
def test_an_optimizer_that_needs_all_rows_refuses_batches(optimizer):
    with pytest.raises(UsageError, match="needs all rows in each step"):
        next(fit(MODEL, R, optimizer, epochs=1, batch_size=10))


@given(S=matrices(), batch_size=st.integers(1, 8), rng=GENERATORS)
def test_batches_hold_each_row_once_and_all_but_the_last_are_full(S, batch_size, rng):
    numbered = S.with_values(np.arange(S.size))
    parts = list(batches(numbered, batch_size, rng))
    assert sum(part.shape[0] for part in parts) == S.shape[0]
    assert {part.shape[0] for part in parts[:-1]} <= {batch_size}
    assert sorted(np.concatenate([part.values for part in parts])) == list(range(S.size))


def test_batches_are_shuffled_anew_each_time():
    rng = np.random.default_rng(0)
    first, second = (np.concatenate([part.values for part in batches(R, 7, rng)]) for _ in range(2))
    assert not np.array_equal(first, second) and not np.array_equal(first, R.values)


def test_without_a_batch_size_the_batch_is_the_matrix_itself_and_nothing_is_drawn():
    assert list(batches(R, None, rng=None)) == [R]


class Poisoned:
    """MODEL, but the third time that it is asked, one of the numbers it returns is not finite."""

    init, batches = staticmethod(MODEL.init), staticmethod(MODEL.batches)

    def __init__(self, quantity, value):
        self.name, self.value, self.calls = quantity.removeprefix("gradient of "), value, 0

    def loss_and_grads(self, params, R, rng):
        self.calls += 1
        loss, grads = MODEL.loss_and_grads(params, R)
        if self.calls == 3 and self.name == "loss":
            loss = loss + self.value
        elif self.calls == 3:
            grads[self.name].ravel()[-1] = self.value
        return loss, grads


every_poison = pytest.mark.parametrize(
    "quantity, value",
    [
        ("loss", math.nan),
        ("loss", math.inf),
        ("gradient of V", math.nan),
        ("gradient of mu", math.inf),
        ("gradient of W", -math.inf),
        ("gradient of b", math.nan),
    ],
)


@every_poison
@pytest.mark.parametrize("optimizer", [RProp, SGD, RMSprop, Adam])
def test_what_is_not_finite_is_named_and_stops_training_before_the_update(backend, optimizer, quantity, value):
    epochs = fit(Poisoned(quantity, value), R.to(backend), optimizer(), epochs=5)
    next(epochs)
    second = next(epochs)
    bits = digest(second)
    with pytest.raises(Diverged, match=f"diverged in epoch 3: the {quantity} is {value}"):
        next(epochs)
    assert digest(second) == bits


@every_poison
def test_lbfgs_stops_at_once_where_scipy_would_go_on_and_report_success(quantity, value):
    model = Poisoned(quantity, value)
    with pytest.raises(Diverged, match=f"diverged in epoch 1: the {quantity} is {value}"):
        next(fit(model, R, LBFGS(), epochs=1))
    assert model.calls == 3


@every_way
def test_a_rating_that_is_nan_is_noticed_in_the_first_epoch(backend, optimizer, batch_size):
    values = R.values.copy()
    values[50] = np.nan
    with pytest.raises(Diverged, match="epoch 1: the loss is nan"):
        next(fit(MODEL, R.with_values(values).to(backend), optimizer, epochs=1, batch_size=batch_size))


@pytest.mark.parametrize(
    "optimizer", [SGD(1e30), RMSprop(1e30), Adam(1e30), RProp(step_init=1e30, step_max=1e30)], ids=repr
)
def test_far_too_large_a_step_is_reported_without_a_warning(backend, optimizer):
    with pytest.raises(Diverged, match="in epoch 2: the loss is (inf|nan); try a smaller learning rate"):
        list(fit(MODEL, R.to(backend, np.float32), optimizer, epochs=9))


@pytest.mark.parametrize(
    "rmses, patience, ends_at, best",
    [
        ([0.9, 0.8, 0.7, 0.6], 1, 4, 4),  # it never gets worse
        ([0.9, 0.8, 0.85, 0.7, 0.6], 1, 3, 2),
        ([0.9, 0.8, 0.85, 0.7, 0.75, 0.71, 0.6], 2, 6, 4),  # one bad epoch is forgiven
        ([0.9, 0.9, 0.9, 0.8], 2, 3, 1),  # as good is not better
        ([0.9, 0.89995, 0.89992, 0.8], 2, 3, 1),  # nor is a little less than 0.01 % better
        ([0.9, 0.89995, 0.8999, 0.95], 2, 4, 3),  # but little by little it counts
        ([math.nan, 0.9, math.nan, math.nan, 0.1], 2, 4, 2),  # nan is not better, either
    ],
)
def test_early_stopping_has_patience_and_remembers_the_best_epoch(rmses, patience, ends_at, best):
    stop = EarlyStopping(lambda params: params, patience)  # each params stand for their own RMSE
    for number, params in enumerate(rmses, start=1):
        ended = stop(Epoch(number, loss=0.0, seconds=0.0, params=params, state={}, rng=None))
        assert stop.rmse is params
        if ended:
            break
    assert (number, stop.best_epoch, stop.best_rmse) == (ends_at, best, rmses[best - 1])


def test_without_patience_the_last_epoch_counts_as_the_best_however_it_is():
    stop = EarlyStopping(lambda params: params, patience=None)
    for number, params in enumerate([0.5, *[0.9] * 1000, 0.7], start=1):
        epoch = Epoch(number, loss=0.0, seconds=0.0, params=params, state={}, rng=None)
        assert not stop(epoch) and not stop.is_out_of_patience(epoch)
        assert (stop.best_epoch, stop.best_rmse) == (number, params)


class Decaying(SGD):
    """It records which part of the training is done whenever it is asked for."""

    decays = True

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "parts", [])

    def at(self, done, epochs):
        self.parts.append(done / epochs)
        return self


def test_before_each_step_the_optimizer_gets_the_part_of_the_training_that_is_done():
    optimizer = Decaying()
    list(fit(MODEL, R, optimizer, epochs=4))
    assert optimizer.parts == pytest.approx([0, 1 / 4, 2 / 4, 3 / 4])
    optimizer = Decaying()
    list(fit(MODEL, R, optimizer, epochs=2, batch_size=12))  # of 30: 12, 12 and 6
    assert optimizer.parts == pytest.approx([0, 12 / 60, 24 / 60, 30 / 60, 42 / 60, 54 / 60])
    optimizer = Decaying()
    start = last(fit(MODEL, R, Decaying(), epochs=3))
    list(fit(MODEL, R, optimizer, epochs=5, start=start))
    assert optimizer.parts == pytest.approx([3 / 5, 4 / 5])


def test_the_step_is_that_of_the_optimizer_as_it_then_is():
    decaying = last(fit(MODEL, R, Adam(0.02, linear_decay=True), epochs=2))
    by_hand = last(fit(MODEL, R, Adam(0.02), epochs=1))
    assert digest(last(fit(MODEL, R, Adam(0.01), epochs=2, start=by_hand))) == digest(decaying)


class Pairs(NamedTuple):
    """A batch of rated pairs: users, items and ratings, (b,) each."""

    users: np.ndarray
    items: np.ndarray
    r: np.ndarray
    share: float


class PairFactorization:
    """min Σ (r_ui - p_u · q_i)² + l2 share (|P|² + |Q|²), by batches of rated pairs instead of rows"""

    def __init__(self, k, l2):
        self.k, self.l2 = k, l2

    def init(self, R, rng):
        return {"P": rng.normal(0, 0.3, (R.shape[0], self.k)), "Q": rng.normal(0, 0.3, (R.shape[1], self.k))}

    def batches(self, R, batch_size, rng):
        order = rng.permutation(R.size)
        for first in range(0, R.size, batch_size or R.size):
            cells = order[first : first + (batch_size or R.size)]
            yield Pairs(R.rows[cells], R.cols[cells], R.values[cells], len(cells) / R.size)

    def loss_and_grads(self, params, batch, rng=None):
        (p, to_P), (q, to_Q) = (
            embedding(params[name], at, BACKEND) for name, at in (("P", batch.users), ("Q", batch.items))
        )
        error, back_to_y = squared_error((p * q).sum(axis=1), batch.r)
        dy = back_to_y()[:, None]
        grads = {"P": to_P(dy * q), "Q": to_Q(dy * p)}
        return error + l2_penalty(2 * self.l2 * batch.share, params, grads, R), grads


BACKEND = get_backend("numpy")


@pytest.mark.parametrize(
    "optimizer, batch_size", [(Adam(0.05), 50), (SGD(0.005), 50), (RProp(), None), (LBFGS(30), None)], ids=repr
)
def test_the_same_loop_trains_a_model_of_rated_pairs(optimizer, batch_size):
    model = PairFactorization(3, l2=0.01)
    *_, epoch = fit(model, R, optimizer, epochs=150, batch_size=batch_size)
    assert epoch.loss < 0.02 * (R.values**2).sum()


def test_the_loss_of_an_epoch_of_pairs_does_not_depend_on_the_batches():
    model, stay = PairFactorization(3, l2=0.5), SGD(learning_rate=0.0)
    whole, parts = (next(fit(model, R, stay, epochs=1, batch_size=size)).loss for size in (None, 41))
    assert parts == pytest.approx(whole, rel=1e-12)


def test_an_epoch_is_shown_on_one_line():
    assert len(repr(next(fit(MODEL, R, RProp(), epochs=1)))) < 100


@pytest.mark.parametrize("grads, said", [
    ({}, "the gradient of w is missing"),
    ({"w": np.ones(3)}, r"the gradient of w has shape \(3,\), but w has \(2,\)"),
])  # fmt: skip
def test_a_gradient_that_is_missing_or_of_another_shape_is_named(grads, said):
    params = {"w": np.ones(2)}
    with pytest.raises(UsageError, match=said):
        checked((np.float64(1), grads), params, R, 1)
    assert checked((np.float64(1), {"w": np.ones(2)}), params, R, 1)[0]() == 1


def test_a_loss_may_be_any_one_number_and_no_more():
    params, grads = {"w": np.ones(2)}, {"w": np.ones(2)}
    assert [checked((loss, grads), params, R, 1)[0]() for loss in (2, 2.0, np.float32(2))] == [2, 2, 2]
    with pytest.raises(UsageError, match=r"the loss must be one number, and has shape \(3,\); sum it"):
        checked((np.ones(3), grads), params, R, 1)


@fast_backends
def test_the_loss_of_an_epoch_is_that_of_all_its_batches(backend):
    """A GPU reads the loss of a batch only when the next one is queued, and so that of the last after all."""
    losses = [
        [epoch.loss for epoch in fit(MODEL, R.to(name), Adam(1e-3), epochs=3, batch_size=size)]
        for name, size in ((backend, 7), ("reference", 7))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
