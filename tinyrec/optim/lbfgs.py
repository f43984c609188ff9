"""L-BFGS, by SciPy. The only file that imports scipy.optimize."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyrec.backend import Array, Backend, Params, to_host
from tinyrec.optim.base import Optimizer


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """w <- w - step H g, with H an estimate of the inverse Hessian from the last `memory` steps    (Byrd et al. 1995)

    An epoch is a block of `iterations` iterations. SciPy cannot pass its curvature pairs on from one call to the next,
    so H is estimated anew in each block; hence training can be stopped and resumed between blocks, bit for bit.

    SciPy's vectors are in host memory, also when the model is on a GPU: each evaluation of the loss copies all
    parameters to the GPU and all gradients back, and the GPU waits meanwhile.

    The objective must raise if it is not finite: SciPy takes an infinite loss for convergence, and ignores a NaN.
    """

    iterations: int = 50
    memory: int = 10

    full_batch = True
    line_search = True
    patience = 2
    dtype = np.float64  # which the line search needs

    @property
    def state_per_parameter(self) -> int:  # type: ignore[override]
        return 2 * self.memory + 17  # SciPy: 2 memory + 5 and two bounds; 10 copies of points and gradients

    def init(self, params: Params) -> dict[str, Any]:
        return {}

    def minimize(self, objective: Callable, params: Params, backend: Backend) -> float:
        """One block of iterations: params are changed in place, and the loss at the block's end is returned."""
        from scipy.optimize import minimize

        def value_and_gradient(vector):
            fill(params, vector, backend.asarray)
            loss, grads = objective(params)
            return loss, flatten({name: grads[name] for name in params})

        # ftol: SciPy's default would end a block at a change of 2e-9, far above the precision of float64
        options = {"maxiter": self.iterations, "maxcor": self.memory, "ftol": 1e-14}
        start = flatten(params)
        try:
            result = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
        except BaseException:
            fill(params, start, backend.asarray)  # not the point that the line search was trying
            raise
        fill(params, result.x, backend.asarray)
        return float(result.fun)


def flatten(params: Params) -> Array:
    """All arrays end to end, in the order of the dict: a float64 vector (size,) on the host."""
    return np.concatenate([to_host(array).ravel() for array in params.values()]).astype(np.float64, copy=False)


def fill(params: Params, vector: Array, asarray: Callable[[Array], Array] = np.asarray) -> None:
    """Write a vector made by `flatten` back into the arrays it came from; asarray: see Backend."""
    start = 0
    for array in params.values():
        array[...] = asarray(vector[start : start + array.size]).reshape(array.shape)
        start += array.size
