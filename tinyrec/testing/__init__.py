"""Checks that every model must pass, for users who write a model of their own; after scikit-learn's check_estimator."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tinyrec.models import Model
from tinyrec.testing.copies import Copies
from tinyrec.testing.fitting import Fitting
from tinyrec.testing.predictions import Predictions
from tinyrec.testing.recommendations import Recommendations

__all__ = ["check_recommender", "recommender_checks"]


class Checks(Fitting, Predictions, Recommendations, Copies):
    """All of them; the first is whether the model fits at all."""


def check_recommender(model: Model, **fit_options: Any) -> None:
    """Fit `model` to small synthetic data sets, and check all that a recommender promises.

    model: hyper-parameters, such as MyModel(factors=4), for ratings or implicit feedback as model.implicit says
    fit_options: of model.fit, except the seed, such as epochs=3; choose small settings, as there are about 20 trainings
    AssertionError: lists the checks that failed, with one sentence for each
    """
    checks, problems = recommender_checks(model, **fit_options), []
    for _, check in checks:
        try:
            check()
        except AssertionError as problem:
            problems.append(f"\n- {problem}")
            if check is checks[0][1]:
                break
    if problems:
        raise AssertionError(f"{model!r} fails {len(problems)} of {len(checks)} checks:{''.join(problems)}")


def recommender_checks(model: Model, **fit_options: Any) -> list[tuple[str, Callable[[], None]]]:
    """The same checks one by one, (name, function) each, for pytest.mark.parametrize.

    Nothing is trained before a function is called, and trainings are shared between the functions.
    """
    case, prefix = Checks(model, fit_options), "check_"
    names = [name for part in Checks.__mro__ for name in vars(part) if name.startswith(prefix)]
    return [(name.removeprefix(prefix), partial(_run, getattr(case, name))) for name in names]


def _run(check: Callable[[], None]) -> None:
    """AssertionError: the name, the sentence in the docstring, and what was found instead"""
    try:
        check()
    except Exception as problem:
        found = str(problem) if isinstance(problem, AssertionError) else f"{type(problem).__name__}: {problem}"
        name = check.__name__.removeprefix("check_")
        raise AssertionError(f"{name}: {check.__doc__} But {' '.join(found.split())}.") from problem
