"""A table or figure of a paper: which trainings it is made of, and what was published. One TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyrec.checks import check_choice
from tinyrec.specs import Spec, find

FOLDER = Path(__file__).parent / "tables"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table, or one point of a figure.

    published: the RMSE that the paper prints, or whoever the name says
    train: what `tinyrec.specs.find` takes, and `valid`; None: published only, we have not built it
    protocol: clip and default, where they are not to be true;  x: where the point is in a figure
    dataset: where it is not that of the table;  features: what `Dataset.with_features` takes
    """

    name: str
    published: float | None = None
    train: dict[str, Any] | None = None
    protocol: dict[str, bool] = field(default_factory=dict)
    x: float | None = None
    features: dict[str, str] = field(default_factory=dict)
    dataset: str

    def specs(self) -> list[Spec]:
        assert self.train is not None, "there is something to train"
        options = {name: value for name, value in self.train.items() if name != "valid"}
        return find(self.dataset, anew="valid" in self.train, **options)[0]

    @property
    def valid(self) -> float | None:
        return (self.train or {}).get("valid")


@dataclass(frozen=True, kw_only=True)
class Table:
    """name: of its file;  paper: where the numbers were published;  about: what a reader must know, in Markdown

    splits: how many random ones;  plot: "bars", or "line", whose x axis is called `axis`;  columns: besides the RMSE
    """

    name: str
    title: str
    paper: str
    about: str
    dataset: str
    rows: list[Row]
    splits: int = 5
    plot: str = "bars"
    axis: str = ""
    columns: list[str] = field(default_factory=list)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> Table:
    """UsageError: there is no table of this name."""
    check_choice("table", name, names())
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    rows = [Row(**({"dataset": document["dataset"]} | row)) for row in document.pop("rows")]
    return Table(name=name, rows=rows, **document)
