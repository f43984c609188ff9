"""Checks of predict: one number for each pair asked for, whatever else is asked for; also for new users and items."""

from contextlib import suppress
from typing import Any
from unittest import mock

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation import top_n
from tinyrec.testing import require
from tinyrec.testing.case import COLD_USER, UNKNOWN, Case, all_pairs, predict_all, score_all


class Predictions(Case):
    def check_one_by_one(self) -> None:
        """A prediction must belong to its pair: asked for alone, it is the same."""
        pairs = zip(*(ids[::13].tolist() for ids in all_pairs(self.data())), strict=True)
        alone = [self.fitted().predict([user], [item])[0] for user, item in pairs]
        require.close(alone, self.predicted().ravel()[::13])

    def check_order_of_pairs(self) -> None:
        """Pairs in another order, and asked for in blocks, must get the same predictions in that order."""
        users, items = all_pairs(self.data())
        order = np.random.default_rng(0).permutation(len(users))
        parts = [self.fitted().predict(users[part], items[part]) for part in np.array_split(order, 30)]
        require.close(np.concatenate(parts), self.predicted().ravel()[order])

    def check_blocks_of_work(self) -> None:
        """The predictions must not depend on how much of the work is done at a time."""
        with mock.patch.object(top_n, "BLOCK", 50):
            found = self.predicted()
        require.close(found, self.predicted())

    def check_duplicate_pairs(self) -> None:
        """A pair that is asked for twice must get the same prediction twice."""
        users, items = (np.tile(ids, 2) for ids in all_pairs(self.data()))
        require.close(self.fitted().predict(users, items), np.tile(self.predicted().ravel(), 2))

    def check_no_pairs(self) -> None:
        """No pairs must give an empty array."""
        require.finite(self.fitted().predict([], []), (0,))

    def check_rows(self) -> None:
        """The predictions of all items by some users must be those of the single pairs."""
        users = np.array([4, 0, 4, COLD_USER])
        require.close(self.fitted().predict_users(users), score_all(self.fitted())[users])

    def check_wrong_ids(self) -> None:
        """Text as integer ids, integers as text, other types, or more users than items must raise DataError."""
        for users in (["1001"], [1001.0], [None], [[1001]], 1001, [1001, 1001]):
            require.error(DataError, self.fitted().predict, users, [3])
        require.error(DataError, self.fitted("text").predict, [1001], ["000000003"])

    def check_clip(self) -> None:
        """Clipped predictions must be on the scale of the ratings and otherwise unchanged; scores are never clipped."""
        raw = predict_all(self.fitted(), clip=False)
        require.same(self.predicted(), raw if self.model.implicit else np.clip(raw, *self.data().scale))

    def check_default(self) -> None:
        """A cold or unknown user or item must get 3 of 5 stars, and without this default a finite number."""
        pairs = [1036, 1001, UNKNOWN, 1001, UNKNOWN], [3, 17, 3, UNKNOWN, UNKNOWN]
        found = self.fitted().predict(*pairs)
        require.that(self.model.implicit or (found == 3).all(), f"they get {found}")
        require.finite(self.fitted().predict(*pairs, default=False), (5,))

    def check_predictions_stay(self) -> None:
        """Recommending, predicting for new users and items, and writing to the results must change no prediction."""
        fitted = self.fit(self.data())  # a new one, which has not recommended anything
        before = predict_all(fitted).copy()
        list(fitted.recommend_many(fitted.data.users.ids))
        for result in (predict_all(fitted), *self.predict_new(fitted).values()):
            result[:] = -np.inf
        require.same(predict_all(fitted), before)

    def check_new_users_and_items(self) -> None:
        """A new user or item, with or without ratings, must get finite predictions on the scale, or a UsageError."""
        for some in (slice(None), slice(0)):
            for size, y in self.predict_new(self.fitted(), some).items():
                require.finite(y, (size,))
                require.that(self.model.implicit or np.array_equal(y, np.clip(y, 1, 5)), f"it gets {y}")

    def check_order_of_new_ratings(self) -> None:
        """The order of the ratings of a new user or item must not matter."""
        found = self.predict_new(self.fitted(), slice(None, None, -1))
        for size, y in self.predict_new(self.fitted()).items():
            require.close(found[size], y)

    def predict_new(self, fitted: Any, some: slice = slice(None)) -> dict[int, Array]:
        """What a new user and a new item with some of four ratings get, by its length, where it is not refused."""
        found, r = {}, [1.0, 1.0, 1.0, 1.0] if self.model.implicit else [1.0, 5.0, 2.0, 4.0]
        with suppress(UsageError):
            found[25] = fitted.predict_new_user(dict(zip([3, 5, 17, 7][some], r[some], strict=True)))
        with suppress(UsageError):
            found[20] = fitted.predict_new_item(dict(zip([1001, 1008, 1036, 1022][some], r[some], strict=True)))
        return found
