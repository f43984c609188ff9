"""Degenerate data.

One user, one item, one rating, equal ratings, users and items without ratings: every model predicts finite numbers, or
refuses with one sentence, and there is no warning.
"""

import warnings

import numpy as np

from tests.promises.models import MODELS, fitted
from tests.testing.test_check_recommender import SEARCHED
from tinyrec.errors import TinyrecError
from tinyrec.testing.case import data_sets, predict_all

NAMES = "train", "one value", "signed", "one user", "one item", "one rating", "no gaps"


def test_predictions_are_finite(figure, size):
    sets, fine, refused = data_sets(), 0, 0
    models = [*SEARCHED, *MODELS][:: size(3, 1)]
    for model in models:
        for name in NAMES:
            with warnings.catch_warnings(action="error"):
                try:
                    its = fitted(model, sets[name], backend="reference")
                    found = [predict_all(its), predict_all(its, default=False)]
                    fine += bool(np.isfinite(found).all())
                except TinyrecError as problem:
                    assert "\n" not in str(problem)
                    refused += 1
    tried = len(models) * len(NAMES)
    figure(f"{tried} trainings: {fine} with finite predictions, {refused} refused, 0 warnings")
    assert fine + refused == tried
