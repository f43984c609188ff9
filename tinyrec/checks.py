"""Checks of settings: a UsageError with one sentence if one is not valid."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from tinyrec.errors import UsageError

FEW = 8  # more choices than these are not listed in a message
KINDS: dict[Any, Any] = {int: Integral, float: Real, str: str, bool: bool, type(None): type(None)}


def check_choice(what: str, value: str, choices: Collection[str]) -> None:
    """UsageError: `value` is not one of the choices; the message suggests the closest one."""
    if value not in choices:
        raise UsageError(f"unknown {what} {value!r}; {suggestion(str(value), choices)}")


def suggestion(word: str, choices: Collection[str]) -> str:
    """What to try instead: all choices if they are few, else the closest one, if any, as in "did you mean l2?"."""
    close = difflib.get_close_matches(word, choices, 1) if len(choices) > FEW else []
    if close:
        return f"did you mean {close[0]}?"
    return f"choose one of {', '.join(choices)}" if choices else "there are none"


def check_at_least(what: str, value: float, lowest: float) -> None:
    """UsageError: `value` is less than `lowest`, infinite, or NaN."""
    if not lowest <= value < float("inf"):  # a comparison that NaN fails, too
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
    """The declared type of each field of a dataclass, such as {"l2": float | None}; Any where it cannot be resolved.

    UsageError: a class with fields of its own that lacks the decorator
    """
    try:
        hints = get_type_hints(kind)  # resolves the strings that `from __future__ import annotations` makes
    except NameError:  # a name that is imported for the type checker alone
        hints = {}
    types = {field.name: hints.get(field.name, Any) for field in fields(kind)}
    own = {name for name, hint in vars(kind).get("__annotations__", {}).items() if "ClassVar" not in str(hint)}
    if forgotten := own - types.keys():
        cure = "put @dataclass(frozen=True, kw_only=True) above the class"
        raise UsageError(f"{kind.__name__} declares {', '.join(sorted(forgotten))}, but is no dataclass; {cure}")
    return types


def check_type(what: str, value: Any, wanted: Any) -> None:
    """UsageError: `value` is not of the type `wanted`, such as float | None or tuple[int, ...]; an int is a float, too.

    Types other than numbers, str, bool, None and tuple[int, ...] are not checked.
    """
    if get_origin(wanted) is tuple:
        for part in value if isinstance(value, tuple) and value else (value,):
            check_type(f"each of {what}", part, get_args(wanted)[0])
        return
    kinds = get_args(wanted) or (wanted,)
    if not all(kind in KINDS for kind in kinds):
        return
    is_bool = isinstance(value, bool)
    if not any(isinstance(value, KINDS[kind]) and is_bool == (kind is bool) for kind in kinds):
        names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        raise UsageError(f"{what} is {value!r}, but must be {names}")


def check_settings(settings: Any, **lowest: float) -> None:
    """UsageError: a field is not of its declared type, or a number is less than 0, or than its bound in `lowest`."""
    for name, kind in setting_types(type(settings)).items():
        value = getattr(settings, name)
        check_type(name, value, kind)
        if kind in (int, float):
            check_at_least(name, value, lowest.get(name, 0))
