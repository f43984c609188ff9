"""Is a setting valid? One sentence if not."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, get_args, get_type_hints

import numpy as np

from tinyrec.errors import UsageError

FEW = 8  # choices that a message lists
KINDS: dict[Any, Any] = {int: Integral, float: Real, str: str, bool: bool, type(None): type(None)}


def check_choice(what: str, value: str, choices: Collection[str]) -> None:
    """UsageError: `value` is not one of the choices; the message suggests the closest one."""
    if value not in choices:
        raise UsageError(f"unknown {what} {value!r}; {suggestion(str(value), choices)}")


def suggestion(word: str, choices: Collection[str]) -> str:
    """The choices if they are few, the closest one if they are many: "did you mean l2?"."""
    close = difflib.get_close_matches(word, choices, 1) if len(choices) > FEW else []
    return f"did you mean {close[0]}?" if close else f"choose one of {', '.join(choices)}"


def check_at_least(what: str, value: float, lowest: float) -> None:
    if not lowest <= value < float("inf"):  # written so that NaN fails, too
        raise UsageError(f"{what} is {value}, but must be finite and at least {lowest}")


def check_whole(what: str, value: Any, lowest: int) -> None:
    """UsageError: `value` is not an integer, or is less than `lowest`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < lowest:
        raise UsageError(f"{what} is {value!r}, but must be a whole number of at least {lowest}")


def generator(seed: int) -> np.random.Generator:
    """The random generator of a seed. UsageError: it is not a whole number of at least 0"""
    check_whole("seed", seed, 0)
    return np.random.default_rng(seed)


def setting_types(kind: type) -> dict[str, Any]:
    """The declared type of each field of a dataclass, such as {"l2": float | None}; Any where it cannot be resolved."""
    try:
        hints = get_type_hints(kind)  # resolves the strings that `from __future__ import annotations` makes
    except NameError:  # a name that is imported for the type checker alone
        hints = {}
    return {field.name: hints.get(field.name, Any) for field in fields(kind)}


def check_type(what: str, value: Any, wanted: Any) -> None:
    """UsageError: `value` is not of a type such as float | None or tuple[int, ...]; an int is a float, too.

    Types other than numbers, str, bool, None and tuple[int, ...] are the business of the class that declares them.
    """
    if wanted == tuple[int, ...]:
        for part in value if isinstance(value, tuple) and value else (value,):
            check_type(f"each of {what}", part, int)
        return
    kinds = get_args(wanted) or (wanted,)
    if not all(kind in KINDS for kind in kinds):
        return
    is_bool = isinstance(value, bool)
    if not any(isinstance(value, KINDS[kind]) and is_bool == (kind is bool) for kind in kinds):
        names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        raise UsageError(f"{what} is {value!r}, but must be {names}")


def check_settings(settings: Any, **lowest: float) -> None:
    """Each field must be of its declared type, and a number at least 0, or at least what `lowest` gives."""
    for name, kind in setting_types(type(settings)).items():
        value = getattr(settings, name)
        check_type(name, value, kind)
        if kind in (int, float):
            check_at_least(name, value, lowest.get(name, 0))
