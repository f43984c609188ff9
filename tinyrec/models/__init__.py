"""One paper's model a file; `base.py` holds what they share."""

from tinyrec.models.autoencoder import Autoencoder
from tinyrec.models.autorec import AutoRec
from tinyrec.models.base import Model, Network
from tinyrec.models.cfn import CFN
from tinyrec.models.deep_autorec import DeepAutoRec
from tinyrec.models.implicit_ncae import ImplicitNCAE
from tinyrec.models.ncae import NCAE

MODELS: dict[str, type[Network]] = {
    "autorec": AutoRec,
    "deep-autorec": DeepAutoRec,
    "cfn": CFN,
    "ncae": NCAE,
    "implicit-ncae": ImplicitNCAE,
}

__all__ = ["CFN", "MODELS", "NCAE", "AutoRec", "Autoencoder", "DeepAutoRec", "ImplicitNCAE", "Model", "Network"]
