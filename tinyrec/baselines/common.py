"""What the baselines share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from tinyrec.backend import get_backend
from tinyrec.checks import check_at_least, check_type

TINY = 1e-9  # the least that what must be positive may be


def check_settings(settings: Any, **lowest: float) -> None:
    """Each field must be of its type, and a number at least 0 or what `lowest` says."""
    for field in fields(settings):
        check_type(field.name, getattr(settings, field.name), str(field.type))
        if field.type != "str":
            check_at_least(field.name, getattr(settings, field.name), lowest.get(field.name, 0))


def fastest(slow: Callable[..., None], loop: str) -> Callable[..., None]:
    """The `loop` of `tinyrec.backend.loops`, compiled, where numba works; else `slow`, its twin."""
    if get_backend("numpy").name != "numpy":
        return slow
    return getattr(importlib.import_module("tinyrec.backend.loops"), loop)
