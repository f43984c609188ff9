"""What all optimisers have; see `tinyrec.optim` for their methods."""

from __future__ import annotations

from typing import Self

import numpy as np


class Optimizer:
    """full_batch: it needs all rows in each step;  dtype: of what it trains;  state_per_parameter: that it remembers

    patience: epochs without a gain on a validation part to bear; None: it is to run for all its epochs
    """

    full_batch = False
    dtype: type = np.float32
    state_per_parameter = 1
    patience: int | None = 20

    def at(self, done: float, epochs: int) -> Self:
        """This optimiser as it is when so many of the epochs are done; 2.5: in the middle of the third."""
        return self
