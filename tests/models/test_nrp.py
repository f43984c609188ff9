"""NRP against slow dense forms of eq. 6, pair by pair, and what becomes of the rating that is to be predicted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import GENERATORS, as_dense, fast_backends, fetch, from_dense, matrices, put
from tinyrec.errors import UsageError
from tinyrec.gradcheck import complex_step
from tinyrec.gradcheck.pieces import with_features
from tinyrec.models import NRP
from tinyrec.models.nrp import HEADS, TARGETS
from tinyrec.models.pairs import Sides, pairs, part
from tinyrec.sparse import Ratings

L2 = 0.3
SMALL = {"hidden_units": (4, 3), "head_units": (3, 2), "l2": L2, "dropout": 0.0, "hidden_dropout": 0.0}


def tower(params, x):
    """g(V_2' g(V_1' x + mu_1) + mu_2) ..."""
    layer = 1
    while f"V{layer}" in params:
        x = np.tanh(params[f"V{layer}"].T @ x + params[f"mu{layer}"])
        layer += 1
    return x


def predicted(params, head, x_u, x_i, X_u, Y_i):
    """h([g_u(R_j) s_u(X_j) g_i(R'_k) s_i(Y_k)]), from one matrix that reads all of the codes side by side"""
    codes = {}
    for side, x, features in (("user", x_u, X_u), ("item", x_i, Y_i)):
        parts = [tower(part(params, side), x)]
        parts += [tower(part(params, f"{side}_features"), features)] if features is not None else []
        codes[side] = np.concatenate(parts)
    if head == "dot":
        return codes["user"] @ codes["item"]
    its = part(params, "head")
    first = np.concatenate([its["user"], its["item"]]).T @ np.concatenate([codes["user"], codes["item"]])
    H = np.tanh(its["V2"].T @ np.tanh(first + its["mu1"]) + its["mu2"])
    return (its["w"].T @ H + its["b"])[0]


def objective(params, model, sides, batches):
    """Σ [(R_jk - ŷ_jk)² + λ Σ |W|²] over the cells of the batches, with the inputs that each pair may see"""
    R, observed = as_dense(sides.ratings)
    X, Y = (None if its is None else its.to_dense(0) for its in (sides.user_features, sides.item_features))
    n_u, n_i = observed.sum(axis=1) ** 0.5, observed.sum(axis=0) ** 0.5
    loss = 0.0
    for cells in batches:
        for j, k in cells:
            seen = np.where(observed, R, 0)
            hidden = {"as printed": [], "leave one out": [(j, k)], "held out": cells}[model.target_in_input]
            for cell in hidden:
                seen[cell] = 0
            x_u, x_i = (seen[j] / n_u[j], seen[:, k] / n_i[k]) if model.center else (seen[j], seen[:, k])
            y = predicted(params, model.head, x_u, x_i, None if X is None else X[j], None if Y is None else Y[k])
            loss = loss + (y - R[j, k]) ** 2 + L2 * sum((w**2).sum() for w in params.values() if w.ndim == 2)
    return loss


@given(
    R=matrices(max_rows=4, max_cols=4, min_cells=1),
    rng=GENERATORS,
    head=st.sampled_from(HEADS),
    target=st.sampled_from(TARGETS),
    center=st.booleans(),
    has_features=st.booleans(),
    batch_size=st.integers(1, 3),
)
def test_batches_add_up_to_the_objective_of_the_paper(R, rng, head, target, center, has_features, batch_size):
    model = NRP(head=head, target_in_input=target, center=center, activation="tanh", **SMALL)
    sides = with_features(R, rng) if has_features else Sides(R)
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes_of(sides).items()}
    loss, grads, batches = 0.0, dict.fromkeys(params, 0), []
    for batch in model.batches(sides, batch_size, rng):
        its_loss, its_grads = model.loss_and_grads(params, batch)
        loss, grads = loss + its_loss, {name: grads[name] + its_grads[name] for name in params}
        batches.append(list(zip(R.rows[batch.cells].tolist(), R.cols[batch.cells].tolist(), strict=True)))
    assert loss == pytest.approx(objective(params, model, sides, batches), rel=1e-10)
    every = list(zip(R.rows.tolist(), R.cols.tolist(), strict=True))
    assert sorted(cell for cells in batches for cell in cells) == every
    expected = complex_step(lambda its: (objective(its, model, sides, batches), None), params)
    for name, grad in expected.items():
        np.testing.assert_allclose(grads[name], grad, rtol=0, atol=1e-9 * (1 + np.abs(grad).max(initial=0)))


@pytest.mark.parametrize("head", HEADS)
def test_predictions_are_those_of_whole_rows(head):
    rng = np.random.default_rng(0)
    rows, cols = np.nonzero(rng.random((9, 7)) < 0.6)
    R = Ratings.from_cells(rows, cols, rng.standard_normal(len(rows)), (9, 7))
    sides, model = with_features(R, rng), NRP(head=head, activation="tanh", **SMALL)
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes_of(sides).items()}
    observed = as_dense(R)[1]
    X, Y = sides.user_features.to_dense(0), sides.item_features.to_dense(0)
    dense = R.to_dense(0)
    rows, cols = np.nonzero(~observed)
    found = model.predict_cells(params, sides, pairs(rows, cols, R.shape, np.zeros(len(rows)), R.backend))
    for y, j, k in zip(found, rows, cols, strict=True):
        x_u, x_i = dense[j] / observed[j].sum() ** 0.5, dense[:, k] / observed[:, k].sum() ** 0.5
        assert y == pytest.approx(predicted(params, head, x_u, x_i, X[j], Y[k]), rel=1e-10)


def test_pairs_are_predicted_alike_in_any_order_and_block():
    rng = np.random.default_rng(0)
    model, C_u, C_i = NRP(activation="tanh", **SMALL), rng.standard_normal((5, 3)), rng.standard_normal((4, 3))
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes_of(Sides(empty())).items()}
    users, items = rng.integers(-1, 5, 40), rng.integers(-1, 4, 40)  # -1: the last row
    backend = empty().backend
    alone = [model.predict_pairs(params, C_u, C_i, users[[j]], items[[j]], backend)[0] for j in range(40)]
    for block in (1, 7, 100):
        np.testing.assert_allclose(model.predict_pairs(params, C_u, C_i, users, items, backend, block), alone)


def test_a_batch_holds_out_at_most_a_tenth():
    R = Ratings.from_cells(*np.divmod(np.arange(60), 10), np.ones(60), (6, 10))
    for target, sizes in (("held out", [6] * 10), ("as printed", [60]), ("leave one out", [60])):
        for batch_size in (None, 60, 100):
            model = NRP(target_in_input=target, **SMALL)
            batches = list(model.batches(Sides(R), batch_size, np.random.default_rng(0)))
            assert [len(batch.cells) for batch in batches] == sizes
            assert sum(batch.share for batch in batches) == pytest.approx(1)


def test_the_target_is_read_only_as_printed():
    """The prediction of a cell changes with its own rating, or not."""
    for target, changes in (("as printed", True), ("leave one out", False), ("held out", False)):
        model, rng = NRP(target_in_input=target, activation="tanh", **SMALL), np.random.default_rng(0)
        params = {name: rng.standard_normal(w) for name, w in model.shapes_of(Sides(matrix_of_ones())).items()}
        found = []
        for value in (1.0, 9.0):
            R = matrix_of_ones()
            R.values[2] = value
            batch = next(model.batches(Sides(R), 2, np.random.default_rng(1)))._replace(cells=np.array([2, 4]))
            users, items, at = model.rows_of(batch)
            y, _ = model.decode(params, (model.encode(params, users).codes, model.encode(params, items).codes), at)
            found.append(y[at.values == value][0] if target != "leave one out" else y[0])
        assert (found[0] != found[1]) == changes, target


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"head": "sum"}, "unknown head 'sum'"),
        ({"l2": -1.0}, "l2 is -1"),
        ({"activation": "cubic"}, "unknown activation 'cubic'"),
        ({"target_in_input": "in"}, "unknown target_in_input 'in'"),
        ({"head_units": (3, 0)}, "head_units is 0"),
        ({"hidden_dropout": 1.0}, r"hidden_dropout is 1.0, but must be at least 0 and less than 1"),
    ],
)
def test_wrong_settings_raise(wrong, message):
    with pytest.raises(UsageError, match=message):
        NRP(**wrong)


def test_a_dot_product_needs_features_of_both_or_neither():
    R = matrix_of_ones()
    with pytest.raises(UsageError, match="a dot product needs features of both users and items"):
        NRP(head="dot").shapes_of(Sides(R, user_features=R))
    NRP(head="mlp").shapes_of(Sides(R, user_features=R))


def matrix_of_ones():
    return Ratings.from_cells(*np.divmod(np.arange(6), 3), np.ones(6), (2, 3))


def empty():
    return Ratings.from_cells([], [], np.zeros(0), (5, 4))


@fast_backends
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("target", TARGETS)
def test_other_backends_compute_the_same(backend, head, target):
    rng = np.random.default_rng(0)
    sides = with_features(from_dense(rng.standard_normal((9, 8)), rng.random((9, 8)) < 0.6), rng)
    model = NRP(head=head, target_in_input=target, hidden_units=(4, 3), head_units=(3, 2))
    params = {name: rng.standard_normal(shape) for name, shape in model.shapes_of(sides).items()}
    found = []
    for name in ("reference", backend):
        its = sides.to(name, np.float64)
        batch = next(model.batches(its, 4, np.random.default_rng(1)))
        loss, grads = model.loss_and_grads(put(params, name), batch, np.random.default_rng(2))
        y = model.predict_cells(put(params, name), its, its.ratings)
        found.append({"loss": fetch(loss), "y": fetch(y), **fetch(grads)})
    for key, expected in found[0].items():
        np.testing.assert_allclose(found[1][key], expected, rtol=1e-11, atol=1e-12)
