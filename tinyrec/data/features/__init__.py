"""Features of users and items: columns of a file as numbers."""

from tinyrec.data.features.encoding import Features

__all__ = ["Features"]
