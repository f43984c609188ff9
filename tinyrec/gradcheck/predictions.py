"""Check that a model predicts what it learns: that `encode` and `decoder` agree with the forward of the loss."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyrec.backend import Array, Params
from tinyrec.errors import UsageError
from tinyrec.gradcheck.compare import CENTRAL_STEP
from tinyrec.models import Autoencoder
from tinyrec.sparse import Ratings

RESIDUAL = 1e-4  # relative; right models have 1e-9, those with another encoder or decoder mostly more than 0.03
NO_SHARE = 1e-50  # of a penalty, so that it is lost in rounding
OTHER_FORWARD = (
    "the predictions are not those that loss_and_grads learns: encode or decoder differ from its forward pass (or its "
    "loss has a term that is neither one of the predictions nor a penalty in proportion to l2 or R.share)"
)
OTHER_SIGN = (
    "the loss falls where a prediction moves away from its rating: does loss_and_grads apply the activation `output`, "
    "as the predictions do?"
)


def wrong_predictions(model: Autoencoder, params: Params, R: Ratings) -> list[str]:
    """What is wrong with the predictions of a model and, if its `output` is the identity, with output tanh as well."""
    models = [model]
    if getattr(model, "output", "") == "identity":
        with contextlib.suppress(UsageError):  # centred ratings have no other output
            models.append(replace(model, output="tanh"))  # type: ignore[call-arg]
    return next(filter(None, (_wrong(model, params, R) for model in models)), [])


def _wrong(model: Autoencoder, params: Params, R: Ratings) -> list[str]:
    """What is wrong with the predictions r̂ (p,): those of the p observed cells or, of implicit feedback, all cells.

    Without noise and penalties, the loss depends on the parameters θ through the predictions alone. By the chain rule

        ∂L/∂θ = Jᵀ x,  J = ∂r̂/∂θ, one row for each cell,  x = ∂L/∂r̂

    J is computed from `encode` and `decoder`, ∂L/∂θ by `loss_and_grads`. If no x solves this, their forwards differ. An
    activation of r̂ changes x alone, but then x has not the sign of r̂ - r, as it must: a rating that is missed by more
    costs more. This is not asked of implicit feedback, where r̂ is a score. With fewer parameters than cells there is
    always an x, and nothing is found.

    A parameter that is one number and that no prediction reads is taken for one of the loss, such as the variance of
    the noise: it is left out of θ, and signs are not compared.
    """

    def predict(params):
        Y = model.decode(model.decoder(params), model.encode(params, R), np.arange(R.shape[1]))  # (n, d)
        return Y.ravel() if model.implicit else Y[R.rows, R.cols]

    params = {name: w / 2 for name, w in params.items()}  # where no activation is flat
    _, grads = replace(model, l2=0.0).loss_and_grads(params, R.with_share(NO_SHARE))
    slopes = {name: jacobian(predict, params, name) for name in params}
    of_r = [name for name, w in params.items() if w.size > 1 or slopes[name].any()]
    J, g = np.hstack([slopes[name] for name in of_r]), np.concatenate([np.ravel(grads[name]) for name in of_r])
    g = g / np.abs(g).max()
    x, _, rank, _ = np.linalg.lstsq(J.T, g, rcond=1e-6)
    if not np.abs(J.T @ x - g).max() <= RESIDUAL:  # so that NaN is wrong, too
        return [OTHER_FORWARD]
    if model.implicit or len(of_r) < len(params) or rank < len(x):  # in the last case x is not unique
        return []
    cost = x * (predict(params) - R.values)
    return [OTHER_SIGN] if cost.min() < -1e-6 * np.abs(cost).max() else []


def jacobian(f: Callable[[Params], Array], params: Params, name: str) -> Array:
    """∂f/∂w (p, size of w) for w = params[name], by central differences."""
    w, columns = params[name], []
    for entry in np.ndindex(w.shape):
        h = np.zeros_like(w)
        h[entry] = CENTRAL_STEP
        columns.append((f({**params, name: w + h}) - f({**params, name: w - h})) / (2 * CENTRAL_STEP))
    return np.stack(columns, axis=1)
