"""tinyrec: autoencoder collaborative filtering from scratch in NumPy, forward and backward by hand."""

import tinyrec.signals  # noqa: F401 - first, so that Ctrl-C has its effect while the rest is imported

# isort: split
from tinyrec.backend.threads import deterministic
from tinyrec.baselines import (
    ALSWR,
    BPMF,
    BPR,
    EALS,
    EASE,
    LLORMA,
    RBM,
    WMF,
    Bias,
    BiasedMF,
    ItemKNN,
    NeuMF,
    Pop,
    SVDFeature,
)
from tinyrec.data import Dataset, Features, load_dataset, load_split, make_synthetic
from tinyrec.errors import DataError, Diverged, FileError, TinyrecError, UsageError
from tinyrec.evaluation.cross_validation import cross_validate
from tinyrec.evaluation.splits import (
    split_folds,
    split_leave_one_out,
    split_random,
    split_repeats,
    split_time,
    split_users,
)
from tinyrec.models import (
    ACCM,
    ASDAE,
    CFN,
    DHA,
    DSSM,
    MF,
    NCAE,
    NRP,
    NRPDHA,
    Autoencoder,
    AutoRec,
    DeepAutoRec,
    ImplicitNCAE,
    NRPaSDAE,
    PairModel,
    RatingNeuMF,
)
from tinyrec.recommenders import Average, Recommender, load
from tinyrec.training import train

__version__ = "0.1.0"

__all__ = [
    "ACCM",
    "ALSWR",
    "ASDAE",
    "BPMF",
    "BPR",
    "CFN",
    "DHA",
    "DSSM",
    "EALS",
    "EASE",
    "LLORMA",
    "MF",
    "NCAE",
    "NRP",
    "NRPDHA",
    "RBM",
    "WMF",
    "AutoRec",
    "Autoencoder",
    "Average",
    "Bias",
    "BiasedMF",
    "DataError",
    "Dataset",
    "DeepAutoRec",
    "Diverged",
    "Features",
    "FileError",
    "ImplicitNCAE",
    "ItemKNN",
    "NRPaSDAE",
    "NeuMF",
    "PairModel",
    "Pop",
    "RatingNeuMF",
    "Recommender",
    "SVDFeature",
    "TinyrecError",
    "UsageError",
    "cross_validate",
    "deterministic",
    "load",
    "load_dataset",
    "load_split",
    "make_synthetic",
    "split_folds",
    "split_leave_one_out",
    "split_random",
    "split_repeats",
    "split_time",
    "split_users",
    "train",
]
