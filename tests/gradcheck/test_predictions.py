"""gradcheck finds a model whose gradients are right and whose predictions are not those that it learns."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import tinyrec as tr
from tinyrec import gradcheck
from tinyrec.errors import UsageError
from tinyrec.gradcheck import pieces
from tinyrec.gradcheck.compare import draw
from tinyrec.gradcheck.predictions import OTHER_FORWARD, OTHER_SIGN, jacobian, wrong_predictions
from tinyrec.models import CFN, NCAE, AutoRec, DeepAutoRec, ImplicitNCAE
from tinyrec.nn import ACTIVATIONS, OUTPUTS, l2_penalty, sampled_out, sigmoid, sparse_in, squared_error, tanh


@dataclass(frozen=True, kw_only=True)
class Mine(tr.Autoencoder):
    """f(W tanh(A r + c) + e), with the penalty l2 and one of its own, strength"""

    output: str = "identity"
    hidden_units: int = 4
    strength: float = 0.3

    def shapes(self, d, q=0):
        return {"A": (d, self.hidden_units), "c": (self.hidden_units,), "M": (self.hidden_units, d), "e": (d,)}

    def encode(self, params, R):
        return tanh(sparse_in(R, params["A"], params["c"])[0])[0]

    def decoder(self, params):
        return {"W": params["M"].T, "b": params["e"]}

    def learned(self, a):
        return OUTPUTS[self.output](a)

    def loss_and_grads(self, params, R, rng=None):
        Z, back_to_params = sparse_in(R, params["A"], params["c"])
        H, back_to_Z = tanh(Z)
        a, back_to_H = sampled_out(H, params["M"].T, params["e"], at=R)
        y, back_to_a = self.learned(a)
        error, back_to_y = squared_error(y, R.values)
        dH, dW, de = back_to_H(back_to_a(back_to_y()))
        dA, dc = back_to_params(back_to_Z(dH))
        grads = {"A": dA, "c": dc, "M": dW.T.copy(), "e": de}
        penalty = l2_penalty(R.share * self.l2, params, {"A": grads["A"]}, R)
        penalty += l2_penalty(R.share * self.strength, params, {"c": grads["c"]}, R)
        return error + penalty, grads


class OtherActivation(Mine):
    def encode(self, params, R):
        return sigmoid(sparse_in(R, params["A"], params["c"])[0])[0]


class OtherBias(Mine):
    def encode(self, params, R):
        return tanh(sparse_in(R, params["A"], 0 * params["c"])[0])[0]


class NoActivation(Mine):
    def encode(self, params, R):
        return sparse_in(R, params["A"], params["c"])[0]


class ReshapedDecoder(Mine):
    def decoder(self, params):
        return {"W": params["M"].reshape(params["M"].T.shape), "b": params["e"]}


class DecoderOfTheEncoder(Mine):
    def decoder(self, params):
        return {"W": params["A"], "b": params["e"]}


class NoBias(Mine):
    def decoder(self, params):
        return {"W": params["M"].T, "b": 0 * params["e"]}


class OneMoreTerm(Mine):
    def loss_and_grads(self, params, R, rng=None):
        loss, grads = super().loss_and_grads(params, R, rng)
        return loss + (params["A"] ** 3).sum(), {**grads, "A": grads["A"] + 3 * params["A"] ** 2}


class LearnsItsNoise(Mine):
    """Σ e² exp(-v) + v, where v is a parameter of the loss alone"""

    def shapes(self, d, q=0):
        return super().shapes(d) | {"v": (1,)}

    def loss_and_grads(self, params, R, rng=None):
        loss, grads = replace(self, strength=0.0, l2=0.0).errors(params, R)
        factor = np.exp(-params["v"][0])
        grads = {name: factor * grad for name, grad in grads.items()}
        return factor * loss + params["v"][0], {**grads, "v": np.array([1 - factor * loss])}

    def errors(self, params, R):
        return super().loss_and_grads(params, R)


class LearnsItsNoiseWrongly(LearnsItsNoise):
    encode = OtherActivation.encode


class NoOutput(Mine):
    def learned(self, a):
        return OUTPUTS["identity"](a)


class NotStretched(Mine):
    def learned(self, a):
        return ACTIVATIONS[self.output](a)


class TransposedDecoder(Mine):
    def decoder(self, params):
        return {"W": params["M"], "b": params["e"]}


class NoEncode(Mine):
    encode = tr.Autoencoder.encode


class NoDecoder(Mine):
    decoder = tr.Autoencoder.decoder


def said(model, seed=0):
    with pytest.raises(AssertionError) as problem:
        gradcheck.check_model(model, seed)
    return " ".join(str(problem.value).split())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_right_model_passes(output, seed):
    gradcheck.check_model(Mine(output=output), seed)


def test_a_parameter_of_the_loss_alone_is_none_of_the_predictions():
    gradcheck.check_model(LearnsItsNoise())
    assert OTHER_FORWARD in said(LearnsItsNoiseWrongly())


FORWARDS = OtherActivation, OtherBias, NoActivation, ReshapedDecoder, DecoderOfTheEncoder, NoBias, OneMoreTerm


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", FORWARDS)
def test_predictions_of_another_forward_are_found(kind, seed):
    assert said(kind(), seed) == f"WRONG: {kind.__name__}(l2=0.7), 5x7 {OTHER_FORWARD}"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("output", ["sigmoid", "tanh"])
@pytest.mark.parametrize("kind", [NoOutput, NotStretched])
def test_predictions_with_an_output_that_is_not_learned_are_found(kind, output, seed):
    assert said(kind(output=output), seed) == f"WRONG: {kind.__name__}(l2=0.7, output='{output}'), 5x7 {OTHER_SIGN}"


@pytest.mark.parametrize("kind", [NoOutput, NotStretched])
def test_an_output_that_is_ignored_is_found_before_it_is_set(kind):
    """With the identity nothing is wrong, so another output is tried."""
    assert said(kind()) == f"WRONG: {kind.__name__}(l2=0.7), 5x7 {OTHER_SIGN}"
    gradcheck.check_model(kind(output="identity", center=True))  # has no other


@pytest.mark.parametrize(
    "kind, sentence",
    [
        (TransposedDecoder, "it raises IndexError: "),
        (NoEncode, "NoEncode has no parameter V1; define encode(params, R) to return H"),
        (NoDecoder, "NoDecoder has no parameters W and b; define decoder(params) to return them"),
    ],
)
def test_what_cannot_predict_is_found(kind, sentence):
    assert sentence in said(kind())


def test_a_forgotten_method_is_named_as_training_names_it():
    data = tr.make_synthetic(20, 15, 150)
    for kind in (NoEncode, NoDecoder):
        with pytest.raises(UsageError) as problem:
            kind(l2=1.0).fit(data, epochs=1)
        assert str(problem.value) in said(kind())


@pytest.mark.parametrize("kind", [*FORWARDS, NoOutput, NotStretched, TransposedDecoder, NoEncode, NoDecoder])
def test_the_gradients_of_all_these_models_are_right(kind):
    """So without the check of the predictions they pass."""
    for case in gradcheck.own_cases(kind(output="sigmoid"), np.random.default_rng(0)):
        assert gradcheck.passed(gradcheck.check(replace(case, further=list), np.random.default_rng(0)))


@pytest.mark.parametrize("seed", range(2))
def test_every_model_of_tinyrec_passes_on_every_matrix(seed):
    rng = np.random.default_rng(seed)
    for R in pieces.matrices(rng).values():
        for make in pieces.autoencoders() if R.size else ():
            rows = R.with_values(R.values**0) if make.func.implicit else R
            rows = rows.with_side(rng.standard_normal((R.shape[0], 2))) if make.func.reads_features else rows
            model = make()
            rows = model.prepare(rows)
            params = draw(model.shapes(rows.shape[1], rows.side_width), rng)
            assert wrong_predictions(model, params, rows) == []


def test_every_kind_of_autoencoder_is_checked():
    checked = {case.of for case in gradcheck.cases(np.random.default_rng(0)) if case.further is not list}
    assert checked == {AutoRec, DeepAutoRec, CFN, NCAE, ImplicitNCAE}


@pytest.mark.parametrize("kind", [AutoRec, DeepAutoRec, CFN, NCAE, ImplicitNCAE])
def test_another_encoder_of_a_model_of_tinyrec_is_found(kind):
    class Other(kind):
        def encode(self, params, R):
            return 0.9 * super().encode(params, R)

    assert OTHER_FORWARD in said(Other(hidden_units=4))


def test_the_jacobian():
    M, params = np.arange(6.0).reshape(2, 3), {"x": np.ones(3), "y": np.array(2.0)}
    for name, expected in (("x", M), ("y", [[1], [1]])):
        assert np.allclose(jacobian(lambda p: M @ p["x"] + p["y"], params, name), expected, atol=1e-8)
