"""Variants of an assignment: the same mathematics asked in another form, so that an answer from elsewhere is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tinyrec.checks import suggestion
from tinyrec.errors import FileError, UsageError
from tinyrec.teach import Assignment

Variant = dict[str, str]  # axis -> option


def base(assignment: Assignment) -> Variant:
    """The first option of each axis: what the stubs say."""
    return {axis: next(iter(options)) for axis, options in assignment.axes.items()}


def choose(assignment: Assignment, text: str | None) -> Variant:
    """The variant of --variant: a number draws one, a file of JSON names the options that differ from the first ones.

    UsageError: an axis or option that there is not;  FileError: no such file, or no JSON
    """
    first = base(assignment)
    if text is None:
        return first
    if text.isdecimal():
        return drawn(assignment, int(text))
    try:
        named = json.loads(Path(text).read_text("utf-8"))
    except OSError as problem:
        raise FileError(f"cannot read {text}: {problem.strerror}; give a number or a file of JSON") from None
    except ValueError:
        raise FileError(f'{text} is no JSON; write {{"axis": "option"}}, see assignment list') from None
    return checked(assignment, named)


def checked(assignment: Assignment, named: object) -> Variant:
    """The first options, and those that are named. UsageError: an axis or option that there is not"""
    if not isinstance(named, dict):
        raise UsageError('a variant is {"axis": "option"}; see assignment list for the axes')
    for axis, option in named.items():
        if axis not in assignment.axes:
            raise UsageError(f"no axis is called {axis!r}; {suggestion(str(axis), assignment.axes)}")
        if not isinstance(option, str) or option not in assignment.axes[axis]:
            raise UsageError(f"{axis} has no option {option!r}; {suggestion(str(option), assignment.axes[axis])}")
    return base(assignment) | named


def drawn(assignment: Assignment, number: int) -> Variant:
    """The variant of a number: 0 is the first options; any other differs from them in one axis or more."""
    rng = np.random.default_rng(number)
    variant = base(assignment)
    while number and variant == base(assignment):
        variant = {axis: list(options)[rng.integers(len(options))] for axis, options in assignment.axes.items()}
    return variant


def with_edits(assignment: Assignment, number: int, variant: Variant, stub: str) -> str:
    """The stub of a task as this variant asks for it; each text that is replaced must be there exactly once."""
    for axis, option in variant.items():
        for old, new in assignment.axes[axis][option].edits.get(number, ()):
            assert stub.count(old) == 1, f"{old!r} stands {stub.count(old)} times in the stub of task {number}"
            stub = stub.replace(old, new)
    return stub


def says(assignment: Assignment, variant: Variant) -> str:
    """What is added to the sheet."""
    differs = [assignment.axes[axis][option].says for axis, option in variant.items()]
    lines = "".join(f"* {text}\n" for text in differs if text)
    head = "\n## In your course\n\nYour files ask for another form than the text above. Their docstrings hold:\n\n"
    return f"{head}{lines}" if lines else ""
