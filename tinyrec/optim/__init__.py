"""Optimisers, in order of increasing complexity.

Each is an Optimizer, a frozen dataclass of its constants, with two methods:

    state = optimizer.init(params)                             what it remembers, as nested dicts of arrays and numbers
    loss = optimizer.step(objective, params, state, backend)   one update of params and state, in place

where objective(params) -> (loss, grads): a number, and params and grads are dicts of arrays with the same keys.
"""

from tinyrec.optim.adam import Adam
from tinyrec.optim.lbfgs import LBFGS
from tinyrec.optim.rmsprop import RMSprop
from tinyrec.optim.rprop import RProp
from tinyrec.optim.sgd import SGD

OPTIMIZERS = {"rprop": RProp, "lbfgs": LBFGS, "sgd": SGD, "rmsprop": RMSprop, "adam": Adam}

__all__ = ["LBFGS", "OPTIMIZERS", "SGD", "Adam", "RMSprop", "RProp"]
