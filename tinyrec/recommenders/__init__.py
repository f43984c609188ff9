"""What training returns: raw ids in, ratings out."""

from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.average import Average
from tinyrec.recommenders.base import Ranking, Recommender
from tinyrec.recommenders.fitted import FittedModel
from tinyrec.recommenders.model_file import load
from tinyrec.recommenders.pairs import FittedPairs

__all__ = ["Average", "FittedAutoencoder", "FittedModel", "FittedPairs", "Ranking", "Recommender", "load"]
