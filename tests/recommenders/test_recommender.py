"""From raw ids to ratings: never a wrong row, never something already rated, nothing of size users x items."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation import top_n as module
from tinyrec.evaluation.top_n import blocks


@pytest.fixture(scope="module", params=["item", "user"])
def by(request):
    return request.param


@pytest.fixture(scope="module", params=[False, True], ids=["raw", "centred"])
def center(request):
    return request.param


@pytest.fixture(scope="module")
def split():
    data = tr.make_synthetic(60, 40, 900, seed=3)
    train, test = tr.split_random(data, 0.2, seed=0)
    no_item_7 = train.ratings.cols != 7
    return train.select(no_item_7 & (train.ratings.rows != 5)), test  # user 5 and item 7 are cold


@pytest.fixture(scope="module")
def trained(by, center, split):
    return tr.AutoRec(by=by, hidden_units=4, l2=8.0, center=center).fit(split[0], epochs=25, backend="reference")


def dense_prediction(recommender):
    """All ratings, users x items, by the equations: h(r) = W g(V r + mu) + b, dense and from zero-filled rows."""
    R, scaling, params = recommender.data.ratings, recommender.scaling, recommender.params
    n, d = R.shape
    zero = scaling.offset.mean + scaling.offset.user[:, None] + scaling.offset.item
    X = np.zeros((n, d))
    X[R.rows, R.cols] = (R.values - zero[R.rows, R.cols]) / scaling.unit
    if recommender.model.by == "item":
        X = X.T
    H = 1 / (1 + np.exp(-(X @ params["V"] + params["mu"])))
    Y = H @ params["W"].T + params["b"]
    return zero + scaling.unit * (Y.T if recommender.model.by == "item" else Y)


def warm_pairs(recommender):
    """All ids of users and of items as two grids, and where both have a training rating."""
    users, items = np.meshgrid(recommender.data.users.ids, recommender.data.items.ids, indexing="ij")
    return users, items, rated_users(recommender)[:, None] & rated_items(recommender)


def rated_users(recommender):
    return np.isin(np.arange(60), recommender.data.ratings.rows)


def rated_items(recommender):
    return np.isin(np.arange(40), recommender.data.ratings.cols)


def test_predictions_are_those_of_the_equations(trained):
    users, items, warm = warm_pairs(trained)
    found = trained.predict(users[warm], items[warm], clip=False)
    np.testing.assert_allclose(found, dense_prediction(trained)[warm], rtol=1e-4)


def test_predictions_do_not_depend_on_blocks_or_order(trained, monkeypatch):
    users, items, warm = warm_pairs(trained)
    users, items = users[warm], items[warm]
    whole = trained.predict(users, items)
    monkeypatch.setattr(module, "BLOCK", 7)
    order = np.random.default_rng(0).permutation(len(users))
    np.testing.assert_array_equal(trained.predict(users[order], items[order]), whole[order])


def test_cold_and_unknown_ones_get_the_default(trained):
    user, item = trained.data.users.ids[5], trained.data.items.ids[7]
    known_user, known_item = trained.data.users.ids[0], trained.data.items.ids[0]
    pairs = [(user, known_item), (known_user, item), (10**9, known_item), (known_user, -1), (10**9, 10**9)]
    np.testing.assert_array_equal(trained.predict(*zip(*pairs, strict=True)), 3)


def test_without_a_default_cold_and_unknown_ones_are_finite_and_alike(trained):
    user, item = trained.data.users.ids[5], trained.data.items.ids[7]
    items = trained.data.items.ids[:3]
    cold, unknown = (trained.predict([who] * 3, items, default=False) for who in (user, 10**9))
    np.testing.assert_allclose(cold, unknown, rtol=1e-6)
    users = trained.data.users.ids[:3]
    cold, unknown = (trained.predict(users, [what] * 3, default=False) for what in (item, 10**9))
    np.testing.assert_allclose(cold, unknown, rtol=1e-6)
    assert np.isfinite(cold).all() and ((cold >= 1) & (cold <= 5)).all()


def test_text_is_never_taken_for_an_integer(trained):
    with pytest.raises(DataError, match="ids are integers but text"):
        trained.predict(["3"], [3])


def test_as_many_users_as_items_must_be_given(trained):
    with pytest.raises(DataError, match="2 users but 1 items"):
        trained.predict([1, 2], [1])


@pytest.mark.filterwarnings("ignore:WORSE than predicting the mean")  # it was trained for a few epochs only
def test_score_is_the_rmse_of_the_predictions(trained, split):
    test = split[1]
    users, items = test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols]
    errors = trained.predict(users, items) - test.ratings.values
    score = trained.score(test)
    assert score["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert score["mae"] == pytest.approx(np.mean(np.abs(errors)))
    assert score["n"] == test.ratings.size
    warm = rated_users(trained)[test.ratings.rows] & rated_items(trained)[test.ratings.cols]
    assert score["cold"] == (~warm).sum() > 0
    assert score["rmse_warm"] == pytest.approx(np.sqrt(np.mean(errors[warm] ** 2)))
    assert np.isnan(trained.score(test.select(~warm))["rmse_warm"])


@pytest.mark.parametrize("mean, parts", [(1.5, ["WORSE"]), (9.0, ["WORSE", "predictions are at the end 5"])])
def test_score_warns_of_predictions_of_no_use(split, mean, parts):
    train, test = split
    fitted = tr.Bias().fit(train)
    useless = replace(fitted, params={**fitted.params, "mean": np.array([mean])})
    with pytest.warns(UserWarning) as caught:
        scores = useless.score(test)
    told = [str(warning.message) for warning in caught]
    assert useless.examine(test) == (scores, told) and caught[0].filename == __file__
    assert all(part in text for text, part in zip(told, parts, strict=True))
    assert fitted.examine(test) == (fitted.score(test), [])  # and no warning


def test_score_refuses_a_rating_that_was_trained_on(trained, split):
    with pytest.raises(DataError, match=f"{split[0].ratings.size} of the .* were trained on"):
        trained.score(split[0])


def test_rank_finds_the_ids_of_a_part_that_was_loaded_by_itself(trained, split):
    test = split[1].binarized(4)
    some = test.ratings.cols % 3 > 0  # other row and column numbers
    users, items = test.users.ids[test.ratings.rows[some]], test.items.ids[test.ratings.cols[some]]
    alone = tr.Dataset.from_triples(users, items, split[1].ratings.values[split[1].ratings.values >= 4][some])
    assert trained.rank(alone) == trained.rank(test.select(some)) and len(alone.items) < len(test.items)
    assert trained.rank(split[1], relevant=4) == trained.rank(test)
    for pair, message in (([7, 10**6], "item 1000000"), ([10**6, 7], "user 1000000")):
        with pytest.raises(DataError, match=f"{message} of the test part is not in the training data"):
            trained.rank(tr.Dataset.from_triples([pair[0]], [pair[1]], [4.0]))


def test_recommendations_are_the_best_of_what_is_neither_rated_nor_cold(trained):
    Y, R = dense_prediction(trained), trained.data.ratings
    for row, (user, ranking) in enumerate(trained.recommend_many(trained.data.users.ids, n=6)):
        assert user == trained.data.users.ids[row]
        scores = Y[row].copy()
        scores[R.cols[R.rows == row]] = -np.inf
        scores[~rated_items(trained)] = -np.inf
        if rated_users(trained)[row]:  # a cold user is served as the mean one
            expected = np.argsort(-scores, kind="stable")[:6]
            assert [item for item, _ in ranking] == trained.data.items.ids[expected].tolist()
            np.testing.assert_allclose([rating for _, rating in ranking], np.clip(scores[expected], 1, 5), rtol=1e-4)
    assert [item for item, _ in trained.recommend(user, n=6)] == [item for item, _ in ranking]


def test_recommendations_do_not_depend_on_blocks(trained, monkeypatch):
    whole = list(trained.recommend_many(trained.data.users.ids))
    monkeypatch.setattr(module, "BLOCK", 100)
    assert [[item for item, _ in ranking] for _, ranking in trained.recommend_many(trained.data.users.ids)] == [
        [item for item, _ in ranking] for _, ranking in whole
    ]


def test_there_are_no_more_recommendations_than_items(trained):
    row = 0
    rated = (trained.data.ratings.rows == row).sum()
    assert len(trained.recommend(trained.data.users.ids[row], n=1000)) == rated_items(trained).sum() - rated


def test_an_unknown_user_is_refused_with_a_cure(trained):
    with pytest.raises(DataError, match="user 999999 is not in the training data; give their ratings"):
        trained.recommend(999_999)
    with pytest.raises(UsageError, match="needs either a user of the training data or the ratings"):
        trained.recommend()


def test_a_new_user_gets_what_an_old_one_with_the_same_ratings_gets():
    """U-AutoRec: one forward pass, so exactly the same. (Centred, an old user has a bias besides.)"""
    data = tr.make_synthetic(60, 40, 900, seed=3)
    model = tr.AutoRec(by="user", hidden_units=4, l2=8.0).fit(data, epochs=25, backend="reference")
    own = data.ratings.rows == 4
    ratings = dict(zip(data.items.ids[data.ratings.cols[own]].tolist(), data.ratings.values[own], strict=True))
    new, known = model.recommend(ratings=ratings), model.recommend(data.users.ids[4])
    assert [item for item, _ in new] == [item for item, _ in known]
    old = model.predict([data.users.ids[4]] * 40, data.items.ids)
    np.testing.assert_allclose(model.predict_new_user(ratings), old, rtol=1e-5)


def test_a_new_item_gets_what_an_old_one_with_the_same_ratings_gets():
    data = tr.make_synthetic(60, 40, 900, seed=3)
    model = tr.AutoRec(by="item", hidden_units=4, l2=8.0).fit(data, epochs=25, backend="reference")
    own = data.ratings.cols == 4
    ratings = dict(zip(data.users.ids[data.ratings.rows[own]].tolist(), data.ratings.values[own], strict=True))
    old = model.predict(data.users.ids, [data.items.ids[4]] * 60)
    np.testing.assert_allclose(model.predict_new_item(ratings), old, rtol=1e-5)


def test_what_is_new_to_a_centred_model_keeps_its_own_level(by, split):
    """A user with low ratings only gets low predictions, and the other way round: by row and by column."""
    model = tr.AutoRec(by=by, hidden_units=4, l2=8.0, center=True).fit(split[0], epochs=25, backend="reference")
    for new, others in ((model.predict_new_user, model.data.items), (model.predict_new_item, model.data.users)):
        low, high = (new(dict.fromkeys(others.ids[:20].tolist(), r)).mean() for r in (1.0, 5.0))
        assert low < 2.2 and high > 4


def test_new_ratings_move_the_predictions_of_a_new_user(trained):
    items = trained.data.items.ids
    low, high = (trained.predict_new_user({items[0]: r, items[1]: r, items[2]: r}).mean() for r in (1.0, 5.0))
    assert low < high
    assert len(trained.predict_new_user({})) == len(items)
    assert items[0] not in [item for item, _ in trained.recommend(ratings={items[0]: 5.0})]


@pytest.mark.parametrize("ratings, message", [
    ({10**9: 4.0}, "is not in the training data"),
    ({3: 6.0}, "not on the scale of 1 to 5"),
    ({3: float("nan")}, "not on the scale"),
    ({"3": 4.0}, "ids are integers but text"),
])  # fmt: skip
def test_bad_ratings_of_a_new_user_are_refused(trained, ratings, message):
    with pytest.raises(DataError, match=message):
        trained.predict_new_user(ratings)


def test_recommending_to_all_never_holds_users_times_items(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 10_000)
    users, items = np.arange(2000), np.arange(2000) % 1000
    data = tr.Dataset.from_triples(users, items, np.full(2000, 3.0), scale=(1, 5))
    model = tr.AutoRec(hidden_units=2, l2=1.0).fit(data, epochs=1, backend="reference")
    tracemalloc.start()
    assert sum(len(ranking) for _, ranking in model.recommend_many(data.users.ids, n=3)) == 3 * 2000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2000 * 1000  # bytes: far less than one for each pair


def test_a_recommender_prints_itself_in_one_line(trained):
    assert "\n" not in repr(trained) and "25 epochs" in repr(trained) and "60 users" in repr(trained)


def test_blocks_cover_everything_once():
    assert [i for block in blocks(10, module.BLOCK // 3) for i in range(10)[block]] == list(range(10))
    assert list(blocks(0, 5)) == []


@pytest.mark.parametrize("scale", [(0.5, 5), (1, 100), (-10, 10), (0, 1)])
def test_every_scale_is_learned_alike(scale):
    data = tr.make_synthetic(80, 60, 2000, seed=1)
    low, high = scale
    stretched = low + (data.ratings.values - 1) / 4 * (high - low)
    users, items = data.users.ids[data.ratings.rows], data.items.ids[data.ratings.cols]
    other = tr.Dataset.from_triples(users, items, stretched, scale=scale)
    options = {"epochs": 20, "backend": "reference"}
    pairs = data.users.ids[:20], data.items.ids[:20]
    plain, found = (
        tr.AutoRec(hidden_units=5, l2=9.0).fit(d, **options).predict(*pairs, default=False) for d in (data, other)
    )
    np.testing.assert_allclose(found, low + (plain - 1) / 4 * (high - low), rtol=1e-3, atol=1e-3)
