"""What the papers compare with."""

from typing import Any

from tinyrec.baselines.bias import Bias
from tinyrec.baselines.bpr import BPR
from tinyrec.baselines.eals import EALS
from tinyrec.baselines.ease import EASE
from tinyrec.baselines.knn import ItemKNN
from tinyrec.baselines.neumf import NeuMF
from tinyrec.baselines.pop import Pop
from tinyrec.baselines.wmf import WMF

# Those for clicks: frozen dataclasses of hyper-parameters, with fit(R, seed) -> what has scores(users)
BASELINES: dict[str, Any] = {
    "pop": Pop,
    "item-knn": ItemKNN,
    "ease": EASE,
    "wmf": WMF,
    "eals": EALS,
    "bpr": BPR,
    "neumf": NeuMF,
}

__all__ = ["BASELINES", "BPR", "EALS", "EASE", "WMF", "Bias", "ItemKNN", "NeuMF", "Pop"]
