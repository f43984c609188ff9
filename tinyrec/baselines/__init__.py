"""What the papers compare with."""

from typing import Any

from tinyrec.baselines.als_wr import ALSWR
from tinyrec.baselines.biased_mf import BiasedMF
from tinyrec.baselines.bpmf import BPMF
from tinyrec.baselines.bpr import BPR
from tinyrec.baselines.eals import EALS
from tinyrec.baselines.ease import EASE
from tinyrec.baselines.knn import ItemKNN
from tinyrec.baselines.llorma import LLORMA
from tinyrec.baselines.neumf import NeuMF
from tinyrec.baselines.pop import Pop
from tinyrec.baselines.rbm import RBM
from tinyrec.baselines.wmf import WMF
from tinyrec.recommenders.biases import Bias

# Frozen dataclasses of hyper-parameters, with fit(R, seed) -> what has scores(users) of clicks, and else
# predict(users, items) in ratings, not clipped
BASELINES: dict[str, Any] = {
    "pop": Pop,
    "item-knn": ItemKNN,
    "ease": EASE,
    "wmf": WMF,
    "eals": EALS,
    "bpr": BPR,
    "neumf": NeuMF,
    "biased-mf": BiasedMF,
    "als-wr": ALSWR,
    "bpmf": BPMF,
    "rbm": RBM,
    "llorma": LLORMA,
}

__all__ = [
    "ALSWR",
    "BASELINES",
    "BPMF",
    "BPR",
    "EALS",
    "EASE",
    "LLORMA",
    "RBM",
    "WMF",
    "Bias",
    "BiasedMF",
    "ItemKNN",
    "NeuMF",
    "Pop",
]
