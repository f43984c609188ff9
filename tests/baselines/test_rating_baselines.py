import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wishart

import tinyrec as tr
from tests.strategies import GENERATORS, from_dense, matrices
from tinyrec.backend import get_backend
from tinyrec.baselines import ALSWR, BASELINES, BPMF, Bias, BiasedMF, base, biased_mf, bpmf
from tinyrec.baselines.base import fastest
from tinyrec.baselines.factors import normal_equations, ridge
from tinyrec.errors import UsageError
from tinyrec.evaluation import top_n
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.recommenders.protocol import Protocol
from tinyrec.recommenders.scaling import Biases
from tinyrec.reproduce import pages, run, tables
from tinyrec.reproduce.cell import run_cell
from tinyrec.sparse import Ratings

ALL = [BiasedMF(factors=4, epochs=3), ALSWR(factors=4, iterations=3), BPMF(factors=4, burn_in=1, samples=2)]
LEARNS = [
    BiasedMF(factors=3, l2=0.02, decay=1.0),
    ALSWR(factors=3, l2=0.02),
    BPMF(factors=3, burn_in=10, samples=20),
]
name_of = {"ids": lambda model: type(model).__name__}


def low_rank(n=80, d=60, seed=0):
    """(train, test): 3.5 + p · q + noise, of two factors; a third of the cells; float32, as in a Dataset."""
    rng = np.random.default_rng(seed)
    r = 3.5 + rng.normal(0, 0.8, (n, 2)) @ rng.normal(0, 0.8, (d, 2)).T + rng.normal(0, 0.2, (n, d))
    drawn = rng.random((n, d))
    r = r.astype(np.float32)
    return from_dense(r, drawn < 0.3), from_dense(r, drawn > 0.9)


TRAIN, TEST = low_rank()


def predict_test(model, seed=0, R=TRAIN):
    """The predictions at the cells of TEST, (p,), after training on R."""
    return model.predict_cells(model.learn(R, seed), R, TEST.rows, TEST.cols)


# All baselines for ratings


@pytest.mark.parametrize("model", LEARNS, **name_of)
def test_it_learns_what_biases_cannot_know(model):
    bias, ours = (rmse(predict_test(its), TEST.values) for its in (Bias(), model))
    assert bias > 0.7
    assert ours < 0.4


@pytest.mark.parametrize("model", ALL, **name_of)
def test_the_seed_decides_all_that_is_random(model):
    first, again, other = (predict_test(model, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("model", ALL, **name_of)
@given(R=matrices(min_cells=1))
def test_predictions_are_finite_however_few_the_ratings(model, R):
    n, d = R.shape
    users, items = (part.ravel() for part in np.meshgrid(np.arange(-1, n), np.arange(-1, d)))
    assert np.isfinite(model.predict_cells(model.learn(R, 0), R, users, items)).all()


@pytest.mark.parametrize("model", ALL, **name_of)
def test_users_and_items_without_ratings_have_the_mean_factors_of_the_others(model):
    r, observed = np.full((9, 8), 5.0), np.ones((9, 8), bool)
    observed[4], observed[:, 2] = False, False
    model, R, users, items = replace(model, factors=1), from_dense(r, observed), np.arange(9) != 4, np.arange(8) != 2
    params = model.learn(R, 0)
    np.testing.assert_allclose(params["P"][4], params["P"][users].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(params["Q"][2], params["Q"][items].mean(axis=0), rtol=1e-5)
    assert params["user"][4] == params["item"][2] == 0
    unknown = model.predict_cells(params, R, np.array([-1, 4, 0]), np.array([0, 0, -1]))
    cold = model.predict_cells(params, R, np.array([0]), np.array([2]))
    assert unknown[0] == pytest.approx(unknown[1]) and unknown[2] == pytest.approx(cold[0])
    assert unknown == pytest.approx(np.full(3, 5.0), abs=0.5)


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: BiasedMF(factors=0), "factors is 0"),
        (lambda: BiasedMF(epochs=1.5), "epochs is 1.5"),
        (lambda: BiasedMF(learning_rate=float("nan")), "learning_rate is nan"),
        (lambda: ALSWR(l2=0), "l2 is 0"),
        (lambda: ALSWR(iterations=0), "iterations is 0"),
        (lambda: BPMF(precision=-1.0), "precision is -1"),
        (lambda: BPMF(samples=0), "samples is 0"),
        (lambda: BPMF(burn_in=True), "burn_in is True"),
    ],
)
def test_invalid_settings_are_refused(make, problem):
    with pytest.raises(UsageError, match=problem):
        make()


@pytest.mark.parametrize("block", [1, 10**6])
def test_predictions_are_biases_and_products(monkeypatch, block):
    monkeypatch.setattr(top_n, "BLOCK", block)
    rng, model, R = np.random.default_rng(0), ALSWR(factors=3), from_dense(np.ones((5, 4)), np.ones((5, 4), bool))
    P, Q, biases = rng.standard_normal((5, 3)), rng.standard_normal((4, 3)), (np.arange(5) / 10, np.arange(4) / 7)
    params = model.learned(R, Biases(3.0, *biases), P, Q)
    assert {name: array.shape for name, array in params.items()} == model.shapes(5, 4)
    users, items = np.array([0, 4, 4, 2]), np.array([3, 0, 1, 1])
    expected = [3 + u / 10 + i / 7 + P[u] @ Q[i] for u, i in zip(users, items, strict=True)]
    np.testing.assert_allclose(model.predict_cells(params, R, users, items), expected)
    np.testing.assert_allclose(model.predict_users(params, R, users)[np.arange(4), items], expected)


@pytest.mark.parametrize("block", [1, 10**6])
@given(R=matrices(), k=st.integers(1, 4), rng=GENERATORS)
def test_normal_equations_are_sums_over_the_cells_of_each_row(R, k, rng, block):
    Q = rng.standard_normal((R.shape[1], k))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top_n, "BLOCK", block)
        found = {u: (S, y) for parts in normal_equations(R, Q) for u, S, y in zip(*parts, strict=True)}
    assert sorted(found) == np.unique(R.rows).tolist()
    for u, (S, y) in found.items():
        cells = R.rows == u
        np.testing.assert_allclose(S, sum(np.outer(q, q) for q in Q[R.cols[cells]]), atol=1e-12)
        np.testing.assert_allclose(y, R.values[cells] @ Q[R.cols[cells]], atol=1e-12)


# BiasedMF


def parameters(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size) for size in (7, 6, (7, 5), (6, 5))]


def test_the_compiled_loop_agrees_with_its_slow_twin(monkeypatch):
    loops, rng = pytest.importorskip("tinyrec.backend.loops"), np.random.default_rng(1)
    blocks = np.sort(rng.integers(0, 64, 200))
    cells = rng.integers(0, 7, 200), rng.integers(0, 6, 200), rng.standard_normal(200)
    monkeypatch.setattr("tinyrec.backend.cpu.THREADS", 1)  # these blocks are not those of groups
    ours, slow, bounds = parameters(), parameters(), np.searchsorted(blocks, np.arange(65))
    for shift in range(8):
        loops.biased_mf(shift, bounds, *cells, *ours, 0.05, 0.1)
        biased_mf.descend(shift, bounds, *cells, *slow, 0.05, 0.1)
    for one, other, start in zip(ours, slow, parameters(), strict=True):
        assert np.abs(one - start).max() > 0.1
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_without_numba_the_slow_twin_is_used(monkeypatch):
    model = BiasedMF(factors=4, epochs=1)
    expected = predict_test(model)
    monkeypatch.setattr(base, "get_backend", lambda name: get_backend("reference"))
    assert fastest(biased_mf.descend, "biased_mf") is biased_mf.descend
    np.testing.assert_allclose(predict_test(model), expected, rtol=1e-6)


def test_a_step_goes_down_the_gradient_of_the_loss_of_one_rating():
    u, i, x, l2, rate, h = 2, 3, 1.7, 0.3, 1e-4, 1e-6
    before, after = parameters(), parameters()

    def loss(parts):
        b, c, P, Q = parts[0][u], parts[1][i], parts[2][u], parts[3][i]
        return ((x - b - c - P @ Q) ** 2 + l2 * (b**2 + c**2 + P @ P + Q @ Q)) / 2

    bounds = np.ones(65, int) - (np.arange(65) == 0)  # all in the first block
    biased_mf.descend(0, bounds, np.array([u]), np.array([i]), np.array([x]), *after, rate, l2)
    for number, part in enumerate(before):
        for at in np.ndindex(part.shape):
            up, down = parameters(), parameters()
            up[number][at] += h
            down[number][at] -= h
            slope = (loss(up) - loss(down)) / (2 * h)
            assert (part[at] - after[number][at]) / rate == pytest.approx(slope, abs=1e-6)


def test_each_epoch_takes_each_rating_once_in_another_order_with_a_lower_rate(monkeypatch):
    calls = []
    monkeypatch.setattr(biased_mf, "fastest", lambda *_: lambda *args: calls.append(args))
    BiasedMF(learning_rate=0.1, decay=0.5, epochs=3).learn(TRAIN, 0)
    epochs = [calls[first : first + 8] for first in range(0, 24, 8)]
    assert [{args[-2] for args in its} for its in epochs] == [{0.1}, {0.05}, {0.025}] and len(calls) == 24
    scaled = (TRAIN.values - TRAIN.values.mean()) / TRAIN.values.std()
    expected = sorted(zip(TRAIN.rows, TRAIN.cols, scaled, strict=True))
    for its in epochs:
        taken = [cell for args in its for cell in cells_of(*args[:5])]
        np.testing.assert_allclose(sorted(taken), expected, atol=1e-5)
    shifts = [[args[0] for args in its] for its in epochs]
    assert all(sorted(its) == list(range(8)) for its in shifts) and shifts[0] != shifts[1]


def cells_of(shift, bounds, users, items, x):
    """The cells that one call takes: (user, item, x) of each."""
    blocks = [group * 8 + (group + shift) % 8 for group in range(8)]
    return [(users[t], items[t], x[t]) for block in blocks for t in range(bounds[block], bounds[block + 1])]


def test_blocks_that_are_trained_at_once_share_no_user_and_no_item(monkeypatch):
    calls = []
    monkeypatch.setattr(biased_mf, "fastest", lambda *_: lambda *args: calls.append(args))
    BiasedMF(epochs=1).learn(TRAIN, 0)
    for shift, bounds, *cells in (args[:5] for args in calls):
        seen = [set(), set()]
        for group in range(8):
            block = group * 8 + (group + shift) % 8
            for before, its in zip(seen, cells, strict=False):
                here = set(its[bounds[block] : bounds[block + 1]].tolist())
                assert not here & before
                before |= here
        assert all(seen)


@pytest.mark.parametrize("offset, factor", [(0, 2), (-1, 25), (3, 0.01)])
def test_biased_mf_learns_the_same_on_any_scale(offset, factor):
    R = tr.make_synthetic(60, 40, 900).ratings
    ours, other = (
        model.predict_users(model.learn(its, 0), its, np.arange(60))
        for model in [BiasedMF(factors=5)]
        for its in (R, R.with_values(offset + factor * R.values))
    )
    np.testing.assert_allclose(other, offset + factor * ours, atol=1e-4 * factor)


def test_ratings_that_are_all_equal_are_predicted():
    R = tr.make_synthetic(20, 15, 90).ratings
    R = R.with_values(np.full(R.size, 3.5))
    model = BiasedMF(factors=2)
    np.testing.assert_allclose(model.predict_users(model.learn(R, 0), R, np.arange(20)), 3.5, atol=1e-3)


def test_biased_mf_has_the_same_bits_for_any_number_of_threads(monkeypatch):
    pytest.importorskip("tinyrec.backend.cpu")
    found = []
    for threads in (1, 2, 8):
        monkeypatch.setattr("tinyrec.backend.cpu.THREADS", threads)
        found.append(BiasedMF(factors=5, epochs=3).learn(tr.make_synthetic(300, 200, 9000).ratings, 0))
    for name, array in found[0].items():
        assert (array == found[1][name]).all() and (array == found[2][name]).all()


# ALS-WR


def weighted_loss(R, P, Q, l2):
    """Σ (r - p · q)² + λ (Σ n_u |p_u|² + Σ n_i |q_i|²), cell by cell: each adds the penalty of its two vectors once."""
    p, q = P[R.rows], Q[R.cols]
    return ((R.values - (p * q).sum(axis=1)) ** 2).sum() + l2 * ((p**2).sum() + (q**2).sum())


@given(R=matrices(), k=st.integers(1, 4), rng=GENERATORS)
def test_a_half_step_is_where_the_gradient_is_0(R, k, rng):
    Q, l2 = rng.standard_normal((R.shape[1], k)), 0.2
    P = ridge(R, Q, np.ones(len(Q)), l2)
    e = R.values - R.sampled(P, Q)
    counts = np.bincount(R.rows, minlength=len(P))[:, np.newaxis]
    np.testing.assert_allclose(R.with_values(e) @ Q, l2 * counts * P, atol=1e-9)
    assert (P[counts[:, 0] == 0] == 0).all()


def test_each_iteration_lowers_the_loss():
    model, R, losses = ALSWR(factors=3, l2=0.1), TRAIN.with_values(TRAIN.values.astype(float)), []
    for iterations in (1, 2, 3, 10, 30):
        params = replace(model, iterations=iterations).learn(R, 0)
        losses.append(weighted_loss(R, params["P"], params["Q"], 0.1))
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))


# BPMF: the mean and covariance of the samples against the formulas, one user at a time


def assert_moments(draws, mean, covariance):
    """Within five standard errors, of normal draws (T, k)."""
    T, variance = len(draws), np.diag(covariance)
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * np.sqrt(variance / T)).all()
    error = np.sqrt((covariance**2 + np.outer(variance, variance)) / T)
    assert (np.abs(np.cov(draws.T) - covariance) < 5 * error).all()


def test_factors_are_drawn_from_their_distribution_given_all_else():
    rng, (n, d, k), alpha, T = np.random.default_rng(0), (3, 5, 2), 1.5, 20_000
    observed = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0]], bool)
    r, Q, m = rng.standard_normal((n, d)), rng.standard_normal((d, k)), np.array([0.5, -1.0])
    L, R = np.array([[2.0, 0.6], [0.6, 1.0]]), from_dense(r, observed)
    # T copies of the matrix, one below the other: as many draws
    copies = R.take_rows(np.tile(np.arange(n), T))
    draws = bpmf.draw_rows(copies, Q, m, L, alpha, rng).reshape(T, n, k)
    for u in range(n):
        A = L + alpha * Q[observed[u]].T @ Q[observed[u]]  # eq. 12
        mean = np.linalg.solve(A, alpha * Q[observed[u]].T @ r[u, observed[u]] + L @ m)  # eq. 13
        assert_moments(draws[:, u], mean, np.linalg.inv(A))
    across = np.corrcoef(draws.reshape(T, n * k).T)[:k, k:]
    assert np.abs(across).max() < 5 / T**0.5  # those of two users are independent


def test_the_prior_is_drawn_from_a_gaussian_wishart():
    rng, n, k, T = np.random.default_rng(0), 6, 2, 5_000
    P = rng.standard_normal((n, k)) + 1
    mean, scatter = P.mean(axis=0), (P - P.mean(axis=0)).T @ (P - P.mean(axis=0))
    W = np.linalg.inv(np.eye(k) + scatter + 2 * n / (2 + n) * np.outer(mean, mean))  # eq. 14, β₀ = 2, W₀ = I, ν₀ = k
    drawn = [bpmf.draw_prior(P, rng) for _ in range(T)]
    m, L = (np.array(part) for part in zip(*drawn, strict=True))
    expected = wishart(df=n + k, scale=W)
    assert (np.abs(L.mean(axis=0) - expected.mean()) < 5 * np.sqrt(expected.var() / T)).all()
    assert L.var(axis=0) == pytest.approx(expected.var(), rel=0.15)
    # m - m₀ in units of its own Λ is normal: a check of the pair, not of each alone
    away = m - n * mean / (2 + n)
    C = np.linalg.cholesky(L).transpose(0, 2, 1)
    assert_moments((C @ away[:, :, np.newaxis])[:, :, 0] * (2 + n) ** 0.5, np.zeros(k), np.eye(k))


def test_predictions_are_the_mean_over_the_samples_after_the_burn_in(monkeypatch):
    kept, real = [], bpmf.draw_rows
    monkeypatch.setattr(bpmf, "draw_rows", lambda *args: kept.append(real(*args)) or kept[-1])
    y = predict_test(BPMF(factors=2, burn_in=3, samples=4))
    assert len(kept) == 2 * (3 + 4)
    products = [(P[TEST.rows] * Q[TEST.cols]).sum(axis=1) for P, Q in zip(kept[6::2], kept[7::2], strict=True)]
    np.testing.assert_allclose(y, TRAIN.values.mean() + np.mean(products, axis=0), rtol=1e-5)


# In a table


@pytest.mark.parametrize(
    "name, settings, epochs",
    [
        ("biased-mf", {"factors": 2, "epochs": 3}, 3),
        ("als-wr", {"factors": 2, "iterations": 4}, 4),
        ("bpmf", {"factors": 2, "burn_in": 1, "samples": 2}, 3),
    ],
)
def test_a_table_scores_them_by_the_protocol_of_the_models(name, settings, epochs, monkeypatch):
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((40, 30)) < 0.2)
    ratings = np.clip(np.round(rng.normal(4, 2, len(users))), 1, 5)
    data = tr.Dataset.from_triples(users, items, ratings, scale=(1, 5))
    monkeypatch.setattr("tinyrec.reproduce.cell.data_of", lambda name: data)
    row = tables.Row(name=name, dataset="ml-1m", train={"model": name, "set": settings}, cold_items=3)
    task = run.task_of(row, 1)
    cell = json.loads(json.dumps({"task": task, **run_cell((name, task, "reference"))}))
    run.check(cell)
    names = "usual", "no clip", "no default", "fifth 1", "default rating", "user mean"
    assert run.serves(cell, task, {(name, "rmse") for name in names})

    cold = np.random.default_rng(1).choice(30, 3, replace=False)
    held_out = np.isin(data.ratings.cols, cold)
    protocol = Protocol.of(data.select(~held_out))
    part, test = protocol.data.ratings, data.select(held_out).ratings
    kind = BASELINES[name]
    model = kind(**settings)
    params = model.learn(part, 1)
    y = model.predict_cells(params, part, test.rows, test.cols)
    for key, options in (("usual", {}), ("no clip", {"clip": False}), ("no default", {"default": False})):
        assert cell["scores"][key]["rmse"] == pytest.approx(protocol.score(y, test, **options)["rmse"])
    assert cell["scores"]["usual"]["rmse"] == cell["scores"]["default rating"]["rmse"]  # all items are cold
    (member,) = cell["members"]
    assert (member["model"], member["epochs"]) == (repr(model), epochs)
    assert member["parameters"] == sum(array.size for array in params.values())
    measured = pages.Measured(row, [cell])
    assert pages.column(measured, "λ", [measured]) == (f"{kind().l2:g}" if hasattr(kind, "l2") else "")
    assert pages.describe(row.configs()[0]).startswith(f"{kind.__name__}(factors=2, ")


def test_ratings_of_float32_and_float64_give_the_same():
    wide = Ratings(TRAIN.pattern, TRAIN.values.astype(np.float64), TRAIN.backend)
    for model in ALL:
        y, other = (predict_test(model, R=R) for R in (TRAIN, wide))
        np.testing.assert_allclose(y, other, atol=1e-4)
