"""Optimisers. Each is an Optimizer, a frozen dataclass of its constants, with two methods:

    state = optimizer.init(params)                       its state, nested dicts of arrays and numbers
    optimizer.step(params, grads, state, backend, loss)  one update of params and state, in place

params and grads are dicts of arrays with the same keys. loss: of this step; in batches on a GPU, of the step before it,
and NaN in the first one of an epoch. L-BFGS, which evaluates the loss at points of its own choice, has
`minimize(objective, params, backend)` instead of `step`, with objective(params) -> (loss, grads).
"""

from tinyrec.optim.adam import Adam
from tinyrec.optim.base import Optimizer
from tinyrec.optim.lbfgs import LBFGS
from tinyrec.optim.rmsprop import RMSprop
from tinyrec.optim.rprop import RProp
from tinyrec.optim.sgd import SGD

OPTIMIZERS = {"rprop": RProp, "lbfgs": LBFGS, "sgd": SGD, "rmsprop": RMSprop, "adam": Adam}

__all__ = ["LBFGS", "OPTIMIZERS", "SGD", "Adam", "Optimizer", "RMSprop", "RProp"]
