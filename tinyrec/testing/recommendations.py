"""Checks of recommend and recommend_many."""

from __future__ import annotations

import numpy as np

from tinyrec.errors import UsageError
from tinyrec.testing.case import Case, candidates, predict_all, score_table
from tinyrec.testing.data_sets import COLD_ITEM, COLD_USER, FULL_USER
from tinyrec.testing.require import require, require_close, require_error, require_finite, require_same


def recommended(case: Case, n: int) -> list[tuple[int, list[int], list[float]]]:
    """For each user: (number, numbers of the items recommended, predicted ratings)."""
    fitted, users = case.fitted(), case.data().users
    found = []
    for user, ranking in fitted.recommend_many(users.ids, n):
        items = fitted.data.items.find([item for item, _ in ranking]).tolist()
        found.append((int(users.find([user])[0]), items, [rating for _, rating in ranking]))
    return found


def check_nothing_seen(case: Case) -> None:
    """Items that the user has in the training data must not be recommended."""
    R = case.data().ratings
    seen = set(zip(R.rows.tolist(), R.cols.tolist(), strict=True))
    for user, items, _ in recommended(case, 100):
        require(not seen & {(user, item) for item in items}, f"user number {user} gets one")


def check_nothing_twice(case: Case) -> None:
    """No item must be recommended twice to a user."""
    for user, items, _ in recommended(case, 100):
        require(len(set(items)) == len(items), f"user number {user} gets the items {items}")


def check_descending(case: Case) -> None:
    """The highest prediction must come first."""
    for user, _, ratings in recommended(case, 100):
        require(ratings == sorted(ratings, reverse=True), f"user number {user} gets {ratings}")


def check_at_most_n(case: Case) -> None:
    """There must be n recommendations, or all items that are neither cold nor seen, if these are fewer."""
    possible = candidates(case.data()).sum(axis=1)
    for n in (1, 3, 1000):
        for user, items, _ in recommended(case, n):
            expected = min(n, possible[user])
            require(len(items) == expected, f"user number {user} gets {len(items)} of {expected} items for n={n}")


def check_best_n(case: Case) -> None:
    """The list for n must be the beginning of a longer list."""
    for (user, few, _), (_, many, _) in zip(recommended(case, 3), recommended(case, 100), strict=True):
        require(few == many[:3], f"user number {user} gets the items {few} and {many}")


def check_nothing_cold(case: Case) -> None:
    """Items without training ratings must not be recommended."""
    for user, items, _ in recommended(case, 100):
        require(COLD_ITEM not in items, f"user number {user} gets one")


def check_nothing_left(case: Case) -> None:
    """A user who has everything must get an empty list."""
    found = case.fitted().recommend(case.data().users.ids[FULL_USER].item())
    require(found == [], f"they get {found}")


def check_cold_user(case: Case) -> None:
    """A user without training ratings must get recommendations, too."""
    found = case.fitted().recommend(case.data().users.ids[COLD_USER].item(), 5)
    require(len(found) == 5, f"they get {found}")
    require_finite(np.array([rating for _, rating in found]), (5,))


def check_recommend_agrees_with_predict(case: Case) -> None:
    """The items recommended must be those with the highest predictions, with these predictions."""
    table, possible, data = score_table(case.fitted()), candidates(case.data()), case.data()
    for user, items, ratings in recommended(case, 4):
        best = np.sort(table[user, possible[user]])[::-1][:4]
        require_close(table[user, items], best, f"the predictions for user number {user}")
        require_close(ratings, best if data.implicit else np.clip(best, *data.scale), "the ratings shown")


def check_recommend_agrees_with_recommend_many(case: Case) -> None:
    """Recommending to one user at a time must give the same as to many."""
    users, table = case.data().users.ids[[3, COLD_USER, 1, 3]].tolist(), score_table(case.fitted())
    for user, ranking in case.fitted().recommend_many(users, 6):
        alone = case.fitted().recommend(user, 6)
        require_close([r for _, r in ranking], [r for _, r in alone], f"the ratings for user {user}")
        row = table[case.data().users.find([user])[0]]
        many, one = (row[case.data().items.find([item for item, _ in its])] for its in (ranking, alone))
        require_close(many, one, f"the items for user {user}, by their scores,")  # of near ties, either may come first


def check_order_of_users(case: Case) -> None:
    """Users must come back in the order given, as often as given, from a list, an array or an iterator."""
    users = case.data().users.ids[[3, COLD_USER, 1, 3]]
    for given in (users.tolist(), users, iter(users.tolist())):
        found = [user for user, _ in case.fitted().recommend_many(given)]
        require(found == users.tolist(), f"the users {users.tolist()} come back as {found}")


def check_recommend_to_nobody(case: Case) -> None:
    """Recommending to no users must give nothing."""
    require(list(case.fitted().recommend_many([])) == [], "it gives something")


def check_invalid_n(case: Case) -> None:
    """A number of recommendations that is no whole number of at least 1 must raise UsageError."""
    for n in (0, -1, 1.5, "3", None, True):
        require_error(UsageError, case.fitted().recommend, case.data().users.ids[0].item(), n)


def check_user_or_ratings(case: Case) -> None:
    """Recommending to neither a user nor ratings, or to both, must raise UsageError."""
    user, item = case.data().users.ids[1].item(), case.data().items.ids[1].item()
    require_error(UsageError, case.fitted().recommend)
    require_error(UsageError, case.fitted().recommend, user, ratings={item: 1})
    require_error(UsageError, case.fitted().recommend, ratings=[(item, 1)])


def check_predictions_stay(case: Case) -> None:
    """Recommending must not change the predictions."""
    fitted = case.fit(case.data())  # a new one, which has not recommended anything
    before = predict_all(fitted)
    list(fitted.recommend_many(fitted.data.users.ids))
    require_same(predict_all(fitted), before)
