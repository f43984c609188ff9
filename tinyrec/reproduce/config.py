"""Make models and optimizers from names and settings, or from the known settings of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from tinyrec.baselines import BASELINES
from tinyrec.checks import check_choice, check_type, setting_types, suggestion
from tinyrec.data import Dataset
from tinyrec.errors import UsageError
from tinyrec.models import MODELS, AutoRec, Model, Network
from tinyrec.optim import OPTIMIZERS
from tinyrec.recommenders import Recommender
from tinyrec.reproduce import known_settings
from tinyrec.reproduce.peers import PEERS
from tinyrec.training import train
from tinyrec.training.run import find_batch_size

AVERAGE = "average"
ALL_MODELS: dict[str, Any] = {**MODELS, **BASELINES}
KINDS: dict[str, Any] = {**ALL_MODELS, **PEERS}  # also those of other libraries, which only tables compare with


@dataclass(frozen=True)
class TrainingConfig:
    """One training: the model, and the options of `tinyrec.train` that say how to train it; None for a baseline.

    weight: of the model in an average, if they are not all the same
    """

    model: Model
    optimizer: Any = None
    epochs: int | None = None
    batch_size: int | None = None
    weight: float | None = None

    @classmethod
    def from_names(
        cls,
        model: str | type[Model] = "autorec",
        by: str | None = None,
        optimizer: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        set: Mapping[str, Any] | None = None,
        weight: float | None = None,
    ) -> TrainingConfig:
        """Make one from the name of a model, or a class of your own; set: settings of model and optimizer, by name.

        UsageError: a setting that neither has, or a value of the wrong type
        """
        kind: Any = find_kind(model) if isinstance(model, str) else model
        settings = {**({} if by is None else {"by": by}), **(set or {})}
        if not issubclass(kind, Network):
            types, options = setting_types(kind), {"optimizer": optimizer, "epochs": epochs, "batch_size": batch_size}
            for name, value in options.items():
                if value is not None and name not in types:
                    own = f"set its own settings: {', '.join(types)}" if types else "it has no settings"
                    raise UsageError(f"{kind.__name__} has no {name}; {own}")
                if value is not None and name in settings:
                    raise UsageError(f"{name} is given twice: {value} and {settings[name]}")
            given = {name: value for name, value in options.items() if value is not None}
            return cls(_make(given | settings, kind), weight=weight)
        optimizer = optimizer or kind.default_optimizer
        check_choice("optimizer", optimizer, OPTIMIZERS)
        types = setting_types(OPTIMIZERS[optimizer])
        of_optimizer = {name: settings.pop(name) for name in list(settings) if name in types}
        made = _make(settings, kind, types), _make(of_optimizer, OPTIMIZERS[optimizer])
        return cls(*made, kind.default_epochs if epochs is None else epochs, batch_size, weight)

    def fit(self, data: Dataset, *, seed: int = 0, **options: Any) -> Recommender:
        """Fit to `data`; options: further ones of `tinyrec.train`, such as backend; a baseline ignores them."""
        if not isinstance(self.model, Network):
            return self.model.fit(data, seed=seed)
        options |= {"optimizer": self.optimizer, "epochs": self.epochs, "batch_size": self.batch_size}
        return train(self.model, data, seed=seed, **options)

    def describe(self) -> dict[str, Any]:
        """Return the names and all settings, for JSON."""
        described: dict[str, Any] = {"model": name_of(self.model), "settings": asdict(self.model)}  # type: ignore[call-overload]
        described |= {} if self.weight is None else {"weight": self.weight}
        if not isinstance(self.model, Network):
            return described | {"optimizer": None, "constants": {}, "epochs": None, "batch_size": 0}
        name = next(name for name, kind in OPTIMIZERS.items() if type(self.optimizer) is kind)
        batch_size = find_batch_size(self.model, self.optimizer, self.batch_size) or 0
        how = {"optimizer": name, "constants": asdict(self.optimizer), "epochs": self.epochs, "batch_size": batch_size}
        return described | how


def weights_of(configs: Sequence[TrainingConfig]) -> list[float] | None:
    """Return the weights of the members of an average, or None if it is their mean.

    UsageError: some members have a weight, and others none
    """
    weights = [config.weight for config in configs if config.weight is not None]
    if len(weights) not in (0, len(configs)):
        raise UsageError("some members of the average have a weight, and others none; give one to each")
    return weights or None


def find_kind(name: str) -> type[Model]:
    """Return the class of a model by its name on the command line, or by that of the class: "biased-mf", "BiasedMF"."""
    same = {key.replace("-", ""): kind for key, kind in KINDS.items()}
    if (plain := name.replace("-", "").replace("_", "").lower()) not in same:
        check_choice("model", name, ALL_MODELS)
    return same[plain]


def name_of(model: Model) -> str:
    """Return the name of a model on the command line; for a model of your own, that of its class."""
    return next((name for name, kind in KINDS.items() if type(model) is kind), type(model).__name__)


def _make(settings: dict[str, Any], kind: Any, others: Mapping[str, Any] | None = None) -> Any:
    """Return kind(**settings), after checking names and types; others: settings of the optimizer, for suggestions."""
    types = setting_types(kind)
    for name, value in settings.items():
        if name not in types:
            owners = [key for key, optimizer in OPTIMIZERS.items() if name in setting_types(optimizer)]
            if owners and others:
                raise UsageError(f"{name} is a setting of {', '.join(owners)}; choose one of them with --optimizer")
            hint = suggestion(name, [*types, *(others or {})])
            if isinstance(default := vars(kind).get(name), bool | int | float | str):
                hint = f"it needs an annotation, such as {name}: {type(default).__name__} = {default!r}"
            raise UsageError(f"unknown setting {name!r} of {kind.__name__}; {hint}")
        if value is None and types[name] is str:  # where the word "none" is meant
            settings[name] = value = "none"
        if types[name] != tuple[int, ...]:  # the model checks it, and converts a single number
            check_type(name, value, types[name])
    for field in fields(kind):
        if field.name not in settings and field.default is field.default_factory is MISSING:
            raise UsageError(f"{field.name} of {kind.__name__} has no default; give it one, or --set {field.name}=...")
    return kind(**settings)


def find_configs(
    dataset: str, model: str | type[Model] = "autorec", by: str | None = None, search: bool = False, **options: Any
) -> tuple[list[TrainingConfig], str]:
    """Return the trainings for these names and options (several for an average), and where l2 comes from: "known",
    "validation", "given" or "default".

    Without options, they are those in `known_settings` for the data set, unless search is set.
    """
    options = {name: value for name, value in options.items() if value is not None and value != {}}
    if model == AVERAGE:
        if by or options:
            flags = "--by, --set, --optimizer, --epochs and --batch-size"
            raise UsageError(f"an average has members of its own; leave {flags} out")
        known = known_settings.AVERAGE.get(dataset)
        if known and not search:
            return [TrainingConfig.from_names(**member) for member in known], "known"
        return [TrainingConfig(AutoRec(by=rows), OPTIMIZERS["rprop"]()) for rows in ("item", "user")], "validation"
    if isinstance(model, str):
        kind: Any = find_kind(model)
        model = next(name for name, its in KINDS.items() if its is kind)
        rows: Any = by or getattr(kind, "by", "item")
        known_options = None if options or search else known_settings.ALONE.get((dataset, model, rows))
        if known_options:
            return [TrainingConfig.from_names(model, by, **known_options)], "known"
    config = TrainingConfig.from_names(model, by, **options)
    if isinstance(config.model, Network) and config.model.l2 is None:
        return [config], "validation"
    return [config], "given" if "l2" in options.get("set", {}) else "default"
