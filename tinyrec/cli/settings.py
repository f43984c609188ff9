"""Settings as text: `--set KEY=VALUE`, and the file behind `--config`."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tinyrec.errors import FileError, UsageError
from tinyrec.models import MODELS
from tinyrec.models.base import Autoencoder, check_choice, check_type
from tinyrec.optim import OPTIMIZERS


def model_and_optimizer(model: str, optimizer: str, by: str, pairs: Sequence[str]) -> tuple[Autoencoder, Any]:
    """The two of these names, each with those KEY=VALUE pairs whose key is a field of its.

    UsageError: a key that neither has, or a value of another type than the field's
    """
    settings = {"by": by, **parse_settings(pairs)}
    classes = MODELS[model], OPTIMIZERS[optimizer]
    known = {field.name: field for kind in classes for field in fields(kind)}
    for key, value in settings.items():
        if key not in known:
            others = [name for name, kind in OPTIMIZERS.items() if key in {field.name for field in fields(kind)}]
            if others:
                raise UsageError(f"{key} is a setting of {', '.join(others)}; choose one of them with --optimizer")
        check_choice("setting", key, known)
        check_type(key, value, str(known[key].type))
    own = ({field.name: settings[field.name] for field in fields(kind) if field.name in settings} for kind in classes)
    return classes[0](**next(own)), classes[1](**next(own))


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """["l2=300", "center=true"] -> {"l2": 300, "center": True}"""
    settings = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair} has no value; write --set {key}=VALUE")
        settings[key.strip()] = _value(text.strip())
    return settings


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def expand_config(argv: Sequence[str]) -> list[str]:
    """Put the flags of `--config FILE.toml` in front of those of the command line, which so have the last word.

    `epochs = 60` becomes --epochs 60, `no-clip = true` becomes --no-clip, and the table [set] becomes --set flags.
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
        raise UsageError(f"{found.config} is no TOML: {problem}; mend that line") from None
    flags = []
    for key, value in config.items():
        key = key.replace("_", "-")
        if isinstance(value, dict):
            flags += [f"--{key}={name}={setting}" for name, setting in value.items()]
        elif isinstance(value, list):
            flags += [f"--{key}", *map(str, value)] if key == "scale" else [f"--{key}={','.join(map(str, value))}"]
        elif isinstance(value, bool):
            off = [] if key in ("no-clip", "no-default", "resume", "quiet", "debug") else [f"--no-{key}"]
            flags += [f"--{key}"] if value else off
        else:
            flags.append(f"--{key}={value}")
    return [rest[0], f"--config={found.config}", *flags, *rest[1:]]
