"""A table or figure of a paper: the trainings in its rows, and the published numbers; read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinyrec.checks import check_choice
from tinyrec.reproduce.config import TrainingConfig, find_configs
from tinyrec.reproduce.peers import Peer

FOLDER = Path(__file__).parent / "tables"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table, or one point of a figure.

    published: the number in the paper, or in the source that `name` gives
    protocol: how it was measured, if not as ours
    measure: "rmse"; for implicit feedback, one of `tinyrec.evaluation.ranking_metrics`, such as "ndcg@100"; or one of
        `tinyrec.evaluation.precision`, such as "precision@25%" or "precision@25%_round"
    train: the arguments of `find_configs`, and `valid`; None: a published number without a training of ours
    score: one of the scores in `tinyrec.reproduce.scores`;  than: the name of the row to compare with
    x, series: the position in a figure, and the name of its line;  curve: whether to score after each epoch
    dataset: if it differs from the table's;  features: the arguments of `Dataset.with_features`
    test: the fraction of ratings held out;  cold_items: instead, hold out all ratings of this number of random items
    left_out: the fraction used neither for training nor as test, such as the validation part of settings already chosen
    splits: at most so many, if fewer than those of the table
    share: for implicit feedback, the fraction of each user's remaining interactions to train on
    """

    name: str
    published: float | None = None
    protocol: str = ""
    measure: str = "rmse"
    train: dict[str, Any] | None = None
    score: str = "usual"
    than: str | None = None
    x: float | None = None
    series: str = ""
    curve: bool = False
    dataset: str
    features: dict[str, str] = field(default_factory=dict)
    test: float = 0.1
    left_out: float = 0.0
    cold_items: int = 0
    share: float = 1.0
    splits: int | None = None

    def configs(self) -> list[TrainingConfig]:
        assert self.train is not None, "this row is not trained"
        options = {name: value for name, value in self.train.items() if name != "valid"}
        return find_configs(self.dataset, search="valid" in self.train, **options)[0]

    @property
    def lacks(self) -> str | None:
        """The package that this row needs, if it is of another library and that is not installed."""
        models = [config.model for config in self.configs()] if self.train else []
        needed = [model.package for model in models if isinstance(model, Peer)]
        return next((package for package in needed if not find_spec(package)), None)

    @property
    def valid(self) -> float | None:
        return (self.train or {}).get("valid")


@dataclass(frozen=True, kw_only=True)
class Table:
    """name: of its file;  paper: where the numbers were published;  about: remarks for the page, in Markdown

    splits: the number of random splits;  measure: of all rows;  columns: the further columns, see `pages.column`
    plot: "bars"; "line", for rows with an x, whose axis is called `axis`; "curve", for rows with a curve; or "seconds",
        the measure against the seconds of training
    plotted: what the bars show, of `pages.QUANTITIES`; by default the measure
    protocol: how the published numbers were measured, if not as ours
    log: whether the axis of x is logarithmic
    backend: the only one to measure it with, "cupy"; by default any
    timed: whether the seconds are compared, so that no training of another table serves
    """

    name: str
    title: str
    paper: str
    about: str
    dataset: str
    rows: list[Row]
    splits: int = 5
    measure: str = "rmse"
    plot: str = "bars"
    plotted: list[str] = field(default_factory=list)
    protocol: str = ""
    axis: str = ""
    log: bool = False
    backend: str = ""
    timed: bool = False
    columns: list[str] = field(default_factory=list)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> Table:
    """UsageError: there is no table of this name."""
    check_choice("table", name, names())
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    defaults = {name: document[name] for name in ("dataset", "measure", "protocol") if name in document}
    rows = [Row(**(defaults | row)) for row in document.pop("rows")]
    return Table(name=name, rows=rows, **document)
