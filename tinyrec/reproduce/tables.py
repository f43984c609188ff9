"""A table or figure of a paper: which trainings it is made of, and what was published. One TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyrec.checks import check_choice
from tinyrec.reproduce.config import TrainingConfig, find_configs

FOLDER = Path(__file__).parent / "tables"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table, or one point of a figure.

    published: the figure in the paper, or in the source that the name gives
    measure: "rmse" or one of `tinyrec.evaluation.ranking_metrics`, such as "ndcg@100"
    train: the arguments of `find_configs`, and `valid`; None: published only, we have not built it
    score: one of the scores in `tinyrec.reproduce.scores`;  than: the name of the row that this one is compared with
    x, series: the position in a figure, and the line;  curve: whether to score after each epoch
    dataset: if it is not that of the table;  features: the arguments of `Dataset.with_features`
    test: the part of the ratings that is held out;  cold_items: instead, all ratings of so many random items
    share: for implicit feedback, the part of each user's remaining interactions to train on
    """

    name: str
    published: float | None = None
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
    cold_items: int = 0
    share: float = 1.0

    def configs(self) -> list[TrainingConfig]:
        assert self.train is not None, "there is something to train"
        options = {name: value for name, value in self.train.items() if name != "valid"}
        return find_configs(self.dataset, search="valid" in self.train, **options)[0]

    @property
    def valid(self) -> float | None:
        return (self.train or {}).get("valid")


@dataclass(frozen=True, kw_only=True)
class Table:
    """name: of its file;  paper: where the numbers were published;  about: what a reader must know, in Markdown

    splits: the number of random splits;  measure: of all rows;  columns: the others
    plot: "bars"; "line", of rows with an x, whose axis is called `axis`; or "curve", of rows with a curve
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
    axis: str = ""
    columns: list[str] = field(default_factory=list)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> Table:
    """UsageError: there is no table of this name."""
    check_choice("table", name, names())
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    defaults = {"dataset": document["dataset"], "measure": document.get("measure", "rmse")}
    rows = [Row(**(defaults | row)) for row in document.pop("rows")]
    return Table(name=name, rows=rows, **document)
