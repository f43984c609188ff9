"""One paper's model a file; `base.py` holds what they share."""

from tinyrec.models.autorec import AutoRec

MODELS = {"autorec": AutoRec}

__all__ = ["MODELS", "AutoRec"]
