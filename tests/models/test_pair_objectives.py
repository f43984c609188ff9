"""The objectives that NRP is compared with, against slow dense ones written from the papers alone, pair by pair."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrec as tr
from tests.models.test_objectives import L2, assert_is
from tests.strategies import GENERATORS, as_dense, fast_backends, fetch, from_dense, matrices, put
from tinyrec.errors import UsageError
from tinyrec.models.pairs import Sides

S, A = 1.0507009873554805, 1.6732632423543772  # of selu


def selu(z):
    return np.where(z.real > 0, S * z, S * A * (np.exp(np.where(z.real > 0, 0, z)) - 1))


def layers(params, name, x, g):
    """g(V2ᵀ g(V1ᵀ x + mu1) + mu2) ..."""
    layer = 1
    while f"{name}.V{layer}" in params:
        x = g(params[f"{name}.V{layer}"].T @ x + params[f"{name}.mu{layer}"])
        layer += 1
    return x


def head(params, left, right, g):
    """One output for [left right], whose first layer is written in two parts"""
    first = np.concatenate([params["head.user"], params["head.item"]])
    below = {f"head.V{n + 1}": w for n, w in enumerate([first, *further(params, "V")])}
    below |= {f"head.mu{n + 1}": w for n, w in enumerate([params["head.mu1"], *further(params, "mu")])}
    h = layers(below, "head", np.concatenate([left, right]), g)
    return params["head.w"][:, 0] @ h + params["head.b"][0]


def further(params, kind):
    return [params[f"head.{kind}{n}"] for n in range(2, 9) if f"head.{kind}{n}" in params]


def mixed(params, side, u, x):
    """ACCM: the softmax of the attention to both vectors; the bias of the attention is any number, here 0.7"""
    k = params[f"{side}.V"].shape[0]
    of_id, of_features = u[:k], layers(params, f"{side}_features", x, np.tanh)
    a = [np.exp((params[f"{side}.V"].T @ its + 0.7) @ params[f"{side}.w"][:, 0]) for its in (of_id, of_features)]
    return (a[0] * of_id + a[1] * of_features) / (a[0] + a[1])


def accm(params, j, k, x, y):
    e, f = params["user.E"][j], params["item.E"][k]
    return params["mu"][0] + e[-1] + f[-1] + mixed(params, "user", e, x) @ mixed(params, "item", f, y)


def accm_mlp(params, j, k, x, y):
    P, Q = (mixed(params, side, params[f"{side}.E"][at], z) for side, at, z in (("user", j, x), ("item", k, y)))
    return head(params, P, Q, np.tanh)


def dssm(params, j, k, x, y):
    return head(params, layers(params, "user", x, selu), layers(params, "item", y, selu), selu)


def neumf(params, j, k, x, y):
    products = params["shallow.user"][j] * params["shallow.item"][k]
    return products @ params["h"][:, 0] + head(params, params["deep.user"][j], params["deep.item"][k], selu)


def mf(params, j, k, x, y):
    return params["user"][j] @ params["item"][k]


UNITS = {"hidden_units": (3, 2), "l2": L2}
CASES = {
    "ACCM": (tr.ACCM(**UNITS, attention_units=2), accm),
    "ACCM_MLP": (tr.ACCM(**UNITS, head="mlp", head_units=(3, 2)), accm_mlp),
    "DSSM": (tr.DSSM(**UNITS, head_units=(3, 4)), dssm),
    "NeuMF": (tr.RatingNeuMF(factors=2, head_units=(3, 2, 2), l2=L2), neumf),
    "MF": (tr.MF(factors=2, l2=L2), mf),
}


def with_features(R, rng):
    X, Y = rng.integers(0, 2, (R.shape[0], 3)).astype(float), rng.standard_normal((R.shape[1], 2))
    return X, Y, Sides(R, from_dense(X, X != 0), from_dense(Y, Y != 0))


@pytest.mark.parametrize("name", CASES)
@given(R=matrices(max_rows=4, max_cols=4), rng=GENERATORS, batch_size=st.sampled_from([None, 1, 2, 3]))
def test_batches_add_up_to_the_objective(name, R, rng, batch_size):
    """Σ (ŷ - r)² + λ Σ |W|² for each rating, with all matrices W"""
    model, predict = CASES[name]
    X, Y, sides = with_features(R, rng)
    r, observed = as_dense(R)
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes_of(sides).items()}

    def objective(its):
        loss = R.size * L2 * sum((w**2).sum() for w in its.values() if w.ndim == 2)
        return loss + sum((predict(its, j, k, X[j], Y[k]) - r[j, k]) ** 2 for j, k in np.argwhere(observed))

    loss, grads = 0.0, {name: np.zeros_like(w) for name, w in params.items()}
    for batch in model.batches(sides, batch_size, rng):
        part, its = model.loss_and_grads(params, batch, rng)
        loss, grads = loss + part, {name: grads[name] + its[name] for name in grads}
    assert_is((loss, grads), objective, params)
    expected = [predict(params, j, k, X[j], Y[k]) for j, k in np.argwhere(observed)]
    np.testing.assert_allclose(model.predict_cells(params, sides, R), expected, rtol=1e-10, atol=1e-10)


@fast_backends
@pytest.mark.parametrize(
    "model",
    [
        replace(CASES["ACCM"][0], cold=0.5),
        replace(CASES["DSSM"][0], hidden_dropout=0.5),
        CASES["NeuMF"][0],
        CASES["MF"][0],
    ],
    ids=lambda its: type(its).__name__,
)
def test_other_backends_compute_the_same(backend, model):
    rng, found = np.random.default_rng(0), []
    _, _, sides = with_features(from_dense(rng.standard_normal((9, 8)), rng.random((9, 8)) < 0.6), rng)
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes_of(sides).items()}
    for name in ("reference", backend):
        its, own = sides.to(name, np.float64), put(params, name)
        batch = next(model.batches(its, 20, np.random.default_rng(1)))
        loss, grads = model.loss_and_grads(own, batch, np.random.default_rng(2))
        unknown = model.encode(own, its.rows("user")._replace(numbers=np.full(9, -1))).codes
        y = model.predict_cells(own, its, its.ratings)
        found.append({"loss": fetch(loss), "y": fetch(y), "unknown": fetch(unknown), **fetch(grads)})
    for key, expected in found[0].items():
        np.testing.assert_allclose(found[1][key], expected, rtol=1e-11, atol=1e-12)


def test_training_begins_at_the_mean_with_vectors_near_0():
    rng = np.random.default_rng(0)
    R = from_dense(rng.uniform(1, 5, (30, 20)), rng.random((30, 20)) < 0.5)
    for model, output, vectors in (
        (tr.ACCM(), "mu", ["user.E", "item.E"]),
        (tr.ACCM(head="mlp"), "head.b", ["user.E", "item.E"]),
        (tr.RatingNeuMF(), "head.b", ["shallow.user", "shallow.item", "deep.user", "deep.item"]),
    ):
        params = model.init(Sides(R), rng)
        assert params[output] == pytest.approx(R.values.mean())
        for name in vectors:
            assert params[name].std() == pytest.approx(0.01, rel=0.1)


def test_cold_ids_have_no_bias_and_another_vector():
    rng, model = np.random.default_rng(0), tr.ACCM(hidden_units=(3, 2), cold=0.5)
    _, _, sides = with_features(from_dense(np.ones((200, 3)), np.ones((200, 3), bool)), rng)
    params = {name: 1 + rng.random(shape) for name, shape in model.shapes_of(sides).items()}
    rows = sides.rows("user")
    warm, noisy = model.encode(params, rows).codes, model.encode(params, rows, rng)
    is_cold = (noisy.codes != warm).all(axis=1)
    assert 70 < is_cold.sum() < 130
    np.testing.assert_array_equal(noisy.codes[~is_cold], warm[~is_cold])
    assert (noisy.codes[is_cold, -1] == 0).all()
    grads = noisy.backward(np.ones_like(warm))
    assert (grads["user.E"][is_cold] == 0).all() and (grads["user.E"][~is_cold] != 0).all()


def test_an_unknown_id_has_the_mean_vector():
    rng, model = np.random.default_rng(0), tr.MF(factors=3)
    sides = Sides(from_dense(np.ones((5, 3)), np.ones((5, 3), bool)))
    params = model.init(sides, rng)
    rows = sides.rows("user")._replace(numbers=np.array([3, -1]))
    expected = [params["user"][3], params["user"].mean(axis=0)]
    np.testing.assert_array_equal(model.encode(params, rows).codes, expected)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: tr.ACCM(cold=1.0), "cold is 1.0, but must be at least 0 and less than 1"),
        (lambda: tr.ACCM(head="sum"), "unknown head 'sum'; choose one of dot, mlp"),
        (lambda: tr.ACCM(attention_units=0), "attention_units is 0, but must be finite and at least 1"),
        (lambda: tr.DSSM(hidden_dropout=-0.1), "hidden_dropout is -0.1, but must be at least 0 and less than 1"),
        (lambda: tr.DSSM(head_units=(3, 0)), "head_units is 0, but must be finite and at least 1"),
        (lambda: tr.RatingNeuMF(factors=0), "factors is 0, but must be finite and at least 1"),
        (lambda: tr.MF(factors=0), "factors is 0, but must be finite and at least 1"),
        (
            lambda: tr.DSSM().fit(tr.make_synthetic(9, 8, 40, seed=0), epochs=1),
            "DSSM reads only features, and there are none of users; add some with_features",
        ),
    ],
)
def test_settings_that_are_refused(make, message):
    with pytest.raises(UsageError) as problem:
        make()
    assert str(problem.value) == message
