"""tinyrec: autoencoder collaborative filtering from scratch in NumPy, forward and backward by hand."""

from tinyrec.data import Dataset, Features, load_dataset, load_split, make_synthetic
from tinyrec.errors import DataError, Diverged, FileError, TinyrecError, UsageError
from tinyrec.evaluation.splits import split_folds, split_leave_one_out, split_random, split_repeats, split_users
from tinyrec.models import CFN, NCAE, AutoRec, DeepAutoRec, ImplicitNCAE
from tinyrec.recommenders.average import Average
from tinyrec.recommenders.base import Recommender
from tinyrec.recommenders.biases import Bias
from tinyrec.recommenders.model_file import load
from tinyrec.training.train import train

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
