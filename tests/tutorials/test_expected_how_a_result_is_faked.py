"""The numbers that the tutorial on faked results tells its reader to expect, on MovieLens 100K."""

import numpy as np
import pytest
from scipy.stats import hypergeom

import tinyrec as tr
from tinyrec.evaluation.ranking_metrics import places
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.recommenders.scaling import Biases

pytestmark = pytest.mark.expected


@pytest.fixture(scope="module")
def data():
    return tr.load_dataset("ml-100k")


def test_faked_mean_of_each_user(data):
    scores = []
    for train, test in tr.split_repeats(data, k=5, test=0.1):
        y = Biases.row_means(train.ratings, "user").predict(test.ratings.rows, test.ratings.cols)
        scores.append(rmse(np.clip(y, 1, 5), test.ratings.values))
    assert np.mean(scores) == pytest.approx(1.04, abs=0.005)


def test_faked_hit_ratio_among_999(data):
    users, items, _ = data.triples()
    clicks, hits = tr.Dataset.from_triples(users, items, None), []
    for seed in range(5):
        train, test = tr.split_leave_one_out(clicks, seed=seed)
        h, _ = places(tr.EASE(l2=100.0).fit(train).predict_users, train.ratings, test.ratings)
        m = len(clicks.items) - np.diff(train.ratings.pattern.indptr)[test.ratings.rows] - 1
        hits.append(np.mean(hypergeom.cdf(9, m, h, np.minimum(m, 999))))
    assert np.mean(hits) == pytest.approx(0.40, abs=0.005)


def test_faked_best_of_twenty_splits(data):
    model, scores = tr.AutoRec(by="item", hidden_units=50, l2=50.0, center=False), []
    for train, test in tr.split_repeats(data, k=20, test=0.1):
        scores.append(model.fit(train, epochs=90).score(test)["rmse"])
    assert np.mean(scores) - min(scores) == pytest.approx(0.012, abs=0.001)
