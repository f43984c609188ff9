"""What a fitted model of pairs predicts, also for users and items that it was not trained on."""

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.data import Features
from tinyrec.recommenders.fold_in import DAMPING

RNG = np.random.default_rng(0)
DATA = tr.make_synthetic(60, 40, 1200, seed=0)
USERS = Features.from_array(("a", "b"), RNG.integers(0, 2, (60, 2)))
GENRES = Features.of({"genres": [["Comedy", "Drama", "Comedy|Drama"][j % 3] for j in range(40)]})
OPTIONS = {"epochs": 4, "batch_size": 100}
MODEL = tr.NRP(hidden_units=(6, 4), head_units=(5,), activation="tanh")


@pytest.fixture(scope="module")
def plain():
    return MODEL.fit(DATA, **OPTIONS)


@pytest.fixture(scope="module")
def with_features():
    return MODEL.fit(DATA.with_features(users=USERS, items=GENRES), **OPTIONS)


@pytest.mark.parametrize("fixture", ["plain", "with_features"])
def test_it_is_saved_and_loaded(request, tmp_path, fixture):
    fitted = request.getfixturevalue(fixture)
    fitted.save(tmp_path / "m.npz")
    back = tr.load(tmp_path / "m.npz")
    assert type(back) is type(fitted) and back.model == fitted.model and back.n_parameters == fitted.n_parameters
    users, items, _ = DATA.triples()
    np.testing.assert_array_equal(back.predict(users, items), fitted.predict(users, items))


def test_a_new_user_with_the_ratings_of_a_known_one_gets_nearly_the_same(plain):
    """Only the bias differs: that of a new user is damped, and not of the training."""
    items = DATA.ratings.take_rows([7])
    ratings = dict(zip(DATA.items.ids[items.cols].tolist(), items.values.tolist(), strict=True))
    known = plain.predict([DATA.users.ids[7]] * 40, DATA.items.ids, clip=False)
    new = plain.predict_new("user", items.cols, items.values, {})
    x = items.values - plain.scaling.offset.predict(-1, items.cols)
    bias = x.sum() / (len(x) + DAMPING)
    assert np.abs(new - known - (bias - plain.scaling.offset.user[7])).max() < 0.05
    assert plain.predict_new_user(ratings) == pytest.approx(np.clip(new, 1, 5))


def test_a_new_item_is_known_by_its_features_alone(with_features, plain):
    comedy, drama = (with_features.predict_new_item({}, {"genres": genre}) for genre in ("Comedy", "Drama"))
    assert comedy.shape == (60,) and np.abs(comedy - drama).max() > 0
    np.testing.assert_array_equal(with_features.predict_new_item({}, {"genres": ["Comedy"]}), comedy)
    with pytest.raises(tr.UsageError, match="this model reads no features of a new item"):
        plain.predict_new_item({}, {"genres": "Comedy"})


def test_an_item_without_ratings_is_cold_unless_it_has_features():
    part = DATA.select(DATA.ratings.cols != 3)
    pairs = [DATA.users.ids[0]], [DATA.items.ids[3]]
    assert MODEL.fit(part, **OPTIONS).predict(*pairs) == 3
    assert MODEL.fit(part.with_features(users=USERS, items=GENRES), **OPTIONS).predict(*pairs) != 3


def test_features_improve_the_predictions_of_cold_items():
    """Ratings that are made of the features alone: for a cold item, they are all that is known."""
    rng = np.random.default_rng(1)
    taste, kind = rng.integers(0, 2, 80), rng.integers(0, 2, 60)
    u, i = np.nonzero(rng.random((80, 60)) < 0.5)
    data = tr.Dataset.from_triples(u, i, 3.0 + 2.0 * np.where(taste[u] == kind[i], 1, -1), scale=(1, 5))
    cold = data.ratings.cols >= 50
    users = Features.from_array(("taste", "other"), np.column_stack([taste, 1 - taste]))
    items = Features.from_array(("kind", "other"), np.column_stack([kind, 1 - kind]))
    model = tr.NRP(hidden_units=(8, 4), head="dot", activation="tanh", dropout=0.9, hidden_dropout=0.0)
    train, test = data.select(~cold), data.select(cold)
    fitted = model.fit(train.with_features(users=users, items=items), epochs=30, batch_size=100)
    assert fitted.examine(test)[0]["rmse"] < 1 < model.fit(train, epochs=30, batch_size=100).examine(test)[0]["rmse"]


def test_a_resumed_training_ends_with_the_same_bits(tmp_path):
    from tinyrec.training import Progress, train

    kept = Progress()

    def stop(progress):
        if progress.epoch.number == 2:
            kept.epoch, kept.history, kept.epochs = progress.epoch, list(progress.history), progress.epochs
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(MODEL, DATA, **OPTIONS, observe=stop)
    again, whole = train(MODEL, DATA, **OPTIONS, resume=kept), train(MODEL, DATA, **OPTIONS)
    for name, w in whole.params.items():
        np.testing.assert_array_equal(again.params[name], w)


def test_it_cannot_start_from_another_model_or_take_new_ratings(plain):
    with pytest.raises(tr.UsageError, match="a NRP cannot start from another model"):
        MODEL.fit(DATA, **OPTIONS, start=plain)
    with pytest.raises(tr.UsageError, match="NRP cannot take new ratings without training"):
        plain.with_ratings(DATA)
