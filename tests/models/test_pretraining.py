"""A deep network starts from shallow ones: each ends up in its layers, and a training goes on from there."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrec as tr
from tests.strategies import GENERATORS, as_dense, fetch, from_dense
from tinyrec.backend import get_backend
from tinyrec.cli.watch import Watch
from tinyrec.models import AutoRec, DeepAutoRec
from tinyrec.models.deep_autorec import CODES_L2
from tinyrec.models.stages import CodeAutoencoder, Rows
from tinyrec.nn import ACTIVATIONS, OUTPUTS
from tinyrec.optim import Adam, RProp
from tinyrec.training import checkpoint as checkpoints
from tinyrec.training.checkpoint import Checkpoint
from tinyrec.training.loop import begin, fit
from tinyrec.training.progress import Progress
from tinyrec.training.run import pretrain

every_depth = pytest.mark.parametrize("units", [(4,), (4, 2, 4), (5, 3, 2, 3, 5)], ids=str)
DATA = tr.make_synthetic(60, 40, 900, seed=3)


def planted():
    """40 rows and 20 columns of rank 2, without a mean that biases alone could explain; 60 % is observed."""
    rng = np.random.default_rng(0)
    r = rng.standard_normal((40, 2)) @ rng.standard_normal((2, 20))
    return from_dense(r, rng.random(r.shape) < 0.6)


R = planted()


def pretrained(model, R, optimizer, **options):
    """The parameters to start from, what each shallow network has learned, and all that was observed."""
    learned, seen = {}, []

    def observe(epoch, layer):
        learned[layer] = epoch.params
        seen.append((layer, epoch.number, epoch.loss))

    params = pretrain(model, R, optimizer, observe=observe, **options)
    return fetch(params), fetch(learned), seen


def assert_same_bits(some, others):
    assert {name: w.tobytes() for name, w in some.items()} == {name: w.tobytes() for name, w in others.items()}


@pytest.mark.parametrize("units", [(8, 4, 8), (10, 6, 4, 6, 10)], ids=str)
def test_fine_tuning_starts_far_below_where_random_weights_would(backend, units):
    S = R.to(backend)
    model = DeepAutoRec(hidden_units=units, l2=0.1, l2_hidden=0.1, pretrain=100)
    starts = pretrain(model, S, RProp()), begin(model, S, RProp()).params
    pretrained, random = (fetch(model.loss_and_grads(start, S)[0]) for start in starts)
    assert pretrained < 0.25 * random


@every_depth
@pytest.mark.parametrize("output, activation", [("identity", "sigmoid"), ("sigmoid", "tanh")])
def test_the_encoders_come_one_after_the_other_and_the_decoders_in_reverse(units, output, activation):
    model = DeepAutoRec(hidden_units=units, l2=0.1, pretrain=5, output=output, activation=activation)
    params, learned, _ = pretrained(model, R, RProp())
    f, g = OUTPUTS[output], ACTIVATIONS[activation]
    code, last = as_dense(R)[0], len(units)
    for layer, shallow in learned.items():
        assert params[f"V{layer}"] is shallow["V"] and params[f"mu{layer}"] is shallow["mu"]
        if layer > 1:
            assert params[f"V{last + 2 - layer}"] is shallow["W"] and params[f"mu{last + 2 - layer}"] is shallow["b"]
        code = g(code @ shallow["V"] + shallow["mu"])[0]
    for layer in range(len(learned), 1, -1):
        code = g(code @ learned[layer]["W"] + learned[layer]["b"])[0]
    y = f(code @ learned[1]["W"].T + learned[1]["b"])[0]
    everywhere = from_dense(np.zeros(R.shape), np.ones(R.shape, bool))
    np.testing.assert_allclose(model.predict_cells(params, R, everywhere).reshape(R.shape), y, rtol=1e-9)
    assert {name: w.shape for name, w in params.items()} == model.shapes(R.shape[1])
    assert list(params) == list(model.shapes(R.shape[1])) and len(learned) == (last + 1) // 2


@every_depth
def test_each_epoch_of_each_layer_is_observed_and_the_losses_fall(backend, units):
    model = DeepAutoRec(hidden_units=units, l2=0.1, pretrain=7)
    for optimizer, batch_size in ((RProp(), None), (Adam(0.02), 16)):
        _, learned, seen = pretrained(model, R.to(backend), optimizer, batch_size=batch_size)
        assert [(layer, epoch) for layer, epoch, _ in seen] == [(j, e) for j in learned for e in range(1, 8)]
        for layer in learned:
            first, *_, last = (loss for number, _, loss in seen if number == layer)
            assert last < first


def test_the_same_seed_gives_the_same_bits_and_another_others(backend):
    model = DeepAutoRec(hidden_units=(4, 2, 4), l2=0.1, pretrain=3)
    runs = [pretrained(model, R.to(backend), Adam(), batch_size=16, seed=seed)[0] for seed in (0, 0, 1)]
    assert_same_bits(runs[0], runs[1])
    for name in ("V1", "V2", "V3", "W"):
        assert not np.array_equal(runs[0][name], runs[2][name])


def test_the_first_is_an_autorec_of_the_same_settings_and_the_next_reads_its_codes():
    own = {"l2": 0.3, "activation": "tanh", "output": "sigmoid", "dropout": 0.3, "by": "user"}
    options = {"batch_size": 16, "seed": 5}
    _, learned, _ = pretrained(DeepAutoRec(hidden_units=(4, 2, 4), pretrain=3, **own), R, Adam(), **options)
    shallow = AutoRec(hidden_units=4, **own)
    *_, first = fit(shallow, R, Adam(), epochs=3, **options)
    assert_same_bits(learned[1], first.params)
    codes = Rows(shallow.encode(first.params, R), R.backend)
    stacked = CodeAutoencoder(hidden_units=2, activation="tanh", l2=CODES_L2)
    *_, second = fit(stacked, codes, Adam(), epochs=3, **options | {"seed": 6})
    assert_same_bits(learned[2], second.params)


@given(rng=GENERATORS, n=st.integers(1, 5), j=st.integers(1, 4), k=st.integers(1, 3))
def test_a_code_autoencoder_reconstructs_codes_as_its_equation_says(backend, rng, n, j, k):
    model, X = CodeAutoencoder(hidden_units=k, activation="sigmoid", l2=0.7), rng.random((n, j))
    ops = get_backend(backend)
    rows = Rows(ops.asarray(X), ops, share=0.25)
    params = {name: rng.standard_normal(w.shape) for name, w in model.init(rows, rng).items()}

    def g(z):
        return 1 / (1 + np.exp(-z))

    error = sum(((x - g(params["W"].T @ g(params["V"].T @ x + params["mu"]) + params["b"])) ** 2).sum() for x in X)
    expected = error + 0.25 * 0.7 / 2 * ((params["V"] ** 2).sum() + (params["W"] ** 2).sum())
    loss, _ = model.loss_and_grads({name: ops.asarray(w) for name, w in params.items()}, rows)
    assert fetch(loss) == pytest.approx(expected, rel=1e-12)


def test_the_batches_are_those_of_ratings(backend):
    ops, X, order = get_backend(backend), np.arange(12.0).reshape(4, 3), np.array([3, 0, 2, 1])
    batches = list(Rows(ops.asarray(X), ops, share=0.25).batches(order, 3))
    assert [(rows.shape, rows.share) for rows in batches] == [((3, 3), 0.25 * 3 / 4), ((1, 3), 0.25 / 4)]
    assert all(rows.backend is ops for rows in batches)
    np.testing.assert_array_equal(np.concatenate([fetch(rows.values) for rows in batches]), X[order])


MODEL = tr.DeepAutoRec(hidden_units=(4, 2, 4), l2=4.0, l2_hidden=1.0, pretrain=6)
PRETRAINING = [(layer, epoch) for layer in (1, 2) for epoch in range(1, 7)]


def summary(history):
    return [(row["trial"], row["layer"], row["epoch"], row["loss"], row["valid_rmse"]) for row in history]


def test_fine_tuning_goes_on_from_the_pretrained_parameters_for_the_epochs_asked_for():
    trained = MODEL.fit(DATA, epochs=3, backend="reference", seed=2)
    rows = [(row["layer"], row["epoch"]) for row in trained.info["history"]]
    assert rows == PRETRAINING + [(None, epoch) for epoch in (1, 2, 3)] and trained.info["epochs"] == 3
    S = trained.scaling.to_model(DATA.ratings, np.float32).T
    start = replace(begin(MODEL, S, RProp(), 2), params=pretrain(MODEL, S, RProp(), seed=2))
    *_, epoch = fit(MODEL, S, RProp(), epochs=3, start=start)
    assert_same_bits(epoch.params, trained.params)
    assert [row["layer"] for row in replace(MODEL, pretrain=0).fit(DATA, epochs=2).info["history"]] == [None, None]


def test_a_trial_pretrains_and_stops_when_fine_tuning_no_longer_gains():
    info = MODEL.fit(DATA, valid=0.1, backend="reference").info
    (trial,), history = info["trials"], info["history"]
    for number, epochs in ((0, trial["epochs"] + RProp.patience), (None, trial["epochs"])):
        rows = [row for row in history if row["trial"] == number]
        assert [(row["layer"], row["epoch"]) for row in rows[:12]] == PRETRAINING
        assert [(row["layer"], row["epoch"]) for row in rows[12:]] == [(None, n) for n in range(1, epochs + 1)]
        assert all((row["valid_rmse"] is None) == (number is None or row["layer"] is not None) for row in rows)
    assert trial["valid_rmse"] == history[12 + trial["epochs"] - 1]["valid_rmse"] == info["valid_rmse"]


class Stop(Exception):
    pass


def stop_after(epochs, watch):
    def observe(progress):
        watch(progress)
        if len(progress.history) == epochs:
            raise Stop

    return observe


@pytest.mark.parametrize("optimizer, batch_size", [(RProp(), None), (Adam(), 16)], ids=["rprop", "adam in batches"])
@pytest.mark.parametrize("valid", [None, 0.2])
def test_checkpoints_are_of_fine_tuning_alone_and_resumed_equals_uninterrupted(
    tmp_path, monkeypatch, optimizer, batch_size, valid
):
    monkeypatch.setattr(checkpoints, "MIN_SECONDS", 0)  # it is always time for the next
    monkeypatch.setattr(checkpoints, "MIN_RATIO", 0)
    options = {"optimizer": optimizer, "batch_size": batch_size, "epochs": 4, "valid": valid, "backend": "reference"}
    whole = MODEL.fit(DATA, **options)
    history = summary(whole.info["history"])
    for after in range(1, len(history) + 1, 3):
        checkpoint = Checkpoint(tmp_path / str(after), {})
        checkpoint.start()
        with pytest.raises(Stop), Watch(True, None, checkpoint) as watch:
            MODEL.fit(DATA, observe=stop_after(after, watch), **options)
        tuned = [number for number, (_, layer, *_) in enumerate(history[:after], start=1) if layer is None]
        assert checkpoint.path.exists() == bool(tuned)
        if tuned:
            progress = checkpoint.read()
            assert len(progress.history) == tuned[-1]
            resumed = MODEL.fit(DATA, resume=progress, **options)
            assert summary(resumed.info["history"]) == history
            assert_same_bits(resumed.params, whole.params)


@pytest.mark.parametrize("after", [3, 8, 14])
def test_a_progress_that_was_stopped_while_pretraining_goes_on_without_telling_it_twice(after):
    options, progress = {"epochs": 4, "backend": "reference"}, Progress()
    with pytest.raises(Stop):
        MODEL.fit(DATA, resume=progress, observe=stop_after(after, lambda progress: None), **options)
    whole, resumed = (MODEL.fit(DATA, resume=its, **options) for its in (None, progress))
    assert_same_bits(resumed.params, whole.params)
    assert summary(resumed.info["history"]) == summary(whole.info["history"])
