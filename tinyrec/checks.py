"""Is a setting of a kind that makes sense? One sentence if not."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

from tinyrec.errors import UsageError


def check_choice(what: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise UsageError(f"unknown {what} {value!r}; choose one of {', '.join(choices)}")


def check_at_least(what: str, value: float, lowest: float) -> None:
    if not lowest <= value < float("inf"):  # so written that nan fails, too
        raise UsageError(f"{what} is {value}, but must be finite and at least {lowest}")


def check_type(what: str, value: Any, wanted: str) -> None:
    """A value must be of the type that a dataclass declares, such as "float | None"; integers are floats, too."""
    if wanted == "tuple[int, ...]":
        for part in value if isinstance(value, tuple) and value else (value,):
            check_type(f"each of {what}", part, "int")
        return
    kinds: dict[str, Any] = {"int": Integral, "float": Real, "str": str, "bool": bool, "None": type(None)}
    is_bool = isinstance(value, bool)
    if not any(isinstance(value, kinds[kind]) and is_bool == (kind == "bool") for kind in wanted.split(" | ")):
        raise UsageError(f"{what} is {value!r}, but must be {wanted.replace(' | ', ' or ')}")
