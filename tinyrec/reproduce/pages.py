"""Make Markdown from results: a table, a page, and the tables and lists in other texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinyrec.bench.machine import in_words
from tinyrec.evaluation.rating_metrics import interval
from tinyrec.reproduce import run
from tinyrec.reproduce.config import TrainingConfig
from tinyrec.reproduce.tables import Row, Table, names, read

RESULTS = Path(__file__).parent / "results"
MARK = re.compile(r"(<!-- results of (\S+) -->\n).*?(<!-- end of results -->)", re.DOTALL)
MIN_SPLITS = 3  # for an interval: that of two splits is wider than all that is compared
QUANTITIES = {  # what may be plotted, and the columns of `column`, explained below each table
    "λ": "the weight of the penalty, in the units of each model's own equation",
    "epochs": "of the last training, in the mean; those of all members of an average together",
    "parameters": "the number of trained numbers; those of all members of an average together",
    "seconds": "of the last training on all training ratings, in the mean of the splits",
    "predicting": "the seconds of predicting the test ratings, in the mean of the splits",
    "seconds / first": "the seconds, divided by those of the first row",
    "seconds / epoch": "the seconds, divided by the epochs",
    "MB": "the peak memory of the process, with libraries and data, in MB of 2²⁰ bytes; the largest of the splits",
    "lowest": "the lowest RMSE of the curve, and after how many epochs; it cannot be known without the test part",
    "distance": "of the vectors of users and items from their codes, relative to their size",
    "better than": "by how much better than the row that the text names: the mean of the differences on the same "
    "splits, its 95 % interval, and on how many splits it is better",
    "hr": "hit ratio: the share of users whose held-out item is among the first so many; s.e.: its standard error",
    "ndcg": "normalised discounted cumulative gain of the first so many items",
    "precision": "the share of a user's top items, so many percent of his test ratings, that are among his highest "
    "rated (NRP, eq. 8); _random: of a random order",
}
LIST = re.compile(r"(<!-- pages of (\S+) -->\n).*?(<!-- end of pages -->)", re.DOTALL)


@dataclass(frozen=True)
class Measured:
    """A row with its cells, in the order of the splits; the list may be empty."""

    row: Row
    cells: list[dict[str, Any]]

    @property
    def values(self) -> list[float]:
        return [cell["scores"][self.row.score][self.row.measure] for cell in self.cells]

    @property
    def value(self) -> float:
        return float(np.mean(self.values))

    @property
    def interval(self) -> float | None:
        """The half-width of the 95 % interval of `value`; None: there are too few splits"""
        return interval(self.values) if len(self.cells) >= MIN_SPLITS else None

    @property
    def corrected(self) -> float | None:
        """The same, corrected for training parts that overlap; None: what is held out is no fraction of all"""
        row = self.row
        if self.interval is None or row.measure != "rmse" or row.cold_items:
            return None
        return interval(self.values, row.test / (1 - row.test - row.left_out))

    @property
    def curve(self) -> list[float]:
        """The mean RMSE after each epoch."""
        return np.mean([cell["curve"] for cell in self.cells], axis=0).tolist()

    def mean(self, what: str) -> float:
        """Return the mean of "seconds" or "predicting", or of the sum of "epochs" or "parameters" over all members."""
        if what in ("seconds", "predicting"):
            return float(np.mean([cell[what] for cell in self.cells]))
        return float(np.mean([sum(member[what] for member in cell["members"]) for cell in self.cells]))


def measured(table: Table, cells: list[dict[str, Any]], quick: bool = False) -> list[Measured]:
    """Return each row of the table with its cells."""
    cells, rows = sorted(filter(partial(run.is_of, table), cells), key=lambda cell: cell["task"]["split"]), []
    for row in table.rows:
        task = run.task_of(row, 0, quick) if row.train else {}
        on_splits = [(cell, {**task, "split": cell["task"]["split"]}) for cell in cells if task]
        rows.append(Measured(row, [cell for cell, task in on_splits if run.serves(cell, task, run.asked(row, table))]))
    return rows


def markdown(table: Table, rows: list[Measured]) -> str:
    """Return the table: published and the difference, if anything was published; ours with both intervals."""
    compared = any(its.row.published is not None for its in rows)
    ours = "ours" if table.measure == "rmse" else f"ours, {table.measure.upper()}"
    heads = [table.axis or "what", *(["published", ours, "difference"] if compared else [ours]), *table.columns]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for its in rows:
        published = "" if its.row.published is None else printed(its.row.published)
        value = difference = ""
        if its.cells:
            value = f"{its.value:.4f}" + (f" ± {its.interval:.4f}" if its.interval is not None else "")
            value += f" ({its.corrected:.4f})" if its.corrected is not None else ""
            difference = "" if its.row.published is None else f"{its.value - its.row.published:+.4f}"
        others = [column(its, name, rows) if its.cells else "" for name in table.columns]
        lines.append([its.row.name, *([published, value, difference] if compared else [value]), *others])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def printed(value: float) -> str:
    """Return the number with three decimals, or four if the fourth is not 0."""
    return f"{value:.4f}".removesuffix("0")


def column(its: Measured, name: str, rows: list[Measured]) -> str:
    """Return the entry of a row in the column `name`, as text; `QUANTITIES` says what it is."""
    if name == "better than":
        return better_than(its, rows)
    if name == "lowest":
        best = min(range(len(its.curve)), key=its.curve.__getitem__)
        return f"{its.curve[best]:.4f} after {best + 1}"
    if "@" in name:  # for a hit ratio, add its standard error on one split
        scores = [cell["scores"][its.row.score] for cell in its.cells]
        if any(name not in score for score in scores):  # the precision is that of the usual protocol
            return ""
        error = f" (s.e. {np.mean([score[f'{name}_se'] for score in scores]):.4f})" if name.startswith("hr") else ""
        return f"{np.mean([score[name] for score in scores]):.4f}{error}"
    if name == "MB":
        return "" if (peak := number(its, name)) is None else f"{peak:.0f}"
    if name == "distance":  # of aSDAE and DHA alone
        values = [member[name] for cell in its.cells for member in cell["members"] if name in member]
        return f"{np.mean(values):.3g}" if values else ""
    if name == "seconds / first":
        return f"{its.mean('seconds') / rows[0].mean('seconds'):.1f}"
    if name == "seconds / epoch":
        return f"{number(its, name):.2f}"
    if name in ("seconds", "predicting"):
        value = its.mean(name)
        return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    if name == "λ":
        l2 = [getattr(config.model, "l2", None) for config in its.row.configs()]  # some baselines have none
        return ", ".join(dict.fromkeys(f"{value:g}" for value in l2 if value is not None))
    return f"{its.mean(name):,.0f}"


def number(its: Measured, name: str) -> float | None:
    """Return a quantity of a row that can be plotted; None: it was not measured."""
    if name == "MB":
        return max((cell["peak_mb"] for cell in its.cells if cell.get("peak_mb")), default=None)
    if name == "seconds / epoch":
        return its.mean("seconds") / its.mean("epochs")
    return its.mean(name)


def better_than(its: Measured, rows: list[Measured]) -> str:
    """Compare split by split; a lower RMSE is better, and a higher value of other measures."""
    if its.row.than is None:
        return ""
    than = next(other for other in rows if other.row.name == its.row.than)
    others = {cell["task"]["split"]: value for cell, value in zip(than.cells, than.values, strict=True)}
    sign = -1 if its.row.measure == "rmse" else 1
    pairs = zip(its.cells, its.values, strict=True)
    gains = [sign * (value - others[split]) for cell, value in pairs if (split := cell["task"]["split"]) in others]
    if not gains:
        return ""
    width = f" ± {interval(gains):.4f}" if len(gains) >= MIN_SPLITS else ""
    return f"{np.mean(gains):+.4f}{width} ({sum(gain > 0 for gain in gains)} of {len(gains)})"


def titled(table: Table, rows: list[Measured]) -> str:
    """Return the title, with the number of splits where they are too few for an interval."""
    splits = max((len(its.cells) for its in rows), default=0)
    return table.title if splits >= MIN_SPLITS or not splits else f"{table.title} ({splits} splits)"


def explained(table: Table, rows: list[Measured]) -> str:
    """Return what the numbers and the columns of the table are, a line each."""
    lines, splits = [], max((len(its.cells) for its in rows), default=0)
    ours = f"ours: the mean of {splits} splits"
    if splits >= MIN_SPLITS:
        ours += ", ± the half-width of its 95 % interval by Student's t"
    if any(its.corrected is not None for its in rows):
        ours += (
            "; in brackets the same, corrected: the splits share most of their training ratings, so the first is too "
            "narrow (Nadeau & Bengio 2003)"
        )
    lines.append(ours)
    if any(its.row.published is not None for its in rows):
        lines.append("difference: ours minus published")
    protocols = dict.fromkeys(its.row.protocol for its in rows if its.row.published is not None and its.row.protocol)
    lines += [f"published under another protocol: {protocol}" for protocol in protocols]
    for name in dict.fromkeys(re.split("[@]", name)[0] for name in table.columns):
        lines.append(f"{name}: {QUANTITIES[name]}")
    return "\n".join(f"* {line}" for line in lines)


def page(table: Table, rows: list[Measured], plotted: bool = True) -> str:
    """Return the page: the table, and what a reader needs to judge it and to run it again; plotted: NAME.png exists."""
    splits = max((len(its.cells) for its in rows), default=0)
    machines = sorted({environment(cell) for its in rows for cell in its.cells})
    parts = [
        f"# {titled(table, rows)}",
        f"Published: {table.paper}. Ours: `python -m tinyrec reproduce {table.name}`, the mean test "
        f"{table.measure.upper()} over {splits} random splits of {table.dataset} ({held_out(table)}, seeds 0 to "
        f"{splits - 1}).",
        markdown(table, rows),
        explained(table, rows),
        *([f"![{table.title}]({table.name}.png)"] if plotted else []),
        table.about.strip(),
        "## Settings",
        "\n".join(map(settings_of, filter(lambda its: its.cells, rows))),
        "## Measured on",
        "\n".join(f"* {machine}" for machine in machines),
    ]
    return "\n\n".join(parts) + "\n"


def settings_of(its: Measured) -> str:
    """Return the settings of a row, and the version of the library if it is another one's."""
    versions = sorted({cell["environment"]["peer"] for cell in its.cells if "peer" in cell["environment"]})
    of_library = f", of version {', '.join(versions)}" if versions else ""
    return f"* {its.row.name}: `{'` and `'.join(map(describe, its.row.configs()))}`{of_library}"


def held_out(table: Table) -> str:
    if table.measure != "rmse" and "%" not in table.measure:  # implicit feedback
        return "one of each user's held out at random"
    if any(row.test != 0.1 or row.cold_items for row in table.rows):
        return "what is held out: see below"
    left_out = {row.left_out for row in table.rows}
    if left_out == {0.1}:
        return "80 % to train on, 10 % on which settings were chosen on the first split, 10 % to test"
    return "90 % to train on, 10 % to test" if left_out == {0.0} else "what is left out: see below"


def describe(config: TrainingConfig) -> str:
    """Return a training on one line; settings that are not shown have their default values."""
    weight = "" if config.weight is None else f", weight {config.weight}"
    if config.optimizer is None:
        return _settings(config.model) + weight
    size = "" if config.batch_size is None else f", batch size {config.batch_size}"
    epochs = config.epochs or "best number of"
    return f"{_settings(config.model)}, {_settings(config.optimizer)}, {epochs} epochs{size}{weight}"


def _settings(value: Any) -> str:
    """Return the repr of a dataclass with only `by` and the fields that differ from their defaults."""
    shown = [
        f"{field.name}={getattr(value, field.name)!r}"
        for field in fields(value)
        if getattr(value, field.name) != field.default or field.name == "by"
    ]
    return f"{type(value).__name__}({', '.join(shown)})"


def environment(cell: dict[str, Any]) -> str:
    """Return the machine and the versions of a cell on one line."""
    used = cell["environment"]
    versions = {"tinyrec": used["tinyrec"], "Python": used["python"], **used["versions"]}
    software = ", ".join(f"{name} {version}" for name, version in versions.items() if version and name != "torch")
    gpu = f"{in_words(used['gpu'])}, " if used.get("gpu") else ""
    return f"{gpu}{used['cpu']}, {used['threads']} threads, backend {used['backend']}; {software}"


def fill(text: str, folder: Path = RESULTS) -> str:
    """Fill in a text, such as the README, between its marks: tables of results, and lists of pages by their prefix."""

    def filled(match):
        table = read(match[2])
        return match[1] + markdown(table, measured(table, run.read(folder / f"{table.name}.json"))) + "\n" + match[3]

    def listed(match):
        pages = [read(path.stem) for path in sorted(folder.glob(f"{match[2]}*.md")) if path.stem in names()]
        return match[1] + "".join(f"* [{table.title}]({table.name}.md)\n" for table in pages) + match[3]

    return LIST.sub(listed, MARK.sub(filled, text))
