"""Checks of copies of a fitted model: saved and loaded, pickled, or with more ratings."""

import copy
import json
import pickle
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.data import Dataset
from tinyrec.errors import TinyrecError, UsageError
from tinyrec.recommenders import load
from tinyrec.testing import require
from tinyrec.testing.case import COLD_ITEM, COLD_USER, UNKNOWN, Case, predict_all, score_all, seen


class Copies(Case):
    def check_saved_predictions(self) -> None:
        """A model that was saved and loaded must predict and recommend the same, to the last bit."""
        for name in ("train", "text", "signed"):
            fitted, users = self.fitted(name), self.data(name).users.ids
            back = self.saved_and_loaded(fitted)
            require.same(predict_all(back), predict_all(fitted))
            require.same(score_all(back), score_all(fitted))
            require.that([*back.recommend_many(users)] == [*fitted.recommend_many(users)], "it recommends others")

    def check_saved_parts(self) -> None:
        """The model, info, data and parameters must be the same after saving and loading."""
        fitted = self.fitted()
        back = self.saved_and_loaded(fitted)
        require.that(repr(back) == repr(fitted) and back.model == fitted.model, f"it is {back}")
        info = json.loads(json.dumps(fitted.info))  # tuples become lists
        require.that(back.info == info, f"the info is {back.info}")
        require.that(back.data.fingerprint() == fitted.data.fingerprint(), "the ids or ratings are others")
        for name in fitted.params | back.params:
            require.same(back.params[name], fitted.params[name], f"the numbers in {name}")

    def check_saved_twice(self) -> None:
        """A model must be saved over itself, and once more after it was loaded."""
        back = self.saved_and_loaded(self.saved_and_loaded(self.fitted()))
        require.same(predict_all(back), self.predicted())

    def check_pickled_model(self) -> None:
        """An unfitted model must be equal to itself after pickling, for which its class must be found in its module."""
        back = pickle.loads(pickle.dumps(self.model))  # noqa: S301
        require.that(back == self.model, f"it is {back!r}")

    def check_copied_result(self) -> None:
        """A fitted model must predict the same bits after pickling, and as a deep copy."""
        fitted = self.fitted()
        for back in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):  # noqa: S301
            require.same(predict_all(back), predict_all(fitted))

    def check_with_ratings(self) -> None:
        """A new rating, also by a cold user, must count as seen and leave the first model as it was; or UsageError."""
        before, first_unseen = self.predicted(), seen(self.data()).argmin(axis=1)
        for user in (1, COLD_USER):
            with suppress(UsageError):
                updated = self.with_rating(user, first_unseen[user], 1.0)
                require.finite(score_all(updated), before.shape)
                require.that(seen(updated.data)[user, first_unseen[user]], "it does not")
        require.same(self.predicted(), before, "the predictions of the first model")

    def check_with_ratings_again(self) -> None:
        """A pair that was rated before must get the new rating, or a UsageError."""
        for r in [1.0] if self.model.implicit else [1.0, 2.0]:
            with suppress(UsageError):
                found = self.with_rating(0, 0, r).data.ratings.values[0]
                require.that(found == r, f"it gets {found} for {r}")

    def check_with_ratings_refuses(self) -> None:
        """What is no Dataset, is off the scale or is the other kind of feedback must raise an error of tinyrec."""
        known, off = (Dataset.from_triples([1001], [3], [r]) for r in (2.0, 9.0))
        for more in (None, off, known if self.model.implicit else known.binarized()):
            require.error(TinyrecError, self.fitted().with_ratings, more)

    def check_with_ratings_of_new_ids(self) -> None:
        """A new user or item must get what predict_new_user or predict_new_item says, also saved; or be refused."""
        users, items = self.data().users.ids, self.data().items.ids
        for what, ids, others, cold in (
            ("user", [3, 5, 19], items, COLD_ITEM),
            ("item", [1001, 1008, 1022], users, COLD_USER),
        ):
            r = [1.0, 1.0, 1.0] if self.model.implicit else [1.0, 5.0, 2.0]
            new, all_new = [UNKNOWN] * 3, np.full(len(others), UNKNOWN)
            pairs, all_pairs = ((new, ids), (all_new, others)) if what == "user" else ((ids, new), (others, all_new))
            with suppress(TinyrecError):
                more = self.as_feedback(Dataset.from_triples(*pairs, r, scale=(1, 5)))
                updated = self.fitted().with_ratings(more)
                expected = getattr(self.fitted(), f"predict_new_{what}")(dict(zip(ids, r, strict=True)))
                found = np.delete(updated.predict(*all_pairs), cold)  # which gets the default rating
                require.close(found, np.delete(expected, cold), f"the predictions for a new {what}")
                require.same(predict_all(self.saved_and_loaded(updated)), predict_all(updated))

    def with_rating(self, user: int, item: int, r: float) -> Any:
        """The fitted model with one more rating of a pair of row numbers."""
        pair = self.data().users.ids[[user]], self.data().items.ids[[item]]
        return self.fitted().with_ratings(self.as_feedback(Dataset.from_triples(*pair, [r], scale=(1, 5))))

    def saved_and_loaded(self, fitted: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.npz"
            fitted.save(path)
            fitted.save(path)  # over the first
            return load(path, backend=getattr(fitted, "backend", "auto"), model=type(self.model))
