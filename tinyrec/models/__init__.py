"""One paper's model a file; `base.py` holds what they share."""

from tinyrec.models.autorec import AutoRec
from tinyrec.models.deep_autorec import DeepAutoRec

MODELS = {"autorec": AutoRec, "deep-autorec": DeepAutoRec}

__all__ = ["MODELS", "AutoRec", "DeepAutoRec"]
