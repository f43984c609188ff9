import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.strategies import from_dense
from tinyrec.baselines import LLORMA, RBM, Bias, llorma, rbm
from tinyrec.errors import UsageError
from tinyrec.evaluation import top_n
from tinyrec.evaluation.rating_metrics import rmse
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


def predict_test(model, seed=0):
    """The predictions at the cells of TEST, (p,), after training on TRAIN."""
    return model.predict_cells(model.learn(TRAIN, seed), TRAIN, TEST.rows, TEST.cols)


# Both baselines


@pytest.mark.parametrize(
    "model",
    [
        RBM(by="user", hidden_units=8, learning_rate=0.5, epochs=60, batch_size=16),
        RBM(by="item", hidden_units=8, learning_rate=0.5, epochs=60, batch_size=16),
        RBM(by="item", hidden_units=8, learning_rate=0.5, epochs=60, batch_size=16, visible="sigmoid"),
        LLORMA(anchors=5, rank=2, global_rank=2, iterations=4),
    ],
    ids=["U-RBM", "I-RBM", "I-RBM, sigmoid", "LLORMA"],
)
def test_it_learns_tastes_that_biases_cannot_know(model):
    bias, ours = (rmse(predict_test(its), TEST.values) for its in (Bias(), model))
    assert bias > 1.4
    assert ours < 0.6


@pytest.mark.parametrize("model", [*SMALL, replace(SMALL[0], by="user")], **name_of)
def test_the_seed_decides_all_that_is_random(model):
    first, again, other = (predict_test(model, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("model", [*SMALL, replace(SMALL[0], by="user")], **name_of)
def test_a_prediction_does_not_depend_on_which_others_are_asked_for(model, monkeypatch):
    params, users, items = model.learn(TRAIN, 0), np.array([5, 119, 5, -1, 3]), np.array([7, 0, 7, 2, -1])
    expected = model.predict_cells(params, TRAIN, users, items)
    assert np.isfinite(expected).all() and expected[0] == expected[2] != expected[1]
    alone = [model.predict_cells(params, TRAIN, users[[at]], items[[at]])[0] for at in range(5)]
    np.testing.assert_allclose(alone, expected, rtol=1e-6)
    monkeypatch.setattr(top_n, "BLOCK", 1)
    np.testing.assert_allclose(model.predict_cells(params, TRAIN, users, items), expected, rtol=1e-6)
    assert model.predict_cells(params, TRAIN, users[:0], items[:0]).shape == (0,)


@pytest.mark.parametrize("model", [*SMALL, replace(SMALL[0], by="user")], **name_of)
@pytest.mark.parametrize("mask", [np.ones((3, 2), bool), np.eye(3, 4) > 0, np.ones((1, 1), bool)])
def test_predictions_are_finite_however_few_the_ratings(model, mask):
    (n, d), R = mask.shape, from_dense(np.full(mask.shape, 4.0), mask)
    users, items = np.divmod(np.arange((n + 1) * (d + 1)), d + 1)
    y = model.predict_cells(model.learn(R, 0), R, users - 1, items - 1)
    np.testing.assert_allclose(y, 4, atol=1)


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: RBM(by="movie"), "unknown by 'movie'"),
        (lambda: RBM(visible="tanh"), "unknown visible 'tanh'"),
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
def test_invalid_settings_are_refused(make, problem):
    with pytest.raises(UsageError, match=problem):
        make()


# RBM, against enumeration: three items, two of them rated, K = 3 values, two hidden units

K, F, RATED = 3, 2, (0, 2)


def small_machine(rng):
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
    params, V = small_machine(np.random.default_rng(0))
    p = joint(params)
    given_v = p[1, 2] / p[1, 2].sum()
    np.testing.assert_allclose(rbm.hidden(params, V)[0], [given_v[1].sum(), given_v[:, 1].sum()], rtol=1e-10)
    for h in itertools.product(range(2), range(2)):
        given_h = p[:, :, *h] / p[:, :, *h].sum()
        expected = np.array([given_h.sum(axis=1), given_h.sum(axis=0)])  # of item 0 and of item 2
        ours = rbm.visible(params, V, np.array([h], float), K)
        np.testing.assert_allclose(ours.T, expected, rtol=1e-10)


def test_values_are_drawn_by_their_probabilities():
    params, V = small_machine(np.random.default_rng(0))
    params = {name: w.astype(np.float32) for name, w in params.items()}
    h, rng = np.array([[True, False]]), np.random.default_rng(1)
    expected = rbm.visible(params, V, h.astype(np.float32), K).T  # (2, K)
    drawn = np.array([rbm.draw_visible(params, V, h, K, rng).cols for _ in range(4000)])
    assert (drawn // K == RATED).all()
    for at in range(2):
        np.testing.assert_allclose(np.bincount(drawn[:, at] % K, minlength=K) / 4000, expected[at], atol=0.04)


def test_with_exact_samples_contrastive_divergence_is_the_gradient_of_the_likelihood(monkeypatch):
    """In expectation over v ~ p(v): each v in turn, weighted by its probability."""
    params, V = small_machine(np.random.default_rng(0))
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
    params, V = small_machine(np.random.default_rng(0))
    seen = []
    draw = rbm.draw_visible
    monkeypatch.setattr(rbm, "draw_visible", lambda *args: seen.append(draw(*args)) or seen[-1])
    grads = rbm.contrastive_divergence(params, V, K, 3, np.random.default_rng(0))
    assert len(seen) == 3
    dense = [np.bincount(one.cols, minlength=3 * K) for one in (seen[-1], V)]
    np.testing.assert_allclose(grads["b"], dense[0] - dense[1])
    H, H_model = rbm.hidden(params, V), rbm.hidden(params, seen[-1])
    np.testing.assert_allclose(grads["W"], np.outer(dense[0], H_model) - np.outer(dense[1], H), rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
def test_logistic_units_agree_with_a_slow_dense_machine_that_draws_nothing(steps):
    params, V = small_machine(np.random.default_rng(10))
    W, b, c = params["W"], params["b"], params["c"]
    observed = np.repeat(np.isin(np.arange(3), RATED), K)  # all values of the rated items

    def sigma(z):
        return 1 / (1 + np.exp(-z))

    v = v_model = np.bincount(V.cols, minlength=3 * K).astype(float)
    h = h_model = (sigma(v @ W + c) > 0.5).astype(float)
    for _ in range(steps):
        v_model = np.where(observed, sigma(W @ h_model + b), 0)
        h_model = (sigma(v_model @ W + c) > 0.5).astype(float)
    grads = rbm.mean_field(params, V, K, steps)
    assert h.sum() == 1 and (h != h_model).any()
    np.testing.assert_allclose(grads["W"], np.outer(v_model, h_model) - np.outer(v, h), rtol=1e-10)
    np.testing.assert_allclose(grads["b"], v_model - v, rtol=1e-10)
    np.testing.assert_allclose(grads["c"], h_model - h)

    model = RBM(hidden_units=F, visible="sigmoid")
    p = sigma(W @ h + b).reshape(3, K)
    ours = model.expected({"levels": np.array([1.0, 2.0, 4.0]), **params}, np.array([h, h, h]), np.arange(3))
    np.testing.assert_allclose(ours, p @ [1, 2, 4] / p.sum(axis=1), rtol=1e-10)


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
    params |= {"H": rng.random((3, 4)), "levels": levels, "frequencies": np.array([0.5, 0.25, 0.25])}
    e = np.exp((params["W"] @ params["H"][2] + params["b"])[3:])
    for by, user, item in (("user", 2, 1), ("item", 1, 2)):
        model = RBM(by=by, hidden_units=4)
        ours = model.predict_cells(params, TRAIN, np.array([user, -1, user]), np.array([item, item, -1]))
        np.testing.assert_allclose(ours, [e @ levels / e.sum(), 1.875, 1.875])


def test_without_training_a_machine_predicts_about_the_mean_rating_of_a_visible_unit():
    model = RBM(by="user", hidden_units=2, epochs=0)
    mean = np.bincount(TRAIN.cols, TRAIN.values) / np.bincount(TRAIN.cols)
    y = model.predict_cells(model.learn(TRAIN, 0), TRAIN, np.arange(60), np.arange(60))
    np.testing.assert_allclose(y, mean, atol=0.15)


def test_t_grows_evenly_and_weights_decay_at_a_rate_that_falls(monkeypatch):
    seen = []

    def no_gradient(params, V, K, T, rng):
        seen.append((T, params["W"].copy(), params["b"].copy()))
        return {name: 0 * w for name, w in params.items()}

    monkeypatch.setattr(rbm, "contrastive_divergence", no_gradient)
    settings = {"hidden_units": 3, "learning_rate": 0.5, "momentum": 0.0, "weight_decay": 0.1, "batch_size": 1000}
    RBM(**settings, steps=2, epochs=4).learn(TRAIN, 0)
    T, W, b = zip(*seen, strict=True)
    assert T == (1, 1, 2, 2)
    for epoch in range(3):
        np.testing.assert_allclose(W[epoch + 1], W[epoch] * (1 - 0.5 * (1 - epoch / 4) * 0.1), rtol=1e-5)
    np.testing.assert_array_equal(b[0], b[3])


def test_the_batches_of_an_epoch_hold_each_row_with_ratings_once():
    R = from_dense(np.ones((7, 3)), np.arange(7)[:, np.newaxis] * np.ones(3) % 3 > 0)
    parts = list(rbm.batches(rbm.one_hot(R)[0], 2, np.random.default_rng(0)))
    assert [part.shape[0] for part in parts] == [2, 2]
    assert sum(part.size for part in parts) == R.size


# LLORMA


def objective(R, P, Q, near_users, near_items, l2):
    """Σ K (r - p·q)² + λ (|p|² + |q|²) K, cell by cell."""
    total = 0.0
    for u, i, r in zip(R.rows, R.cols, R.values, strict=True):
        p, q = P[u], Q[i]
        total += near_users[u] * near_items[i] * ((r - p @ q) ** 2 + l2 * (p @ p + q @ q))
    return total


def draw_nearness(rng, n, zero=0.2):
    return np.where(rng.random(n) < zero, 0, rng.uniform(0.1, 1, n))


def test_one_anchor_that_is_near_to_all_gives_one_factorisation_of_all_ratings(monkeypatch):
    monkeypatch.setattr(llorma, "kernel", lambda s, h: np.ones(len(s)))
    model = LLORMA(anchors=1, rank=3, l2=0.1, global_rank=3, global_l2=0.1, iterations=100)
    params = model.learn(TRAIN, 0)
    (local_P,), (local_Q,) = params["local_P"], params["local_Q"]
    expected = (local_P[TEST.rows] * local_Q[TEST.cols]).sum(axis=1)
    y = model.predict_cells(params, TRAIN, TEST.rows, TEST.cols)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    for R, P, Q in ((TRAIN, local_P, local_Q), (TRAIN.T, local_Q, local_P)):
        for u in range(0, R.shape[0], 13):  # ridge regressions of each other
            cells = slice(*R.pattern.indptr[u : u + 2])
            A, r = Q[R.cols[cells]], R.values[cells]
            expected = np.linalg.solve(A.T @ A + 0.1 * len(r) * np.eye(3), A.T @ r)
            np.testing.assert_allclose(P[u], expected, atol=1e-4)


def test_no_local_step_raises_its_objective():
    rng, l2 = np.random.default_rng(0), 0.3
    near = users, items = draw_nearness(rng, 120), draw_nearness(rng, 60)
    P, Q = rng.standard_normal((120, 3)), rng.standard_normal((60, 3))
    before = objective(TRAIN, P, Q, *near, l2)
    for _ in range(3):
        P = llorma.ridge(TRAIN, Q, items, l2)
        middle = objective(TRAIN, P, Q, *near, l2)
        Q = llorma.ridge(TRAIN.T, P, users, l2)
        after = objective(TRAIN, P, Q, *near, l2)
        assert after < middle < before
        before = after
    for _ in range(5):  # and no other Q is better
        assert objective(TRAIN, P, Q + 1e-3 * rng.standard_normal((60, 3)), *near, l2) > after


def test_predictions_are_means_of_the_local_models_by_nearness_or_else_of_the_factorisation_of_all():
    rng, model = np.random.default_rng(0), LLORMA(anchors=2, rank=2, global_rank=2)
    shapes = {"P": (4, 2), "Q": (3, 2), "local_P": (2, 4, 2), "local_Q": (2, 3, 2)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()} | {"mean": np.array([3.5])}
    params["near_users"] = np.array([[1, 0.5, 0, 0.25], [0.2, 0, 1, 0]])
    params["near_items"] = np.array([[0.5, 0, 1], [1, 0, 0.5]])
    users, items = np.divmod(np.arange(12), 3)
    ours = model.predict_cells(params, TRAIN, users, items)
    for u, i, y in zip(users, items, ours, strict=True):
        nears = params["near_users"][:, u] * params["near_items"][:, i]
        each = [params["local_P"][t, u] @ params["local_Q"][t, i] for t in range(2)]
        overall = params["P"][u] @ params["Q"][i]
        assert y == pytest.approx(np.average(each, weights=nears) if sum(nears) else overall)
        assert i != 1 or y == pytest.approx(overall)  # no anchor is near to item 1


def test_users_and_items_without_ratings_get_the_mean():
    R = Ratings.from_cells([0, 0, 2], [0, 1, 1], np.array([5.0, 4.0, 3.0]), (3, 3))
    model = LLORMA(anchors=2, rank=2, global_rank=2)
    y = model.predict_cells(model.learn(R, 0), R, np.array([1, 0, -1, 0]), np.array([0, 2, 0, -1]))
    assert y.tolist() == [4.0] * 4


def test_distances_are_angles_and_the_kernel_decreases_with_them():
    P = np.array([[2.0, 0], [1, 0], [1, 1], [0, 3], [-1, 0], [0, 0]])
    s = llorma.distances(P, 0)
    np.testing.assert_allclose(s, [0, 0, 0.5, 1, 2, 1], atol=1e-7)
    np.testing.assert_allclose(llorma.kernel(s, 0.8), [1, 1, 1 - 25 / 64, 0, 0, 0], atol=1e-7)


def test_anchors_are_different_observed_cells(monkeypatch):
    R, seen = from_dense(np.arange(12.0).reshape(3, 4), np.eye(3, 4) > 0), []
    monkeypatch.setattr(llorma, "distances", lambda P, at: seen.append(int(at)) or np.zeros(len(P)))
    LLORMA(anchors=3, rank=1, global_rank=1).learn(R, 0)
    assert seen[::2] == seen[1::2]  # the observed cells are (0, 0), (1, 1) and (2, 2)
    assert sorted(seen[::2]) == [0, 1, 2]
