"""Check a model, an activation or a loss of your own."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np

from tinyrec.errors import UsageError
from tinyrec.gradcheck.compare import Case, check, explanation
from tinyrec.gradcheck.pieces import activation_case, autoencoder_cases, loss_case, matrices, pair_cases
from tinyrec.models import Autoencoder, Network, PairModel


def check_model(model: Network, seed: int = 0) -> dict[str, float]:
    """Check your own model, with few hidden units: the worst relative error of the gradient of each parameter.

    AssertionError: a gradient is wrong, missing or of another shape, and the message says which one, and where; or
        `encode` and `decoder` are missing, or predict something else than `loss_and_grads` learns
    """
    return _check(model, seed)


def check_function(function: Callable, seed: int = 0) -> dict[str, float]:
    """The same for your own activation f(X) -> (Y, backward), or loss(y, r) -> (loss, backward)."""
    return _check(function, seed)


def _check(thing: Any, seed: int) -> dict[str, float]:
    results = [check(case, np.random.default_rng(seed)) for case in own_cases(thing, np.random.default_rng(seed))]
    if wrong := explanation(results):
        raise AssertionError(wrong)
    names = dict.fromkeys(name for result in results for name in result.errors)
    return {name: max(result.errors.get(name, 0) for result in results) for name in names}


def is_checkable(thing: Any) -> bool:
    """Whether this is a Network or its class, or a function that seems to return a backward."""
    if inspect.isfunction(thing):
        return 1 <= count_arguments(thing) <= 2 and any(map(inspect.iscode, thing.__code__.co_consts))
    return isinstance(thing, Network) or (inspect.isclass(thing) and issubclass(thing, Network))


def own_cases(thing: Any, rng: np.random.Generator) -> Iterator[Case]:
    """Of an Autoencoder or a PairModel, or its class, an activation f(X) -> (Y, backward), or a loss(y, r)."""
    kind = thing if inspect.isclass(thing) else type(thing)
    if issubclass(kind, Autoencoder):
        for name, R in matrices(rng).items():
            yield from autoencoder_cases(kind, partial(small, thing), name, R, rng)
    elif issubclass(kind, PairModel):
        for name, R in matrices(rng).items():
            if R.size > 1:
                yield from pair_cases(kind, partial(small, thing), name, R, rng)
    elif not inspect.isfunction(thing) or not 1 <= count_arguments(thing) <= 2:
        name = getattr(thing, "__name__", thing)
        raise UsageError(
            f"{name} is no subclass of Autoencoder or PairModel, activation f(X) or loss(y, r); check one of these"
        )
    elif count_arguments(thing) == 1:
        yield activation_case(thing.__name__, thing, rng)
    else:
        y, r = np.array([-2.5, -0.3, 0.4, 2.6, 0.7, 1.2]), np.array([1.0, 0, 5, 1, 0, 1])
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            y = y if np.isfinite(thing(y, r)[0]) else rng.uniform(0.1, 0.9, 6)  # for the logarithm of a probability
        yield loss_case(thing, y, r)


def count_arguments(function: Callable) -> int:
    """The number of arguments without a default."""
    return sum(p.default is p.empty for p in inspect.signature(function).parameters.values())


def small(model: Any) -> Any:
    """A model, or a class with its default settings, with few units in each layer and with an l2."""
    model = model() if inspect.isclass(model) else model
    changes: dict[str, Any] = {"l2": 0.7 if model.l2 is None else model.l2}
    for name in (field.name for field in fields(model) if field.name.endswith(("units", "factors"))):
        sizes = getattr(model, name)
        if isinstance(sizes, tuple):
            order = sorted(set(sizes))
            changes[name] = tuple(3 + order.index(size) for size in sizes)  # (500, 250, 500): (4, 3, 4)
        elif sizes:
            changes[name] = 4
    return replace(model, **changes)
