"""New users and items in models that read no ratings: by their features, or not at all."""

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.errors import UsageError
from tinyrec.recommenders.fold_in import DAMPING

DATA = tr.make_synthetic(30, 20, 300, seed=0)
KINDS = [{"kind": ["a", "b"] * 15}, {"kind": ["x", "y"] * 10}]
WITH_FEATURES = DATA.with_features(users=tr.Features.of(KINDS[0]), items=tr.Features.of(KINDS[1]))
DSSM = tr.DSSM(hidden_units=(4, 3), head_units=(3, 2)).fit(WITH_FEATURES, epochs=3)
ACCM = tr.ACCM(hidden_units=(4, 3)).fit(WITH_FEATURES, epochs=3)


@pytest.mark.parametrize(
    "model, cure",
    [
        (tr.MF(factors=2), ""),
        (tr.RatingNeuMF(factors=2, head_units=(3,)), ""),
        (tr.ACCM(hidden_units=(4, 3)), ", or with features of {}s"),
    ],
    ids=lambda its: type(its).__name__,
)
def test_who_is_known_only_by_the_id_cannot_be_new(model, cure):
    fitted = model.fit(DATA, epochs=1)
    for what in ("user", "item"):
        with pytest.raises(UsageError) as problem:
            getattr(fitted, f"predict_new_{what}")({DATA.users.ids[0]: 4.0})
        name = type(model).__name__
        expected = f"this {name} knows a {what} only by the id; train it on data with this {what}" + cure.format(what)
        assert str(problem.value) == expected


def test_a_new_user_is_predicted_like_one_with_the_same_features():
    none = np.array([], int), np.array([])
    of_3, of_4 = DSSM.predict_users(np.array([3]))[0], DSSM.predict_users(np.arange(30))[:, 4]
    np.testing.assert_allclose(DSSM.predict_new("user", *none, {"kind": "b"}), of_3, rtol=1e-5)
    np.testing.assert_allclose(DSSM.predict_new("item", *none, {"kind": "x"}), of_4, rtol=1e-5)


@pytest.mark.parametrize("fitted", [DSSM, ACCM], ids=["DSSM", "ACCM"])
def test_the_ratings_of_a_new_user_move_all_predictions_by_the_damped_mean_error(fitted):
    none, rated, r = np.array([], int), np.array([2, 7, 11]), np.array([5.0, 4.0, 5.0])
    without = fitted.predict_new("user", none, np.array([]), {"kind": "a"})
    found = fitted.predict_new("user", rated, r, {"kind": "a"})
    np.testing.assert_allclose(found, without + (r - without[rated]).sum() / (3 + DAMPING), rtol=1e-6)


def test_features_of_a_new_user_count_beside_the_mean_id():
    none = np.array([], int)
    a, b = (ACCM.predict_new("user", none, np.array([]), {"kind": kind}) for kind in "ab")
    assert np.isfinite(a).all() and (a != b).any()


def test_a_model_file_gives_the_same_predictions(tmp_path):
    for fitted in (DSSM, ACCM, tr.ACCM(hidden_units=(4, 3), head="mlp").fit(WITH_FEATURES, epochs=1)):
        fitted.save(tmp_path / "model.npz")
        again = tr.load(tmp_path / "model.npz")
        assert again.model == fitted.model
        np.testing.assert_array_equal(again.predict_users(np.arange(30)), fitted.predict_users(np.arange(30)))
