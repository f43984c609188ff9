"""aSDAE, DHA and their NRP twins, against slow dense objectives, written from eq. 1 and 2 of the NRP paper alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrec as tr
from tests.models.test_objectives import assert_is
from tests.strategies import GENERATORS, as_dense, from_dense, matrices
from tinyrec.errors import UsageError
from tinyrec.models.pairs import Sides
from tinyrec.optim import SGD, Adam
from tinyrec.training.loop import begin, fit

Q, L2 = 0.4, 0.3  # the fraction that is dropped, λ
EQ_2 = {"l2": L2, "alpha": 0.3, "lambda1": 1.7, "dropout": Q, "hidden_dropout": 0.0}
EQ_1 = {**EQ_2, "lambda2": 0.6, "lambda3": 1.2, "l2_factors": 0.2}
KINDS = [(tr.NRPaSDAE, EQ_2), (tr.NRPDHA, EQ_2), (tr.ASDAE, EQ_1), (tr.DHA, EQ_1)]
kinds = pytest.mark.parametrize("kind, own", KINDS, ids=lambda value: getattr(value, "__name__", ""))


def layers(params, name, h, x=()):
    """tanh(V_l' h + S_l' x + mu_l), one layer after the other, for one row"""
    for number in range(1, 1 + sum(key.startswith(f"{name}.V") for key in params)):
        h = h @ params[f"{name}.V{number}"] + params[f"{name}.mu{number}"]
        h = np.tanh(h + x @ params[f"{name}.S{number}"] if len(x) else h)
    return h


def asdae(params, side, r, x):
    """(code, r̂, x̂) of one row with the noisy r and x, the latter () without features"""
    code = layers(params, f"{side}.encoder", r, x)
    h = layers(params, f"{side}.decoder", code, x)
    outputs = [params[f"{side}.{name}.W"] @ h + params[f"{side}.{name}.b"] for name in sources(x)]
    return code, *outputs


def dha(params, side, r, x):
    """The same, with an encoder and a decoder for each source"""
    codes = [layers(params, f"{side}.{name}.encoder", values) for name, values in zip(sources(x), (r, x), strict=False)]
    code = np.tanh(np.concatenate(codes) @ params[f"{side}.fusion.F"] + params[f"{side}.fusion.f"])
    outputs = []
    for name in sources(x):
        h = layers(params, f"{side}.{name}.decoder", code)
        outputs.append(params[f"{side}.{name}.W"] @ h + params[f"{side}.{name}.b"])
    return code, *outputs


def sources(x):
    return ("ratings", "features") if len(x) else ("ratings",)


def noise(at, rng):
    """The factor of each cell, 0 where it is dropped, drawn for the observed cells `at` (n, d), row by row"""
    factors = np.zeros(at.shape)
    factors[at] = (rng.random(at.sum(), dtype=np.float32) >= Q) / (1 - Q)
    return factors


def objective(params, kind, R, X, Y, pairs, rng):
    """Eq. 2, or eq. 1 for aSDAE and DHA, on some pairs; each J with the weight pairs / (ratings in their rows)"""
    (r, observed), loss, vectors = as_dense(R), 0.0, {}
    loss += len(pairs) * L2 * sum((w**2).sum() for name, w in params.items() if w.ndim == 2 and name not in "UV")
    of_sides = (("user", r, observed, X, 0, "U", 0.6), ("item", r.T, observed.T, Y, 1, "V", 1.2))
    for side, values, known, features, axis, name, pull in of_sides:
        rows = sorted({pair[axis] for pair in pairs})
        kept = dict(zip(rows, noise(known[rows], rng), strict=True))
        x, has_x = np.zeros((len(known), 0)), np.zeros((len(known), 0), bool)
        if features is not None:
            x, has_x = as_dense(features)
        kept_x = dict(zip(rows, noise(has_x[rows], rng) if features is not None else x[rows], strict=True))
        weight = len(pairs) / known[rows].sum()
        for j in rows:
            r_in = values[j] * kept[j] / known[j].sum() ** 0.5
            network = asdae if "SDAE" in kind.__name__ else dha
            code, r_hat, *x_hat = network(params, side, r_in, x[j] * kept_x[j])
            loss += weight * 0.3 * ((r_hat - values[j]) ** 2)[known[j]].sum()
            if x_hat:
                loss += weight * 0.7 * ((x_hat[0] - x[j]) ** 2).sum()
            vectors[side, j] = code
            if "U" in params:
                vectors[side, j] = params[name][j]
                loss += weight * pull * ((params[name][j] - code) ** 2).sum()
    for j, k in pairs:
        loss += 1.7 * (r[j, k] - vectors["user", j] @ vectors["item", k]) ** 2
        if "U" in params:
            loss += 0.2 * ((params["U"][j] ** 2).sum() + (params["V"][k] ** 2).sum())
    return loss


@kinds
@settings(deadline=None, max_examples=10)
@given(
    R=matrices(max_rows=3, max_cols=3, min_cells=2),
    rng=GENERATORS,
    units=st.sampled_from([(2,), (3, 2), (2, 3, 1)]),
    batch_size=st.sampled_from([None, 3]),
    featured=st.booleans(),
)
def test_the_objective_is_that_of_the_paper(kind, own, R, rng, units, batch_size, featured):
    X, Y = (from_dense(rng.standard_normal((n, 2)), rng.random((n, 2)) < 0.5) for n in R.shape)
    data = Sides(R, X, Y) if featured else Sides(R)
    model = kind(hidden_units=units, **own)
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes_of(data).items()}
    users, items = data.cells
    for batch in model.batches(data, batch_size, rng):
        pairs = list(zip(users[batch.cells].tolist(), items[batch.cells].tolist(), strict=True))
        found = model.loss_and_grads(params, batch, np.random.default_rng(7))
        features = (data.user_features, data.item_features)
        assert_is(found, lambda its: objective(its, kind, R, *features, pairs, np.random.default_rng(7)), params)  # noqa: B023


def problem(kind, own, rng):
    """(model, data, parameters) with a user and an item without ratings."""
    observed = rng.random((6, 5)) < 0.6
    observed[2] = observed[:, 3] = False
    X, Y = (from_dense(np.ones((n, 2)), rng.random((n, 2)) < 0.6) for n in observed.shape)
    data = Sides(from_dense(rng.standard_normal((6, 5)), observed), X, Y)
    model = kind(hidden_units=(4, 3), **own)
    return model, data, {name: rng.standard_normal(shape) for name, shape in model.shapes_of(data).items()}


@pytest.mark.parametrize("kind", [tr.ASDAE, tr.DHA])
def test_the_solved_vectors_are_a_minimum(kind):
    """Of eq. 1 without noise: no gradient with respect to V at U and V, nor to U at U and the V before"""
    rng = np.random.default_rng(3)
    model, data, params = problem(kind, EQ_1, rng)
    solved = model.solve(params, data)
    assert solved.keys() == {"U", "V"}
    everything = next(iter(model.batches(data, None, rng)))
    for name, fixed in (("U", {"V": params["V"]}), ("V", {})):
        _, grads = model.loss_and_grads({**params, **solved, **fixed}, everything)
        assert np.abs(grads[name]).max() < 1e-12 < np.abs(model.loss_and_grads(params, everything)[1][name]).max()
    codes = {side: model.code(params, data.rows(side)).codes for side in ("user", "item")}
    np.testing.assert_allclose(solved["U"][2], codes["user"][2])  # without ratings, the code itself
    np.testing.assert_allclose(solved["V"][3], codes["item"][3])


@pytest.mark.parametrize("kind", [tr.ASDAE, tr.DHA])
def test_an_epoch_solves_the_vectors_and_then_trains_the_networks(kind):
    model, data, _ = problem(kind, EQ_1, np.random.default_rng(3))
    first = begin(model, data, SGD(), seed=1)
    before = {name: w.copy() for name, w in first.params.items()}
    solved = model.solve(before, data)
    (epoch,) = fit(model, data, SGD(), epochs=1, batch_size=4, seed=1)
    for name, w in epoch.params.items():
        if name in solved:
            np.testing.assert_array_equal(w, solved[name])
        else:
            assert not np.array_equal(w, before[name])


@pytest.mark.parametrize("kind", [tr.ASDAE, tr.DHA])
def test_joint_training_changes_the_vectors_in_each_step(kind):
    model, data, _ = problem(kind, {**EQ_1, "training": "joint"}, np.random.default_rng(3))
    assert model.solve({}, data) == {}
    before = model.init(data, np.random.default_rng(1))
    (epoch,) = fit(model, data, SGD(), epochs=1, batch_size=4, seed=1)
    assert all(not np.array_equal(epoch.params[name], before[name]) for name in "UV")


@pytest.mark.parametrize("kind", [tr.ASDAE, tr.DHA])
def test_the_distance_is_0_at_the_codes_and_relative_to_the_vectors(kind):
    model, data, params = problem(kind, EQ_1, np.random.default_rng(3))
    codes = [model.code(params, data.rows(side)).codes for side in ("user", "item")]
    for factor, distance in ((1, 0), (2, 0.5), (-1, 2)):
        vectors = {name: factor * C for name, C in zip("UV", codes, strict=True)}
        assert model.distance({**params, **vectors}, data) == pytest.approx(distance)


def test_large_weights_of_the_distance_make_it_small():
    data = tr.make_synthetic(30, 20, 300, seed=2)
    distances = []
    for pull in (1e-2, 1.0, 1e2):
        model = tr.ASDAE(hidden_units=(6, 3), lambda2=pull, lambda3=pull, dropout=0.0, hidden_dropout=0.0)
        fitted = model.fit(data, epochs=20, batch_size=100, backend="reference")
        distances.append(model.distance(fitted.params, fitted._sides))
    assert distances[0] > distances[1] > 2 * distances[2]


@kinds
def test_it_learns_what_biases_cannot(kind, own):
    """Ratings that are the product of a sign of the user and one of the item"""
    rng = np.random.default_rng(5)
    r = 3 + np.sign(rng.standard_normal((40, 1))) * np.sign(rng.standard_normal((1, 30)))
    users, items = np.nonzero(rng.random(r.shape) < 0.6)
    data = tr.Dataset.from_triples(users, items, r[users, items], scale=(1, 5))
    train, test = tr.split_random(data, 0.2, 0)
    quiet = {"l2": 1e-4, "l2_factors": 0.05} if kind in (tr.ASDAE, tr.DHA) else {"l2": 1e-4}
    model = kind(hidden_units=(20, 6), dropout=0.1, hidden_dropout=0.0, **quiet)
    fitted = model.fit(train, epochs=40, batch_size=100, optimizer=Adam(0.01), backend="reference")
    assert fitted.score(test)["rmse"] < 0.7 * np.std(test.ratings.values)


@pytest.mark.parametrize("kind", [tr.ASDAE, tr.DHA])
def test_a_new_user_gets_the_vector_that_is_solved_for_it(kind):
    data = tr.make_synthetic(30, 20, 300, seed=2)
    fitted = kind(hidden_units=(6, 3), center=False).fit(data, epochs=3, backend="reference")
    rows = fitted._sides.rows("user").take(np.array([4]))
    known = fitted.model.encode(fitted.params, rows)
    np.testing.assert_array_equal(known.codes, fitted.params["U"][[4]])
    new = fitted.model.encode(fitted.params, rows._replace(numbers=np.array([-1])))
    V, C = fitted.params["V"][rows.ratings.cols], fitted.model.code(fitted.params, rows).codes[0]
    A = V.T @ V + (0.5 + fitted.model.l2_factors * len(V)) * np.eye(3)
    np.testing.assert_allclose(new.codes[0], np.linalg.solve(A, V.T @ rows.ratings.values + 0.5 * C), rtol=1e-4)


@pytest.mark.parametrize("kind, own, said", [
    (tr.NRPDHA, {"alpha": 1.5}, "alpha is 1.5, but must be from 0 to 1"),
    (tr.NRPaSDAE, {"hidden_dropout": 1.0}, "hidden_dropout is 1.0, but must be at least 0 and less than 1"),
    (tr.NRPaSDAE, {"lambda1": -1.0}, "lambda1 is -1.0"),
    (tr.ASDAE, {"lambda2": 0.0}, "lambda2 is 0.0, but must be more than 0"),
    (tr.DHA, {"lambda3": float("nan")}, "lambda3"),
    (tr.DHA, {"training": "none"}, "training"),
])  # fmt: skip
def test_settings_that_are_not_valid_get_one_sentence(kind, own, said):
    with pytest.raises(UsageError, match=said):
        kind(**own)
