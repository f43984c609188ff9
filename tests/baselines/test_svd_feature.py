"""SVDFeature: without features it is BiasedMF, and with them it knows what few ratings cannot tell."""

import json

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.baselines import BiasedMF, SVDFeature, biased_mf, svd_feature
from tinyrec.cli.main import main
from tinyrec.data import Dataset, Features, Index
from tinyrec.evaluation.rating_metrics import rmse


def feature_parameters(seed=0):
    """Biases and vectors of 7 users with 3 features, and of 6 items with 2."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size) for size in (10, 8, (10, 5), (8, 5))]


def feature_rows():
    """The ids of 7 users and 6 items, and their features: most are 0, some neither 0 nor 1."""
    rng = np.random.default_rng(2)
    shapes = (7, 3), (6, 2)
    X, Y = (np.float32(rng.standard_normal(shape) * (rng.random(shape) < 0.6)) for shape in shapes)  # exact as features
    both = (svd_feature.with_ids(len(x), Features.from_array("abc"[: x.shape[1]], x)) for x in (X, Y))
    return [(its.indptr, its.indices, its.data) for its, _ in both], X, Y


def test_the_compiled_loop_of_svd_feature_agrees_with_its_slow_twin():
    loops, rng, (rows, _, _) = pytest.importorskip("tinyrec.backend.loops"), np.random.default_rng(1), feature_rows()
    cells = rng.integers(0, 7, 200), rng.integers(0, 6, 200), rng.standard_normal(200)
    ours, slow = feature_parameters(), feature_parameters()
    loops.svd_feature(*cells, *rows, *ours, 0.02, 0.1)
    svd_feature.descend(*cells, *rows, *slow, 0.02, 0.1)
    for one, other, start in zip(ours, slow, feature_parameters(), strict=True):
        assert np.abs(one - start).max() > 0.1
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_a_step_of_svd_feature_goes_down_the_gradient_of_the_loss_of_one_rating():
    (rows, X, Y), (u, i, x), l2, rate, h = feature_rows(), (2, 3, 1.7), 0.3, 1e-4, 1e-6
    alpha, beta = np.append(np.eye(7)[u], X[u]), np.append(np.eye(6)[i], Y[i])
    assert (alpha != 0).sum() > 2 and (beta != 0).sum() > 1
    before, after = feature_parameters(), feature_parameters()

    def loss(parts):
        b, c, P, Q = parts
        e = x - alpha @ b - beta @ c - (alpha @ P) @ (beta @ Q)
        penalty = (alpha != 0) @ (b**2 + (P**2).sum(axis=1)) + (beta != 0) @ (c**2 + (Q**2).sum(axis=1))
        return (e**2 + l2 * penalty) / 2

    svd_feature.descend(np.array([u]), np.array([i]), np.array([x]), *rows, *after, rate, l2)
    for number, part in enumerate(before):
        for at in np.ndindex(part.shape):
            up, down = feature_parameters(), feature_parameters()
            up[number][at] += h
            down[number][at] -= h
            slope = (loss(up) - loss(down)) / (2 * h)
            assert (part[at] - after[number][at]) / rate == pytest.approx(slope, abs=1e-6)


def test_without_features_its_steps_are_those_of_biased_mf():
    R, shapes = tr.make_synthetic(20, 15, 150).ratings, (20, 15, (20, 4), (15, 4))
    ours = [np.random.default_rng(1).standard_normal(shape) for shape in shapes]
    other = [array.copy() for array in ours]
    rows = [(M.indptr, M.indices, M.data) for M in (svd_feature.with_ids(size, None)[0] for size in R.shape)]
    svd_feature.descend(R.rows, R.cols, R.values, *rows, *ours, 0.05, 0.1)
    bounds = np.where(np.arange(65), R.size, 0)  # all in the first block
    biased_mf.descend(0, bounds, R.rows, R.cols, R.values, *other, 0.05, 0.1)
    for one, its in zip(ours, other, strict=True):
        np.testing.assert_allclose(one, its, rtol=1e-6, atol=1e-9)


def with_kinds(cold=()):
    """(train, test) of 60 users and 40 items, whose ratings depend on a feature of the user and one of the item."""
    rng, (n, d) = np.random.default_rng(0), (60, 40)
    a, c = rng.integers(0, 2, n), rng.integers(0, 2, d)
    r = 3 + 1.5 * (-1.0) ** (a[:, np.newaxis] + c) + 0.2 * rng.standard_normal((n, d))
    rows, cols = np.nonzero(rng.random((n, d)) < 0.1)
    data = Dataset.from_cells(Index(np.arange(n)), Index(np.arange(d)), rows, cols, r[rows, cols], scale=(0, 6))
    data = data.with_features(
        users=Features.of({"kind": [f"k{k}" for k in a]}), items=Features.of({"kind": [f"k{k}" for k in c]})
    )
    return data.select(~np.isin(cols, cold)), r


def test_features_of_both_sides_tell_what_few_ratings_cannot():
    train, r = with_kinds()
    users, items = (its.ravel() for its in np.indices(r.shape))
    errors = []
    for model in (BiasedMF(factors=4), SVDFeature(factors=4)):
        errors.append(rmse(model.fit(train).predict(users, items), r.ravel()))
    assert errors[0] > 1 > 0.5 > errors[1]


def test_an_item_without_ratings_is_known_by_its_features(tmp_path):
    train, r = with_kinds(cold=(3, 4, 5))
    fitted = SVDFeature(factors=4).fit(train)
    fitted.save(tmp_path / "model.npz")
    for its in (fitted, tr.load(tmp_path / "model.npz")):
        for item in (3, 4, 5):
            found = its.predict(np.arange(60), np.full(60, item), default=False)
            assert rmse(found, r[:, item]) < 0.6


def test_the_vectors_of_features_add_up_to_those_of_an_item_without_ratings():
    train, _ = with_kinds(cold=(3,))
    fitted = SVDFeature(factors=4, epochs=3).fit(train)
    params, X = fitted.params, train.item_features.X.to_dense(0)
    ids = params["Q"] - X @ params["item_features"][:, 1:]
    np.testing.assert_allclose(ids[3], ids[np.arange(40) != 3].mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(params["item"][3], X[3] @ params["item_features"][:, 0], atol=1e-9)
    assert fitted.n_parameters == 1 + (60 + 40 + 2 + 2) * (1 + 4)


def test_it_is_trained_on_the_command_line(capsys, tmp_path):
    train, _ = with_kinds()
    lines = [f"{user},{item},{rating}" for user, item, rating in train]
    (tmp_path / "a.csv").write_text("\n".join(["user,item,rating", *lines]))
    for what, ids, features in (("user", train.users, train.user_features), ("item", train.items, train.item_features)):
        kinds = ["k0" if row[0] else "k1" for row in features.X.to_dense(0)]
        rows = [f"{raw},{kind}" for raw, kind in zip(ids.ids, kinds, strict=True)]
        (tmp_path / f"{what}s.csv").write_text("\n".join([f"{what},kind", *rows]))
    command = ["train", "--model", "svd-feature", "--set", "factors=4", "--dataset", str(tmp_path / "a.csv")]
    given = [["--user-features", str(tmp_path / "users.csv")], ["--item-features", str(tmp_path / "items.csv")]]
    errors = []
    for flags in ([], given[0], given[0] + given[1]):
        assert main([*command, *flags, "--json", "-"]) == 0
        out, said = capsys.readouterr()
        result = json.loads(out)
        assert result["features"] == len(flags) and said.count(": kind (2 values)") == len(flags) // 2
        errors.append(result["test_rmse"])
    assert errors[2] < 0.6 < errors[0]
    assert main(["train", "--model", "als-wr", "--dataset", str(tmp_path / "a.csv"), *given[0]]) == 2
    assert "als-wr reads no features; train one of cfn, nrp, accm" in capsys.readouterr().err
