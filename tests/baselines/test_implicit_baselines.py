import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tests.strategies import GENERATORS, from_dense
from tinyrec import gradcheck
from tinyrec.backend import get_backend
from tinyrec.baselines import BPR, EALS, EASE, WMF, ItemKNN, NeuMF, Pop, base, bpr, factors, neumf
from tinyrec.baselines.base import draw_unobserved, fastest, ones
from tinyrec.baselines.eals import update_factors
from tinyrec.baselines.neumf import Pairs
from tinyrec.errors import UsageError
from tinyrec.evaluation import top_n
from tinyrec.evaluation.ranking_metrics import rank
from tinyrec.nn import cross_entropy
from tinyrec.sparse import Ratings

REGRESSIONS = [Pop(), ItemKNN(neighbours=3), EASE(l2=2.0), WMF(factors=4, iterations=3), EALS(factors=4, iterations=3)]
SAMPLED = [BPR(factors=4, epochs=3), NeuMF(factors=4, epochs=3)]
ALL = [*REGRESSIONS, *SAMPLED]
name_of = {"ids": lambda model: type(model).__name__}


def from_mask(mask):
    return from_dense(np.ones(mask.shape), mask)


@st.composite
def patterns(draw, max_rows=9, max_cols=9):
    """A mask (n, d): rows and columns that are empty, full, or neither."""
    n, d, rng = draw(st.integers(1, max_rows)), draw(st.integers(1, max_cols)), draw(GENERATORS)
    return rng.random((n, d)) < draw(st.sampled_from([0, 0.2, 0.5, 0.8, 1]))


def two_tastes(n=80, d=40, seed=0):
    """(train, test): each user has 12 items of one half of the catalogue; one more of these is held out."""
    rng = np.random.default_rng(seed)
    drawn = np.array([rng.choice(d // 2, 13, replace=False) + u % 2 * (d // 2) for u in range(n)])
    rows = np.repeat(np.arange(n), 12)
    train = Ratings.from_cells(rows, drawn[:, :12].ravel(), np.ones(12 * n), (n, d))
    return train, Ratings.from_cells(np.arange(n), drawn[:, 12], np.ones(n), (n, d))


TRAIN, TEST = two_tastes()
SMALL = from_mask(np.random.default_rng(0).random((7, 6)) < 0.5)


def scores(model, R=TRAIN, seed=0):
    """The scores of all items by all users, (n, d), after training on R."""
    return model.predict_users(model.learn(R, seed), R, np.arange(R.shape[0]))


# All baselines for implicit feedback


@pytest.mark.parametrize("model", ALL, **name_of)
def test_scores_belong_to_the_users_asked_for_in_their_order(model):
    params, all_users = model.learn(TRAIN, 0), np.arange(80)
    all_scores = model.predict_users(params, TRAIN, all_users)
    assert all_scores.shape == (80, 40)
    some = model.predict_users(params, TRAIN, np.array([5, 79, 5]))
    np.testing.assert_allclose(some, all_scores[[5, 79, 5]], rtol=1e-5, atol=1e-7)
    cells = model.predict_cells(params, TRAIN, np.array([5, 79, 5]), np.array([3, 0, 39]))
    np.testing.assert_allclose(cells, all_scores[[5, 79, 5], [3, 0, 39]], rtol=1e-5, atol=1e-7)
    all_scores[:] = -np.inf  # as where items are excluded
    assert np.isfinite(model.predict_users(params, TRAIN, all_users)).all()


@pytest.mark.parametrize("model", [m for m in REGRESSIONS if not isinstance(m, EALS)], **name_of)
def test_a_new_user_with_the_items_of_a_training_user_has_the_same_scores(model):
    params, users = model.learn(TRAIN, 0), np.array([3, 0])
    new = model.predict_new_user(params, TRAIN, TRAIN.take_rows(users))
    np.testing.assert_allclose(new, model.predict_users(params, TRAIN, users), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", ALL, **name_of)
def test_values_are_never_read(model):
    other = SMALL.with_values(np.random.default_rng(0).choice([0.0, -1.0, 5.0, np.nan], SMALL.size))
    np.testing.assert_array_equal(scores(model, other), scores(model, SMALL))
    if model in REGRESSIONS:
        new, expected = (model.predict_new_user(model.learn(R, 0), R, R) for R in (other, SMALL))
        np.testing.assert_array_equal(new, expected)


@pytest.mark.parametrize("model", ALL, **name_of)
def test_the_seed_decides_all_that_is_random_and_the_threads_nothing(model):
    first, again, other = (scores(model, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() == (not isinstance(model, Pop | ItemKNN | EASE))
    with threadpool_limits(1):
        np.testing.assert_allclose(scores(model, seed=1), first, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("model", ALL, **name_of)
@pytest.mark.parametrize(
    "mask", [np.zeros((3, 2), bool), np.ones((3, 2), bool), np.eye(3, 4) > 0, np.ones((1, 1), bool)]
)
def test_scores_are_finite_however_few_the_interactions(model, mask):
    assert np.isfinite(scores(model, from_mask(mask))).all()


LEARNS = [
    ItemKNN(neighbours=20),
    EASE(l2=50.0),
    WMF(factors=2),
    EALS(factors=2),
    BPR(factors=8, epochs=60),
    NeuMF(factors=8, learning_rate=0.01, batch_size=64),
]


@pytest.mark.parametrize("model", LEARNS, **name_of)
def test_it_learns_tastes_that_popularity_cannot_know(model):
    popular, ours = (rank(scores(its).__getitem__, TRAIN, TEST, at=(8,))["hr@8"] for its in (Pop(), model))
    assert popular < 0.5  # 8 of the 28 that are left, of which 8 are of the user's taste
    assert ours > 0.8


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: EASE(l2=0), "l2 is 0"),
        (lambda: ItemKNN(neighbours=0), "neighbours is 0"),
        (lambda: WMF(factors=1.5), "factors is 1.5"),
        (lambda: WMF(iterations=0), "iterations is 0"),
        (lambda: EALS(c0=-1.0), "c0 is -1"),
        (lambda: BPR(learning_rate=float("nan")), "learning_rate is nan"),
        (lambda: NeuMF(negatives=0), "negatives is 0"),
    ],
)
def test_invalid_settings_are_refused(make, problem):
    with pytest.raises(UsageError, match=problem):
        make()


@given(mask=patterns(), seed=st.integers(0, 99))
def test_only_unobserved_items_are_drawn(mask, seed):
    users = np.repeat(np.flatnonzero(~mask.all(axis=1)), 20)
    items = draw_unobserved(from_mask(mask), users, np.random.default_rng(seed))
    assert len(items) == len(users)
    assert not mask[users, items].any()


def test_all_unobserved_items_are_equally_likely():
    mask = np.array([[1, 1, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 1, 1]], bool)
    users = np.repeat([2, 0, 1], 8000)
    items = draw_unobserved(from_mask(mask), users, np.random.default_rng(0))
    counts = np.zeros(mask.shape)
    np.add.at(counts, (users, items), 1)
    expected = np.where(mask, 0, 8000 / np.maximum((~mask).sum(axis=1, keepdims=True), 1))
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()


# Each against the most direct computation


def test_pop_counts_users():
    mask = np.array([[1, 0, 1], [1, 0, 0]], bool)
    model, R = Pop(), from_mask(mask)
    assert model.predict_users(model.learn(R, 0), R, np.array([1, 0, 0])).tolist() == [[2, 0, 1]] * 3


@pytest.mark.parametrize("block", [1, 20, 10**6])
@given(mask=patterns(), neighbours=st.integers(1, 9), shrink=st.sampled_from([0.0, 0.5, 10.0]))
def test_knn_is_the_sum_over_the_most_similar_items(mask, neighbours, shrink, block):
    d, X = mask.shape[1], mask.astype(float)
    expected = np.zeros(mask.shape)
    for i in range(d):
        both = [X[:, i] @ X[:, j] for j in range(d)]
        s = [both[j] and both[j] / ((both[i] * X[:, j].sum()) ** 0.5 + shrink) for j in range(d)]
        nearest = sorted((-round(s[j], 12), j) for j in range(d) if j != i and s[j] > 0)[:neighbours]
        for _, j in nearest:
            expected[:, i] += X[:, j] * s[j]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top_n, "BLOCK", block)
        found = scores(ItemKNN(neighbours, shrink), from_mask(mask))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@given(mask=patterns(), l2=st.sampled_from([0.1, 1.0, 100.0]))
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(mask, l2):
    X, d = mask.astype(float), mask.shape[1]
    B = np.zeros((d, d))
    for i in range(d):
        others = np.arange(d) != i
        A = X[:, others]
        B[others, i] = np.linalg.solve(A.T @ A + l2 * np.eye(d - 1), A.T @ X[:, i])
    model, R = EASE(l2), from_mask(mask)
    params = model.learn(R, 0)
    assert len(params["inverse"]) == min(len(mask), d)
    np.testing.assert_allclose(model.predict_users(params, R, np.arange(len(mask))), X @ B, rtol=1e-9, atol=1e-11)
    new = from_mask(np.eye(d) > 0)
    np.testing.assert_allclose(model.predict_new_user(params, R, new), B, rtol=1e-9, atol=1e-11)


def test_ease_with_fewer_users_than_items_stores_no_matrix_of_items():
    R = from_mask(np.random.default_rng(0).random((20, 4000)) < 0.01)
    ones(R)  # imports SciPy
    tracemalloc.start()
    scores(EASE(), R)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4000**2  # bytes: an eighth of a (d, d) matrix


def weighted_loss(R, P, Q, unobserved, l2):
    """Σ c (y - P Qᵀ)² + λ (|P|² + |Q|²) over all cells, in dense matrices."""
    Y = np.zeros(R.shape)
    Y[R.rows, R.cols] = 1
    C = np.where(Y == 1, 1, unobserved)
    return (C * (Y - P @ Q.T) ** 2).sum() + l2 * ((P**2).sum() + (Q**2).sum())


@pytest.mark.parametrize("block", [1, 10**6])
@given(mask=patterns(), k=st.integers(1, 6), rng=GENERATORS, most=st.sampled_from([0.3, 3.0]))
def test_solve_is_the_normal_equations_of_each_row(mask, k, rng, most, block):
    (n, d), l2 = mask.shape, 0.3
    Q, unobserved = rng.standard_normal((d, k)), rng.uniform(0, most, d)
    expected = np.zeros((n, k))
    for u in range(n):
        C = np.diag(np.where(mask[u], 1, unobserved))
        expected[u] = np.linalg.solve(Q.T @ C @ Q + l2 * np.eye(k), Q.T @ C @ mask[u])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top_n, "BLOCK", block)
        P = factors.solve(from_mask(mask), Q, unobserved, l2)
    np.testing.assert_allclose(P, expected, rtol=1e-8, atol=1e-9)


def test_each_iteration_of_wmf_lowers_the_loss_to_a_minimum():
    model = WMF(factors=3, unobserved_weight=0.2, l2=0.5)
    losses = []
    for iterations in (1, 2, 3, 10, 500):
        params = replace(model, iterations=iterations).learn(SMALL, 0)
        losses.append(weighted_loss(SMALL, params["P"], params["Q"], 0.2, 0.5))
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    rng = np.random.default_rng(0)
    for _ in range(20):
        P, Q = (A + 1e-3 * rng.standard_normal(A.shape) for A in (params["P"], params["Q"]))
        assert weighted_loss(SMALL, P, Q, 0.2, 0.5) > losses[-1]


@given(mask=patterns(6, 6), rng=GENERATORS, c0=st.sampled_from([0.5, 20.0]), omega=st.sampled_from([0.0, 0.5, 1.0]))
def test_eals_is_coordinate_descent_over_all_cells(mask, rng, c0, omega):
    """Against the formula of one coordinate of a weighted ridge regression, one scalar at a time, in dense matrices."""
    (n, d), k, l2, R = mask.shape, 3, 0.7, from_mask(mask)
    f = mask.sum(axis=0).astype(float)
    c = EALS(c0=c0, omega=omega).unobserved_weights(R)
    np.testing.assert_allclose(c, c0 * f**omega / max((f**omega).sum(), 1e-9))
    C, P, Q = np.where(mask, 1, c), rng.standard_normal((n, k)), rng.standard_normal((d, k))
    slow_P, slow_Q = P.copy(), Q.copy()
    for ours, other, weight, y in ((slow_P, slow_Q, C, mask), (slow_Q, slow_P, C.T, mask.T)):
        for u, g in itertools.product(range(len(ours)), range(k)):
            rest = y[u] - other @ ours[u] + other[:, g] * ours[u, g]
            ours[u, g] = (weight[u] * rest) @ other[:, g] / (weight[u] @ other[:, g] ** 2 + l2)
    update_factors(R, P, Q, (Q.T * c) @ Q, np.ones(n), 1 - c[R.cols], l2)
    np.testing.assert_allclose(P, slow_P, rtol=1e-8, atol=1e-10)
    update_factors(R.T, Q, P, P.T @ P, c, 1 - c[R.T.rows], l2)
    np.testing.assert_allclose(Q, slow_Q, rtol=1e-7, atol=1e-9)


def test_each_iteration_of_eals_lowers_the_loss_and_in_the_end_p_is_what_solve_finds():
    model, losses = EALS(factors=3, c0=2.0, l2=0.5), []
    for iterations in (1, 2, 3, 10, 1000):
        params = replace(model, iterations=iterations).learn(SMALL, 0)
        losses.append(weighted_loss(SMALL, params["P"], params["Q"], model.unobserved_weights(SMALL), 0.5))
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    new = model.predict_new_user(params, SMALL, SMALL)
    np.testing.assert_allclose(new, model.predict_users(params, SMALL, np.arange(7)), atol=1e-6)


def triples(seed=0):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 7, 200)
    return users, *rng.integers(0, 6, (2, 200)), rng.standard_normal((7, 5)), rng.standard_normal((6, 5))


def test_the_compiled_loop_of_bpr_agrees_with_its_slow_twin():
    loops = pytest.importorskip("tinyrec.backend.loops")
    users, items, others, P, Q = triples()
    differ = items != others  # as in training, where one is observed and the other is not
    drawn = users[differ], items[differ], others[differ]
    slow_P, slow_Q, start = P.copy(), Q.copy(), P.copy()
    bpr.descend(*drawn, slow_P, slow_Q, 0.1, 0.05)
    loops.bpr(*drawn, P, Q, 0.1, 0.05)
    assert np.abs(P - start).max() > 0.1
    np.testing.assert_allclose(P, slow_P, rtol=1e-9)
    np.testing.assert_allclose(Q, slow_Q, rtol=1e-9)


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-10), (np.float32, 1e-4)])
def test_the_compiled_least_squares_agree_with_their_slow_twin(dtype, tolerance):
    loops, rng = pytest.importorskip("tinyrec.backend.loops"), np.random.default_rng(0)
    mask = rng.random((30, 20)) < np.linspace(0, 1, 30)[:, np.newaxis]  # a row without cells, and rows of up to 20
    R, W, D = from_mask(mask), rng.standard_normal((20, 6)).astype(dtype), rng.random(20).astype(dtype)
    slow = factors.solve_rows(R.pattern.indptr, R.cols, W, D)
    assert not slow[0].any() and slow[1:].any(axis=1).mean() > 0.9
    np.testing.assert_allclose(loops.solve_rows(R.pattern.indptr, R.cols, W, D), slow, rtol=tolerance, atol=tolerance)


def test_unobserved_cells_may_weigh_more_than_observed_ones():
    mask, Q = np.eye(3, 4) > 0, np.random.default_rng(0).standard_normal((4, 2))
    P = factors.solve(from_mask(mask), Q, np.full(4, 3.0), 0.5)
    for u in range(3):
        C = np.diag(np.where(mask[u], 1.0, 3.0))
        np.testing.assert_allclose(P[u], np.linalg.solve(Q.T @ C @ Q + 0.5 * np.eye(2), Q.T @ C @ mask[u]), rtol=1e-9)


def test_the_compiled_draw_of_items_agrees_with_its_slow_twin():
    loops, rng = pytest.importorskip("tinyrec.backend.loops"), np.random.default_rng(0)
    mask = rng.random((9, 12)) < rng.random((9, 1))
    mask[:, 0], mask[0], mask[1] = False, False, np.arange(12) > 0
    R, users = from_mask(mask), rng.integers(0, 9, 500)
    r = rng.integers(0, 12 - mask.sum(axis=1)[users])
    found = loops.unobserved(R.pattern.indptr, R.cols, users, r)
    np.testing.assert_array_equal(found, base.unobserved(R.pattern.indptr, R.cols, users, r))
    np.testing.assert_array_equal(found, [np.flatnonzero(~mask[u])[i] for u, i in zip(users, r, strict=True)])


def test_bpr_without_numba_uses_the_slow_twin(monkeypatch):
    expected = scores(BPR(factors=4, epochs=2), SMALL)
    monkeypatch.setattr(base, "get_backend", lambda name: get_backend("reference"))
    assert fastest(bpr.descend, "bpr") is bpr.descend
    np.testing.assert_allclose(scores(BPR(factors=4, epochs=2), SMALL), expected, rtol=1e-4, atol=1e-7)


def test_a_step_of_bpr_goes_up_the_gradient_of_the_likelihood():
    rng, l2, rate = np.random.default_rng(0), 0.3, 1e-3
    params = {"P": rng.standard_normal((2, 3)), "Q": rng.standard_normal((4, 3))}
    u, i, j = np.array([1]), np.array([2]), np.array([0])

    def gain(params):
        P, Q = params["P"], params["Q"]
        x = (P[u] * (Q[i] - Q[j])).sum()
        return -np.log(1 + np.exp(-x)) - l2 / 2 * ((P[u] ** 2).sum() + (Q[i] ** 2).sum() + (Q[j] ** 2).sum()), None

    expected = gradcheck.complex_step(gain, params)
    P, Q = params["P"].copy(), params["Q"].copy()
    bpr.descend(u, i, j, P, Q, rate, l2)
    np.testing.assert_allclose((P - params["P"]) / rate, expected["P"], atol=1e-10)
    np.testing.assert_allclose((Q - params["Q"]) / rate, expected["Q"], atol=1e-10)


def test_bpr_draws_observed_and_unobserved_items_of_a_user_anew_in_each_epoch(monkeypatch):
    mask, epochs = np.random.default_rng(0).random((6, 5)) < 0.5, []
    mask[2] = True  # a user with all items
    monkeypatch.setattr(bpr, "fastest", lambda *_: lambda *args: epochs.append(args[:3]))
    BPR(epochs=50).learn(from_mask(mask), 0)
    assert len(epochs) == 50
    users, items, others = (np.concatenate(parts) for parts in zip(*epochs, strict=True))
    assert len(users) == 50 * mask.sum()
    assert mask[users, items].all() and not mask[users, others].any()
    assert len(set(zip(users, items, strict=True))) == mask.sum() - 5  # every cell but those of user 2
    assert len({tuple(others) for _, _, others in epochs}) > 40


def test_bpr_learns_to_order_the_pairs():
    def wrong(model):  # the share of triples in the wrong order
        y, X = scores(model), ones(TRAIN).toarray() > 0
        return np.mean([(y[u, X[u]][:, np.newaxis] <= y[u, ~X[u]]).mean() for u in range(80)])

    start, early, late = (wrong(BPR(factors=8, epochs=epochs)) for epochs in (0, 10, 60))
    assert abs(start - 0.5) < 0.1
    assert late < early < 0.4
    assert late < 0.1


def neumf_params(rng):
    """A network for 5 users and 7 items, in float64."""
    return {name: rng.standard_normal(shape) for name, shape in NeuMF(factors=4).shapes(5, 7).items()}


def test_the_gradients_of_neumf_are_right():
    rng, model = np.random.default_rng(0), NeuMF(factors=4)
    params = neumf_params(rng)
    users, items = rng.integers(0, 5, 20), rng.integers(0, 7, 20)  # some rows several times, others never
    batch = Pairs(users, items, rng.integers(0, 2, 20).astype(float), get_backend("reference"), 1.0)

    def function(params):
        return model.loss_and_grads(params, batch)

    case = gradcheck.Case("NeuMF", NeuMF, function, params)
    assert gradcheck.passed(gradcheck.check(case, rng))
    assert set(function(params)[1]) == set(params)


def network_by_hand(w, u, i):
    """ẑ of one user and one item, number by number   (He et al. 2017, eq. 12)"""
    H1 = np.maximum(np.concatenate([w["S"][u], w["T"][i]]) @ w["V1"] + w["mu1"], 0)
    H2 = np.maximum(H1 @ w["V2"] + w["mu2"], 0)
    return (np.concatenate([w["P"][u] * w["Q"][i], H2]) @ w["h"] + w["b"]).item()


@pytest.mark.parametrize("part", [1, 3, 1024])
def test_neumf_scores_what_it_trains_on(monkeypatch, part):
    monkeypatch.setattr(neumf, "PART", part)
    rng, model, R = np.random.default_rng(0), NeuMF(factors=4), from_mask(np.ones((5, 7), bool))
    w = neumf_params(rng)
    z = np.array([[network_by_hand(w, u, i) for i in range(7)] for u in (4, 0)])
    np.testing.assert_allclose(model.predict_users(w, R, np.array([4, 0])), z, rtol=1e-12)
    users, items = np.repeat([4, 0], 7), np.tile(np.arange(7), 2)
    y = rng.integers(0, 2, 14).astype(float)
    loss, _ = model.loss_and_grads(w, Pairs(users, items, y, get_backend("reference"), 1.0))
    p = 1 / (1 + np.exp(-z.ravel()))
    assert loss == pytest.approx(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def test_the_cross_entropy_does_not_overflow():
    z, y = np.array([-1e4, -1e4, 1e4, 1e4, 0]), np.array([0.0, 1, 0, 1, 1])
    with np.errstate(all="raise", under="ignore"):
        loss, backward = cross_entropy(z, y)
    assert loss == pytest.approx((2e4 + np.log(2)) / 5)
    np.testing.assert_allclose(backward() * 5, [0, -1, 1, 0, -0.5])


def all_pairs_of_an_epoch(model, R, rng, batch_size=10):
    """(users, items, y) of all batches of one epoch, and their sizes and shares."""
    batches = list(model.batches(R, batch_size, rng))
    users, items, y = (np.concatenate([getattr(batch, name) for batch in batches]) for name in ("users", "items", "y"))
    return users, items, y, [len(batch.y) for batch in batches], [batch.share for batch in batches]


def test_the_batches_of_neumf_hold_each_cell_once_and_other_negatives_in_each_epoch():
    mask = np.random.default_rng(0).random((6, 9)) < 0.4
    mask[2] = True  # no negatives for a user with all items
    model, rng, R = NeuMF(negatives=3), np.random.default_rng(0), from_mask(mask)
    epochs = [all_pairs_of_an_epoch(model, R, rng) for _ in range(2)]
    for users, items, y, sizes, shares in epochs:
        assert sorted(zip(users[y == 1], items[y == 1], strict=True)) == sorted(zip(R.rows, R.cols, strict=True))
        assert not mask[users[y == 0], items[y == 0]].any()
        assert np.bincount(users[y == 0], minlength=6).tolist() == np.where(mask.all(1), 0, 3 * mask.sum(1)).tolist()
        assert (y[:10] == 0).any() and (y[:10] == 1).any()  # in random order
        assert set(sizes[:-1]) == {10}
        np.testing.assert_allclose(shares, np.array(sizes) / len(y))
    assert (epochs[0][1] != epochs[1][1]).any()


def test_the_loss_of_neumf_falls():
    model = NeuMF(factors=4, learning_rate=0.01, batch_size=64)
    users, items, y, *_ = all_pairs_of_an_epoch(model, TRAIN, np.random.default_rng(9))
    batch = Pairs(users, items, y, get_backend("reference"), 1.0)
    start, early, late = (
        model.loss_and_grads(replace(model, epochs=epochs).learn(TRAIN, 0), batch)[0] for epochs in (0, 2, 10)
    )
    assert start == pytest.approx(np.log(2), abs=0.05)
    assert late < early < start
    assert late < 0.4  # a constant that only knows that a fifth of y is 1 has 0.500
