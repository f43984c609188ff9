"""Interface suite.

Every public model passes every check of `tinyrec.testing.check_recommender`, more than 50 of them; none is skipped.
"""

from tests.promises.models import MODELS, TRAINED
from tests.testing.test_check_recommender import FEW
from tinyrec.reproduce.config import ALL_MODELS
from tinyrec.testing import recommender_checks


def test_every_model_passes(figure, size):
    models, passed = MODELS[:: size(12, 1)], 0
    for model in models:
        for _, check in recommender_checks(model, **(FEW if model in TRAINED else {})):
            check()
            passed += 1
    figure(f"{len(models)} models pass {passed // len(models)} checks each")
    assert passed >= 50 * len(models)
    assert [kind for kind in ALL_MODELS.values() if not any(isinstance(model, kind) for model in MODELS)] == []
