"""What all optimisers have in common; see `tinyrec.optim` for their methods."""

from __future__ import annotations

from typing import Any

import numpy as np


class Optimizer:
    """Base of the optimisers.

    full_batch: each step needs all rows;  line_search: it has `minimize` instead of `step`, see `LBFGS`
    decays: the learning rate falls during training; then `at(done, epochs)` is the optimiser after `done` epochs
    dtype: of ratings and parameters;  state_per_parameter: how many numbers the state has for each parameter
    patience: early stopping ends a trial after so many epochs without improvement; None: all epochs are run
    """

    full_batch = False
    line_search = False
    decays: Any = False
    dtype: type = np.float32
    state_per_parameter = 1
    patience: Any = 20
