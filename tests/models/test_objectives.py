"""Each objective against a slow dense one, written from the paper alone, over mini-batches that add up to the whole.

Loss and gradient of a model can agree and both be wrong; so neither the penalties nor the weights here are the model's.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import GENERATORS, as_dense, from_dense, matrices
from tinyrec.gradcheck import complex_step
from tinyrec.models import CFN, NCAE, AutoRec, DeepAutoRec, ImplicitNCAE
from tinyrec.models.base import glorot
from tinyrec.optim import Adam
from tinyrec.training.run import pretrain

UNITS = st.sampled_from([(1,), (3,), (3, 2), (2, 3, 1)])
Q, L2 = 0.4, 0.3  # the fraction that is dropped, λ


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def network(params, x, g):
    """W g(V_L ... g(V_1 x + mu_1) ... + mu_L) + b for one row x (d,), with the V of the parameters transposed"""
    layer = 1
    while f"V{layer}" in params:
        x = g(params[f"V{layer}"].T @ x + params[f"mu{layer}"])
        layer += 1
    return params["W"] @ x + params["b"]


def autorec(params, r, observed, dropped):
    """Σ ||r - (W g(V r + mu) + b)||² + λ/2 (||W||² + ||V||²)                              (AutoRec, eq. 2)"""
    loss = L2 / 2 * ((params["W"] ** 2).sum() + (params["V"] ** 2).sum())
    for i, j in np.argwhere(observed):
        seen = np.where(dropped[i], 0, r[i] / (1 - Q))
        loss += (params["W"][j] @ sigmoid(params["V"].T @ seen + params["mu"]) + params["b"][j] - r[i, j]) ** 2
    return loss


def deep(params, r, observed, dropped):
    """The same of more layers, with λ' = 2 for those between"""
    loss = L2 / 2 * ((params["W"] ** 2).sum() + (params["V1"] ** 2).sum())
    loss += sum(2 / 2 * (w**2).sum() for name, w in params.items() if name[0] == "V" and name != "V1")
    for i, j in np.argwhere(observed):
        y = network(params, np.where(dropped[i], 0, r[i] / (1 - Q)), sigmoid)
        loss += (y[j] - r[i, j]) ** 2
    return loss


def cfn(params, x, observed, dropped):
    """α Σ_masked (nn(x̃)_j - x_j)² + β Σ_kept (nn(x̃)_j - x_j)² + λ ||θ||² with α = 1.3, β = 0.6   (CFN, eq. 1)"""
    loss = L2 * sum((w**2).sum() for w in params.values())
    for i, j in np.argwhere(observed):
        y = np.tanh(network(params, np.where(dropped[i], 0, x[i]), np.tanh))
        loss += (1.3 if dropped[i, j] else 0.6) * (y[j] - x[i, j]) ** 2
    return loss


def ncae(params, u, observed, dropped):
    """1/M Σ_i 1/|K_i| (α Σ_dropped + β Σ_kept) + λ/2 ||θ||² with the same α, β; ũ = u / (1 - q)  (NCAE, eq. 3-6)"""
    loss = L2 / 2 * sum((w**2).sum() for w in params.values())
    for i, j in np.argwhere(observed):
        y = 3 + 2 * np.tanh(network(params, np.where(dropped[i], 0, u[i] / (1 - Q)), np.tanh))
        weight = (1.3 if dropped[i, j] else 0.6) / observed[i].sum() / len(u)
        loss += weight * (y[j] - u[i, j]) ** 2
    return loss


def cases():
    """For each name: the model of some hidden units, and its objective."""
    own = {"l2": L2, "dropout": Q}
    return {
        "AutoRec": (lambda units: AutoRec(hidden_units=units[0], **own), autorec),
        "DeepAutoRec": (lambda units: DeepAutoRec(hidden_units=units, l2_hidden=2.0, pretrain=0, **own), deep),
        "CFN": (lambda units: CFN(hidden_units=units, alpha=1.3, beta=0.6, **own), cfn),
        "NCAE": (lambda units: NCAE(hidden_units=units, alpha=1.3, beta=0.6, pretrain="none", **own), ncae),
    }


class Drawn:
    """A generator that draws what it was given: the same noise for a cell in every batch."""

    def __init__(self, numbers):
        self.numbers = numbers

    def random(self, size, dtype):
        assert size == len(self.numbers)
        return self.numbers.astype(dtype)


def summed(model, params, R, batch_size, noise, rng):
    """Loss and gradients, summed over the batches of an epoch; noise (n, d): the number drawn for each cell."""
    loss, grads = 0.0, {name: np.zeros_like(w) for name, w in params.items()}
    numbered = R.with_side(np.arange(R.shape[0], dtype=float)[:, None])  # the features tell which row is which
    for batch in model.batches(numbered, batch_size, rng):
        rows = batch.side[:, 0].astype(int)
        drawn = noise[rows[batch.rows], batch.cols]
        part, its = model.loss_and_grads(params, batch, Drawn(drawn))
        loss += part
        grads = {name: grads[name] + its[name] for name in grads}
    return loss, grads


def assert_is(found, objective, params):
    loss, grads = found
    assert loss == pytest.approx(objective(params), rel=1e-10)
    expected = complex_step(lambda its: (objective(its), None), params)
    for name, grad in expected.items():
        np.testing.assert_allclose(grads[name], grad, rtol=0, atol=1e-9 * (1 + np.abs(grad).max(initial=0)))


@pytest.mark.parametrize("name", cases())
@given(R=matrices(max_rows=5, max_cols=4), rng=GENERATORS, units=UNITS, batch_size=st.sampled_from([None, 1, 2, 3]))
def test_batches_add_up_to_the_objective_of_the_paper(name, R, rng, units, batch_size):
    make, objective = cases()[name]
    model = make(units)
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes(R.shape[1]).items()}
    (r, observed), noise = as_dense(R), rng.random(R.shape, dtype=np.float32)
    found = summed(model, params, R, batch_size, noise, rng)
    assert_is(found, lambda its: objective(its, r, observed, noise < Q), params)


def implicit(params, K, dropped, c, f):
    """1/M Σ_i [Σ_{j in K_i} (nn(ũ_i)_j - 1)² + Σ_{other j} c_j nn(ũ_i)_j²] + λ/2 ||θ||²          (NCAE, eq. 11, 6)"""
    loss = L2 / 2 * sum((w**2).sum() for w in params.values())
    for i in range(len(K)):
        y = f(network(params, np.where(K[i] & ~dropped[i], 1 / (1 - Q), 0), np.tanh))
        for j in range(K.shape[1]):
            loss += ((y[j] - 1) ** 2 if K[i, j] else c[j] * y[j] ** 2) / len(K)
    return loss


def with_augmented(K, epsilon, p):
    """K, and below it each user with less than ε N items again, without the ⌊p |K_i|⌋ most popular   (section 4.2)"""
    popularity, more = K.sum(axis=0), []
    for items in K:
        if items.sum() < epsilon * K.shape[1]:
            by_popularity = sorted(np.flatnonzero(items), key=lambda j: (-popularity[j], j))
            kept = by_popularity[int(p * len(by_popularity)) :]
            if kept:
                more.append(np.isin(np.arange(K.shape[1]), kept))
    return np.vstack([K, *more])


@pytest.mark.parametrize("output, f", [("tanh", np.tanh), ("identity", lambda a: a)])
@given(
    R=matrices(max_rows=5, max_cols=4, min_cells=1),
    rng=GENERATORS,
    units=UNITS,
    batch_size=st.sampled_from([None, 1, 2, 3]),
    epsilon=st.sampled_from([0.0, 0.6, 2.0]),
    weights=st.sampled_from([{"c0": 3.0, "omega": 1.0}, {"c0": 0.7, "omega": 0.5}, {"unobserved_weight": 0.2}]),
)
def test_batches_of_implicit_feedback_add_up_to_the_objective_of_the_paper(
    output, f, R, rng, units, batch_size, epsilon, weights
):
    model = ImplicitNCAE(
        hidden_units=units, l2=L2, dropout=Q, output=output, augment_below=epsilon, augment_drop=0.5, **weights
    )
    _, K = as_dense(R)
    popularity = K.sum(axis=0) / K.sum()  # f_j, of the users alone: those that are augmented are no new interactions
    if "omega" in weights:
        c = weights["c0"] * popularity ** weights["omega"] / (popularity ** weights["omega"]).sum()
    else:
        c = np.full(K.shape[1], weights["unobserved_weight"])
    rows = with_augmented(K, epsilon, 0.5)
    prepared = model.prepare(R.with_values(np.ones(R.size)))
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes(K.shape[1]).items()}
    noise = rng.random(rows.shape, dtype=np.float32)
    found = summed(model, params, prepared, batch_size, noise, rng)
    assert_is(found, lambda its: implicit(its, rows, noise < Q, c, f), params)


def test_the_three_stages_of_pretraining_build_on_each_other():
    """The first loss of each stage is its objective at what the stages before have learned      (NCAE, section 4.3)"""
    rng = np.random.default_rng(0)
    R = from_dense(rng.uniform(1, 5, (12, 8)), rng.random((12, 8)) < 0.5)
    model = NCAE(hidden_units=(5, 3), l2=L2, dropout=Q, alpha=1.3, beta=0.6, pretrain_epochs=4)
    learned, first = {}, {}

    def observe(epoch, stage):
        learned[stage] = {name: w.copy() for name, w in epoch.params.items()}
        first.setdefault(stage, epoch.loss)

    params = pretrain(model, R, Adam(0.01), None, 7, observe)
    (u, observed), shapes = as_dense(R), model.shapes(8)

    def supervised(stage, shapes, given):
        rng, dropped = np.random.default_rng(7 + stage), np.zeros(R.shape, bool)
        drawn = glorot(shapes, np.float64, rng)
        dropped[observed] = rng.random(R.size, dtype=np.float32) < Q
        return ncae(drawn | given, u, observed, dropped)

    shallow = {"V1": (8, 5), "mu1": (5,), "W": (8, 5), "b": (8,)}
    assert learned[1].keys() == shallow.keys()
    assert first[1] == pytest.approx(supervised(1, shallow, {}), rel=1e-10)

    codes = np.tanh(u @ learned[1]["V1"] + learned[1]["mu1"])  # of all ratings: none is dropped
    its = glorot({"V": (5, 3), "mu": (3,), "W": (3, 5), "b": (5,)}, np.float64, np.random.default_rng(7 + 2))
    back = np.tanh(np.tanh(codes @ its["V"] + its["mu"]) @ its["W"] + its["b"])
    assert first[2] == pytest.approx(((codes - back) ** 2).sum(), rel=1e-10)

    below = {"V1": learned[1]["V1"], "mu1": learned[1]["mu1"], "V2": learned[2]["V"], "mu2": learned[2]["mu"]}
    assert learned[3].keys() == {"W", "b"}
    assert first[3] == pytest.approx(supervised(3, shapes, below), rel=1e-10)
    assert params.keys() == shapes.keys()
    for name, w in (below | learned[3]).items():
        np.testing.assert_array_equal(params[name], w)
