"""Models with one fault each, and the checks that must find it. Without the fault, each is the model Table."""

from dataclasses import dataclass, replace

import numpy as np

import tinyrec as tr
from tinyrec.baselines.base import Baseline
from tinyrec.evaluation.ranking_metrics import rank
from tinyrec.evaluation.rating_metrics import warm
from tinyrec.evaluation.top_n import blocks
from tinyrec.recommenders import FittedModel
from tinyrec.recommenders.new_ratings import add_ratings
from tinyrec.sparse import Ratings
from tinyrec.testing.case import data_sets


@dataclass(frozen=True)
class Table(Baseline):
    """r̂_ui = the mean rating by user u + the mean rating of item i - the mean of all + noise, in a table (n, d)"""

    noise: float = 0.1

    def learn(self, R, seed):
        (n, d), rng, mean = R.shape, np.random.default_rng(seed), R.values.mean(dtype=np.float64)
        values = R.values.astype(np.float64)
        user = (np.bincount(R.rows, values, n) + mean) / (np.bincount(R.rows, minlength=n) + 1)
        item = (np.bincount(R.cols, values, d) + 2 * mean) / (np.bincount(R.cols, minlength=d) + 2)
        table = user[:, np.newaxis] + item - mean + self.noise * rng.standard_normal((n, d))
        return {"table": table, "mean": np.array([mean])}

    def shapes(self, n, d):
        return {"table": (n, d), "mean": (1,)}

    def predict_cells(self, params, R, users, items):
        """An unknown user or item has the mean of the others."""
        table = np.vstack([params["table"], params["table"].mean(axis=0)])
        return np.column_stack([table, table.mean(axis=1)])[users, items]

    def predict_new_user(self, params, R, new):
        user = (np.bincount(new.rows, new.values, 1) + params["mean"]) / (new.size + 1)
        return params["table"].mean(axis=0) + user[:, np.newaxis] - params["mean"]


@dataclass(frozen=True)
class ImplicitTable(Table):
    implicit = True

    def learn(self, R, seed):
        params = super().learn(R, seed)
        return params | {"table": params["table"] + np.bincount(R.cols, minlength=R.shape[1])}


# Faults of a model


class DoesNotFit(Table):
    def learn(self, R, seed):
        raise RuntimeError("no memory left")


class HoldsOtherData(Table):
    def fit(self, data, *, seed=0):
        return super().fit(data.select([0]), seed=seed)


class ChecksNothing(Table):
    def fit(self, data, *, seed=0):
        return FittedModel(self, self.learn(data.ratings, 0), data)


class Unseeded(Table):
    def learn(self, R, seed):
        return super().learn(R, None)


class SeedOfPython(Table):
    def fit(self, data, *, seed=0):
        if type(seed) is not int:
            raise tr.UsageError("seed is no int")
        return super().fit(data, seed=seed)


class SmallSeed(Table):
    def learn(self, R, seed):
        return super().learn(R, np.uint8(seed))


class GlobalRandomness(Table):
    def learn(self, R, seed):
        np.random.rand()  # noqa: NPY002
        return super().learn(R, seed)


class OneResult(Table):
    params = {}  # noqa: RUF012

    def learn(self, R, seed):
        self.params.update(super().learn(R, seed))
        return self.params


class ChangesItself(Table):
    def learn(self, R, seed):
        object.__setattr__(self, "noise", self.noise / 2)
        return super().learn(R, seed)


class ChangesData(Table):
    def learn(self, R, seed):
        R.values[:] = np.sort(R.values)
        return super().learn(R, seed)


class ReadsIds(Table):
    def fit(self, data, *, seed=0):
        ids = data.users.ids
        return super().fit(data, seed=seed + int(ids[0]) % 1000 + ids.dtype.itemsize)


class Rolls(Table):
    def predict_cells(self, params, R, users, items):
        return np.roll(super().predict_cells(params, R, users, items), 1)


class SortsPairs(Table):
    def predict_cells(self, params, R, users, items):
        order = np.lexsort((items, users))
        return super().predict_cells(params, R, users[order], items[order])


class CentresBlocks(Table):
    def predict_cells(self, params, R, users, items):
        y = super().predict_cells(params, R, users, items)
        return y - (y.mean() - params["mean"] if len(y) else 0)


class FewAtATime(Table):
    def predict_cells(self, params, R, users, items):
        y = np.empty(len(users))
        for block in blocks(len(users), 1):
            y[block] = super().predict_cells(params, R, users[: block.stop - block.start], items[block])
        return y


class DropsDuplicates(Table):
    def predict_cells(self, params, R, users, items):
        y = super().predict_cells(params, R, users, items)
        _, first = np.unique(users * 1000 + items, return_index=True)
        return np.where(np.isin(np.arange(len(y)), first), y, params["mean"])


class NeedsPairs(Table):
    def predict_cells(self, params, R, users, items):
        assert users[0] >= -1
        return super().predict_cells(params, R, users, items)


class UnknownIsNaN(Table):
    def predict_cells(self, params, R, users, items):
        y = super().predict_cells(params, R, users, items)
        return np.where((users < 0) | (items < 0), np.nan, y)


class ReversesRows(Table):
    def predict_users(self, params, R, users):
        return super().predict_users(params, R, users)[:, ::-1].copy()


class ReturnsView(Table):
    def predict_users(self, params, R, users):
        return params["table"] if len(users) == len(params["table"]) else params["table"][users]


class FailsWhereFull(Table):
    def learn(self, R, seed):
        if R.size == R.shape[0] * R.shape[1]:
            raise ZeroDivisionError
        return super().learn(R, seed)


class DividesByWidth(Table):
    def learn(self, R, seed):
        low, high = R.values.min(), R.values.max()
        return super().learn(R.with_values(low + (R.values - low) / float(high - low) * (high - low)), seed)


class WholeStars(Table):
    def learn(self, R, seed):
        return super().learn(
            R.with_values(np.array([{1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0, 5: 5.0}[r] for r in R.values])), seed
        )


class ZeroIsMissing(Table):
    def learn(self, R, seed):
        rated = R.values != 0
        return super().learn(Ratings.from_cells(R.rows[rated], R.cols[rated], R.values[rated], R.shape), seed)


def local():
    class Local(Table):
        pass

    return Local()


# Faults of a fitted model: a Returning(result="Name") returns one of the class of this name


@dataclass(frozen=True)
class Returning(Table):
    result: str = "FittedModel"

    def fit(self, data, *, seed=0):
        right = super().fit(data, seed=seed)
        return globals()[self.result](right.model, right.params, right.data, right.info)


class TwoLines(FittedModel):
    def __repr__(self):
        return super().__repr__() + "\n"


class NeedsArrays(FittedModel):
    def predict(self, users, items, **options):
        assert users.dtype == items.dtype
        return super().predict(users, items, **options)


class KeepsPredictions(FittedModel):
    def predict(self, users, items, **options):
        key = repr((list(users), list(items), options))
        if key not in self.info:
            self.info[key] = super().predict(users, items, **options)
        return self.info[key]


class NeverClips(FittedModel):
    def predict(self, users, items, *, clip=True, default=True):
        return super().predict(users, items, clip=False, default=default) * 3


class NothingIsCold(FittedModel):
    @property
    def _warm(self):
        n, d = self.data.ratings.shape
        return np.full(n + 1, True), np.full(d + 1, True)


class ConvertsIds(FittedModel):
    def predict(self, users, items, **options):
        kind = str if self.data.users.is_text else int
        return super().predict([kind(user) for user in users], [kind(item) for item in items], **options)


class CutsLengths(FittedModel):
    def predict(self, users, items, **options):
        n = min(len(users), len(items))
        return super().predict(users[:n], items[:n], **options)


class Recommends(FittedModel):
    """Base of faults of recommend_many: `change` gets a ranking."""

    def recommend_many(self, users, n=10, **only):
        return ((user, self.change(ranking, n)) for user, ranking in super().recommend_many(users, n, **only))


class IdsOfNumPy(Recommends):
    def change(self, ranking, n):
        return [(np.int64(item), rating) for item, rating in ranking]


class FirstTwice(Recommends):
    def change(self, ranking, n):
        return (ranking[:1] + ranking)[:n]


class WorstFirst(Recommends):
    def change(self, ranking, n):
        return ranking[::-1]


class OneLess(Recommends):
    def change(self, ranking, n):
        return ranking[:-1]


class NeverNothing(Recommends):
    def change(self, ranking, n):
        return ranking or [(self.data.items.ids[0].item(), 3.0)]


class WorstOfAll(FittedModel):
    def recommend_many(self, users, n=10, **only):
        return ((user, ranking[-n:]) for user, ranking in super().recommend_many(users, 1000, **only))


class RecommendsSeen(FittedModel):
    def recommend_many(self, users, n=10, **only):
        for user in users:
            scores = self.predict_users(self.data.users.find([user]))
            yield user, self._best(scores, n, self._allowed())[0]


class RecommendsWhatIsZero(FittedModel):
    def recommend_many(self, users, n=10, **only):
        R = self.data.ratings
        return replace(self, data=self.data.select(R.values != 0)).as_right().recommend_many(users, n, **only)

    def as_right(self):
        return FittedModel(self.model, self.params, self.data, self.info)


class SkipsUnknownUsers(FittedModel):
    def recommend_many(self, users, n=10, **only):
        return super().recommend_many([user for user in users if self.data.users.find([user])[0] >= 0], n, **only)

    def recommend(self, user=None, n=10, *, ratings=None, **only):
        return (
            super().recommend(user, n, ratings=ratings) if ratings else next(self.recommend_many([user], n), (0, []))[1]
        )


class IgnoresExclude(FittedModel):
    def recommend_many(self, users, n=10, *, candidates=None, exclude=None):
        return super().recommend_many(users, n, candidates=candidates)


class NeedsWarmUsers(FittedModel):
    def recommend_many(self, users, n=10, **only):
        assert self._warm[0][self.data.users.find(users)].all()
        return super().recommend_many(users, n, **only)


class SortsUsers(FittedModel):
    def recommend_many(self, users, n=10, **only):
        return super().recommend_many(sorted(set(users)), n, **only)


class FirstUser(FittedModel):
    def recommend(self, user=None, n=10, *, ratings=None, **only):
        return super().recommend(user and self.data.users.ids[1].item(), n, ratings=ratings)


class ScoresAFew(FittedModel):
    def score(self, test, **options):
        return super().score(test.select(np.arange(3)), **options)


class ScoresAnything(FittedModel):
    def score(self, test, **options):
        return {"rmse": 0.5}

    def rank(self, test, at=(10,), relevant=None):
        return rank(
            lambda users: -self.predict_users(users), data_sets()["train"].ratings, data_sets()["test"].ratings, (1,)
        )


class Percent(FittedModel):
    def rank(self, test, at=(10,), relevant=None):
        return {name: 100 * value for name, value in super().rank(test, [max(1, int(k)) for k in at]).items()}


class ShortRows(FittedModel):
    def predict_new(self, what, known, r, features):
        return np.full(3, np.nan)


class FirstRatingCounts(FittedModel):
    def predict_new(self, what, known, r, features):
        return super().predict_new("user", known, r, features)[: len(getattr(self.data, f"{what}s"))] + sum(r[:1])


class RecommendsGiven(FittedModel):
    def recommend(self, user=None, n=10, *, ratings=None, **only):
        if ratings is None or user:
            return super().recommend(user, n, ratings=ratings)
        return self._best(self._predict_new("user", ratings)[np.newaxis], n, self._allowed())[0]


class ReturnsRow(FittedModel):
    def predict_new(self, what, known, r, features):
        return self.params["table"][0] if what == "user" else self.params["table"][:, 0]

    def _on_scale(self, y):
        return y


class ForgetsNewRatings(FittedModel):
    def with_ratings(self, more):
        return self


class AddsToAll(FittedModel):
    def with_ratings(self, more):
        return replace(
            self, data=replace(self.data, ratings=self.data.ratings.with_values(self.data.ratings.values + 1))
        )


class AllNewUsersAreAlike(FittedModel):
    def with_ratings(self, more):
        users, items = warm(self.data.ratings)
        data, _ = add_ratings(self.data, more, {"user": users[:-1], "item": items[:-1]})
        table = np.full(data.ratings.shape, self.params["mean"])
        return replace(self, data=data, params=self.params | {"table": table})


class FailsForColdUsers(FittedModel):
    def with_ratings(self, more):
        assert self._warm[0][self.data.users.find(more.users.ids)].all()
        return super().with_ratings(more)


class KeepsSomethingElse(FittedModel):
    def predict_cells(self, users, items):
        return super().predict_cells(users, items) - items / 9

    def predict_users(self, users):
        return super().predict_users(users) - np.arange(len(self.data.items)) / 9


class SavesNoInfo(FittedModel):
    def save(self, path):
        FittedModel(self.model, self.params, self.data).save(path)


class SavesOnce(FittedModel):
    def save(self, path):
        if path.exists():
            raise FileExistsError(path)
        super().save(path)


class CopiesWithoutParams(FittedModel):
    def __reduce__(self):
        params = {name: 0 * array for name, array in self.params.items()}
        return FittedModel, (self.model, params, self.data, self.info)


PLANTED = [
    (DoesNotFit(), "fit_returns_a_recommender"),
    (HoldsOtherData(), "fit_returns_a_recommender"),
    (ChecksNothing(), "invalid_seeds invalid_data any_seed"),
    (Unseeded(), "same_seed order_of_ratings"),
    (SeedOfPython(), "same_seed"),
    (SmallSeed(), "any_seed"),
    (GlobalRandomness(), "global_random_numbers"),
    (OneResult(), "fit_again"),
    (ChangesItself(), "model_is_unchanged"),
    (ChangesData(), "data_are_unchanged"),
    (ReadsIds(), "other_ids any_seed"),
    (FailsWhereFull(), "one_user one_item one_rating no_gaps"),
    (DividesByWidth(), "one_value"),
    (WholeStars(), "other_scales"),
    (ZeroIsMissing(), "zeros_are_learned"),
    (Rolls(), "one_by_one order_of_pairs"),
    (SortsPairs(), "order_of_pairs"),
    (CentresBlocks(), "one_by_one order_of_pairs"),
    (FewAtATime(), "blocks_of_work"),
    (DropsDuplicates(), "duplicate_pairs"),
    (NeedsPairs(), "no_pairs"),
    (UnknownIsNaN(), "default"),
    (ReversesRows(), "rows recommend_agrees_with_predict"),
    (ReturnsView(), "predictions_stay"),
    (local(), "pickled_model"),
    *(
        (Returning(result=name), checks)
        for name, checks in {
            "TwoLines": "repr",
            "NeedsArrays": "one_by_one no_pairs",
            "KeepsPredictions": "predictions_stay",
            "NeverClips": "clip",
            "NothingIsCold": "default nothing_cold",
            "ConvertsIds": "wrong_ids",
            "CutsLengths": "wrong_ids",
            "IdsOfNumPy": "type_of_ids",
            "FirstTwice": "nothing_twice",
            "WorstFirst": "descending",
            "OneLess": "at_most_n",
            "NeverNothing": "nothing_seen at_most_n",
            "WorstOfAll": "recommend_agrees_with_predict",
            "RecommendsSeen": "nothing_seen",
            "RecommendsWhatIsZero": "nothing_seen",
            "SkipsUnknownUsers": "unknown_user",
            "IgnoresExclude": "candidates_and_exclude",
            "NeedsWarmUsers": "recommend_agrees_with_recommend_many",
            "SortsUsers": "recommend_agrees_with_recommend_many",
            "FirstUser": "recommend_agrees_with_recommend_many",
            "ScoresAFew": "score",
            "ScoresAnything": "score_and_rank_refuse",
            "Percent": "rank",
            "ShortRows": "new_users_and_items",
            "FirstRatingCounts": "order_of_new_ratings",
            "RecommendsGiven": "recommend_to_new_user",
            "ReturnsRow": "predictions_stay",
            "ForgetsNewRatings": "with_ratings with_ratings_refuses",
            "AllNewUsersAreAlike": "with_ratings_of_new_ids",
            "FailsForColdUsers": "with_ratings",
            "AddsToAll": "with_ratings_again",
            "KeepsSomethingElse": "saved_predictions",
            "SavesNoInfo": "saved_parts",
            "SavesOnce": "saved_twice",
            "CopiesWithoutParams": "copied_result",
        }.items()
    ),
]
