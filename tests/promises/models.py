"""Small models of every public kind, and how to fit them quickly."""

from tests.testing import test_check_recommender as checks

TRAINED = [*checks.AUTOENCODERS, *checks.PAIRS]
MODELS = [*TRAINED, *checks.BASELINES]


def fitted(model, data, **options):
    """The model, fitted to the data as its kind of feedback; options: for those that are trained in epochs."""
    more = {} if model in checks.BASELINES else {**checks.FEW, **options}
    return model.fit(data.binarized() if model.implicit else data, **more)
