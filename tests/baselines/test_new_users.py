"""Users who were not in training: what the objective gives with all that was learned of the items held fixed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrec as tr
from tests.strategies import from_dense
from tinyrec.baselines import ALSWR, BPMF, LLORMA, RBM, Bias, BiasedMF
from tinyrec.errors import UsageError
from tinyrec.sparse import Ratings

RNG = np.random.default_rng(0)
TRAIN = from_dense(RNG.integers(1, 6, (30, 20)).astype(np.float32), RNG.random((30, 20)) < 0.4)
USERS = np.array([3, 0, 3, 17])
NEW = TRAIN.take_rows(USERS)  # new users with exactly the ratings of these users
U_RBM = RBM(by="user", hidden_units=4, epochs=5)
FOLD_IN = [Bias(), BiasedMF(factors=3, epochs=5), ALSWR(factors=3, iterations=5), U_RBM]
name_of = {"ids": lambda model: type(model).__name__}


def ratings_of(R, u):
    """The items of a user and the ratings of these, as float64."""
    cells = R.rows == u
    return R.cols[cells], R.values[cells].astype(float)


def least_squares(A, y, penalties):
    """The minimiser of |y - A x|² + Σ penalties_j x_j²."""
    stacked = np.vstack([A, np.diag(np.sqrt(penalties))])
    return np.linalg.lstsq(stacked, np.append(y, np.zeros(A.shape[1])))[0]


def test_the_bias_of_a_new_user_minimises_the_objective():
    model = Bias(user_damping=4.0)
    params = model.learn(TRAIN, 0)
    found = model.predict_new_user(params, TRAIN, NEW)
    for at in range(len(USERS)):
        items, r = ratings_of(NEW, at)
        rest = r - params["mean"] - params["item"][items]
        (bias,) = least_squares(np.ones((len(r), 1)), rest, [4.0])
        np.testing.assert_allclose(found[at], params["mean"] + bias + params["item"], rtol=1e-9)
    # training ends with the users' biases given those of the items, so a training user has exactly this bias
    np.testing.assert_allclose(found, model.predict_users(params, TRAIN, USERS), rtol=1e-6)


def test_the_bias_and_factors_of_a_new_user_of_biased_mf_minimise_the_objective():
    model = BiasedMF(factors=3, l2=0.1, epochs=5)
    params = model.learn(TRAIN, 0)
    found = model.predict_new_user(params, TRAIN, NEW)
    for at in range(len(USERS)):
        items, r = ratings_of(NEW, at)
        A = np.column_stack([np.ones(len(r)), params["Q"][items]])
        penalty = [0.1 * len(r), *[0.1 * len(r) * TRAIN.values.std()] * 3]  # of ratings that are not divided by σ
        bias, *p = least_squares(A, r - params["mean"] - params["item"][items], penalty)
        expected = params["mean"] + bias + params["item"] + params["Q"] @ p
        np.testing.assert_allclose(found[at], expected, rtol=1e-9)


def test_a_training_user_of_biased_mf_comes_close_to_the_same_as_a_new_one():
    """By gradient descent, with a rate that falls to 0, instead of exactly."""
    model = BiasedMF(factors=2, l2=0.3, epochs=1500, decay=0.996)
    params = model.learn(TRAIN, 0)
    new, old = model.predict_new_user(params, TRAIN, NEW), model.predict_users(params, TRAIN, USERS)
    np.testing.assert_allclose(new, old, atol=0.02)


def test_the_factors_of_a_new_user_of_als_minimise_the_objective():
    model = ALSWR(factors=3, l2=0.1, iterations=5)
    params = model.learn(TRAIN, 0)
    found = model.predict_new_user(params, TRAIN, NEW)
    for at in range(len(USERS)):
        items, r = ratings_of(NEW, at)
        p = least_squares(params["Q"][items], r, [0.1 * len(r)] * 3)
        np.testing.assert_allclose(found[at], params["Q"] @ p, rtol=1e-6)


def test_a_training_user_of_als_has_in_the_end_the_same_as_a_new_one():
    model = ALSWR(factors=2, l2=0.3, iterations=500)
    params = model.learn(TRAIN, 0)
    new, old = model.predict_new_user(params, TRAIN, NEW), model.predict_users(params, TRAIN, USERS)
    np.testing.assert_allclose(new, old, atol=1e-4)


def test_a_new_user_of_an_rbm_has_exactly_the_expected_ratings_of_a_training_user():
    params = U_RBM.learn(TRAIN, 0)
    found = U_RBM.predict_new_user(params, TRAIN, NEW)
    np.testing.assert_allclose(found, U_RBM.predict_users(params, TRAIN, USERS), rtol=1e-6)


def test_a_rating_that_an_rbm_has_never_seen_counts_as_the_nearest_that_it_has():
    params = U_RBM.learn(TRAIN, 0)
    found = [
        U_RBM.predict_new_user(params, TRAIN, Ratings.from_cells([0, 0], [2, 7], np.array([r, 5.0]), (1, 20)))
        for r in (2.0, 2.4, 1.6, 3.0)
    ]
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])
    assert (found[3] != found[0]).any()


@pytest.mark.parametrize("model", FOLD_IN, **name_of)
@given(rated=st.sets(st.integers(0, 19)), seed=st.integers(0, 99))
def test_new_users_do_not_depend_on_each_other(model, rated, seed):
    rng, items = np.random.default_rng(seed), np.array(sorted(rated), int)
    one = Ratings.from_cells(np.zeros_like(items), items, rng.integers(1, 6, len(items)).astype(float), (1, 20))
    rows, values = np.append(NEW.rows, np.full(len(items), len(USERS))), np.append(NEW.values, one.values)
    both = Ratings.from_cells(rows, np.append(NEW.cols, items), values, (len(USERS) + 1, 20))
    params = model.learn(TRAIN, 0)
    found = model.predict_new_user(params, TRAIN, both)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[-1:], model.predict_new_user(params, TRAIN, one), rtol=1e-5)
    np.testing.assert_allclose(found[:-1], model.predict_new_user(params, TRAIN, NEW), rtol=1e-5)


@pytest.mark.parametrize("model", FOLD_IN[:2], **name_of)
def test_a_new_user_without_ratings_is_predicted_as_the_mean_rating_and_the_items_biases(model):
    params, nothing = model.learn(TRAIN, 0), Ratings.from_cells([], [], np.array([]), (1, 20))
    found = model.predict_new_user(params, TRAIN, nothing)
    np.testing.assert_allclose(found[0], params["mean"] + params["item"], rtol=1e-12)


@pytest.mark.parametrize("model", [BPMF(factors=2, samples=2), LLORMA(anchors=2), RBM(by="item")], **name_of)
def test_models_that_cannot_add_a_user_say_so(model):
    with pytest.raises(UsageError, match=f"{type(model).__name__} cannot add a user without training; fit it to data"):
        model.predict_new_user({}, TRAIN, NEW)


@pytest.mark.parametrize("model", FOLD_IN, **name_of)
def test_by_raw_ids(model):
    data = tr.make_synthetic(30, 20, 320, seed=1)
    fitted = model.fit(data)
    own = data.ratings.rows == 4
    ratings = dict(zip(data.items.ids[data.ratings.cols[own]].tolist(), data.ratings.values[own].tolist(), strict=True))
    expected = model.predict_new_user(fitted.params, data.ratings, data.ratings.take_rows(np.array([4])))[0]
    np.testing.assert_allclose(fitted.predict_new_user(ratings), np.clip(expected, 1, 5), rtol=1e-6)
    assert not {item for item, _ in fitted.recommend(ratings=ratings)} & set(ratings)
