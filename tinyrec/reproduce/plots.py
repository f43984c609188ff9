"""Plots of tables and figures: ours beside the published numbers."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from tinyrec.reproduce.pages import Measured
from tinyrec.reproduce.tables import Table

OURS, THEIRS = "#1f6f8b", "#c0504d"


def plot(table: Table, rows: list[Measured], path: Path) -> None:
    """Write the plot that the table asks for."""
    from matplotlib.figure import Figure

    height = 1.2 + 0.55 * len(rows) if table.plot == "bars" else 4.5
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    {"bars": bars, "line": line, "curve": curve}[table.plot](table, rows, axes)
    axes.set_title(table.title, loc="left", fontsize=12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=120)


def bars(table: Table, rows: list[Measured], axes) -> None:
    """A line for each row: our mean with its interval, and what was published."""
    shown = [its for its in rows if its.cells or its.row.published is not None]
    for y, its in enumerate(reversed(shown)):
        if its.cells:
            error = its.interval if len(its.cells) > 1 else None
            axes.errorbar(its.value, y, xerr=error, fmt="o", color=OURS, capsize=4, label="ours, 95 % interval")
            axes.annotate(
                f"{its.value:.4f}", (its.value, y), (0, 7), textcoords="offset points", ha="center", color=OURS
            )
        if its.row.published is not None:
            axes.plot(its.row.published, y, "D", color=THEIRS, label="published", alpha=0.8)
    axes.set_yticks(range(len(shown)), [fill(its.row.name, 38) for its in reversed(shown)])
    axes.set(xlabel=f"test {table.measure.upper()}", ylim=(-0.6, len(shown) - 0.3))
    axes.grid(axis="x", alpha=0.3)
    _legend(axes)


def line(table: Table, rows: list[Measured], axes) -> None:
    """RMSE against x, a line for each series."""
    ours = [its for its in rows if its.cells]
    series = list(dict.fromkeys(its.row.series for its in ours))
    for number, name in enumerate(series):
        its = [one for one in ours if one.row.series == name]
        xs, ys = [one.row.x for one in its], [one.value for one in its]
        errors = [one.interval if len(one.cells) > 2 else 0 for one in its]  # that of two is absurdly wide
        color, label = (OURS, "ours, 95 % interval") if len(series) == 1 else (f"C{number}", name)
        axes.errorbar(xs, ys, yerr=errors, fmt="o-", color=color, capsize=3, label=label)
    theirs = [its.row for its in rows if its.row.published is not None]
    if theirs:
        axes.plot([row.x for row in theirs], [row.published for row in theirs], "D", color=THEIRS, label="published")
    axes.set(xlabel=table.axis, ylabel=f"test {table.measure.upper()} on {table.dataset}")
    axes.grid(alpha=0.3)
    _legend(axes)


def curve(table: Table, rows: list[Measured], axes) -> None:
    """RMSE after each epoch, a line for each row."""
    for its in (its for its in rows if its.cells):
        axes.plot(range(1, len(its.curve) + 1), its.curve, label=its.row.name)
    lowest = min((min(its.curve) for its in rows if its.cells), default=0.8)
    axes.set(
        xlabel="epoch", ylabel=f"test {table.measure.upper()} on {table.dataset}", ylim=(lowest - 0.005, lowest + 0.1)
    )
    axes.grid(alpha=0.3)
    _legend(axes)


def _legend(axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axes.legend(once.values(), once.keys(), frameon=False)
