"""Features: side information about users and items as numbers."""

from tinyrec.data.features.encoding import Features

__all__ = ["Features"]
