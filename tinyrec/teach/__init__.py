"""Course assignments: starters for students, and checks that say what is wrong."""

from __future__ import annotations

import importlib

from tinyrec.checks import suggestion
from tinyrec.errors import UsageError
from tinyrec.teach.assignment import Assignment, Case, Mistake, Option, Outputs, Part, Task

__all__ = ["NAMES", "Assignment", "Case", "Mistake", "Option", "Outputs", "Part", "Task", "load"]

NAMES = ("a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9")


def load(name: str) -> Assignment:
    """The assignment called a1, ... UsageError: there is none of this name"""
    if name not in NAMES:
        raise UsageError(f"no assignment is called {name!r}; {suggestion(name, NAMES)}")
    return importlib.import_module(f"tinyrec.teach.{name}").ASSIGNMENT
