"""From a model and a data set to a fitted model."""

from tinyrec.training.early_stopping import EarlyStopping
from tinyrec.training.loop import Epoch, begin, fit
from tinyrec.training.progress import Progress
from tinyrec.training.run import train

__all__ = ["EarlyStopping", "Epoch", "Progress", "begin", "fit", "train"]
