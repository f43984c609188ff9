"""Settings as text: `--set KEY=VALUE`, and the file behind `--config`."""

from __future__ import annotations

import argparse
import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinyrec.errors import FileError, UsageError


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """["l2=300", "center=true", "hidden_units=500x250x500"] -> {"l2": 300, "center": True, ...: (500, 250, 500)}"""
    settings = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair} has no value; write --set {key}=VALUE")
        settings[key.strip()] = parse_value(text.strip())
    return settings


def parse_value(text: str) -> Any:
    """Return a number, True, False, None, a tuple for whole numbers joined by x, or the text itself."""
    if re.fullmatch(r"\d+([x,]\d+)+", text):
        return tuple(map(int, re.split("[x,]", text)))
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def as_text(value: Any) -> str:
    """Return the text that `parse_value` converts back to this value."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def expand_config(argv: Sequence[str], known: Mapping[str, argparse.Action]) -> list[str]:
    """Insert the flags in the file of `train --config FILE.toml` before those of the command line, which override them.

    `epochs = 60` becomes --epochs=60, `no-clip = true` becomes --no-clip, and the table [set] becomes --set flags.
    known: the flags of `train`;  UsageError: a key that is not one of them
    """
    if list(argv[:1]) != ["train"]:
        return list(argv)
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config")
    found, rest = finder.parse_known_args(argv)
    if found.config is None:
        return list(argv)
    try:
        config = tomllib.loads(Path(found.config).read_text(encoding="utf-8"))
    except OSError as problem:
        raise FileError(f"cannot read {found.config}: {problem.strerror}; check the path") from None
    except ValueError as problem:
        raise UsageError(f"{found.config} is not valid TOML: {problem}; fix that line") from None
    flags = []
    for key, value in config.items():
        key = key.replace("_", "-")
        if f"--{key}" not in known:
            flags_without = [flag.removeprefix("--") for flag in known if flag.startswith("--")]
            close = difflib.get_close_matches(key, flags_without, 1)
            hint = f"did you mean {close[0]}?" if close else "a setting of the model goes below a line [set]"
            raise UsageError(f"{found.config}: unknown key {key!r}; {hint}")
        if isinstance(value, dict):
            flags += [f"--{key}={name}={as_text(setting)}" for name, setting in value.items()]
        elif isinstance(value, list):
            flags += [f"--{key}", *map(str, value)] if key == "scale" else [f"--{key}={','.join(map(str, value))}"]
        elif isinstance(value, bool) and known[f"--{key}"].nargs == 0:  # a flag without a value
            flag = f"--{key}" if value else f"--no-{key}"
            flags += [flag] if flag in known else []  # without --no-KEY, false is the default
        else:
            flags.append(f"--{key}={value}")
    return [rest[0], f"--config={found.config}", *flags, *rest[1:]]
