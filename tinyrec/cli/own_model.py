"""Load a model, activation or loss from a file of your own: FILE.py:NAME on the command line."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from tinyrec.checks import suggestion
from tinyrec.errors import FileError, UsageError
from tinyrec.models import Model

imported: dict[str, Any] = {}  # modules, by name


def is_own(text: str) -> bool:
    """Return whether this is FILE.py or FILE.py:NAME, and not the name of a model in tinyrec."""
    return text.endswith(".py") or ".py:" in text


def load_own(text: str) -> Any:
    """Return what is called NAME in FILE.py; without NAME, the only class that FILE.py defines.

    FileError: there is no such file; UsageError: it cannot be imported, has no NAME, or has several classes or none
    """
    found = load_all(text)
    names = list(found) if ".py:" in text else [name for name in found if isinstance(found[name], type)]
    if len(names) != 1:
        raise UsageError(f"{text} defines {', '.join(names) or 'no class'}; write {text}:NAME for the one to use")
    return found[names[0]]


def load_own_model(text: str) -> type[Model]:
    """Do the same for a model. UsageError: it is something else"""
    model = load_own(text)
    if not (isinstance(model, type) and issubclass(model, Model)):
        raise UsageError(f"{text} is no model; name a subclass of tinyrec.Autoencoder or tinyrec.PairModel")
    return model


def load_all(text: str) -> dict[str, Any]:
    """Return {NAME: what it is}; without NAME, everything that FILE.py itself defines, by name."""
    stem, with_name, name = text.rpartition(".py:")
    module = _import(Path(f"{stem}.py" if with_name else text))
    own = {key: thing for key, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__}
    if with_name and not hasattr(module, name):
        raise UsageError(f"{stem}.py has no {name!r}; {suggestion(name, own) if own else 'it defines nothing'}")
    return {name: getattr(module, name)} if with_name else own


def _import(path: Path) -> Any:
    """Import the file as a module with the name of the file, so that its classes can be pickled."""
    name, file = path.stem, str(path.resolve())
    if path.suffix != ".py" or not path.is_file():
        raise FileError(f"there is no Python file {path}; give FILE.py:CLASS, a model of your own")
    if name in sys.stdlib_module_names or sys.modules.get(name) is not imported.get(name):
        raise UsageError(f"{path} has the name of another module; rename the file")
    spec: Any = importlib.util.spec_from_file_location(name, file)
    imported[name] = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(Path(file).parent))  # as `python FILE.py` does
    try:
        spec.loader.exec_module(imported[name])
    except (Exception, SystemExit) as problem:
        del sys.modules[name], imported[name]
        frames, what = traceback.extract_tb(problem.__traceback__), f"{type(problem).__name__}: {problem}"
        at = [f", line {frame.lineno}" for frame in frames if frame.filename == file][-1:]
        cure = "write @dataclass(frozen=True, kw_only=True)" if "non-frozen dataclass" in what else "fix it"
        raise UsageError(f"cannot import {path}{''.join(at)}: {what}; {cure}") from problem
    return imported[name]
