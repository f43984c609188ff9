"""What the papers compare with, behind the same interface as the models."""

from tinyrec.baselines.als_wr import ALSWR
from tinyrec.baselines.base import Baseline
from tinyrec.baselines.bias import Bias
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
from tinyrec.baselines.svd_feature import SVDFeature
from tinyrec.baselines.wmf import WMF

BASELINES: dict[str, type[Baseline]] = {
    "bias": Bias,
    "pop": Pop,
    "item-knn": ItemKNN,
    "ease": EASE,
    "wmf": WMF,
    "eals": EALS,
    "bpr": BPR,
    "neumf": NeuMF,
    "biased-mf": BiasedMF,
    "svd-feature": SVDFeature,
    "als-wr": ALSWR,
    "bpmf": BPMF,
    "rbm": RBM,
    "llorma": LLORMA,
}
