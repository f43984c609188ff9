"""One paper's model a file; `base.py` holds what they share."""

from tinyrec.models.accm import ACCM
from tinyrec.models.asdae import ASDAE, NRPaSDAE
from tinyrec.models.autoencoder import Autoencoder
from tinyrec.models.autorec import AutoRec
from tinyrec.models.base import Model, Network
from tinyrec.models.cfn import CFN
from tinyrec.models.deep_autorec import DeepAutoRec
from tinyrec.models.dha import DHA, NRPDHA
from tinyrec.models.dssm import DSSM
from tinyrec.models.implicit_ncae import ImplicitNCAE
from tinyrec.models.mf import MF
from tinyrec.models.ncae import NCAE
from tinyrec.models.nrp import NRP
from tinyrec.models.pairs import PairModel
from tinyrec.models.rating_neumf import RatingNeuMF

MODELS: dict[str, type[Network]] = {
    "autorec": AutoRec,
    "deep-autorec": DeepAutoRec,
    "cfn": CFN,
    "ncae": NCAE,
    "implicit-ncae": ImplicitNCAE,
    "nrp": NRP,
    "accm": ACCM,
    "dssm": DSSM,
    "rating-neumf": RatingNeuMF,
    "mf": MF,
    "asdae": ASDAE,
    "dha": DHA,
    "nrp-asdae": NRPaSDAE,
    "nrp-dha": NRPDHA,
}

__all__ = [
    "ACCM",
    "ASDAE",
    "CFN",
    "DHA",
    "DSSM",
    "MF",
    "MODELS",
    "NCAE",
    "NRP",
    "NRPDHA",
    "AutoRec",
    "Autoencoder",
    "DeepAutoRec",
    "ImplicitNCAE",
    "Model",
    "NRPaSDAE",
    "Network",
    "PairModel",
    "RatingNeuMF",
]
