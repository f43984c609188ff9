"""How a data set is split, and how predictions are scored."""
