"""What is to be trained: from names and settings, or from what is known about a data set, to models and optimisers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tinyrec.checks import check_choice, check_type
from tinyrec.errors import UsageError
from tinyrec.models import MODELS, AutoRec
from tinyrec.models.base import Autoencoder
from tinyrec.optim import OPTIMIZERS
from tinyrec.reproduce import known_settings as recipes

AVERAGE = "average"


@dataclass(frozen=True)
class Spec:
    """One training: the options of `tinyrec.training.train.train` that say what is trained."""

    model: Autoencoder
    optimizer: Any
    epochs: int | None = None
    batch_size: int | None = None

    @classmethod
    def of(
        cls,
        model: str = "autorec",
        by: str = "item",
        optimizer: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        set: Mapping[str, Any] | None = None,
    ) -> Spec:
        """From names, and settings of model and optimiser: what a TOML file holds.

        UsageError: a setting that neither has, or a value of another type than the field's
        """
        check_choice("model", model, MODELS)
        optimizer = optimizer or MODELS[model].default_optimizer
        check_choice("optimizer", optimizer, OPTIMIZERS)
        settings = {"by": by, **(set or {})}
        kinds = MODELS[model], OPTIMIZERS[optimizer]
        known = {field.name: field for kind in kinds for field in fields(kind)}
        for key, value in settings.items():
            if key not in known:
                others = [name for name, kind in OPTIMIZERS.items() if key in {field.name for field in fields(kind)}]
                if others:
                    raise UsageError(f"{key} is a setting of {', '.join(others)}; choose one of them with --optimizer")
            check_choice("setting", key, known)
            if value is None and known[key].type == "str":  # where it means the word
                settings[key] = value = "none"
            if not known[key].type.startswith("tuple"):  # these the model itself checks, and makes of a single number
                check_type(key, value, str(known[key].type))
        own = ({field.name: settings[field.name] for field in fields(kind) if field.name in settings} for kind in kinds)
        epochs = kinds[0].default_epochs if epochs is None else epochs
        return cls(kinds[0](**next(own)), kinds[1](**next(own)), epochs, batch_size)


def find(
    dataset: str, model: str = "autorec", by: str | None = None, anew: bool = False, **options: Any
) -> tuple[list[Spec], str]:
    """The trainings that these names and options ask for, and who chose l2: recipe, validation, given or default.

    There are several for an average. With no options, what `known_settings` knows of the data set is taken, unless all
    is to be chosen anew.
    """
    options = {name: value for name, value in options.items() if value is not None and value != {}}
    if model == AVERAGE:
        if by or options:
            raise UsageError(
                "an average has members of its own; leave --by, --set, --optimizer, --epochs and --batch-size out"
            )
        known = recipes.AVERAGE.get(dataset)
        if known and not anew:
            return [Spec.of(**recipe) for recipe in known], "recipe"
        return [Spec(AutoRec(by=rows), OPTIMIZERS["rprop"]()) for rows in ("item", "user")], "validation"
    by = by or (MODELS[model].by if model in MODELS else "item")
    recipe = None if options or anew else recipes.ALONE.get((dataset, model, by))
    if recipe:
        return [Spec.of(model, by, **recipe)], "recipe"
    spec = Spec.of(model, by, **options)
    if spec.model.l2 is None:
        return [spec], "validation"
    return [spec], "given" if "l2" in options.get("set", {}) else "default"
