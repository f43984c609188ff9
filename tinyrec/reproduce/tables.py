"""A table or figure of a paper: which trainings it is made of, and what was published. One TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyrec.baselines import BASELINES
from tinyrec.checks import check_choice
from tinyrec.reproduce.config import Spec, find

FOLDER = Path(__file__).parent / "tables"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table, or one point of a figure.

    published: what the paper prints, or whoever the name says
    measure: which it is, "rmse" or one of `tinyrec.evaluation.ranking_metrics`, such as "ndcg@100"
    train: what `config.find` takes, and `valid`; or `baseline`, one of `tinyrec.baselines`, and what to `set` of
        it; None: published only, we have not built it
    score: which of the scores in `tinyrec.reproduce.scores`;  than: the name of a row that this one is held against
    x, series: where the point is in a figure, and on which line;  curve: whether to score after each epoch
    dataset: where it is not that of the table;  features: what `Dataset.with_features` takes
    test: the part of the ratings that is held out;  cold_items: or all ratings of so many items, drawn at random
    share: of clicks, the part of what each user has left that is trained on
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

    def specs(self) -> list[Spec]:
        assert self.train is not None, "there is something to train"
        if "baseline" in self.train:
            return [Spec(BASELINES[self.train["baseline"]](**self.train.get("set", {})), None)]
        options = {name: value for name, value in self.train.items() if name != "valid"}
        return find(self.dataset, anew="valid" in self.train, **options)[0]

    @property
    def valid(self) -> float | None:
        return (self.train or {}).get("valid")


@dataclass(frozen=True, kw_only=True)
class Table:
    """name: of its file;  paper: where the numbers were published;  about: what a reader must know, in Markdown

    splits: how many random ones;  measure: of all rows;  columns: besides that
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
    usual = {"dataset": document["dataset"], "measure": document.get("measure", "rmse")}
    rows = [Row(**(usual | row)) for row in document.pop("rows")]
    return Table(name=name, rows=rows, **document)
