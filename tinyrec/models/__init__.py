"""One paper's model a file; `base.py` holds what they share."""

from tinyrec.models.autorec import AutoRec
from tinyrec.models.base import Autoencoder
from tinyrec.models.cfn import CFN
from tinyrec.models.deep_autorec import DeepAutoRec

MODELS: dict[str, type[Autoencoder]] = {"autorec": AutoRec, "deep-autorec": DeepAutoRec, "cfn": CFN}

__all__ = ["CFN", "MODELS", "AutoRec", "DeepAutoRec"]
