"""What the papers compare with."""

from tinyrec.baselines.bias import Bias

__all__ = ["Bias"]
