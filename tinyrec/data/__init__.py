"""Data sets: load, validate, describe and generate them."""

from tinyrec.data.dataset import Dataset
from tinyrec.data.features.encoding import Features
from tinyrec.data.ids import Index
from tinyrec.data.load import DATASETS, load_dataset, load_split
from tinyrec.data.sets.synthetic import make_synthetic

__all__ = ["DATASETS", "Dataset", "Features", "Index", "load_dataset", "load_split", "make_synthetic"]
