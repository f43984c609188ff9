"""Choosing on a validation part, and training on everything."""

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.errors import DataError, UsageError
from tinyrec.optim import LBFGS, SGD, Adam, RMSprop, RProp
from tinyrec.recommenders.scaling import Biases
from tinyrec.training import Progress


@pytest.fixture(scope="module")
def data():
    return tr.make_synthetic(80, 60, 2000, seed=1)


def bias_rmse(train, test):
    error = Biases.fit(train.ratings).predict(test.ratings.rows, test.ratings.cols) - test.ratings.values
    return np.sqrt(np.mean(error**2))


def test_what_is_given_is_not_chosen(data):
    recommender = tr.AutoRec(hidden_units=4, l2=5.0).fit(data, epochs=7, backend="reference")
    assert recommender.info["epochs"] == 7 and recommender.info["trials"] == []
    assert recommender.info["valid_rmse"] is None
    assert [row["epoch"] for row in recommender.info["history"]] == list(range(1, 8))
    assert recommender.data is data


def test_the_best_candidate_is_trained_again_on_everything():
    data = tr.make_synthetic(200, 150, 8000, seed=0)
    recommender = tr.AutoRec(hidden_units=8).fit(data, backend="reference")
    info = recommender.info
    best = min(info["trials"], key=lambda trial: trial["valid_rmse"])
    assert len(info["trials"]) == len(tr.AutoRec().candidates(data.ratings.size)) == 2
    assert recommender.model == tr.AutoRec(**best["settings"])
    assert (info["epochs"], info["valid_rmse"]) == (best["epochs"], best["valid_rmse"])
    again = recommender.model.fit(data, epochs=best["epochs"], backend="reference")
    for name, w in recommender.params.items():
        np.testing.assert_array_equal(w, again.params[name])


def test_where_nothing_beats_the_biases_they_are_the_model():
    rng = np.random.default_rng(0)
    users, items = np.divmod(rng.choice(200 * 100, 2000, replace=False), 100)
    data = tr.Dataset.from_triples(users, items, rng.integers(1, 6, 2000))  # nothing to learn at all
    recommender = tr.AutoRec(hidden_units=8).fit(data, backend="reference")
    biases = Biases.estimate(data.ratings)
    assert recommender.model.center and recommender.info["epochs"] == 0
    np.testing.assert_allclose(
        recommender.predict(users, items, clip=False),
        biases.predict(data.users.find(users), data.items.find(items)),
    )


def test_a_trial_ends_when_the_validation_part_no_longer_gains(data):
    info = tr.AutoRec(hidden_units=4, l2=5.0).fit(data, backend="reference").info
    rows = [row for row in info["history"] if row["trial"] == 0]
    (trial,) = info["trials"]
    assert len(rows) == trial["epochs"] + RProp.patience
    assert trial["valid_rmse"] == rows[trial["epochs"] - 1]["valid_rmse"]
    assert trial["valid_rmse"] * (1 - 1e-4) <= min(row["valid_rmse"] for row in rows)


def test_the_validation_rmse_is_that_of_a_recommender(data):
    """The quick way, by the sparse kernels, and the slow one, by raw ids, say the same."""
    part, held_out = tr.split_random(data, 0.1, seed=3)
    for model in (tr.AutoRec(hidden_units=4, l2=5.0), tr.AutoRec(by="user", hidden_units=4, l2=50.0, center=True)):
        info = model.fit(data, epochs=6, valid=0.1, seed=3, backend="reference").info
        best = model.fit(part, epochs=max(info["epochs"], 1), seed=3, backend="reference")
        assert best.examine(held_out)[0]["rmse"] == pytest.approx(info["valid_rmse"], rel=1e-6)


def test_the_test_part_is_never_looked_at(data):
    """The same training part with other test ratings gives the same model, to the bit."""
    train, _ = tr.split_random(data, 0.2, seed=0)
    users, items = train.users.ids[train.ratings.rows], train.items.ids[train.ratings.cols]
    alone = tr.Dataset.from_cells(
        train.users, train.items, train.ratings.rows, train.ratings.cols, train.ratings.values, scale=(1, 5)
    )
    first, second = (tr.AutoRec(hidden_units=4).fit(d, backend="reference") for d in (train, alone))
    np.testing.assert_array_equal(first.predict(users, items), second.predict(users, items))


@pytest.mark.parametrize("optimizer, options", [
    (RProp(), {}),
    (LBFGS(iterations=10), {"epochs": 5}),
    (SGD(learning_rate=1e-3), {"batch_size": 8}),
    (RMSprop(learning_rate=0.01), {"batch_size": 8}),
    (Adam(learning_rate=0.01), {"batch_size": 8}),
    (Adam(learning_rate=0.1), {"batch_size": 0}),
])  # fmt: skip
def test_every_optimiser_learns_something(data, optimizer, options):
    train, test = tr.split_random(data, 0.1, seed=0)
    options = {"epochs": 60, "optimizer": optimizer, "backend": "reference"} | options
    model = tr.AutoRec(hidden_units=8, l2=10.0).fit(train, **options)
    assert model.score(test)["rmse"] < 1.04 < test.ratings.values.std()


def test_the_same_seed_gives_the_same_bits_and_another_another(data):
    fits = [tr.AutoRec(hidden_units=4, l2=5.0).fit(data, epochs=5, seed=seed) for seed in (0, 0, 1)]
    assert fits[0].params["V"].tobytes() == fits[1].params["V"].tobytes() != fits[2].params["V"].tobytes()


def test_going_on_from_a_progress_equals_never_having_stopped(data):
    """Stopped after each number of epochs in turn: in a first trial, between trials, and in the final training."""
    model, options = tr.AutoRec(hidden_units=3), {"epochs": 30, "backend": "reference"}
    whole = model.fit(data, **options)
    total = len(whole.info["history"])

    class Stop(Exception):
        pass

    for stop_after in range(1, total, 7):

        def stop(progress, after=stop_after):
            if len(progress.history) == after:
                raise Stop

        progress = Progress()
        with pytest.raises(Stop):
            model.fit(data, observe=stop, resume=progress, **options)
        resumed = model.fit(data, resume=progress, **options)
        assert resumed.info["trials"] == whole.info["trials"]
        for name, w in whole.params.items():
            assert w.tobytes() == resumed.params[name].tobytes()


@pytest.mark.parametrize("triples", [
    ([1], [1], [4]),
    ([1, 1, 1], [1, 2, 3], [4, 3, 5]),
    ([1, 2, 3], [1, 1, 1], [4, 3, 5]),
    (list(range(30)), list(range(30)), [3] * 30),
    ([1] * 25, list(range(25)), [i % 5 + 1 for i in range(25)]),
])  # fmt: skip
def test_degenerate_data_give_finite_predictions_and_no_warning(triples):
    data = tr.Dataset.from_triples(*triples)
    for by in ("item", "user"):
        recommender = tr.AutoRec(by=by, hidden_units=3).fit(data, backend="reference")
        y = recommender.predict(triples[0], triples[1])
        assert np.isfinite(y).all() and (y >= data.scale[0]).all() and (y <= data.scale[1]).all()
        assert len(recommender.recommend(triples[0][0])) <= len(set(triples[1]))


def test_a_stranger_with_few_ratings_beats_the_biases():
    """Half of the users have one rating; the scale is 1 to 100. Nothing is given, and the test part is drawn once."""
    data = tr.make_synthetic(400, 300, 6000, seed=5)
    rng = np.random.default_rng(0)
    lonely = rng.random(400) < 0.5
    first = np.r_[True, np.diff(data.ratings.rows) > 0]
    data = data.select(~lonely[data.ratings.rows] | first)
    users, items = data.users.ids[data.ratings.rows], data.items.ids[data.ratings.cols]
    data = tr.Dataset.from_triples(users, items, data.ratings.values * 20, scale=(1, 100))
    train, test = tr.split_random(data, 0.1, seed=0)
    recommender = tr.AutoRec().fit(train)
    warm = np.isin(test.ratings.rows, train.ratings.rows) & np.isin(test.ratings.cols, train.ratings.cols)
    test = test.select(warm)
    assert recommender.score(test)["rmse"] < bias_rmse(train, test)


def test_a_progress_of_other_options_is_refused(data):
    """An epoch of a trial has not seen the validation part, one of the final training has: they are not the same."""
    model, options = tr.AutoRec(hidden_units=3, l2=4.0), {"backend": "reference"}
    final = Progress()
    model.fit(data, epochs=9, resume=final, **options)
    for epochs in (None, 5):
        with pytest.raises(UsageError, match="with other options|more than the 5 that are asked for"):
            model.fit(data, epochs=epochs, resume=final, **options)
    assert model.fit(data, epochs=12, resume=final, **options).info["epochs"] == 12


@pytest.mark.parametrize("optimizer", [SGD(decay=0.1), Adam(), LBFGS(iterations=2)], ids=repr)
def test_going_on_to_more_epochs_equals_having_trained_for_as_many(data, optimizer):
    model = tr.AutoRec(hidden_units=3, l2=4.0, dropout=0.0 if optimizer.full_batch else 0.5)
    progress, options = Progress(), {"optimizer": optimizer, "backend": "reference"}
    model.fit(data, epochs=4, resume=progress, **options)
    more, whole = model.fit(data, epochs=9, resume=progress, **options), model.fit(data, epochs=9, **options)
    for name, w in whole.params.items():
        assert w.tobytes() == more.params[name].tobytes()
    assert [row["loss"] for row in more.info["history"]] == [row["loss"] for row in whole.info["history"]]


@pytest.mark.parametrize("l2, optimizer, cause", [
    (4.0, Adam(linear_decay=True), "the learning rate of Adam falls until the last epoch"),
    (None, RProp(), "the settings are chosen by trials of at most so many epochs"),
])  # fmt: skip
def test_more_epochs_are_refused_where_they_change_what_was_done(data, l2, optimizer, cause):
    progress, options = Progress(), {"optimizer": optimizer, "backend": "reference"}
    model = tr.AutoRec(hidden_units=3, l2=l2)
    model.fit(data, epochs=2, resume=progress, **options)
    with pytest.raises(UsageError, match=f"begun with epochs 2, and {cause}; continue with as many"):
        model.fit(data, epochs=3, resume=progress, **options)
    model.fit(data, epochs=2, resume=progress, **options)


def test_what_was_returned_is_not_trained_further(data):
    progress, model = Progress(), tr.AutoRec(hidden_units=3, l2=4.0)
    first = model.fit(data, epochs=3, resume=progress, backend="reference")
    before = first.params["W"].copy()
    model.fit(data, epochs=6, resume=progress, backend="reference")
    np.testing.assert_array_equal(first.params["W"], before)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 2.5},
        {"optimizer": "nonsense"},
        {"optimizer": Adam},
        {"seed": -1},
        {"seed": 1.0},
        {"seed": True},
        {"batch_size": -5},
        {"epochs": 0},
        {"valid": 0.0},
        {"valid": 1.5},
        {"valid": -0.1},
    ],
)
def test_impossible_options_are_refused(data, options):
    with pytest.raises((UsageError, DataError)):
        tr.AutoRec(hidden_units=2).fit(data, backend="reference", **options)


NOISY = [
    tr.AutoRec(hidden_units=2, l2=1.0, dropout=0.2),
    tr.DeepAutoRec(hidden_units=2, l2=1.0, dropout=0.2),
    tr.CFN(hidden_units=2, l2=1.0, dropout=0.0, noise=0.1),
]


@pytest.mark.parametrize("optimizer", [RProp(), LBFGS()], ids=repr)
@pytest.mark.parametrize("model", NOISY, ids=repr)
def test_noise_is_refused_where_a_noisy_gradient_cannot_be_borne(data, model, optimizer):
    with pytest.raises(UsageError, match="noisy, and (RProp|LBFGS) needs an exact one; use adam or sgd"):
        model.fit(data, optimizer=optimizer, epochs=1)
    assert model.fit(data, optimizer=Adam(), epochs=1, backend="reference").info["epochs"] == 1


def test_a_rate_that_falls_until_the_last_epoch_needs_to_know_which_it_is(data):
    with pytest.raises(UsageError, match="the learning rate of Adam falls until the last epoch; give the number"):
        tr.AutoRec(hidden_units=2, l2=1.0).fit(data, optimizer=Adam(linear_decay=True))


def test_a_trial_with_a_falling_rate_runs_to_its_end_and_is_judged_there(data):
    """Here the validation RMSE is lowest long before: more epochs than anybody else has patience for."""
    options = {"optimizer": Adam(0.05, linear_decay=True), "epochs": 100, "valid": 0.1, "backend": "reference"}
    info = tr.AutoRec(hidden_units=20, l2=0.0).fit(data, **options).info
    rmses = [row["valid_rmse"] for row in info["history"] if row["trial"] == 0]
    assert len(rmses) == info["epochs"] == 100 and np.argmin(rmses) < 100 - Adam().patience
    assert info["trials"][0]["epochs"] == 100 and info["valid_rmse"] == rmses[-1] > min(rmses)


@pytest.mark.parametrize("settings", [
    {"by": "movie"}, {"hidden_units": 0}, {"hidden_units": 2.5}, {"hidden_units": True}, {"l2": "3"}, {"center": 1},
    {"l2": -1.0}, {"l2": float("nan")}, {"activation": "step"},
])  # fmt: skip
def test_impossible_hyper_parameters_are_refused(settings):
    with pytest.raises(UsageError):
        tr.AutoRec(**settings)


def test_an_optimizer_may_be_given_by_its_name(data):
    by_name, by_class = (
        tr.AutoRec(hidden_units=2, l2=1.0).fit(data, optimizer=optimizer, epochs=2, backend="reference")
        for optimizer in ("adam", Adam())
    )
    assert by_name.info["optimizer"] == repr(Adam()) and by_name.params["V"].tobytes() == by_class.params["V"].tobytes()


def test_a_progress_bar_is_shown_if_asked_for(data, capsys):
    seen, model = [], tr.AutoRec(hidden_units=2, l2=1.0)
    model.fit(data, epochs=3, backend="reference", observe=lambda progress: seen.append(repr(progress)))
    assert capsys.readouterr().err == ""
    model.fit(data, epochs=3, progress=True, backend="reference", observe=lambda progress: seen.append(repr(progress)))
    assert "3/3" in (shown := capsys.readouterr().err) and "loss" in shown
    assert len(seen) == 6 and seen[2] == "<Progress: 0 trials, 3 epochs in all, epoch 3>"


def test_train_is_for_autoencoders(data):
    with pytest.raises(UsageError, match=r"train is for networks; call fit of BiasedMF\("):
        tr.train(tr.BiasedMF(), data)
