import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.strategies import from_dense
from tinyrec.baselines import llorma, rbm
from tinyrec.baselines.llorma import LLORMA, Local, LocalModels
from tinyrec.baselines.rbm import RBM, Machine
from tinyrec.errors import UsageError
from tinyrec.evaluation import top_n as ranking
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.recommenders.biases import Bias
from tinyrec.sparse import Ratings

SMALL = [RBM(hidden_units=4, epochs=3, batch_size=16), LLORMA(anchors=3, rank=2, global_rank=2, iterations=2)]
name_of = {"ids": lambda model: type(model).__name__}


def two_tastes(n=120, d=60, seed=0):
    """(train, test), half stars: each of two kinds of users likes one half of the items, but not the other."""
    rng = np.random.default_rng(seed)
    r = 2.5 + 1.5 * (-1.0) ** (np.arange(n)[:, np.newaxis] + np.arange(d)) + rng.choice([-0.5, 0, 0.5], (n, d))
    drawn = rng.random((n, d))
    return from_dense(r.astype(np.float32), drawn < 0.4), from_dense(r.astype(np.float32), drawn > 0.9)


TRAIN, TEST = two_tastes()


# What both must do


@pytest.mark.parametrize(
    "model",
    [
        RBM(by="user", hidden_units=8, learning_rate=0.5, epochs=60, batch_size=16),
        RBM(by="item", hidden_units=8, learning_rate=0.5, epochs=60, batch_size=16),
        LLORMA(anchors=5, rank=2, global_rank=2, iterations=4),
    ],
    ids=["U-RBM", "I-RBM", "LLORMA"],
)
def test_it_learns_tastes_that_biases_cannot_know(model):
    bias, ours = (
        rmse(fitted.predict(TEST.rows, TEST.cols), TEST.values) for fitted in (Bias.fit(TRAIN), model.fit(TRAIN))
    )
    assert bias > 1.4
    assert ours < 0.6


@pytest.mark.parametrize("model", [*SMALL, replace(SMALL[0], by="user")], **name_of)
def test_the_seed_decides_all_that_is_random(model):
    first, again, other = (model.fit(TRAIN, seed=seed).predict(TEST.rows, TEST.cols) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("model", [*SMALL, replace(SMALL[0], by="user")], **name_of)
def test_a_prediction_does_not_depend_on_which_others_are_asked_for(model, monkeypatch):
    fitted, users, items = model.fit(TRAIN), np.array([5, 119, 5, -1, 3]), np.array([7, 0, 7, 2, -1])
    expected = fitted.predict(users, items)
    assert np.isfinite(expected).all() and expected[0] == expected[2] != expected[1]
    alone = [fitted.predict(users[[at]], items[[at]])[0] for at in range(5)]
    np.testing.assert_allclose(alone, expected, rtol=1e-6)
    monkeypatch.setattr(ranking, "BLOCK", 1)
    np.testing.assert_allclose(fitted.predict(users, items), expected, rtol=1e-6)
    assert fitted.predict(users[:0], items[:0]).shape == (0,)


@pytest.mark.parametrize("model", [*SMALL, replace(SMALL[0], by="user")], **name_of)
@pytest.mark.parametrize("mask", [np.ones((3, 2), bool), np.eye(3, 4) > 0, np.ones((1, 1), bool)])
def test_predictions_are_finite_however_little_there_is(model, mask):
    n, d = mask.shape
    fitted = model.fit(from_dense(np.full(mask.shape, 4.0), mask))
    users, items = np.divmod(np.arange((n + 1) * (d + 1)), d + 1)
    np.testing.assert_allclose(fitted.predict(users - 1, items - 1), 4, atol=1)


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: RBM(by="film"), "unknown by 'film'"),
        (lambda: RBM(hidden_units=0), "hidden_units is 0"),
        (lambda: RBM(steps=0), "steps is 0"),
        (lambda: RBM(batch_size=2.5), "batch_size is 2.5"),
        (lambda: RBM(learning_rate=float("nan")), "learning_rate is nan"),
        (lambda: LLORMA(anchors=0), "anchors is 0"),
        (lambda: LLORMA(l2=0), "l2 is 0"),
        (lambda: LLORMA(width=0), "width is 0"),
        (lambda: LLORMA(rank=1.5), "rank is 1.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, problem):
    with pytest.raises(UsageError, match=problem):
        make()


# RBM, against enumeration: three items, two of them rated, K = 3 values, two hidden units

K, F, RATED = 3, 2, (0, 2)


def tiny(rng):
    """Random parameters in float64, and V (1, 9) with the items 0 and 2 rated."""
    params = {"W": rng.normal(0, 1, (3 * K, F)), "b": rng.normal(0, 1, 3 * K), "c": rng.normal(0, 1, F)}
    return params, as_visible((1, 2))


def as_visible(values):
    """V (1, 9): value k of each rated item."""
    cols = np.array([i * K + k for i, k in zip(RATED, values, strict=True)])
    return Ratings.from_cells(np.zeros(len(cols), int), cols, np.ones(len(cols)), (1, 3 * K))


def joint(params):
    """p(v, h) of all values (K, K) of the two rated items and all h (2, 2), (K, K, 2, 2)."""
    W, b, c = params["W"], params["b"], params["c"]
    p = np.empty((K, K, 2, 2))
    for *values, h0, h1 in itertools.product(range(K), range(K), range(2), range(2)):
        v, h = np.zeros(3 * K), np.array([h0, h1])
        v[[i * K + k for i, k in zip(RATED, values, strict=True)]] = 1
        p[*values, h0, h1] = np.exp(v @ W @ h + v @ b + h @ c)
    return p / p.sum()


def test_conditional_probabilities_are_those_of_the_joint_distribution():
    params, V = tiny(np.random.default_rng(0))
    p = joint(params)
    given_v = p[1, 2] / p[1, 2].sum()
    np.testing.assert_allclose(rbm.hidden(params, V)[0], [given_v[1].sum(), given_v[:, 1].sum()], rtol=1e-10)
    for h in itertools.product(range(2), range(2)):
        given_h = p[:, :, *h] / p[:, :, *h].sum()
        expected = np.array([given_h.sum(axis=1), given_h.sum(axis=0)])  # of item 0 and of item 2
        ours = rbm.visible(params, V, np.array([h], float), K)
        np.testing.assert_allclose(ours.T, expected, rtol=1e-10)


def test_values_are_drawn_by_their_probabilities():
    params, V = tiny(np.random.default_rng(0))
    params = {name: w.astype(np.float32) for name, w in params.items()}
    h, rng = np.array([[True, False]]), np.random.default_rng(1)
    expected = rbm.visible(params, V, h.astype(np.float32), K).T  # (2, K)
    drawn = np.array([rbm.draw_visible(params, V, h, K, rng).cols for _ in range(4000)])
    assert (drawn // K == RATED).all()
    for at in range(2):
        np.testing.assert_allclose(np.bincount(drawn[:, at] % K, minlength=K) / 4000, expected[at], atol=0.04)


def test_with_exact_samples_contrastive_divergence_is_the_gradient_of_the_likelihood(monkeypatch):
    """In expectation over v ~ p(v), all of which are handed out in turn, times their probabilities."""
    params, V = tiny(np.random.default_rng(0))
    of_v = joint(params).sum(axis=(2, 3))
    ours = {name: 0 * w for name, w in params.items()}
    for values in itertools.product(range(K), range(K)):
        monkeypatch.setattr(rbm, "draw_visible", lambda *args, values=values: as_visible(values))
        grads = rbm.contrastive_divergence(params, V, K, 1, np.random.default_rng(0))
        for name, grad in grads.items():
            ours[name] += of_v[values] * grad

    for name, w in params.items():
        for at in np.ndindex(w.shape):
            change = []
            for step in (1e-5, -1e-5):
                moved = {**params, name: w.copy()}
                moved[name][at] += step
                change.append(-np.log(joint(moved)[1, 2].sum()))
            assert ours[name][at] == pytest.approx((change[0] - change[1]) / 2e-5, abs=1e-8)


def test_a_step_of_gibbs_sampling_starts_with_the_model_before_it(monkeypatch):
    params, V = tiny(np.random.default_rng(0))
    seen = []
    draw = rbm.draw_visible
    monkeypatch.setattr(rbm, "draw_visible", lambda *args: seen.append(draw(*args)) or seen[-1])
    grads = rbm.contrastive_divergence(params, V, K, 3, np.random.default_rng(0))
    assert len(seen) == 3
    dense = [np.bincount(one.cols, minlength=3 * K) for one in (seen[-1], V)]
    np.testing.assert_allclose(grads["b"], dense[0] - dense[1])
    H, H_model = rbm.hidden(params, V), rbm.hidden(params, seen[-1])
    np.testing.assert_allclose(grads["W"], np.outer(dense[0], H_model) - np.outer(dense[1], H), rtol=1e-12)


def test_any_values_can_be_levels():
    R = Ratings.from_cells([0, 0, 1], [0, 2, 1], np.array([0.5, 4.5, -1.0]), (2, 3))
    V, levels = rbm.one_hot(R)
    assert levels.tolist() == [-1, 0.5, 4.5]
    assert V.shape == (2, 9)
    assert V.cols.tolist() == [1, 8, 3]
    assert V.values.tolist() == [1, 1, 1]


def test_a_prediction_is_the_expected_rating():
    rng, levels = np.random.default_rng(0), np.array([0.5, 2.0, 4.5])
    params = {"W": rng.standard_normal((6, 4)), "b": rng.standard_normal(6), "c": np.zeros(4)}
    H = rng.random((3, 4))
    e = np.exp((params["W"] @ H[2] + params["b"])[3:])
    for by, user, item in (("user", 2, 1), ("item", 1, 2)):
        fitted = Machine(by, levels, np.array([0.5, 0.25, 0.25]), params, H)
        ours = fitted.predict(np.array([user, -1, user]), np.array([item, item, -1]))
        np.testing.assert_allclose(ours, [e @ levels / e.sum(), 1.875, 1.875])


def test_without_training_a_machine_predicts_the_usual_rating_of_a_visible_unit():
    fitted = RBM(by="user", hidden_units=2, epochs=0).fit(TRAIN)
    mean = np.bincount(TRAIN.cols, TRAIN.values) / np.bincount(TRAIN.cols)
    np.testing.assert_allclose(fitted.predict(np.arange(60), np.arange(60)), mean, atol=0.15)


def test_t_grows_evenly_and_weights_decay_at_a_rate_that_falls(monkeypatch):
    seen = []

    def no_gradient(params, V, K, T, rng):
        seen.append((T, params["W"].copy(), params["b"].copy()))
        return {name: 0 * w for name, w in params.items()}

    monkeypatch.setattr(rbm, "contrastive_divergence", no_gradient)
    settings = {"hidden_units": 3, "learning_rate": 0.5, "momentum": 0.0, "weight_decay": 0.1, "batch_size": 1000}
    RBM(**settings, steps=2, epochs=4).fit(TRAIN)
    T, W, b = zip(*seen, strict=True)
    assert T == (1, 1, 2, 2)
    for epoch in range(3):
        np.testing.assert_allclose(W[epoch + 1], W[epoch] * (1 - 0.5 * (1 - epoch / 4) * 0.1), rtol=1e-5)
    np.testing.assert_array_equal(b[0], b[3])


def test_each_epoch_takes_each_row_that_has_ratings_once():
    R = from_dense(np.ones((7, 3)), np.arange(7)[:, np.newaxis] * np.ones(3) % 3 > 0)
    parts = list(rbm.batches(rbm.one_hot(R)[0], 2, np.random.default_rng(0)))
    assert [part.shape[0] for part in parts] == [2, 2]
    assert sum(part.size for part in parts) == R.size


# LLORMA


def objective(R, local, l2):
    """Σ K (r - p·q)² + λ (|p|² + |q|²) K, the slow way."""
    total = 0.0
    for u, i, r in zip(R.rows, R.cols, R.values, strict=True):
        p, q = local.P[u], local.Q[i]
        total += local.near_users[u] * local.near_items[i] * ((r - p @ q) ** 2 + l2 * (p @ p + q @ q))
    return total


def near(rng, n, zero=0.2):
    return np.where(rng.random(n) < zero, 0, rng.uniform(0.1, 1, n))


def test_one_anchor_that_is_near_to_all_is_a_plain_factorisation(monkeypatch):
    monkeypatch.setattr(llorma, "kernel", lambda s, h: np.ones(len(s)))
    model = LLORMA(anchors=1, rank=3, l2=0.1, global_rank=3, global_l2=0.1, iterations=100)
    fitted = model.fit(TRAIN)
    (local,) = fitted.local
    np.testing.assert_allclose(fitted.predict(TEST.rows, TEST.cols), local.predict(TEST.rows, TEST.cols)[0], rtol=1e-12)
    for R, P, Q in ((TRAIN, local.P, local.Q), (TRAIN.T, local.Q, local.P)):
        for u in range(0, R.shape[0], 13):  # ridge regressions of each other
            cells = slice(*R.pattern.indptr[u : u + 2])
            A, r = Q[R.cols[cells]], R.values[cells]
            expected = np.linalg.solve(A.T @ A + 0.1 * len(r) * np.eye(3), A.T @ r)
            np.testing.assert_allclose(P[u], expected, atol=1e-4)


def test_no_local_step_raises_its_objective():
    rng, l2 = np.random.default_rng(0), 0.3
    users, items = near(rng, 120), near(rng, 60)
    local = Local(rng.standard_normal((120, 3)), rng.standard_normal((60, 3)), users, items)
    before = objective(TRAIN, local, l2)
    for _ in range(3):
        local = replace(local, P=llorma.ridge(TRAIN, local.Q, items, l2))
        middle = objective(TRAIN, local, l2)
        local = replace(local, Q=llorma.ridge(TRAIN.T, local.P, users, l2))
        after = objective(TRAIN, local, l2)
        assert after < middle < before
        before = after
    for _ in range(5):  # and no other Q is better
        assert objective(TRAIN, replace(local, Q=local.Q + 1e-3 * rng.standard_normal((60, 3))), l2) > after


def test_predictions_are_means_of_the_local_models_by_nearness_and_far_from_all_that_of_all_ratings():
    rng = np.random.default_rng(0)

    def local(users, items):
        return Local(rng.standard_normal((4, 2)), rng.standard_normal((3, 2)), np.array(users), np.array(items))

    overall = local(np.ones(4), np.ones(3))
    one, two = local([1, 0.5, 0, 0.25], [0.5, 0, 1]), local([0.2, 0, 1, 0], [1, 0, 0.5])
    fitted = LocalModels(3.5, overall, [one, two])
    users, items = np.divmod(np.arange(12), 3)
    ours = fitted.predict(users, items)
    for u, i, y in zip(users, items, ours, strict=True):
        nears = [model.near_users[u] * model.near_items[i] for model in (one, two)]
        each = [model.P[u] @ model.Q[i] for model in (one, two)]
        expected = np.average(each, weights=nears) if sum(nears) else overall.P[u] @ overall.Q[i]
        assert y == pytest.approx(expected)
    assert (ours[[1, 4]] == overall.predict(users[[1, 4]], items[[1, 4]])[0]).all()


def test_who_has_no_ratings_gets_the_mean():
    R = Ratings.from_cells([0, 0, 2], [0, 1, 1], np.array([5.0, 4.0, 3.0]), (3, 3))
    fitted = LLORMA(anchors=2, rank=2, global_rank=2).fit(R)
    assert fitted.predict(np.array([1, 0, -1, 0]), np.array([0, 2, 0, -1])).tolist() == [4.0] * 4


def test_distances_are_angles_and_the_kernel_falls_with_them():
    P = np.array([[2.0, 0], [1, 0], [1, 1], [0, 3], [-1, 0], [0, 0]])
    s = llorma.distances(P, 0)
    np.testing.assert_allclose(s, [0, 0, 0.5, 1, 2, 1], atol=1e-7)
    np.testing.assert_allclose(llorma.kernel(s, 0.8), [1, 1, 1 - 25 / 64, 0, 0, 0], atol=1e-7)


def test_anchors_are_different_observed_cells(monkeypatch):
    R, seen = from_dense(np.arange(12.0).reshape(3, 4), np.eye(3, 4) > 0), []
    monkeypatch.setattr(llorma, "distances", lambda P, at: seen.append(int(at)) or np.zeros(len(P)))
    LLORMA(anchors=3, rank=1, global_rank=1).fit(R)
    assert seen[::2] == seen[1::2]  # the observed cells are (0, 0), (1, 1) and (2, 2)
    assert sorted(seen[::2]) == [0, 1, 2]
