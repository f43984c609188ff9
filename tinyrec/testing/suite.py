"""Run all checks on a model, and say what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

from tinyrec.models import Model
from tinyrec.testing import (
    copies,
    few_ratings,
    fitting,
    ids,
    metrics,
    more_ratings,
    new_ones,
    predictions,
    recommendations,
    results,
)
from tinyrec.testing.case import Case

MODULES: tuple[ModuleType, ...] = (
    fitting,  # its first check is whether the model fits at all
    results,
    predictions,
    ids,
    recommendations,
    metrics,
    new_ones,
    more_ratings,
    few_ratings,
    copies,
)
PREFIX = "check_"

Check = Callable[[Case], None]


def check_recommender(model: Model, **fit_options: Any) -> None:
    """Fit `model` to small synthetic data sets, and check all that a recommender promises.

    model: hyper-parameters, such as MyModel(factors=4), for ratings or implicit feedback as model.implicit says
    fit_options: of model.fit, except the seed, such as epochs=3; choose small settings, as there are 20 trainings
    AssertionError: lists the checks that failed, with one sentence for each
    """
    checks = recommender_checks(model, **fit_options)
    first = _problem(checks[0][1])
    problems = [first] if first else [problem for _, check in checks if (problem := _problem(check))]
    if problems:
        listed = "\n- ".join(problems)
        raise AssertionError(f"{model!r} fails {len(problems)} of {len(checks)} checks:\n- {listed}")


def recommender_checks(model: Model, **fit_options: Any) -> list[tuple[str, Callable[[], None]]]:
    """The same checks one by one, (name, function) each, for pytest.mark.parametrize.

    Nothing is trained before a function is called, and trainings are shared between the functions.
    """
    case = Case(model, fit_options)
    return [(name, partial(_run, name, check, case)) for module in MODULES for name, check in _checks_of(module)]


def _checks_of(module: ModuleType) -> Iterator[tuple[str, Check]]:
    """The checks that a module defines, in order: its functions check_*(case)."""
    for name, function in vars(module).items():
        if name.startswith(PREFIX) and function.__module__ == module.__name__:
            yield name.removeprefix(PREFIX), function


def _run(name: str, check: Check, case: Case) -> None:
    """AssertionError: the name, the sentence in the docstring, and what was found instead"""
    try:
        check(case)
    except Exception as problem:
        found = str(problem) if isinstance(problem, AssertionError) else f"{type(problem).__name__}: {problem}"
        raise AssertionError(f"{name}: {check.__doc__} But {' '.join(found.split())}.") from problem


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except AssertionError as problem:
        return str(problem)
    return None
