"""tinyrec: autoencoder collaborative filtering from scratch in NumPy, forward and backward by hand."""

from tinyrec.average import Average
from tinyrec.baselines import Bias
from tinyrec.data import Dataset, Features, load_dataset, load_split, make_synthetic
from tinyrec.errors import DataError, Diverged, FileError, TinyrecError, UsageError
from tinyrec.fitting import train
from tinyrec.model_file import load
from tinyrec.models import CFN, NCAE, AutoRec, DeepAutoRec, ImplicitNCAE
from tinyrec.recommender import Recommender
from tinyrec.splits import split_folds, split_leave_one_out, split_random, split_repeats, split_users

__version__ = "0.1.0"

__all__ = [
    "CFN",
    "NCAE",
    "AutoRec",
    "Average",
    "Bias",
    "DataError",
    "Dataset",
    "DeepAutoRec",
    "Diverged",
    "Features",
    "FileError",
    "ImplicitNCAE",
    "Recommender",
    "TinyrecError",
    "UsageError",
    "load",
    "load_dataset",
    "load_split",
    "make_synthetic",
    "split_folds",
    "split_leave_one_out",
    "split_random",
    "split_repeats",
    "split_users",
    "train",
]
