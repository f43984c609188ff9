"""Checks of what follows from predictions: recommendations, scores and ranks."""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from math import comb

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError, UsageError
from tinyrec.testing import require
from tinyrec.testing.case import COLD_ITEM, UNKNOWN, Case, predict_all, score_all, seen


class Recommendations(Case):
    def check_nothing_seen(self) -> None:
        """Items that the user has in the training data must not be recommended, even if they were rated 0."""
        for name in ("train", "signed", "no gaps", "one user"):
            for user, items, _ in self.recommended(name):
                require.that(not seen(self.data(name))[user, items].any(), f"user number {user} gets one")

    def check_nothing_cold(self) -> None:
        """Items without training ratings must not be recommended."""
        for user, items, _ in self.recommended():
            require.that(COLD_ITEM not in items, f"user number {user} gets one")

    def check_nothing_twice(self) -> None:
        """No item must be recommended twice to a user."""
        for user, items, _ in self.recommended():
            require.that(len(np.unique(items)) == len(items), f"user number {user} gets the items {items}")

    def check_descending(self) -> None:
        """The highest prediction must come first."""
        for user, _, ratings in self.recommended():
            require.that((np.diff(ratings) <= 0).all(), f"user number {user} gets {ratings}")

    def check_at_most_n(self) -> None:
        """There must be n recommendations, or all items that are neither cold nor seen, if these are fewer."""
        for n in (1, 3, 1000):
            for user, items, _ in self.recommended(n=n):
                possible = self.candidates()[user].sum()
                require.that(len(items) == min(n, possible), f"user number {user} gets {len(items)} for n = {n}")

    def check_recommend_agrees_with_predict(self) -> None:
        """The items recommended must be those with the highest predictions, with these predictions."""
        scores, predicted = score_all(self.fitted()), predict_all(self.fitted(), default=False)
        for user, items, ratings in self.recommended(n=4):
            best = np.sort(scores[user, self.candidates()[user]])[::-1]
            require.close(scores[user, items], best[:4], f"the scores for user number {user}")
            require.close(ratings, predicted[user, items], f"the ratings shown to user number {user}")

    def check_recommend_agrees_with_recommend_many(self) -> None:
        """Many users must come back as given, each with the predictions that recommend gives this user alone."""
        users = [1022, 1001, 1036, 1022]
        for expected, (user, ranking) in zip(users, self.fitted().recommend_many(users, 6), strict=True):
            require.that(user == expected, f"user {user} comes in place of {expected}")
            alone = self.fitted().recommend(user, 6)
            require.close([r for _, r in ranking], [r for _, r in alone], f"the ratings for user {user}")

    def check_candidates_and_exclude(self) -> None:
        """With candidates, what remains must be those among all recommendations, in the same order; so with exclude."""
        few = [5, 7, 9, 11, 13, 17, UNKNOWN]
        for user in (1001, 1022):
            whole = self.fitted().recommend(user, 1000)
            for name, kept in (("candidates", True), ("exclude", False)):
                expected = [(item, rating) for item, rating in whole if (item in few) == kept]
                found = self.fitted().recommend(user, 1000, **{name: few})
                require.that([item for item, _ in found] == [item for item, _ in expected], f"{name} leave {found}")
                require.close([r for _, r in found], [r for _, r in expected], f"the ratings with {name}")
        with suppress(UsageError):
            items = [item for item, _ in self.fitted().recommend(ratings={3: 1.0}, candidates=few, exclude=[5, 17])]
            require.that(sorted(items) == [7, 9, 11, 13], f"a new user gets the items {items}")

    def check_type_of_ids(self) -> None:
        """The ids must come back as they were given, as Python integers or text."""
        for name, kind in (("train", int), ("text", str)):
            for user, ranking in self.fitted(name).recommend_many(self.data(name).users.ids):
                kinds = {type(user), *(type(item) for item, _ in ranking)}
                require.that(kinds == {kind}, f"there are ids of {kinds}")

    def check_unknown_user(self) -> None:
        """Recommending to an unknown user, or to one with an id of the wrong type, must raise DataError."""
        for user in (UNKNOWN, "1001"):
            require.error(DataError, self.fitted().recommend, user)

    def check_recommend_to_new_user(self) -> None:
        """A new user must get the items with the highest predictions, but none that is cold or was given."""
        ratings, possible = {3: 1.0, 5: 1.0}, np.unique(self.data().ratings.cols)[2:]
        with suppress(UsageError):
            items, found = zip(*self.fitted().recommend(ratings=ratings, n=1000), strict=True)
            require.that(sorted(items) == self.data().items.ids[possible].tolist(), f"they get the items {items}")
            require.close(found, np.sort(self.fitted().predict_new_user(ratings)[possible])[::-1])

    def check_score(self) -> None:
        """The score must be the RMSE and MAE of the predictions; of implicit feedback, what rank gives."""
        fitted, test = self.fitted(), self.data("test")
        e = self.predicted()[seen(test)] - test.ratings.values
        errors = {"rmse": np.mean(e**2) ** 0.5, "mae": np.mean(np.abs(e)), "n": len(e)}
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            scores = fitted.score(test)
        for name, expected in (fitted.rank(test) if test.implicit else errors).items():
            require.close(scores[name], expected, name)

    def check_rank(self) -> None:
        """Hit ratio and MRR must be those of the best test item of each user among all that they have not seen."""
        train, test = seen(self.data()), seen(self.data("test"))
        users = np.flatnonzero(test.any(axis=1))
        scores = np.where(train[users], -np.inf, self.fitted().predict_users(users))
        best = np.where(test[users], scores, -np.inf).max(axis=1, keepdims=True)
        alike = (scores == best) & ~train[users]
        counts = (scores > best).sum(axis=1), alike.sum(axis=1), (alike & test[users]).sum(axis=1)
        hits, reciprocals = 0.0, 0.0  # the means over all orders of the n items scored alike, of which s are test items
        for above, n, s in zip(*(count.tolist() for count in counts), strict=True):
            for x in range(1, n - s + 2):
                probability = comb(n - x, s - 1) / comb(n, s)
                hits += probability * (above + x <= 3)
                reciprocals += probability / (above + x)
        found = self.fitted().rank(self.data("test"), at=(3,))
        require.close([found["hr@3"], found["mrr"]], [hits / len(users), reciprocals / len(users)], "hr@3 and MRR")

    def check_score_and_rank_refuse(self) -> None:
        """Scoring or ranking what was trained on, even if rated 0, and ranking other ids must raise DataError."""
        zeros = self.as_feedback(self.data_sets["signed"].select(self.data_sets["train"].ratings.values == 3))
        for function in (self.fitted("signed").score, self.fitted("signed").rank):
            require.error(DataError, function, zeros)
        require.error(DataError, self.fitted().rank, self.data("renumbered"))

    def recommended(self, name: str = "train", n: int = 1000) -> Iterator[tuple[int, Array, list[float]]]:
        """For each user: (row number, row numbers of the items recommended, predicted ratings)."""
        data = self.data(name)
        for user, (_, ranking) in enumerate(self.fitted(name).recommend_many(data.users.ids, n)):
            yield user, data.items.find([item for item, _ in ranking]), [rating for _, rating in ranking]

    def candidates(self) -> Array:
        """What may be recommended: items that are not cold, and not rated by the user, (n, d) bool."""
        return seen(self.data()).any(axis=0) & ~seen(self.data())
