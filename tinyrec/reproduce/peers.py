"""Models of other libraries, to compare with: fitted to the same splits, and scored by the same protocol.

They need the extra `field`. Each is a dataclass with the settings, and the defaults, of its library. What is timed is
its own call to fit; the conversion of the ratings before it is not.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tinyrec.backend import Array
from tinyrec.backend.threads import one_blas_thread
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.models import Model
from tinyrec.recommenders import Recommender
from tinyrec.sparse import Ratings

Predict = Callable[[Array, Array], Array]  # numbers of users (p,) and of items (p,) -> ratings (p,)


class FittedPeer(Recommender):
    """What `fit` of a model of another library returns."""

    def __init__(self, model: Peer, data: Dataset, seed: int):
        self.model, self.data = model, data
        self.cells, self.ratings = np.zeros(0, np.int64), np.zeros(0)  # what was predicted last, by cell
        with warnings.catch_warnings(action="ignore"), redirect_stderr(io.StringIO()):  # they have bars of their own
            converted = model.convert(data.ratings, data.scale)
            started = time.perf_counter()
            learned = model.learn(converted, seed)
            self.info = {"seed": seed, "seconds": time.perf_counter() - started, "version": version_of(model.package)}
            self.predicted, self.n_parameters = model.predictor(learned, data.ratings)

    def predict_cells(self, users: Array, items: Array) -> Array:
        cells = users * (len(self.data.items) + 1) + items  # an unknown item is -1
        places = np.searchsorted(self.cells, cells).clip(max=len(self.cells) - 1)
        if not len(self.cells) or (self.cells[places] != cells).any():  # some predict pair by pair in Python
            order = np.argsort(cells)
            self.cells, self.ratings = cells[order], self.predicted(users, items)[order]
            places = np.searchsorted(self.cells, cells)
        return self.ratings[places]

    def predict_users(self, users: Array) -> Array:
        items = np.arange(len(self.data.items))
        return self.predicted(np.repeat(users, len(items)), np.tile(items, len(users))).reshape(len(users), -1)


class Peer(Model):
    """Base of the models of other libraries.

    package: that must be installed;  convert: ratings -> what the library reads;  learn: that -> what it has fitted
    predictor: what it has fitted -> the function that predicts, and the number of its parameters
    """

    package: ClassVar[str]

    def fit(self, data: Dataset, *, seed: int = 0) -> FittedPeer:
        """Fit to `data`. UsageError: the library is not installed"""
        if not importlib.util.find_spec(self.package):
            raise UsageError(f'{type(self).__name__} is of the package {self.package}; pip install "tinyrec[field]"')
        return FittedPeer(self, data, seed)

    def convert(self, R: Ratings, scale: tuple[float, float]) -> Any:
        raise NotImplementedError

    def learn(self, converted: Any, seed: int) -> Any:
        raise NotImplementedError

    def predictor(self, learned: Any, R: Ratings) -> tuple[Predict, int]:
        raise NotImplementedError


class Surprise(Peer):
    """Models of the library Surprise, whose ids are here the numbers of users and items."""

    package = "surprise"

    def convert(self, R, scale):
        import pandas as pd
        from surprise import Dataset as Theirs
        from surprise import Reader

        table = pd.DataFrame({"user": R.rows, "item": R.cols, "rating": R.values.astype(float)})
        return Theirs.load_from_df(table, Reader(rating_scale=scale)).build_full_trainset()

    def predictor(self, learned, R):
        def predict(users, items):
            pairs = zip(users.tolist(), items.tolist(), strict=True)
            return np.array([learned.predict(user, item, clip=False).est for user, item in pairs])

        arrays = [np.asarray(getattr(learned, name, ())) for name in ("pu", "qi", "bu", "bi", "yj", "sim")]
        return predict, sum(array.size for array in arrays)


@dataclass(frozen=True)
class SurpriseSVD(Surprise):
    n_factors: int = 100
    n_epochs: int = 20
    lr_all: float = 0.005
    reg_all: float = 0.02

    def learn(self, converted, seed):
        from surprise import SVD

        return SVD(**vars(self), random_state=seed).fit(converted)


@dataclass(frozen=True)
class SurpriseSVDpp(Surprise):
    n_factors: int = 20
    n_epochs: int = 20
    lr_all: float = 0.007
    reg_all: float = 0.02
    cache_ratings: bool = True

    def learn(self, converted, seed):
        from surprise import SVDpp

        return SVDpp(**vars(self), random_state=seed).fit(converted)


@dataclass(frozen=True)
class SurpriseKNNBaseline(Surprise):
    k: int = 40
    similarity: str = "msd"
    user_based: bool = True

    def learn(self, converted, seed):
        from surprise import KNNBaseline

        options = {"name": self.similarity, "user_based": self.user_based}
        return KNNBaseline(self.k, sim_options=options, verbose=False).fit(converted)


@dataclass(frozen=True)
class LensKitBiasedMF(Peer):
    """Alternating least squares of LensKit."""

    embedding_size: int = 50
    epochs: int = 10
    regularization: float = 0.1
    damping: float = 5.0

    package = "lenskit"

    def convert(self, R, scale):
        import pandas as pd
        from lenskit.data import from_interactions_df

        table = pd.DataFrame({"user_id": R.rows, "item_id": R.cols, "rating": R.values.astype(float)})
        return from_interactions_df(table)

    def learn(self, converted, seed):
        from lenskit.als import BiasedMFScorer
        from lenskit.training import TrainingOptions

        its = BiasedMFScorer(**vars(self))
        its.train(converted, TrainingOptions(rng=seed))
        return its

    def predictor(self, learned, R):
        from lenskit.data import ItemList, RecQuery

        def predict(users, items):
            y = np.full(len(users), np.nan)
            order = np.argsort(users, kind="stable")
            for cells in np.split(order, np.flatnonzero(np.diff(users[order])) + 1):
                query = RecQuery(user_id=int(users[cells[0]]))
                scored = learned(query, ItemList(item_ids=items[cells]))
                y[cells] = scored.scores()
            return np.where(np.isnan(y), R.values.mean(), y)

        return predict, (sum(R.shape)) * (self.embedding_size + 1) + 1


@dataclass(frozen=True)
class CornacMF(Peer):
    """Biases and factors, by stochastic gradient descent on all threads, of Cornac."""

    k: int = 10
    max_iter: int = 20
    learning_rate: float = 0.01
    lambda_reg: float = 0.02

    package = "cornac"

    def convert(self, R, scale):
        from cornac.data import Dataset as Theirs

        triples = zip(R.rows.tolist(), R.cols.tolist(), R.values.tolist(), strict=True)
        return Theirs.from_uir(list(triples), seed=0)

    def learn(self, converted, seed):
        from cornac.models import MF

        return MF(**vars(self), early_stop=False, seed=seed).fit(converted)

    def predictor(self, learned, R):
        users, items = (
            placed(ids, size) for ids, size in zip((learned.uid_map, learned.iid_map), R.shape, strict=True)
        )
        b_user, b_item = np.append(learned.u_biases, 0), np.append(learned.i_biases, 0)
        P, Q = (np.vstack([its, 0 * its[:1]]) for its in (learned.u_factors, learned.i_factors))

        def predict(u, i):
            u, i = users[u], items[i]
            return learned.global_mean + b_user[u] + b_item[i] + np.einsum("pk,pk->p", P[u], Q[i])

        return predict, P.size + Q.size + b_user.size + b_item.size


@dataclass(frozen=True)
class MyFM(Peer):
    """A factorisation machine whose posterior is sampled, of myFM."""

    rank: int = 10
    n_iter: int = 100
    n_kept_samples: int = 90

    package = "myfm"

    def convert(self, R, scale):
        return one_hot(R.rows, R.cols, R.shape), R.values.astype(float), R.shape

    def learn(self, converted, seed):
        from myfm import MyFMRegressor

        X, y, shape = converted
        its = MyFMRegressor(self.rank, random_seed=seed)
        return its.fit(X, y, n_iter=self.n_iter, n_kept_samples=self.n_kept_samples, group_shapes=list(shape))

    def predictor(self, learned, R):
        one = sum(R.shape) * (self.rank + 1) + 1
        return lambda users, items: learned.predict(one_hot(users, items, R.shape)), one * self.n_kept_samples


class Implicit(Peer):
    """Models of the library implicit, with one thread of BLAS, as it asks for."""

    package = "implicit"
    implicit = True

    def convert(self, R, scale):
        return R.with_values(np.ones(R.size, np.float32)).to_scipy().tocsr()

    def learn(self, converted, seed):
        with one_blas_thread():
            its = self.made(seed)
            its.fit(converted, show_progress=False)
        return its

    def made(self, seed: int) -> Any:
        raise NotImplementedError

    def predictor(self, learned, R):
        P, Q = learned.user_factors, learned.item_factors
        return lambda users, items: np.einsum("pk,pk->p", P[users], Q[items]), P.size + Q.size


@dataclass(frozen=True)
class ImplicitALS(Implicit):
    factors: int = 100
    regularization: float = 0.01
    alpha: float = 1.0
    iterations: int = 15
    use_cg: bool = True

    def made(self, seed):
        from implicit.als import AlternatingLeastSquares

        return AlternatingLeastSquares(**vars(self), random_state=seed)


@dataclass(frozen=True)
class ImplicitBPR(Implicit):
    factors: int = 100
    learning_rate: float = 0.01
    regularization: float = 0.01
    iterations: int = 100

    def made(self, seed):
        from implicit.bpr import BayesianPersonalizedRanking

        return BayesianPersonalizedRanking(**vars(self), random_state=seed)


PEERS: dict[str, type[Peer]] = {
    "surprise-svd": SurpriseSVD,
    "surprise-svdpp": SurpriseSVDpp,
    "surprise-knn-baseline": SurpriseKNNBaseline,
    "lenskit-biased-mf": LensKitBiasedMF,
    "cornac-mf": CornacMF,
    "myfm": MyFM,
    "implicit-als": ImplicitALS,
    "implicit-bpr": ImplicitBPR,
}


def placed(ids: dict[int, int], size: int) -> Array:
    """The place of each number among those of another library; -1: it has not seen it."""
    places = np.full(size + 1, -1)
    places[list(ids)] = list(ids.values())
    return places


def one_hot(users: Array, items: Array, shape: tuple[int, int]) -> Any:
    """A row for each pair, with a one for its user and a one for its item."""
    from scipy.sparse import csr_array, csr_matrix

    p, cols = len(users), np.column_stack([users, items + shape[0]]).ravel()
    return csr_matrix(csr_array((np.ones(2 * p), cols, np.arange(0, 2 * p + 1, 2)), (p, sum(shape))))


def version_of(package: str) -> str:
    its = importlib.import_module(package)
    return getattr(its, "__version__", "")
