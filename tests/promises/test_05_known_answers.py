"""Known answers.

On a fixed split of the synthetic data, the RMSE of six models, in the mean of their seeds, is within 0.01 of the known
one; so is that of I-AutoRec on five splits of MovieLens 100K, where that is on this machine.
"""

import numpy as np

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.reproduce.known_settings import ALONE

KNOWN = [
    (tr.Bias(), {}, 0.940),
    (tr.BiasedMF(factors=10), {}, 0.868),
    (tr.AutoRec(hidden_units=50, l2=100, center=True), {"epochs": 50}, 0.874),
    (tr.AutoRec(by="user", hidden_units=50, l2=100, center=True), {"epochs": 50}, 0.875),
    (tr.CFN(hidden_units=50, l2=20.0), {"epochs": 10}, 0.883),
    (tr.DeepAutoRec(hidden_units=(50, 20, 50), l2=100.0, center=True, pretrain=10), {"epochs": 50}, 0.909),
]
ML_100K = 0.889


def test_synthetic(figure, size):
    train, test = tr.split_random(tr.load_dataset("synthetic"), 0.1, seed=0)
    known, away = KNOWN[: size(4, None)], []
    for model, options, rmse in known:
        found = [model.fit(train, seed=seed, **options).score(test)["rmse"] for seed in range(size(1, 5))]
        away.append(abs(np.mean(found) - rmse))
    figure(f"{len(known)} models: RMSE within {max(away):.4f} of the known one")
    assert max(away) <= 0.01


def test_movielens_100k(figure, size):
    settings, found = ALONE["ml-100k", "autorec", "item"], []
    for seed in range(size(0, 5) if find("ml-100k") else 0):
        train, test = tr.split_random(tr.load_dataset("ml-100k"), 0.1, seed=seed)
        found.append(tr.AutoRec(**settings["set"]).fit(train, epochs=settings["epochs"], seed=seed).score(test)["rmse"])
    if found:
        figure(f"MovieLens 100K: RMSE {np.mean(found):.4f}")
        assert abs(np.mean(found) - ML_100K) <= 0.01
