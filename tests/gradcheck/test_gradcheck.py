"""Every gradient is right, every layer has a case, and the checker catches each of some forty planted bugs."""

import inspect
import sys
import types
from importlib import import_module

import numpy as np
import pytest

from tinyrec import gradcheck, models, nn

# The backward is no derivative on purpose; there is none; the bases of all models
WITHOUT_GRADIENT = {
    nn.binary,
    nn.dropout,
    nn.masked,
    models.Model,
    models.Autoencoder,
    models.Network,
    models.PairModel,
}


@pytest.mark.parametrize("case", list(gradcheck.cases(np.random.default_rng(0))), ids=lambda case: case.name)
def test_gradients_are_right(case):
    result = gradcheck.check(case, np.random.default_rng(0))
    assert result.problems == []
    assert result.complex <= 1e-10
    assert result.central <= 1e-6
    assert set(result.errors) == set(case.params)


def public_without_case():
    public = [getattr(package, name) for package in (nn, models) for name in package.__all__]
    covered = {case.of for case in gradcheck.cases(np.random.default_rng(0))} | WITHOUT_GRADIENT
    return [thing.__name__ for thing in public if callable(thing) and thing not in covered]


def test_every_public_layer_and_model_has_a_case():
    assert public_without_case() == []


def test_a_new_layer_without_a_case_would_be_noticed(monkeypatch):
    def forgotten(X):
        return X, lambda dY: dY

    monkeypatch.setattr(nn, "forgotten", forgotten, raising=False)
    monkeypatch.setattr(nn, "__all__", [*nn.__all__, "forgotten"])
    assert public_without_case() == ["forgotten"]


def test_a_new_activation_is_checked(monkeypatch):
    def swish(X):
        return X * nn.sigmoid(X)[0], lambda dY: dY * nn.sigmoid(X)[0]  # forgets the other term

    monkeypatch.setitem(nn.ACTIVATIONS, "swish", swish)
    of_swish = [case for case in gradcheck.cases(np.random.default_rng(0)) if "swish" in case.name]
    results = [gradcheck.check(case, np.random.default_rng(0)) for case in of_swish]
    wrong = [result.case.piece for result in results if not gradcheck.passed(result)]
    assert set(wrong) == {"swish", "AutoRec", "DeepAutoRec"}
    assert gradcheck.explanation(results).startswith("WRONG: swish\n  dX: relative error ")


# The table of planted bugs: where; what went wrong; the text as it is; the text as it must not be.
# R @ np.eye(len(b)) is R as a dense matrix, with a 0 wherever nothing is observed.
BUGS = {
    "nn.layers": [
        ("sparse_in: dV from R where R.T belongs", "R.T @ dZ,", "R @ dZ,"),
        ("sparse_in: dV with the wrong sign", "R.T @ dZ,", "-(R.T @ dZ),"),
        ("sparse_in: dV from who rated, not from how", "R.T @ dZ,", "R.with_values(R.values**0).T @ dZ,"),
        ("sparse_in: dmu without the last row", "R.T @ dZ, dZ.sum(axis=0)", "R.T @ dZ, dZ[:-1].sum(axis=0)"),
        ("sparse_in: dmu a mean where a sum belongs", "R.T @ dZ, dZ.sum(axis=0)", "R.T @ dZ, dZ.mean(axis=0)"),
        ("sparse_in: dmu summed along the other axis", "R.T @ dZ, dZ.sum(axis=0)", "R.T @ dZ, dZ.sum(axis=1)"),
        ("sparse_in: dmu counts a row once for each of its ratings", "R.T @ dZ, dZ.sum", "R.T @ dZ, dZ[R.rows].sum"),
        ("dense: dX from V where V.T belongs", "dZ @ V.T,", "dZ @ V.reshape(V.T.shape),"),
        ("dense: dV from Z where X belongs", "X.T @ dZ,", "X.T @ Z,"),
        ("dense: dmu a mean where a sum belongs", "X.T @ dZ, dZ.sum(axis=0)", "X.T @ dZ, dZ.mean(axis=0)"),
        ("sampled_out: dH from E.T where E belongs", "E @ W,", "E.T @ W,"),
        ("sampled_out: dH from H", "E @ W,", "E @ H,"),
        ("sampled_out: dW from E where E.T belongs", "E.T @ H,", "E @ H,"),
        ("sampled_out: dW from W", "E.T @ H,", "E.T @ W,"),
        ("sampled_out: dW from the ratings, not from the errors", "E.T @ H,", "at.T @ H,"),
        ("sampled_out: db summed over the columns, not the rows", "E.sum_rows()", "E.T.sum_rows()"),
        ("sampled_out: db forgotten", "E.sum_rows()", "0 * b"),
        ("sampled_out: the errors weighted by the ratings", "at.with_values(dy)", "at.with_values(dy * at.values)"),
        (
            "embedding: only the last gradient of a row counts",
            "backend.xp.ones(len(rows), de.dtype)",
            "np.append(np.diff(rows[order]), 1).astype(bool).astype(de.dtype)",
        ),
        (
            "embedding: the mean of a row's gradients",
            "backend.xp.ones(len(rows), de.dtype)",
            "(1 / np.bincount(rows)[rows[order]]).astype(de.dtype)",
        ),
        (
            "embedding: the gradients in the order of the batch",
            "order.astype(np.int32)",
            "np.sort(order).astype(np.int32)",
        ),
        (
            "embedding: the gradient of another row",
            "np.bincount(rows, minlength=len(E))",
            "np.bincount(rows, minlength=len(E))[::-1]",
        ),
    ],
    "nn.losses": [
        ("the factor 2 of the square lost", "return 2 * e ", "return e "),
        ("r - y where y - r belongs", "return 2 * e ", "return -2 * e "),
        ("the gradient of a mean where the loss is a sum", "return 2 * e ", "return 2 * e / max(1, len(e)) "),
        ("the weights of the errors forgotten", "return 2 * weighted", "return 2 * e  "),
        ("the gradient of a sum where the loss is a mean", "- y) / len(y)", "- y)"),
        ("y forgotten", "(1 + tail) - y) / len(y)", "(1 + tail)) / len(y)"),
        ("σ(-z) where z is positive", "np.where(positive, 1, tail) / (1", "tail / (1"),
        (
            "l2 in the loss alone",
            "(params[name], grad) for",
            "(params[name], grad + 0) for",
        ),
    ],
    "nn.activations": [
        ("identity' = X", "return dY\n", "return dY * X\n"),
        ("sigmoid' of X where Y belongs", "logistic_backward(dY, Y)\n\n", "logistic_backward(dY, X)\n\n"),
        ("sigmoid' = 1 - Y", "(Y * (1 - Y))", "(1 - Y)"),
        ("sigmoid with exp(-2X)", "backend.tanh(X / 2)", "backend.tanh(X)"),
        ("tanh' = 1 - Y", "1 - Y * Y", "1 - Y"),
        ("relu' = 1", "dY * on", "dY"),
        ("relu' on the wrong side", "dY * on", "dY * ~on"),
        ("a stretched output without the chain rule", "back(factor * dY)", "back(dY)"),
    ],
    "models.autorec": [
        ("the activation skipped on the way back", "back_to_Z(dH)", "dH"),
        ("V and W change places", '{"V": dV, "mu": dmu, "W": dW', '{"V": dW, "mu": dmu, "W": dV'),
        ("dW without the mask", '"W": dW, "b": db}\n', '"W": 2 * (H @ W.T + b - R @ np.eye(len(b))).T @ H, "b": db}\n'),
        ("db without the mask", '"b": db}\n', '"b": 2 * (H @ W.T + b - R @ np.eye(len(b))).sum(axis=0)}\n'),
        ("l2 missing in the loss", "return error + penalty", "return error"),
        ("l2 for W from V", 'if self.center else {"W": dW, "V": dV}', 'if self.center else {"V": dW, "W": dV}'),
        ("l2 on the bias mu", '"mu": dmu', '"mu": dmu + R.share * self.l2 * mu'),
        ("l2 on the bias b", '"b": db}\n', '"b": db + R.share * self.l2 * b}\n'),
        ("the output activation skipped on the way back", "back_to_a(back_to_y())", "back_to_y()"),
        ("the share applied to the error", "return error +", "return R.share * error +"),
    ],
    "nn.hidden": [
        ("an activation skipped on the way back", "dZ = back_to_Z(dH[:, : len", "dZ = (lambda dH: dH)(dH[:, : len"),
        ("the gradient ends at the last layer", "dH = back_to_H(dX[0][:,", "dH = back_to_H(0 * dX[0][:,"),
        ("what flows into the features taken for what flows into the codes", "dH[:, : len(", "dH[:, -len("),
        ("the features' gradient from the ratings", "X.T @ dZ", "(R @ params['V1'])[:, : X.shape[1]].T @ dZ"),
    ],
    "models.cfn": [
        ("the output activation skipped on the way back", "back_to_a(back_to_y())", "back_to_y()"),
        ("the penalty missing in the loss", "return error + penalty", "return error"),
        (
            "the penalty without its gradient",
            "params, grads, R)",
            "params, {n: g + 0 for n, g in grads.items()}, R)",
        ),
        ("other noise for the loss than for the gradient", "identity(H + asarray(", "identity(H * asarray("),
    ],
    "nn.mix": [
        ("what flows through the attention forgotten", "s * dY + dD,", "s * dY,"),
        ("the attention to X taken for that to P", "(1 - s) * dY - dD", "(1 - s) * dY + dD"),
        ("dV from P where P - X belongs", "D.T @ dA", "P.T @ dA"),
        ("dw from what the sigmoid returned", "A.T @ dt", "A.T @ s"),
        ("a mean over the units where a sum belongs", "(dY * D).sum(", "(dY * D).mean("),
    ],
    "nn.all_cells": [
        ("the factor 2 of the square lost", "dY *= 2", "dY *= 1"),
        ("absent cells not weighed", "dY = unobserved * Y", "dY = 1 * Y"),
        ("y where y - r belongs", "dY[here] = y - r", "dY[here] = y"),
        ("the activation skipped on the way back", "dA = back(dY)", "dA = dY"),
        ("only the first rows count", "dW + dA.T @ H[rows]", "dW + dA[:1].T @ H[:1]"),
        ("the sum over all cells without its weights", "(A.T @ A), at.total(A.T @ a)", "(W.T @ W), at.total(W.T @ b)"),
        ("dW without the bias", "(A @ (H.T @ H) + a[:, None] * sums)", "(A @ (H.T @ H))"),
        ("db of one row", "(A @ sums + n * a)", "(A @ sums + a)"),
        ("dH without the bias", "    dH += g", "    dH += 0"),
        ("observed cells not taken off", "back(2 * ((y - r) - c * y))", "back(2 * (y - r))"),
    ],
    "models.ncae": [
        ("the output activation skipped on the way back", "back_to_a(back_to_y())", "back_to_y()"),
        ("the penalty missing in the loss", "return error + penalty", "return error"),
    ],
    "models.implicit_ncae": [
        ("a mean in the loss and a sum in the gradient", "in (dH, dW, db)", "in (dH, db)"),
        ("the hidden layers' gradient of a sum", "in (dH, dW, db)", "in (dW, db)"),
        ("the penalty missing in the loss", "of_row * error + penalty", "of_row * error"),
    ],
    "models.deep_autorec": [
        (
            "the output activation skipped on the way back",
            "back_to_H(back_to_a(back_to_y()))",
            "back_to_H(back_to_y())",
        ),
        ("the penalty missing in the loss", "return error + penalty", "return error"),
    ],
    "models.stages": [
        ("an activation skipped on the way out", "back_to_A(back_to_Y())", "back_to_Y()"),
        ("an activation skipped on the way in", "back_to_input(back_to_Z(dH))", "back_to_input(dH)"),
        ("the penalty missing in the loss", "return error + penalty", "return error"),
        ("dW as it was before the penalty", '"W": dW, "b": db}\n', '"W": dW - self.l2 * params["W"], "b": db}\n'),
        (
            "the gradients of the other layers forgotten",
            "grads[name] for name in params",
            "grads[name] * 0 for name in params",
        ),
    ],
    "nn.side_layers": [
        ("noise skipped on the way back", "back_to_H(dZ @", "(dZ @"),
        ("an activation skipped on the way back", "dZ = back_to_Z(dH)", "dZ = dH"),
        ("the input of the layer above", '"V{layer}": below.T @ dZ', '"V{layer}": 2 * (below.T @ dZ)'),
        ("the side information of the first layer alone", "= X.T @ dZ", "= (X.T @ dZ) * (layer == 1)"),
    ],
    "models.hybrid": [
        ("one weight for both sides", "of_items.backward(w_i, d_item)", "of_items.backward(w_u, d_item)"),
        ("the loss without the weight", "w_i * of_items.error + penalty", "of_items.error + penalty"),
        ("λ1 in the loss alone", "back_to_codes(self.lambda1 * back_to_y())", "back_to_codes(back_to_y())"),
        ("the penalty missing in the loss", "of_items.error + penalty", "of_items.error"),
        ("the features without a weight", "(weight * grad for grad in grads)", "(grad for grad in grads)"),
    ],
    "models.asdae": [
        ("the decoder sends nothing to the code", "back_to_input(dC + dC_decoder)", "back_to_input(dC)"),
        ("the prediction sends nothing to the code", "back_to_input(dC + dC_decoder)", "back_to_input(dC_decoder)"),
        ("the features send nothing to the decoder", "dH, grads = dH + dH_X,", "dH, grads = dH,"),
        ("α in the loss alone", "back_to_ratings(weight * self.alpha)", "back_to_ratings(weight)"),
    ],
    "models.dha": [
        ("the decoders send nothing to the code", "dC = dC + dC_decoder", "dC = dC"),
        ("the fusion skipped on the way back", "back_to_joined(back_to_Z(dC))", "back_to_joined(dC)"),
        ("both encoders get the same", "number * k : (number + 1) * k", ":k"),
        ("α in the loss alone", "back_to_H(weight * share)", "back_to_H(weight)"),
    ],
    "models.factored": [
        ("the code is not pulled", "d_codes.append(-2 * weight * (U - C))", "d_codes.append(0 * C)"),
        ("the vector is not pulled", "dU + 2 * weight * (U - C) +", "dU +"),
        ("λ_f once for each vector", "self.l2_factors * counts * U)", "self.l2_factors * U)"),
    ],
    "models.accm": [
        ("ids that count as unknown are learned", "back_to_E(known * joined(", "back_to_E(joined("),
        ("the bias of the vector", "back_to_biases(dy[:, None])", "back_to_biases(2 * dy[:, None])"),
        ("μ with a mean where a sum belongs", "dy.sum(keepdims=True)", "dy.mean(keepdims=True)"),
    ],
    "models.rating_neumf": [
        ("the weights h forgotten", "(dph * h[:, 0], ds)", "(dph, ds)"),
        ("dh from h where p belongs", "(dph * p).sum", "(dph * h[:, 0]).sum"),
        (
            "both vectors get the gradient of the first",
            "back_to_s(dC[:, self",
            "back_to_s(dC[:, : self.factors] + 0 * dC[:, self",
        ),
    ],
    "models.vectors": [("a vector twice as steep", "return e, backward", "return e, lambda de: 2 * backward(de)")],
    "models.pairs": [("l2 in the loss alone", "{name: grad for name", "{name: grad + 0 for name")],
    "baselines.neumf": [
        ("an activation skipped on the way to H2", "from_Z2(to_Z2(dH2))", "from_Z2(dH2)"),
        ("an activation skipped on the way to H1", "from_Z1(to_Z1(dH1))", "from_Z1(dH1)"),
        ("P and Q change places", '"P": to_P(dg * q), "Q": to_Q(dg * p)', '"P": to_P(dg * p), "Q": to_Q(dg * q)'),
        ("S and T change places", 'to_S(dst[:, :k]), "T": to_T(dst[:, k:])', 'to_S(dst[:, k:]), "T": to_T(dst[:, :k])'),
        (
            "the parts of the last layer change places",
            "dlast[:, :k], dlast[:, k:]",
            "dlast[:, -k:], dlast[:, : k // 2]",
        ),
    ],
    "nn.mlp": [
        ("the activation of the first layer skipped", "return back_to_Z(dH), grads", "return dH, grads"),
        ("an activation skipped on the way back", "back_to_H(back_to_Z_l(dH))", "back_to_H(dH)"),
    ],
    "nn.pairs": [
        (
            "the sums of the items over the cells of other items",
            "pattern.T, at.pattern.order, dZ",
            "pattern.T, cells, dZ",
        ),
        ("the codes change places", "E @ Q, E.T @ P", "E @ Q[::-1], E.T @ P"),
    ],
    "nn.noise": [
        ("a dropped unit gets a gradient", "return dH * scale", "return dH"),
    ],
    "models.nrp": [
        ("the ratings' tower gets the gradient of the features", "number * k : (number + 1) * k", "(1 - number) * k :"),
        ("the gradient ends at the codes", "back(dC[:, number", "back(0 * dC[:, number"),
    ],
    "models.towers": [
        ("the user's part of the first layer for the item", "dA_u, dA_i = back", "dA_i, dA_u = back"),
        (
            "half of the gradient lost on the way to the codes",
            "dA_u, dA_i = back_to_sides(dZ)",
            "dA_u, dA_i = back_to_sides(dZ / 2)",
        ),
    ],
    "sparse": [
        (
            "the transpose keeps its values in the old order",
            "self.backend.take(self.values, self.pattern.order)",
            "self.values",
        ),
        ("the transpose keeps its rows in the old order", "its.indices.astype(np.int32, copy=False)", "self.rows"),
        ("a rating of 0 taken for missing", "_with(values=values)", "_with(values=values * (self.values != 0))"),
    ],
}


def plant(monkeypatch, module_name, right, wrong):
    """Execute the module with the bug in its source, and put what it defines wherever the originals are in use."""
    module = import_module(f"tinyrec.{module_name}")
    source, originals = inspect.getsource(module), dict(vars(module))
    assert source.count(right) == 1, "the table of bugs does not fit the source any more"
    copy = types.ModuleType(module.__name__)
    exec(source.replace(right, wrong), vars(copy))  # noqa: S102
    mutants = {name: thing for name, thing in vars(copy).items() if not name.startswith("__")}
    for user in [user for name, user in sys.modules.items() if name.startswith("tinyrec.")]:
        for name, mutant in mutants.items():
            if name in vars(user) and vars(user)[name] is originals[name]:
                monkeypatch.setattr(user, name, mutant)
    for name, mutant in mutants.items():  # other models inherit the methods of the original
        for key, method in vars(mutant).items() if isinstance(mutant, type) and mutant is not originals[name] else ():
            if inspect.isfunction(method) and not key.startswith("__"):
                monkeypatch.setattr(vars(originals[name])[key], "__code__", method.__code__)
    for name, model in models.MODELS.items():
        monkeypatch.setitem(models.MODELS, name, mutants.get(model.__name__, model))


def caught():
    """For each way of checking, whether it finds a wrong gradient in any of the cases."""
    rng, found = np.random.default_rng(0), dict.fromkeys(gradcheck.TOLERANCE, False)
    for case in gradcheck.cases(rng):
        if all(found.values()):
            break
        result = gradcheck.check(case, rng)  # where the shapes give a bug away, it must be found where they fit, too
        found["complex"] |= result.complex > gradcheck.TOLERANCE["complex"]
        found["central"] |= result.central > gradcheck.TOLERANCE["central"]
    return found


@pytest.mark.parametrize(
    "module_name, right, wrong",
    [
        pytest.param(module_name, right, wrong, id=f"{module_name}: {story}")
        for module_name, bugs in BUGS.items()
        for story, right, wrong in bugs
    ],
)
def test_the_checker_catches(monkeypatch, module_name, right, wrong):
    plant(monkeypatch, module_name, right, wrong)
    assert caught() == {"complex": True, "central": True}


def test_the_checker_catches_nothing_where_no_bug_is_planted():
    assert caught() == {"complex": False, "central": False}
