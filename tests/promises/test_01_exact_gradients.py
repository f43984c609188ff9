"""Exact gradients.

Every hand-written gradient, of each activation, loss, layer and model, agrees with a complex step to 1e-10 and with
central differences to 1e-6, relative, and a second call gives the same bits. As it is trained, by numba in float32, the
gradient of each autoencoder is within 1e-5 of the one in float64, in relative norm. Planted bugs are found.
"""

import numpy as np
import pytest

import tinyrec as tr
from tests.gradcheck.test_gradcheck import BUGS, caught, plant
from tests.testing.test_check_recommender import AUTOENCODERS
from tinyrec import gradcheck
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training.run import rows_of

PLANTED = [(module, right, wrong) for module, bugs in BUGS.items() for _, right, wrong in bugs]


def test_they_agree_with_a_complex_step(figure, size):
    rng = np.random.default_rng(0)
    results = [gradcheck.check(case, rng) for case in list(gradcheck.cases(rng))[:: size(4, 1)]]
    worst = np.nanmax([its.complex for its in results]), max(its.central for its in results)
    figure(f"{len(results)} cases: complex step {worst[0]:.0e}, central differences {worst[1]:.0e}")
    assert all(map(gradcheck.passed, results)) and worst[0] <= 1e-10 and worst[1] <= 1e-6
    for its in (its.case for its in results):
        first, second = its.function(its.params)[1], its.function(its.params)[1]
        assert all(first[name].tobytes() == second[name].tobytes() for name in its.params)


def gradient(model, data, dtype, backend):
    scaling = Scaling.of(data, model.offset, model.by, model.damping)
    R, rng = rows_of(model, data, scaling, dtype, backend), np.random.default_rng(0)
    params = {name: w.astype(dtype) for name, w in model.init(R, rng).items()}
    _, grads = model.loss_and_grads(params, R, np.random.default_rng(1))
    return np.concatenate([grads[name].ravel() for name in sorted(grads)])


def test_float32_is_as_float64(figure):
    data, errors = tr.make_synthetic(200, 150, 4000, seed=0), []
    for model in AUTOENCODERS:
        its = data.binarized() if model.implicit else data
        single, double = gradient(model, its, np.float32, "numpy"), gradient(model, its, np.float64, "reference")
        errors.append(float(np.linalg.norm(single - double) / np.linalg.norm(double)))
    figure(f"float32 {max(errors):.0e} from float64")
    assert single.dtype == np.float32 and max(errors) <= 1e-5


def test_planted_bugs_are_found(figure, size):
    planted, found = PLANTED[:: size(30, 1)], 0
    for bug in planted:
        with pytest.MonkeyPatch.context() as patch:
            plant(patch, *bug)
            found += all(caught().values())
    figure(f"{found} of {len(planted)} planted bugs found")
    assert found == len(planted) >= 3
