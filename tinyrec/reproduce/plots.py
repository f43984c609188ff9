"""Plots of tables and figures: our results and the published numbers."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from tinyrec.files import replaced
from tinyrec.reproduce.pages import Measured
from tinyrec.reproduce.tables import Table

OURS, PUBLISHED = "#1f6f8b", "#c0504d"


def plot(table: Table, rows: list[Measured], path: Path) -> None:
    """Write the plot of the kind `table.plot` to `path`."""
    from matplotlib.figure import Figure

    height = 1.2 + 0.55 * len(rows) if table.plot == "bars" else 4.5
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    {"bars": bars, "line": line, "curve": curve}[table.plot](table, rows, axes)
    axes.grid(axis="x" if table.plot == "bars" else "both", alpha=0.3)
    _legend(axes)
    axes.set_title(table.title, loc="left", fontsize=12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    with replaced(path) as new:
        figure.savefig(new, dpi=120, format="png")


def bars(table: Table, rows: list[Measured], axes) -> None:
    """Plot each row of the table: our mean with its 95 % interval, and the published value."""
    shown = [measured for measured in rows if measured.cells or measured.row.published is not None]
    for y, measured in enumerate(reversed(shown)):
        if measured.cells:
            error = measured.interval if len(measured.cells) > 1 else None
            axes.errorbar(measured.value, y, xerr=error, fmt="o", color=OURS, capsize=4, label="ours, 95 % interval")
            text = f"{measured.value:.4f}"
            axes.annotate(text, (measured.value, y), (0, 7), textcoords="offset points", ha="center", color=OURS)
        if measured.row.published is not None:
            axes.plot(measured.row.published, y, "D", color=PUBLISHED, label="published", alpha=0.8)
    axes.set_yticks(range(len(shown)), [fill(measured.row.name, 38) for measured in reversed(shown)])
    axes.set(xlabel=f"test {table.measure.upper()}", ylim=(-0.6, len(shown) - 0.3))


def line(table: Table, rows: list[Measured], axes) -> None:
    """Plot the measure of the table as a function of x, one line per series."""
    ours = [measured for measured in rows if measured.cells]
    series = list(dict.fromkeys(measured.row.series for measured in ours))
    for number, name in enumerate(series):
        points = [measured for measured in ours if measured.row.series == name]
        xs, ys = [point.row.x for point in points], [point.value for point in points]
        errors = [point.interval if len(point.cells) > 2 else 0 for point in points]  # of two splits it is too wide
        color, label = (OURS, "ours, 95 % interval") if len(series) == 1 else (f"C{number}", name)
        axes.errorbar(xs, ys, yerr=errors, fmt="o-", color=color, capsize=3, label=label)
    published = [measured.row for measured in rows if measured.row.published is not None]
    if published:
        values = [row.published for row in published]
        axes.plot([row.x for row in published], values, "D", color=PUBLISHED, label="published")
    axes.set(xscale="log" if table.log else "linear")
    axes.set(xlabel=table.axis, ylabel=f"test {table.measure.upper()} on {table.dataset}")


def curve(table: Table, rows: list[Measured], axes) -> None:
    """Plot the test RMSE after each epoch, one line per row of the table."""
    ours = [measured for measured in rows if measured.cells]
    for measured in ours:
        axes.plot(range(1, len(measured.curve) + 1), measured.curve, label=measured.row.name)
    lowest = min((min(measured.curve) for measured in ours), default=0.8)
    axes.set(xlabel="epoch", ylabel=f"test {table.measure.upper()} on {table.dataset}")
    axes.set(ylim=(lowest - 0.005, lowest + 0.1))


def _legend(axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), frameon=False)
