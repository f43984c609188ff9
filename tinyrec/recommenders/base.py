"""The interface of all fitted models: raw ids in, ratings out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.checks import check_type, check_whole
from tinyrec.data import Dataset
from tinyrec.data.ids import as_ids
from tinyrec.errors import DataError, DataWarning, FileError, UsageError
from tinyrec.evaluation.precision import precisions
from tinyrec.evaluation.ranking_metrics import rank
from tinyrec.evaluation.rating_metrics import mae, problems, rmse, warm
from tinyrec.evaluation.top_n import blocks, top
from tinyrec.recommenders.protocol import Protocol
from tinyrec.sparse import Ratings

Ranking = list[tuple[Any, float]]  # (raw id of an item, predicted rating), best first


class Recommender:
    """Base of the fitted models. A subclass defines predict_cells, predict_users and predict_new.

    data: the training ratings;  info: how it was trained (seed, epochs, validation RMSE, history, ...)

    Users and items are numbered as in `data`; -1 is an unknown user or item. Those without training ratings are cold.
    """

    data: Dataset
    info: dict[str, Any]

    def predict_cells(self, users: Array, items: Array) -> Array:
        """The ratings, not clipped, of pairs of row numbers: (p,) and (p,) -> (p,)."""
        raise NotImplementedError

    def predict_users(self, users: Array) -> Array:
        """The ratings, not clipped, of all items by these users, given as row numbers: (b,) -> (b, items)."""
        raise NotImplementedError

    def predict_new(self, what: str, known: Array, r: Array, features: Mapping[str, str]) -> Array:
        """The ratings, not clipped, of all items by a new user who rated the items `known` (p,) with r (p,).

        what: "user"; or "item", for the ratings by all users of a new item that the users `known` rated
        features: of the new user or item, {"genres": "Comedy|Drama"}, for a model that reads features
        UsageError: this kind of model has no way to add a user or an item without training
        """
        raise NotImplementedError

    def predict(self, users: Any, items: Any, *, clip: bool = True, default: bool = True) -> Array:
        """The predicted rating of each pair (users[j], items[j]) of raw ids: (p,) and (p,) -> (p,)   (AutoRec, eq. 3)

        default: a pair with a cold or unknown user or item gets the default rating (3 of 5 stars, on other scales user
            and item biases, see `Protocol`); if False, what the model predicts for an empty row or an average column
        clip: keep predictions on the rating scale
        For implicit feedback: the scores that items are ranked by, unchanged.
        """
        u, i = self.data.users.find(users), self.data.items.find(items)
        if len(u) != len(i):
            raise DataError(f"{len(u)} users but {len(i)} items; give as many of each")
        options = {"clip": clip and not self.data.implicit, "default": default and not self.data.implicit}
        return self.protocol.follow(self._finite(self.predict_cells, u, i), u, i, **options)

    def known(self, users: Any, items: Any) -> tuple[Array, Array]:
        """Which of these raw ids are not cold and not unknown: (p,) and (p,) -> (p,) and (p,) bool"""
        warm_users, warm_items = self._warm
        return warm_users[self.data.users.find(users)], warm_items[self.data.items.find(items)]

    def score(
        self, test: Dataset, *, clip: bool = True, default: bool = True, precision_at: Sequence[float] = ()
    ) -> dict[str, float]:
        """RMSE and MAE on held-out ratings, their number n, how many of them are cold, and the RMSE of the others.

        precision_at: percentages, such as (10, 25), which add "precision@10%", that of the top 10 % of each user's test
            items, and "precision@10%_random", what a random order reaches, see `tinyrec.evaluation.precision`
        For implicit feedback, the metrics of `rank`. DataError: a test rating is also a training rating
        UsageError: implicit feedback for a model of ratings;  DataWarning: what `problems` finds
        """
        scores, found = self.examine(test, clip=clip, default=default, precision_at=precision_at)
        for problem in found:
            warnings.warn(problem, DataWarning, stacklevel=2)
        return scores

    def examine(
        self, test: Dataset, *, clip: bool = True, default: bool = True, precision_at: Sequence[float] = ()
    ) -> tuple[dict[str, float], list[str]]:
        """The scores of `score`, and what it would warn of, a sentence each."""
        _check_test(test)
        if precision_at and self.data.implicit:
            raise UsageError("precision_at is for a model of ratings, and this one is for implicit feedback; use rank")
        if self.data.implicit:
            return self.rank(test), []
        if test.implicit:
            raise UsageError("this model predicts ratings, and the test part is implicit feedback; use rank")
        users, items = test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols]
        u, i = self.data.users.find(users), self.data.items.find(items)
        if leaked := self.data.count_common(users, items):
            raise DataError(f"{leaked} of the {len(u)} test ratings were trained on; score ratings that were held out")
        y, r = self.predict(users, items, clip=clip, default=default), test.ratings.values
        is_warm = ~self.protocol.cold(u, i)
        scores = {"rmse": rmse(y, r), "mae": mae(y, r), "n": len(r), "cold": int((~is_warm).sum())}
        scores["rmse_warm"] = rmse(y[is_warm], r[is_warm]) if is_warm.any() else np.nan
        precision = precisions(y, r, test.ratings.rows, precision_at)
        found = problems(y, r, self.data.ratings.values.mean(dtype=np.float64), self.data.scale)
        if empty := [name for name, value in precision.items() if np.isnan(value)]:
            found.append(f"No user has enough test ratings for {empty[0]}: hold out more, or ask for a larger part.")
        if is_warm.mean() < 0.5:  # then the default rating, not the model, is what is scored
            found = [problem for problem in found if not problem.startswith("WORSE")]
        for what, raw, rows, own in (("users", users, u, self.data.users), ("items", items, i, self.data.items)):
            if (rows < 0).all():
                such = f"such as {raw.tolist()[0]!r}, where the model has {own.ids.tolist()[0]!r}"
                found.append(f"None of the {what} of the test part is known, {such}: check the ids.")
        return scores | precision, found

    def rank(self, test: Dataset, at: Sequence[int] = (10, 50, 100), relevant: float | None = None) -> dict[str, float]:
        """Hit ratio, NDCG, recall and precision at each k, and MRR; see `tinyrec.evaluation.ranking_metrics.rank`.

        The test items of each user are ranked among all items that are not in the user's training data.
        relevant: the lowest rating that makes an item a test item
        DataError: a test item was trained on, or a user or an item is not in the training data
        """
        _check_test(test)
        if relevant is not None:
            test = test.binarized(relevant)
        users, items = test.users.ids[test.ratings.rows], test.items.ids[test.ratings.cols]
        u, i = self.data.users.find(users), self.data.items.find(items)
        for what, ids, found in (("user", users, u), ("item", items, i)):
            if (found < 0).any():
                unknown = ids.tolist()[np.argmin(found)]
                raise DataError(f"{what} {unknown!r} of the test part is not in the training data; leave it out")
        own = Ratings.from_cells(u, i, test.ratings.values, self.data.ratings.shape)
        return rank(partial(self._finite, self.predict_users), self.data.ratings, own, at)

    def recommend(
        self,
        user: Any = None,
        n: int = 10,
        *,
        ratings: Mapping[Any, float] | None = None,
        candidates: Iterable[Any] | None = None,
        exclude: Iterable[Any] | None = None,
    ) -> Ranking:
        """The n items with the highest predictions among those that `user` has not rated: [(item, rating), ...].

        ratings: for a user who was not in training, {item: rating}. Cold items are left out. Ties: by item id.
        candidates: the only items that may be recommended;  exclude: items that may not. Unknown ones are ignored.
        """
        if ratings is not None and not isinstance(ratings, Mapping):
            raise UsageError(f"ratings is a {type(ratings).__name__}; give {{item: rating}}")
        if (user is None) == (ratings is None):
            raise UsageError("recommend needs either a user of the training data or the ratings of a new one")
        check_whole("n", n, 1)
        if ratings is None:
            return next(self.recommend_many([user], n, candidates=candidates, exclude=exclude))[1]
        scores = self._predict_new("user", ratings)
        scores[self.data.items.find(list(ratings))] = -np.inf
        return self._best(scores[np.newaxis], n, self._allowed(candidates, exclude))[0]

    def recommend_many(
        self,
        users: Iterable[Any],
        n: int = 10,
        *,
        candidates: Iterable[Any] | None = None,
        exclude: Iterable[Any] | None = None,
    ) -> Iterator[tuple[Any, Ranking]]:
        """(user, recommendations) for each of these users, block by block, in the order given."""
        known = as_ids(users, "user").tolist()
        rows = self.data.users.find(known)
        if (rows < 0).any():
            raise DataError(f"user {known[np.argmin(rows)]!r} is not in the training data; give their ratings instead")
        allowed = self._allowed(candidates, exclude)
        for block in blocks(len(rows), len(self.data.items)):
            scores = self._finite(self.predict_users, rows[block])
            rated, _ = self.data.ratings.pattern.take_rows(rows[block])
            scores[rated.rows, rated.cols] = -np.inf
            yield from zip(known[block], self._best(scores, n, allowed), strict=True)

    def predict_new_user(self, ratings: Mapping[Any, float], features: Mapping[str, str] | None = None) -> Array:
        """The ratings of all items, aligned with data.items.ids, by a new user with the ratings {item: rating}.

        features: of this user, {"gender": "F", "age": "20s"}, by the columns that the model was trained with
        """
        return self._on_scale(self._predict_new("user", ratings, features))

    def predict_new_item(self, ratings: Mapping[Any, float], features: Mapping[str, str] | None = None) -> Array:
        """The ratings by all users, aligned with data.users.ids, of a new item with the ratings {user: rating}.

        features: of this item, {"genres": "Comedy|Drama"}, by the columns that the model was trained with
        """
        return self._on_scale(self._predict_new("item", ratings, features))

    def with_ratings(self, more: Dataset) -> Recommender:
        """The same model with more ratings, also by new users and of new items. Nothing is trained.

        One forward pass over the rows updates the predictions (CFN, section 4.4): for these items, if a row is an item.
        New users and items are folded in, as by predict_new_user and predict_new_item; then they are known by their id.
        A pair that was rated before gets the new rating. info["new_ratings"] of the result counts what was new and what
        could not be used, such as a rating of a new item without ratings by users who were in training, by a new user.
        UsageError: this kind of model needs to be trained again;  DataError: a rating off the scale, or nothing to use
        """
        kind = type(getattr(self, "model", self)).__name__
        raise UsageError(f"{kind} cannot take new ratings without training; fit it to all ratings")

    def save(self, path: str | PathLike) -> None:
        """Write the model to one file; `tinyrec.load` reads it."""
        from tinyrec.recommenders.model_file import save  # it knows all kinds of recommenders

        save(self, path)

    def _predict_new(self, what, ratings, features=None):
        """`predict_new` from {raw id: rating}, after checking them."""
        known = (self.data.items if what == "user" else self.data.users).find(list(ratings))
        if (known < 0).any():
            raise DataError(f"{list(ratings)[np.argmin(known)]!r} is not in the training data; leave its rating out")
        for rating in ratings.values():
            check_type(f"each rating of the new {what}", rating, float)
        r = np.array(list(ratings.values()), float)
        if self.data.implicit and (r != 1).any():
            raise DataError(f"this model is for implicit feedback: give 1 for each interaction of the new {what}")
        low, high = self.data.scale
        if not ((r >= low) & (r <= high)).all():
            raise DataError(f"a rating of the new {what} is not on the scale of {low:g} to {high:g}; fix or drop it")
        return self._finite(self.predict_new, what, known, r, features or {})

    def _finite(self, predict, *args):
        """predict(*args). FileError: not all of it are finite numbers, as the model is from a damaged file"""
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                y = predict(*args)
        except np.linalg.LinAlgError:
            y = np.nan
        if not np.isfinite(y).all():
            raise FileError("the model predicts numbers that are not finite, so it is damaged; train it again")
        return y

    def _on_scale(self, y):
        """Clipped; implicit feedback has no scale."""
        return y if self.data.implicit else np.clip(y, *self.data.scale)

    def _allowed(self, candidates=None, exclude=None):
        """Which items may be recommended, (items,) bool: candidates that are neither cold nor excluded."""
        allowed = self._warm[1].copy()  # the last entry is that of unknown items
        if candidates is not None:
            allowed &= np.isin(np.arange(len(allowed)), self.data.items.find(candidates))
        if exclude is not None:
            allowed[self.data.items.find(exclude)] = False
        return allowed[:-1]

    def _best(self, scores, n, allowed):
        """The n best allowed items of each row of scores (b, items), without -inf; scores are changed."""
        scores[:, ~allowed] = -np.inf
        rows, cols = top(scores, n)
        ratings = self._on_scale(scores[rows, cols])
        ranked = list(zip(self.data.items.ids[cols].tolist(), ratings.tolist(), strict=True))
        bounds = np.searchsorted(rows, np.arange(len(scores) + 1)).tolist()
        return [ranked[start:stop] for start, stop in pairwise(bounds)]

    @cached_property
    def protocol(self) -> Protocol:
        """How the predictions are scored."""
        return Protocol(self.data, self._warm)

    @cached_property
    def _warm(self):
        return warm(self.data.ratings)


def _check_test(test: Any) -> None:
    if not isinstance(test, Dataset):
        raise UsageError(f"a {type(test).__name__} cannot be scored; make a Dataset of it with load_dataset")
