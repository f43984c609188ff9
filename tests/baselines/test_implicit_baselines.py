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
from tinyrec.baselines import bpr, common, factors, neumf
from tinyrec.baselines.bpr import BPR
from tinyrec.baselines.common import fastest
from tinyrec.baselines.eals import EALS, update_factors
from tinyrec.baselines.ease import EASE
from tinyrec.baselines.implicit import draw_unobserved, ones
from tinyrec.baselines.knn import ItemKNN
from tinyrec.baselines.neumf import NeuMF
from tinyrec.baselines.pop import Pop
from tinyrec.baselines.wmf import WMF
from tinyrec.errors import UsageError
from tinyrec.evaluation import top_n as ranking
from tinyrec.evaluation.ranking_metrics import rank
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
    """(train, test): each user has 12 items of one half of the catalogue, and is kept from one more of these."""
    rng = np.random.default_rng(seed)
    drawn = np.array([rng.choice(d // 2, 13, replace=False) + u % 2 * (d // 2) for u in range(n)])
    rows = np.repeat(np.arange(n), 12)
    train = Ratings.from_cells(rows, drawn[:, :12].ravel(), np.ones(12 * n), (n, d))
    return train, Ratings.from_cells(np.arange(n), drawn[:, 12], np.ones(n), (n, d))


TRAIN, TEST = two_tastes()
TINY = from_mask(np.random.default_rng(0).random((7, 6)) < 0.5)


# What all of them must do


@pytest.mark.parametrize("model", ALL, **name_of)
def test_scores_are_those_of_the_users_asked_for_in_their_order(model):
    fitted = model.fit(TRAIN)
    everybody = fitted.scores(np.arange(80))
    assert everybody.shape == (80, 40)
    np.testing.assert_allclose(fitted.scores(np.array([5, 79, 5])), everybody[[5, 79, 5]], rtol=1e-5, atol=1e-7)
    everybody[:] = -np.inf  # who excludes items writes into them
    assert np.isfinite(fitted.scores(np.arange(80))).all()


@pytest.mark.parametrize("model", [m for m in REGRESSIONS if not isinstance(m, EALS)], **name_of)
def test_a_new_user_with_the_items_of_an_old_one_has_their_scores(model):
    fitted = model.fit(TRAIN)
    users = np.array([3, 0])
    new = fitted.scores_of_new(TRAIN.take_rows(users))
    np.testing.assert_allclose(new, fitted.scores(users), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", ALL, **name_of)
def test_no_value_is_read(model):
    values = np.random.default_rng(0).choice([0.0, -1.0, 5.0, np.nan], TINY.size)
    expected = model.fit(TINY).scores(np.arange(7))
    fitted = model.fit(TINY.with_values(values))
    np.testing.assert_array_equal(fitted.scores(np.arange(7)), expected)
    if model in REGRESSIONS:
        new = fitted.scores_of_new(TINY.with_values(values))
        np.testing.assert_array_equal(new, model.fit(TINY).scores_of_new(TINY))


@pytest.mark.parametrize("model", ALL, **name_of)
def test_the_seed_decides_all_that_is_random_and_threads_nothing(model):
    users = np.arange(80)
    first, again, other = (model.fit(TRAIN, seed=seed).scores(users) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() == (not isinstance(model, Pop | ItemKNN | EASE))
    with threadpool_limits(1):
        np.testing.assert_allclose(model.fit(TRAIN, seed=1).scores(users), first, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("model", ALL, **name_of)
@pytest.mark.parametrize(
    "mask", [np.zeros((3, 2), bool), np.ones((3, 2), bool), np.eye(3, 4) > 0, np.ones((1, 1), bool)]
)
def test_scores_are_finite_however_little_there_is(model, mask):
    assert np.isfinite(model.fit(from_mask(mask)).scores(np.arange(len(mask)))).all()


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
    popular = rank(Pop().fit(TRAIN).scores, TRAIN, TEST, at=(8,))["hr@8"]
    ours = rank(model.fit(TRAIN).scores, TRAIN, TEST, at=(8,))["hr@8"]
    assert popular < 0.5  # 8 of the 28 that are left, of which 8 are of one's own taste
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
def test_settings_that_make_no_sense_are_refused(make, problem):
    with pytest.raises(UsageError, match=problem):
        make()


@given(mask=patterns(), seed=st.integers(0, 99))
def test_unobserved_items_are_drawn_and_no_others(mask, seed):
    users = np.repeat(np.flatnonzero(~mask.all(axis=1)), 20)
    items = draw_unobserved(from_mask(mask), users, np.random.default_rng(seed))
    assert len(items) == len(users)
    assert not mask[users, items].any()


def test_each_unobserved_item_is_as_likely():
    mask = np.array([[1, 1, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 1, 1]], bool)
    users = np.repeat([2, 0, 1], 8000)
    items = draw_unobserved(from_mask(mask), users, np.random.default_rng(0))
    counts = np.zeros(mask.shape)
    np.add.at(counts, (users, items), 1)
    expected = np.where(mask, 0, 8000 / np.maximum((~mask).sum(axis=1, keepdims=True), 1))
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()


# One by one, against the plainest computation


def test_pop_counts_users():
    mask = np.array([[1, 0, 1], [1, 0, 0]], bool)
    assert Pop().fit(from_mask(mask)).scores(np.array([1, 0, 0])).tolist() == [[2, 0, 1]] * 3


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
        patch.setattr(ranking, "BLOCK", block)
        fitted = ItemKNN(neighbours, shrink).fit(from_mask(mask))
    np.testing.assert_allclose(fitted.scores(np.arange(len(mask))), expected, rtol=1e-12, atol=1e-12)


@given(mask=patterns(), l2=st.sampled_from([0.1, 1.0, 100.0]))
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(mask, l2):
    X, d = mask.astype(float), mask.shape[1]
    B = np.zeros((d, d))
    for i in range(d):
        others = np.arange(d) != i
        A = X[:, others]
        B[others, i] = np.linalg.solve(A.T @ A + l2 * np.eye(d - 1), A.T @ X[:, i])
    fitted = EASE(l2).fit(from_mask(mask))
    assert fitted.by_user == (len(mask) < d)
    np.testing.assert_allclose(fitted.scores(np.arange(len(mask))), X @ B, rtol=1e-9, atol=1e-11)
    new = np.eye(d) > 0
    np.testing.assert_allclose(fitted.scores_of_new(from_mask(new)), B, rtol=1e-9, atol=1e-11)


def test_ease_in_the_space_of_the_users_makes_no_matrix_of_items():
    R = from_mask(np.random.default_rng(0).random((20, 4000)) < 0.01)
    ones(R)  # imports SciPy
    tracemalloc.start()
    EASE().fit(R).scores(np.arange(20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4000**2  # bytes: an eighth of a (d, d) matrix


def weighted_loss(R, P, Q, missing, l2):
    """Σ c (y - P Qᵀ)² + λ (|P|² + |Q|²) over all cells, the slow way."""
    Y = np.zeros(R.shape)
    Y[R.rows, R.cols] = 1
    C = np.where(Y == 1, 1, missing)
    return (C * (Y - P @ Q.T) ** 2).sum() + l2 * ((P**2).sum() + (Q**2).sum())


@pytest.mark.parametrize("block", [1, 10**6])
@given(mask=patterns(), k=st.integers(1, 6), rng=GENERATORS, most=st.sampled_from([0.3, 3.0]))
def test_solve_is_the_normal_equations_of_each_row(mask, k, rng, most, block):
    (n, d), l2 = mask.shape, 0.3
    Q, missing = rng.standard_normal((d, k)), rng.uniform(0, most, d)
    expected = np.zeros((n, k))
    for u in range(n):
        C = np.diag(np.where(mask[u], 1, missing))
        expected[u] = np.linalg.solve(Q.T @ C @ Q + l2 * np.eye(k), Q.T @ C @ mask[u])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK", block)
        P = factors.solve(from_mask(mask), Q, missing, l2)
    np.testing.assert_allclose(P, expected, rtol=1e-8, atol=1e-9)


def test_each_sweep_of_wmf_lowers_the_loss_to_a_minimum():
    model = WMF(factors=3, unobserved_weight=0.2, l2=0.5)
    losses = []
    for iterations in (1, 2, 3, 10, 500):
        fitted = replace(model, iterations=iterations).fit(TINY)
        losses.append(weighted_loss(TINY, fitted.P, fitted.Q, 0.2, 0.5))
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    rng = np.random.default_rng(0)
    for _ in range(20):
        P, Q = (A + 1e-3 * rng.standard_normal(A.shape) for A in (fitted.P, fitted.Q))
        assert weighted_loss(TINY, P, Q, 0.2, 0.5) > losses[-1]


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


def test_each_sweep_of_eals_lowers_the_loss_and_at_the_end_p_is_what_solve_finds():
    model, losses = EALS(factors=3, c0=2.0, l2=0.5), []
    for iterations in (1, 2, 3, 10, 1000):
        fitted = replace(model, iterations=iterations).fit(TINY)
        losses.append(weighted_loss(TINY, fitted.P, fitted.Q, model.unobserved_weights(TINY), 0.5))
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    np.testing.assert_allclose(fitted.scores_of_new(TINY), fitted.scores(np.arange(7)), atol=1e-6)


def triples(seed=0):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 7, 200)
    return users, *rng.integers(0, 6, (2, 200)), rng.standard_normal((7, 5)), rng.standard_normal((6, 5))


def test_the_compiled_loop_of_bpr_does_what_its_slow_twin_does():
    loops = pytest.importorskip("tinyrec.backend.loops")
    users, items, others, P, Q = triples()
    apart = items != others  # as those that are drawn: an item is not had and not had at once
    drawn = users[apart], items[apart], others[apart]
    slow_P, slow_Q, start = P.copy(), Q.copy(), P.copy()
    bpr.descend(*drawn, slow_P, slow_Q, 0.1, 0.05)
    loops.bpr(*drawn, P, Q, 0.1, 0.05)
    assert np.abs(P - start).max() > 0.1
    np.testing.assert_allclose(P, slow_P, rtol=1e-9)
    np.testing.assert_allclose(Q, slow_Q, rtol=1e-9)


def test_bpr_without_numba_takes_the_slow_twin(monkeypatch):
    expected = BPR(factors=4, epochs=2).fit(TINY).scores(np.arange(7))
    monkeypatch.setattr(common, "get_backend", lambda name: get_backend("reference"))
    assert fastest(bpr.descend, "bpr") is bpr.descend
    np.testing.assert_allclose(BPR(factors=4, epochs=2).fit(TINY).scores(np.arange(7)), expected, rtol=1e-9)


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


def test_bpr_takes_what_a_user_has_and_what_they_have_not_and_others_each_epoch(monkeypatch):
    mask, epochs = np.random.default_rng(0).random((6, 5)) < 0.5, []
    mask[2] = True  # has nothing that they have not
    monkeypatch.setattr(bpr, "fastest", lambda *_: lambda *args: epochs.append(args[:3]))
    BPR(epochs=50).fit(from_mask(mask))
    assert len(epochs) == 50
    users, items, others = (np.concatenate(parts) for parts in zip(*epochs, strict=True))
    assert len(users) == 50 * mask.sum()
    assert mask[users, items].all() and not mask[users, others].any()
    assert len(set(zip(users, items, strict=True))) == mask.sum() - 5  # every cell but those of user 2
    assert len({tuple(others) for _, _, others in epochs}) > 40


def test_bpr_learns_to_order_the_pairs():
    def wrong(fitted):  # the share of triples in the wrong order
        y, X = fitted.scores(np.arange(80)), ones(TRAIN).toarray() > 0
        return np.mean([(y[u, X[u]][:, np.newaxis] <= y[u, ~X[u]]).mean() for u in range(80)])

    start, early, late = (wrong(BPR(factors=8, epochs=epochs).fit(TRAIN)) for epochs in (0, 10, 60))
    assert abs(start - 0.5) < 0.1
    assert late < early < 0.4
    assert late < 0.1


def test_the_gradients_of_neumf_are_right():
    rng, k, reference = np.random.default_rng(0), 4, get_backend("reference")
    shapes = {name: w.shape for name, w in NeuMF(factors=k).init((5, 7), rng).items()}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    users, items = rng.integers(0, 5, 20), rng.integers(0, 7, 20)  # rows that come more than once, and not at all
    y = rng.integers(0, 2, 20).astype(float)

    def function(params):
        return neumf.loss_and_grads(params, users, items, y, reference)

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
    rng = np.random.default_rng(0)
    shapes = {name: w.shape for name, w in NeuMF(factors=4).init((5, 7), rng).items()}
    w = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    z = np.array([[network_by_hand(w, u, i) for i in range(7)] for u in (4, 0)])
    np.testing.assert_allclose(neumf.Network(w).scores(np.array([4, 0])), z, rtol=1e-12)
    users, items = np.repeat([4, 0], 7), np.tile(np.arange(7), 2)
    y = rng.integers(0, 2, 14).astype(float)
    loss, _ = neumf.loss_and_grads(w, users, items, y, get_backend("reference"))
    p = 1 / (1 + np.exp(-z.ravel()))
    assert loss == pytest.approx(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def test_the_cross_entropy_does_not_overflow():
    z, y = np.array([-1e4, -1e4, 1e4, 1e4, 0]), np.array([0.0, 1, 0, 1, 1])
    with np.errstate(all="raise", under="ignore"):
        loss, backward = neumf.cross_entropy(z, y)
    assert loss == pytest.approx((2e4 + np.log(2)) / 5)
    np.testing.assert_allclose(backward() * 5, [0, -1, 1, 0, -0.5])


def test_the_batches_of_neumf_hold_each_cell_once_and_other_negatives_each_epoch():
    mask = np.random.default_rng(0).random((6, 9)) < 0.4
    mask[2] = True  # no negatives for who has all
    model, rng, R = NeuMF(negatives=3, batch_size=10), np.random.default_rng(0), from_mask(mask)
    epochs = [[np.concatenate(parts) for parts in zip(*model.batches(R, rng), strict=True)] for _ in range(2)]
    for users, items, y in epochs:
        assert sorted(zip(users[y == 1], items[y == 1], strict=True)) == sorted(zip(R.rows, R.cols, strict=True))
        assert not mask[users[y == 0], items[y == 0]].any()
        assert np.bincount(users[y == 0], minlength=6).tolist() == np.where(mask.all(1), 0, 3 * mask.sum(1)).tolist()
        assert (y[:10] == 0).any() and (y[:10] == 1).any()  # in random order
    assert (epochs[0][1] != epochs[1][1]).any()
    assert {len(y) for _, _, y in list(model.batches(R, rng))[:-1]} == {10}


def test_the_loss_of_neumf_falls():
    model = NeuMF(factors=4, learning_rate=0.01, batch_size=64)
    batch = tuple(np.concatenate(parts) for parts in zip(*model.batches(TRAIN, np.random.default_rng(9)), strict=True))
    start, early, late = (
        neumf.loss_and_grads(replace(model, epochs=epochs).fit(TRAIN).params, *batch, get_backend("reference"))[0]
        for epochs in (0, 2, 10)
    )
    assert start == pytest.approx(np.log(2), abs=0.05)
    assert late < early < start
    assert late < 0.4  # of 0.500 for who knows no more than that a fifth is 1
