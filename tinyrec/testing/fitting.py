"""Checks of fit: what it accepts, what it leaves alone, and that the seed decides all that is random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyrec.errors import UsageError
from tinyrec.testing import data_sets
from tinyrec.testing.case import Case, predict_all
from tinyrec.testing.require import require, require_close, require_error, require_finite, require_same


def check_fit_returns_a_recommender(case: Case) -> None:
    """Fit must return what predicts one number for each pair."""
    fitted = case.fitted()
    n, d = fitted.data.ratings.shape
    require_finite(predict_all(fitted), (n * d,))


def check_same_seed(case: Case) -> None:
    """The same seed must give the same bits."""
    require_same(predict_all(case.fit(case.data())), predict_all(case.fitted()))


def check_numpy_seed(case: Case) -> None:
    """A seed that is an integer of NumPy must give the same bits as a Python int."""
    require_same(predict_all(case.fit(case.data(), np.int64(1))), predict_all(case.fitted(seed=1)))


def check_other_seed(case: Case) -> None:
    """Any seed must be accepted."""
    n, d = case.data().ratings.shape
    require_finite(predict_all(case.fitted(seed=1)), (n * d,))
    require_finite(predict_all(case.fitted(seed=2**40)), (n * d,))


def check_invalid_seeds(case: Case) -> None:
    """A seed that is no whole number of at least 0 must raise UsageError."""
    for seed in (-1, 1.0, True, "0", None):
        require_error(UsageError, case.fit, case.data(), seed=seed)


def check_global_random_state(case: Case) -> None:
    """Fit must neither use nor set NumPy's global random numbers."""
    before = global_random_state()
    case.fit(case.data())
    require(global_random_state() == before, "their state is another one after fit")


def global_random_state() -> tuple[bytes, int]:
    _, key, position, *_ = np.random.get_state(legacy=True)  # noqa: NPY002
    return np.asarray(key).tobytes(), int(position)


def check_fit_again(case: Case) -> None:
    """Fitting a model again must not change the first result."""
    first = case.fitted()
    before = predict_all(first)
    case.fit(case.data(data_sets.one_user), seed=3)
    require_same(predict_all(first), before)


def check_model_is_unchanged(case: Case) -> None:
    """Fit must not change the model: it is a value, which can be compared and hashed."""
    before = hash(case.model), repr(case.model)
    case.fit(case.data())
    require((hash(case.model), repr(case.model)) == before, f"it is {case.model!r} after fit")
    require(replace(case.model) == case.model, "a model with the same settings is not equal to it")


def check_data_are_unchanged(case: Case) -> None:
    """Fitting and predicting must not change the data."""
    data = case.data(data_sets.half_stars)
    before = [array.copy() for array in data_sets.arrays_of(data)]
    fitted = case.fitted(data_sets.half_stars)
    predict_all(fitted)
    list(fitted.recommend_many(data.users.ids))
    for array, old in zip(data_sets.arrays_of(data), before, strict=True):
        require_same(array, old, "its arrays")


def check_read_only_data(case: Case) -> None:
    """Data in arrays that cannot be written to must be accepted, as from a memory-mapped file."""
    require_close(predict_all(case.fitted(data_sets.read_only)), predict_all(case.fitted()))


def check_order_of_ratings(case: Case) -> None:
    """The order in which the ratings were given must not matter."""
    require_same(predict_all(case.fitted(data_sets.shuffled)), predict_all(case.fitted()))


def check_no_dataset(case: Case) -> None:
    """What is no Dataset must raise UsageError."""
    for data in (None, [[1, 2, 3]], np.ones((3, 3)), case.data().ratings):
        require_error(UsageError, case.fit, data)


def check_kind_of_feedback(case: Case) -> None:
    """Ratings for a model of implicit feedback, or the other way round, must raise UsageError."""
    ratings = data_sets.train()
    require_error(UsageError, case.fit, ratings if case.model.implicit else ratings.binarized())
