"""NCAE against equations 5, 6, 10 and 11 of the paper, written down as plainly as they are printed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrec as tr
from tests.strategies import GENERATORS, as_dense, from_dense, matrices
from tinyrec.baselines import Pop
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation.splits import split_leave_one_out
from tinyrec.models import NCAE, ImplicitNCAE
from tinyrec.models.implicit_ncae import augmented
from tinyrec.models.stages import Frozen
from tinyrec.nn import ACTIVATIONS, OUTPUTS, all_cells, all_cells_error, linear_error, masked
from tinyrec.nn import dropout as drop
from tinyrec.optim import Adam, RProp
from tinyrec.reproduce.config import TrainingConfig
from tinyrec.sparse import Ratings
from tinyrec.training.loop import fit
from tinyrec.training.run import find_batch_size
from tinyrec.training.run import pretrain as run_pretraining

UNITS = st.sampled_from([(1,), (3,), (3, 2), (2, 3, 1)])
# The four users of figure 3: the popularity of the items is 2, 3, 4, 2 and 1 of 12, as printed there
FIGURE_3 = np.array([[1, 1, 1, 1, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [1, 0, 1, 0, 1]], bool)


def forward(model, params, X):
    """The network on dense rows, (n, d) -> before the output activation."""
    H = X
    for layer in range(1, len(model.hidden_units) + 1):
        H = np.tanh(H @ params[f"V{layer}"] + params[f"mu{layer}"])
    return H @ params["W"].T + params["b"]


@given(R=matrices(), rng=GENERATORS, units=UNITS, balance=st.sampled_from([0.0, 0.5, 1.0]))
def test_the_loss_is_equations_5_and_6(R, rng, units, balance):
    model = NCAE(hidden_units=units, l2=0.3, alpha=0.7, beta=1.2, balance=balance)
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes(R.shape[1]).items()}
    X, mask = as_dense(R)
    _, hidden = masked(R, 0.5, np.random.default_rng(5))
    dropped = np.zeros(mask.shape, bool)
    dropped[mask] = hidden
    Y, _ = OUTPUTS["tanh"](forward(model, params, np.where(dropped, 0, 2 * X)))  # 1 / (1 - q) = 2
    expected = 0.15 * sum((w**2).sum() for w in params.values())
    for i in range(len(X)):
        error = 0.7 * ((Y - X)[i, dropped[i]] ** 2).sum() + 1.2 * ((Y - X)[i, mask[i] & ~dropped[i]] ** 2).sum()
        expected += error / max(mask[i].sum(), 1) ** balance / len(X)
    loss, _ = model.loss_and_grads(params, R, np.random.default_rng(5))
    assert loss == pytest.approx(expected, rel=1e-10)
    # of half of all rows, half of the mean, and half of the penalty
    assert model.loss_and_grads(params, R.with_share(0.5), np.random.default_rng(5))[0] == pytest.approx(
        expected / 2, rel=1e-10
    )


@st.composite
def interactions(draw):
    """(H, W, b, R, c) of random sizes"""
    R, rng = draw(matrices()), draw(GENERATORS)
    (n, d), k = R.shape, draw(st.integers(1, 4))
    arrays = rng.standard_normal((n, k)), rng.standard_normal((d, k)), rng.standard_normal(d)
    return *arrays, R.with_values(np.ones(R.size)), rng.uniform(0, 2, d)


def dense_error(H, W, b, R, c, f):
    """Equation 11 with all cells computed, and its gradients."""
    _, mask = as_dense(R)
    Y, back = f(H @ W.T + b)
    weight, target = np.where(mask, 1.0, c), mask.astype(float)
    dA = back(2 * weight * (Y - target))
    return (weight * (Y - target) ** 2).sum(), (dA @ W, dA.T @ H, dA.sum(axis=0))


@given(interactions())
def test_the_error_over_all_cells_is_equation_11(case):
    for error_of, name in ((all_cells_error, "tanh"), (all_cells_error, "identity"), (linear_error, "identity")):
        loss, grads = error_of(*case, ACTIVATIONS[name])
        expected, expected_grads = dense_error(*case, ACTIVATIONS[name])
        assert loss == pytest.approx(expected, rel=1e-10, abs=1e-10)
        for ours, theirs in zip(grads, expected_grads, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@given(interactions(), st.sampled_from([1, 7, 10_000]))
def test_how_many_cells_are_computed_at_once_changes_nothing(case, cells):
    whole = all_cells_error(*case, ACTIVATIONS["tanh"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_cells, "CELLS", cells)
        loss, grads = all_cells_error(*case, ACTIVATIONS["tanh"])
    assert loss == pytest.approx(whole[0], rel=1e-12, abs=1e-12)
    for ours, theirs in zip(grads, whole[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@given(R=matrices(), rng=GENERATORS, output=st.sampled_from(["tanh", "identity"]), units=UNITS)
def test_the_loss_of_implicit_feedback_is_the_mean_over_users_and_the_penalty(R, rng, output, units):
    model = ImplicitNCAE(hidden_units=units, l2=0.3, output=output, unobserved_weight=0.2)
    R = model.prepare(R.with_values(np.ones(R.size)))
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes(R.shape[1]).items()}
    X, mask = as_dense(drop(R, 0.5, np.random.default_rng(5)))
    Y, _ = ACTIVATIONS[output](forward(model, params, np.where(mask, X, 0)))
    error = np.where(mask, (Y - 1) ** 2, 0.2 * Y**2).sum()
    expected = error / len(X) + 0.15 * sum((w**2).sum() for w in params.values())
    assert model.loss_and_grads(params, R, np.random.default_rng(5))[0] == pytest.approx(expected, rel=1e-9)


def test_the_weights_of_figure_3_are_those_of_equation_10():
    R = from_dense(np.ones((4, 5)), FIGURE_3)
    weights = ImplicitNCAE(c0=1.0, omega=1.0).prepare(R).unobserved_weights
    assert np.round(weights, 2).tolist() == [0.17, 0.25, 0.33, 0.17, 0.08]  # as printed in figure 3
    half = ImplicitNCAE(c0=512.0, omega=0.5).prepare(R).unobserved_weights
    np.testing.assert_allclose(half, 512 * np.sqrt([2, 3, 4, 2, 1]) / np.sqrt([2, 3, 4, 2, 1]).sum())
    assert ImplicitNCAE(unobserved_weight=0.05).prepare(R).unobserved_weights.tolist() == [0.05] * 5


def test_the_users_of_figure_3_are_augmented_as_it_shows():
    R = from_dense(np.ones((4, 5)), FIGURE_3)
    _, mask = as_dense(ImplicitNCAE(augment_below=0.8, augment_drop=0.5).prepare(R))
    assert (mask[:4] == FIGURE_3).all()
    of_users_2_to_4 = [[0, 1, 0, 0, 0], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1]]  # without item 3, the most popular
    assert mask[4:].astype(int).tolist() == of_users_2_to_4
    assert ImplicitNCAE(augment_below=0.0).prepare(R).shape == (4, 5)
    assert augmented(R, np.ones(5), 0.8, 1.0).shape == (4, 5)  # "p = 1.0 means [...] no data augmentation"


def test_the_number_of_items_dropped_does_not_depend_on_rounding():
    R = from_dense(np.ones((1, 100)), np.arange(100)[np.newaxis] < 90)
    assert augmented(R, np.ones(100), 1.0, 0.7).size == 90 + 27  # in floating point, 0.7 * 90 is less than 63
    R = from_dense(np.ones((100, 100)), np.tri(100, dtype=bool))  # user n - 1 has n items
    for percent in range(100):
        kept = np.diff(augmented(R, np.ones(100), 2.0, percent / 100).pattern.indptr)[100:]
        assert kept.tolist() == [n - percent * n // 100 for n in range(1, 101)]


@pytest.fixture(scope="module")
def tribes():
    """Two tribes of users, each of which meets its own half of the items."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((80, 60)) < 0.3)
    own = (users % 2) == (items % 2)
    keep = own | (rng.random(len(users)) < 0.05)
    return tr.Dataset.from_triples(users[keep], items[keep], np.ones(keep.sum())).binarized()


@pytest.mark.parametrize("output", ["tanh", "identity"])
def test_it_learns_who_meets_what(tribes, output):
    train, test = split_leave_one_out(tribes, seed=0)
    model = ImplicitNCAE(hidden_units=8, output=output, l2=0.001, unobserved_weight=0.2)
    trained = model.fit(train, epochs=60, optimizer=Adam(0.01), batch_size=20, backend="reference")
    ranked = trained.score(test)
    by_popularity = Pop().fit(train).rank(test)
    assert ranked["users"] == 80 and ranked["mrr"] > 1.3 * by_popularity["mrr"]
    best = [item % 2 for item, _ in trained.recommend(3, n=5)]
    assert best == [1] * 5  # of her own tribe
    new = [item % 2 for item, _ in trained.recommend(ratings={0: 1.0, 2: 1.0, 4: 1.0}, n=5)]
    assert new == [0] * 5


def test_a_model_of_implicit_feedback_comes_back_from_its_file(tribes, tmp_path):
    trained = ImplicitNCAE(hidden_units=3).fit(tribes, epochs=2, backend="reference")
    trained.save(tmp_path / "m.npz")
    back = tr.load(tmp_path / "m.npz", backend="reference")
    assert back.data.implicit and back.model == trained.model
    assert back.recommend(3, n=60) == trained.recommend(3, n=60)


def test_ratings_and_clicks_are_not_confused(tribes):
    ratings = tr.make_synthetic(40, 30, 500)
    with pytest.raises(UsageError, match="ImplicitNCAE is for implicit feedback, and these are ratings"):
        ImplicitNCAE().fit(ratings, epochs=1)
    with pytest.raises(UsageError, match="NCAE is for ratings, and this is implicit feedback"):
        NCAE().fit(tribes, epochs=1)
    with pytest.raises(UsageError, match="give the number of epochs"):
        ImplicitNCAE().fit(tribes)


@pytest.mark.parametrize(
    "kind, settings, said",
    [
        (NCAE, {"pretrain": "S+X"}, "unknown pretrain 'S\\+X'; choose one of S\\+U\\+S"),
        (NCAE, {"pretrain_epochs": 0}, "pretrain_epochs is 0"),
        (NCAE, {"beta": -1.0}, "beta is -1"),
        (ImplicitNCAE, {"augment_drop": 1.5}, "augment_drop is 1.5, but must be from 0 to 1"),
        (ImplicitNCAE, {"output": "sigmoid"}, "unknown output 'sigmoid'"),
        (ImplicitNCAE, {"by": "item"}, "has by=.user. and an l2"),
        (ImplicitNCAE, {"unobserved_weight": -0.1}, "unobserved_weight is -0.1"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, settings, said):
    with pytest.raises(UsageError, match=said):
        kind(**settings)


def test_weights_start_with_a_variance_of_two_by_the_units_that_they_join():
    R = from_dense(np.ones((2, 150)), np.ones((2, 150), bool))
    params = NCAE(hidden_units=(250, 50)).init(R, np.random.default_rng(0))
    for name, units in {"V1": 400, "V2": 300, "W": 200}.items():
        assert params[name].std() == pytest.approx((2 / units) ** 0.5, rel=0.05) and abs(params[name].mean()) < 0.002
    assert not any(params[name].any() for name in ("mu1", "mu2", "b"))


def small():
    R = tr.make_synthetic(40, 30, 500, seed=1).ratings.T
    return R.with_values(R.values.astype(np.float64))


@pytest.mark.parametrize("pretrain, untouched", [("S+U+S", []), ("S+U", ["W", "b"]), ("U+U", ["W", "b"]), ("S+S", [])])
def test_each_stage_trains_its_layer_and_no_other(pretrain, untouched):
    model, R, stages = NCAE(hidden_units=(6, 4), dropout=0.1, pretrain=pretrain, pretrain_epochs=8), small(), []
    params = run_pretraining(model, R, Adam(0.01), seed=2, observe=lambda epoch, layer: stages.append((layer, epoch)))
    drawn = model.init(R, np.random.default_rng(2))
    assert params.keys() == drawn.keys()
    assert [name for name in params if np.array_equal(params[name], drawn[name])] == untouched
    assert [layer for layer, _ in stages] == sorted([1, 2, 3][: 3 if pretrain == "S+U+S" else 2] * 8)
    for layer in {layer for layer, _ in stages}:
        losses = [epoch.loss for number, epoch in stages if number == layer]
        assert losses[-1] < losses[0]


def test_what_is_frozen_stays_as_it_is():
    model, R = NCAE(hidden_units=(6, 4), l2=0.001), small()
    drawn = model.init(R, np.random.default_rng(0))
    given = {name: drawn[name].copy() for name in ("V1", "mu1")}
    kept = {name: w.copy() for name, w in given.items()}
    *_, last = fit(Frozen(model, given), R, Adam(), epochs=2)
    assert last.params.keys() == {"V2", "mu2", "W", "b"}
    assert all(np.array_equal(given[name], kept[name]) for name in given)
    loss, grads = Frozen(model, given).loss_and_grads(last.params, R)
    whole, all_grads = model.loss_and_grads({**given, **last.params}, R)
    assert loss == whole and all(np.array_equal(grads[name], all_grads[name]) for name in grads)


def test_fine_tuning_begins_where_pretraining_ends():
    train = tr.make_synthetic(200, 150, 6000, seed=3)
    options = {"epochs": 2, "backend": "reference", "optimizer": Adam(0.002), "batch_size": 32, "seed": 4}
    model = NCAE(hidden_units=(8, 8), pretrain_epochs=9)
    trained = model.fit(train, **options)
    history = trained.info["history"]
    assert [row["layer"] for row in history] == [1] * 9 + [2] * 9 + [3] * 9 + [None] * 2
    plain = NCAE(hidden_units=(8, 8), pretrain="none").fit(train, **options)
    fine = [row for row in history if row["layer"] is None]
    assert fine[0]["loss"] < 0.9 * plain.info["history"][0]["loss"]


def test_only_ones_are_interactions(tribes):
    trained = ImplicitNCAE(hidden_units=3).fit(tribes, epochs=1, backend="reference")
    with pytest.raises(DataError, match="give no other values"):
        trained.with_ratings(tr.Dataset.from_triples([0], [2], [0.5], scale=(0, 1)))
    with pytest.raises(DataError, match="give 1 for each interaction of the new user"):
        trained.recommend(ratings={0: 0.0})
    predicted = trained.predict_new_user({0: 1.0, 2: 1.0})
    assert len(np.unique(predicted)) == len(predicted)  # scores, that nothing clips


def test_pretraining_can_be_switched_off_on_the_command_line():
    assert TrainingConfig.from_names("ncae", set={"pretrain": None}).model.pretrain == "none"
    assert find_batch_size(NCAE(), Adam(), None) == 128 and find_batch_size(NCAE(), RProp(), None) is None


def test_the_penalty_that_is_not_given_is_that_of_the_paper():
    assert {candidate.l2 for candidate in NCAE().candidates(1_000_000)} == {0.0002}


def test_a_column_is_folded_in_with_the_mean_weight_of_its_ratings():
    """λ/2 |w|² + Σ weight error² has the minimum of (λ / weight)/2 |w|² + Σ error², if all weights are alike."""
    R = Ratings.from_cells([0, 0, 1, 2, 2], [0, 1, 0, 1, 2], [1.0, 2.0, 3.0, 1.0, 2.0], (3, 3))
    model = NCAE(hidden_units=(2,), l2=0.3, alpha=0.7, beta=1.2, dropout=0.4, balance=0.0)
    per_row = np.array([2.0, 1.0, 2.0]).sum() / (3 * 5)  # each cell of a row with c cells has c / (n p), by balance 0
    assert model.column_l2(R) == pytest.approx(0.3 / (per_row * (0.7 * 0.4 + 1.2 * 0.6)))
