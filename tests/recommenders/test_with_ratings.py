"""with_ratings: new users and items are folded in, in one step or in several, and what cannot be used is counted."""

from dataclasses import replace

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.data import Features
from tinyrec.errors import DataError

WHOLE = tr.make_synthetic(60, 40, 900, seed=3)
NEW_USERS, NEW_ITEMS = WHOLE.users.ids[[3, 30, 59]], WHOLE.items.ids[[0, 20]]
IS_NEW_USER = np.isin(WHOLE.users.ids[WHOLE.ratings.rows], NEW_USERS)
IS_NEW_ITEM = np.isin(WHOLE.items.ids[WHOLE.ratings.cols], NEW_ITEMS)


def part(cells):
    """Some of the ratings, with only the ids that occur in them."""
    R = WHOLE.select(cells).ratings
    return tr.Dataset.from_triples(WHOLE.users.ids[R.rows], WHOLE.items.ids[R.cols], R.values, scale=(1, 5))


OLD, MORE = part(~IS_NEW_USER & ~IS_NEW_ITEM), part(IS_NEW_USER | IS_NEW_ITEM)
MODELS = [
    tr.AutoRec(hidden_units=4, l2=8.0),
    tr.AutoRec(hidden_units=4, l2=8.0, center=True, by="user"),
    tr.AutoRec(hidden_units=4, l2=8.0, center=True),
    tr.CFN(hidden_units=4, l2=0.5, damping=3.0),
    tr.CFN(hidden_units=4, l2=0.5, by="user"),
    tr.NCAE(hidden_units=4, pretrain="none"),
]


@pytest.fixture(scope="module", params=MODELS, ids=repr)
def fitted(request):
    return request.param.fit(OLD, epochs=15, backend="reference")


def predict_all(fitted):
    users, items = np.meshgrid(WHOLE.users.ids, WHOLE.items.ids)
    return fitted.predict(users.ravel(), items.ravel(), clip=False)


def test_all_users_and_items_are_known_afterwards(fitted):
    updated = fitted.with_ratings(MORE)
    assert updated.data.fingerprint() == WHOLE.fingerprint()
    assert updated.info["new_ratings"] == {
        "ratings": MORE.ratings.size, "replaced": 0, "new_users": 3, "new_items": 2, "unused": 0
    }  # fmt: skip
    assert np.isfinite(predict_all(updated)).all()
    assert {user for user, ranking in updated.recommend_many(NEW_USERS) if ranking} == set(NEW_USERS.tolist())
    assert fitted.data.fingerprint() == OLD.fingerprint() and "new_ratings" not in fitted.info


def test_new_ratings_in_two_steps_are_as_good_as_in_one(fitted):
    """The regression of a column and the bias of a row are fitted anew to all of its ratings."""
    half = np.arange(WHOLE.ratings.size) % 2 == 0
    first, second = part((IS_NEW_USER ^ IS_NEW_ITEM) & half), part((IS_NEW_USER | IS_NEW_ITEM) & ~half)
    both = part((IS_NEW_USER ^ IS_NEW_ITEM) & half | (IS_NEW_USER | IS_NEW_ITEM) & ~half)
    stepwise, at_once = fitted.with_ratings(first).with_ratings(second), fitted.with_ratings(both)
    np.testing.assert_allclose(predict_all(stepwise), predict_all(at_once), rtol=1e-5)


def test_what_is_predicted_for_others_stays_while_only_columns_are_added(fitted):
    more = part((IS_NEW_USER if fitted.model.by == "item" else IS_NEW_ITEM) & ~(IS_NEW_USER & IS_NEW_ITEM))
    users, items = (grid.ravel() for grid in np.meshgrid(OLD.users.ids, OLD.items.ids))
    before, after = (its.predict(users, items) for its in (fitted, fitted.with_ratings(more)))
    np.testing.assert_allclose(after, before, rtol=1e-6)


def test_an_average_takes_new_ratings_by_item_and_by_user():
    members = [tr.AutoRec(by=by, hidden_units=4, l2=8.0).fit(OLD, epochs=9) for by in ("item", "user")]
    updated = tr.Average(members).with_ratings(MORE)
    expected = np.mean([predict_all(its.with_ratings(MORE)) for its in members], axis=0)
    np.testing.assert_allclose(predict_all(updated), expected, rtol=1e-6)
    assert updated.info["new_ratings"]["new_users"] == 3


def test_new_with_new_is_used_only_if_both_are_known_otherwise(fitted):
    user, item = OLD.users.ids[0], OLD.items.ids[0]
    more = tr.Dataset.from_triples([900, 900, 900, user, 901], [item, 800, 801, 800, 801], [5, 4, 3, 2, 1])
    updated = fitted.with_ratings(more)
    assert updated.info["new_ratings"]["unused"] == 2  # (900, 801) and (901, 801)
    assert (updated.data.users.find([900, 901]) >= 0).tolist() == [True, False]
    assert (updated.data.items.find([800, 801]) >= 0).tolist() == [True, False]
    with pytest.raises(DataError, match="none of the 1 new ratings can be used without training; train on all"):
        fitted.with_ratings(tr.Dataset.from_triples([900], [800], [4.0], scale=(1, 5)))


def test_other_ids_and_other_scales_are_refused(fitted):
    with pytest.raises(DataError, match="are integers and those of the other text"):
        fitted.with_ratings(tr.Dataset.from_triples(["x"], [OLD.items.ids[0]], [4.0], scale=(1, 5)))
    with pytest.raises(DataError, match="the rating 9 is outside the scale 1 to 5"):
        fitted.with_ratings(tr.Dataset.from_triples([900], [OLD.items.ids[0]], [9.0]))


def test_titles_and_features_stay_with_their_items(tmp_path):
    colour = np.array(["red", "blue"])[OLD.items.ids % 2]
    data = replace(OLD, item_info={"title": np.char.add("movie ", OLD.items.ids.astype(str))})
    data = data.with_features(items=Features.of({"colour": list(colour)}))
    updated = tr.CFN(hidden_units=4, l2=0.5).fit(data, epochs=3, backend="reference").with_ratings(MORE)
    for its in (updated, (updated.save(tmp_path / "m.npz"), tr.load(tmp_path / "m.npz", "reference"))[1]):
        old = np.isin(its.data.items.ids, OLD.items.ids)
        assert its.data.item_info["title"][old].tolist() == data.item_info["title"].tolist()
        assert set(its.data.item_info["title"][~old]) == {""}
        X = its.data.item_features.X.to_dense(0)
        np.testing.assert_array_equal(X[old], data.item_features.X.to_dense(0))
        assert not X[~old].any()
    assert predict_all(its).tobytes() == predict_all(updated).tobytes()
