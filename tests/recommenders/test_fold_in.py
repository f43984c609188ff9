"""What was not in training: see tests/test_recommender.py for the same by raw ids."""

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.models import CFN, NCAE, AutoRec, DeepAutoRec
from tinyrec.recommenders.fold_in import DAMPING, new_columns, new_row
from tinyrec.sparse import Ratings

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n_rated", [0, 1, 3, 20])
@pytest.mark.parametrize("l2", [0.5, 300.0])
def test_a_new_column_minimises_its_objective(n_rated, l2):
    """The primal form, by the normal equations; 20 ratings are more than the 5 unknowns, the others fewer."""
    codes, mean, rows = RNG.random((30, 4)), RNG.random(30), RNG.permutation(30)[:n_rated]
    x = RNG.uniform(1, 5, n_rated)
    C = np.column_stack([codes - codes.mean(axis=0), np.ones(30)])
    penalty = np.diag([l2 / 2] * 4 + [DAMPING])
    w = np.linalg.solve(C[rows].T @ C[rows] + penalty, C[rows].T @ (x - mean[rows]))
    R = Ratings.from_cells(np.ones(n_rated, int), rows, x, (2, 30))  # the first has no ratings: it is the mean column
    W, b = new_columns(codes, mean, l2, R)
    np.testing.assert_allclose(codes @ W.T + b[:, np.newaxis].T, np.column_stack([np.zeros(30), C @ w]), atol=1e-12)


def test_without_a_penalty_a_new_column_is_still_finite():
    R = Ratings.from_cells([0, 0, 0], [0, 1, 2], [1.0, 1.0, 1.0], (1, 6))
    W, b = new_columns(RNG.random((6, 9)), np.zeros(6), 0.0, R)
    assert np.isfinite(W).all() and np.isfinite(b).all()


@pytest.mark.parametrize("center", [False, True])
def test_a_new_row_is_one_forward_pass(center):
    R = Ratings.from_cells([0, 0], [1, 3], [2.0, -1.0], (1, 5))
    model = AutoRec(hidden_units=3, l2=1.0, center=center)
    params = {name: RNG.standard_normal(w.shape) for name, w in model.init(R, RNG).items()}
    bias = (2 - 1) / (2 + DAMPING) if center else 0.0
    r = np.array([0, 2 - bias, 0, -1 - bias, 0])
    h = params["W"] @ (1 / (1 + np.exp(-(r @ params["V"] + params["mu"])))) + params["b"]
    found, H = new_row(model, params, R)
    np.testing.assert_allclose(found + model.decode(params, H, np.arange(5))[0], bias + h, rtol=1e-12)


@pytest.mark.parametrize("model", [
    AutoRec(hidden_units=3, l2=2.0),
    DeepAutoRec(hidden_units=(4, 3), l2=2.0, pretrain=0),
    CFN(hidden_units=3, l2=2.0, output="identity", dropout=0.0, beta=0.3),
    NCAE(hidden_units=3, l2=0.02, output="identity", dropout=0.0, beta=0.3, balance=0.0, pretrain="none"),
], ids=repr)  # fmt: skip
def test_the_l2_of_a_column_is_that_of_the_objective(model):
    """Where a column is the ridge regression with this λ, the gradient of the model's objective vanishes."""
    R = Ratings.from_cells(*np.divmod(RNG.permutation(8 * 6)[:30], 6), RNG.uniform(1, 5, 30), (8, 6))
    params = model.init(R, RNG)
    rated = R.rows[R.cols == 2]
    H, x = model.encode(params, R)[rated], R.values[R.cols == 2] - params["b"][2]
    params["W"][2] = np.linalg.solve(H.T @ H + model.column_l2(R) / 2 * np.eye(3), H.T @ x)
    _, grads = model.loss_and_grads(params, R)
    assert np.abs(grads["W"][2]).max() < 1e-12 < np.abs(grads["W"][3]).max()


@pytest.mark.parametrize("by", ["item", "user"])
@pytest.mark.parametrize("unknown", ["without ratings", "not in the data"])
def test_the_mean_column_is_that_of_the_columns_that_were_trained(by, unknown):
    whole = tr.make_synthetic(60, 40, 900, seed=3)
    columns = whole.ratings.rows if by == "item" else whole.ratings.cols
    data = whole.select(columns >= 5)  # the first five users (items) stay, without ratings
    fitted = AutoRec(by=by, hidden_units=3, l2=1.0, center=False).fit(data, epochs=5, backend="reference")
    fitted.params["W"][:5], fitted.params["b"][:5] = 99.0, -99.0  # what was never trained may hold anything
    R = data.ratings.to_dense(0.0)
    rows, params = R.T if by == "item" else R, fitted.params
    H = 1 / (1 + np.exp(-(rows @ params["V"] + params["mu"])))
    expected = H @ params["W"][5:].mean(axis=0) + params["b"][5:].mean()
    names, others = (data.users, data.items) if by == "item" else (data.items, data.users)
    one = np.full(len(others), names.ids[2] if unknown == "without ratings" else 10**6)
    users, items = (one, others.ids) if by == "item" else (others.ids, one)
    found = fitted.predict(users, items, clip=False, default=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
