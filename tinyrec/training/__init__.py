"""From a model and a data set to a trained model."""
