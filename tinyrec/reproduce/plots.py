"""Plots of tables and figures: our results and the published numbers."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import numpy as np

from tinyrec.files import replaced
from tinyrec.reproduce.pages import Measured, number, titled
from tinyrec.reproduce.peers import Peer
from tinyrec.reproduce.tables import Table

OURS, PUBLISHED = "#1f6f8b", "#c0504d"
STYLES = [  # a color, a marker and a line for each series, so that colors are not the only sign
    (f"C{number}", "osD^vP*Xh"[number % 9], ("-", "--", "-.", ":")[number % 4]) for number in range(20)
]


def plot(table: Table, rows: list[Measured], path: Path) -> None:
    """Write the plot of the kind `table.plot` to `path`. Rows without a result of ours are not in it."""
    from matplotlib.figure import Figure

    ours = [measured for measured in rows if measured.cells]
    panels = table.plotted if table.plot == "bars" and table.plotted else [table.measure]
    height = 1.2 + 0.55 * len(ours) if table.plot == "bars" else 4.5
    figure = Figure(figsize=(9, height), layout="constrained")
    for name, axes in zip(
        panels, figure.subplots(1, len(panels), squeeze=False, sharey=len(panels) > 1)[0], strict=True
    ):
        if name != table.measure:
            amounts(name, ours, axes)
        else:
            {"bars": bars, "line": line, "curve": curve, "seconds": seconds}[table.plot](table, ours, axes)
        axes.grid(axis="x" if table.plot == "bars" else "both", alpha=0.3)
        _legend(axes, above=table.plot == "bars")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.suptitle(fill(titled(table, rows), 90), x=0.01, ha="left", fontsize=12)
    with replaced(path) as new:
        figure.savefig(new, dpi=120, format="png")


def bars(table: Table, rows: list[Measured], axes) -> None:
    """Plot each row: our mean with its 95 % interval, and the published value; far outliers at the edge."""
    low, high = shown_range([(its.value, its.interval or 0, its.row.published) for its in rows])
    for y, its in enumerate(reversed(rows)):
        if low <= its.value <= high:
            label = "ours" if its.interval is None else "ours, 95 % interval"
            axes.errorbar(its.value, y, xerr=its.interval, fmt="o", color=OURS, capsize=4, label=label)
            place = (its.value, y), (0, 7), "center"
        else:
            edge, way = (high, ">") if its.value > high else (low, "<")
            axes.plot(edge, y, way, color=OURS, label="ours, off the axis", clip_on=False)
            place = (edge, y), (-8 if way == ">" else 8, -4), "right" if way == ">" else "left"
        at, offset, align = place
        axes.annotate(f"{its.value:.4f}", at, offset, textcoords="offset points", ha=align, color=OURS)
        if its.row.published is not None:
            face, label = _published(its)
            x = min(max(its.row.published, low), high)
            shape = "D" if x == its.row.published else ">" if x == high else "<"
            axes.plot(x, y, shape, color=PUBLISHED, markerfacecolor=face, label=label, alpha=0.8, clip_on=False)
    axes.set_yticks(range(len(rows)), [fill(its.row.name, 38) for its in reversed(rows)])
    axes.set(xlabel=f"test {table.measure.upper()} on {table.dataset}", xlim=(low, high))
    axes.set(ylim=(-0.6, len(rows) - 0.3))
    axes.locator_params(axis="x", nbins=6)


def shown_range(rows: list[tuple[float, float, float | None]]) -> tuple[float, float]:
    """The range of the axis for (value, interval, published): without what is far from most values."""
    values = np.array([value for value, *_ in rows])
    middle = np.median(values)
    spread = max(np.quantile(np.abs(values - middle), 0.75, method="lower"), 0.002)
    near = [its for its in rows if abs(its[0] - middle) <= 5 * spread]
    widest = 3 * np.median([its[1] for its in rows])  # of an interval that is shown whole
    ends = [its[0] + way * min(its[1], widest) for its in near for way in (-1, 1)]
    ends += [its[2] for its in rows if its[2] is not None and abs(its[2] - middle) <= 5 * spread]
    margin = 0.08 * (max(ends) - min(ends)) or 0.01
    return float(min(ends) - margin), float(max(ends) + margin)


def amounts(name: str, rows: list[Measured], axes) -> None:
    """Plot a quantity that starts at 0, such as seconds, as bars."""
    for y, its in enumerate(reversed(rows)):
        if (value := number(its, name)) is not None:
            axes.barh(y, value, color=OURS, height=0.6)
            text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
            axes.annotate(text, (value, y), (4, -4), textcoords="offset points", color=OURS)
    axes.set_yticks(range(len(rows)), [fill(its.row.name, 38) for its in reversed(rows)])
    axes.set(xlabel=name, ylim=(-0.6, len(rows) - 0.3))
    axes.margins(x=0.15)


def line(table: Table, rows: list[Measured], axes) -> None:
    """Plot the measure of the table as a function of x, one line per series."""
    series = list(dict.fromkeys(its.row.series for its in rows))
    for (color, marker, dashes), name in zip(STYLES, series, strict=False):
        points = [its for its in rows if its.row.series == name]
        xs, ys = [point.row.x for point in points], [point.value for point in points]
        errors = [point.interval or 0 for point in points] if any(point.interval for point in points) else None
        label = name or ("ours, 95 % interval" if errors else "ours")
        axes.errorbar(xs, ys, yerr=errors, fmt=marker, linestyle=dashes, color=color, capsize=3, label=label)
    for its in rows:
        if its.row.published is not None:
            face, label = _published(its)
            axes.plot(its.row.x, its.row.published, "D", color=PUBLISHED, markerfacecolor=face, label=label)
    axes.set(xscale="log" if table.log else "linear")
    axes.set(xlabel=table.axis, ylabel=f"test {table.measure.upper()} on {table.dataset}")


def seconds(table: Table, rows: list[Measured], axes) -> None:
    """Plot the measure of the table against the seconds of training, each row with its name."""
    front = front_of([(its.mean("seconds"), its.value) for its in rows], lower=table.measure == "rmse")
    axes.step(
        *zip(*front, strict=True), where="post", color="gray", linestyle=":", label="what nothing else beats in both"
    )
    for its in rows:
        at = its.mean("seconds")
        is_peer = any(isinstance(config.model, Peer) for config in its.row.configs())
        marker, color, label = ("s", PUBLISHED, "another library") if is_peer else ("o", OURS, "tinyrec")
        axes.errorbar(at, its.value, yerr=its.interval, fmt=marker, color=color, capsize=3, label=label)
    threads = sorted({cell["environment"]["threads"] for its in rows for cell in its.cells})
    axes.set(xscale="log", xlabel=f"seconds of training, on {' or '.join(map(str, threads))} CPU threads")
    axes.set(ylabel=f"test {table.measure.upper()} on {table.dataset}, 95 % interval")
    axes.margins(x=0.25)
    write_names(axes, [(its.row.name, its.mean("seconds"), its.value) for its in rows])


def write_names(axes, points: list[tuple[str, float, float]]) -> None:
    """Write the name of each point (name, x, y) beside it, where it covers no other name and no other point."""
    axes.figure.canvas.draw()  # places the axes
    at = axes.transData.transform([(x, y) for _, x, y in points]) * 72 / axes.figure.dpi
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in at]
    for (name, *point), (x, y) in zip(points, at, strict=True):
        width, places = 5.4 * len(name), [(way, dy) for dy in (0, 9, -9, 18, -18, 27, -27) for way in (1, -1)]
        boxes = [
            (x + 7 * way - width * (way < 0), y + dy - 5, x + 7 * way + width * (way > 0), y + dy + 5)
            for way, dy in places
        ]
        covered = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = int(np.argmin(covered))
        way, dy = places[best]
        taken.append(boxes[best])
        style = {"textcoords": "offset points", "ha": "left" if way > 0 else "right", "va": "center", "fontsize": 9}
        axes.annotate(name, point, (7 * way, dy), **style)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """The area that two boxes (left, bottom, right, top) share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def front_of(points: list[tuple[float, float]], lower: bool) -> list[tuple[float, float]]:
    """The points (seconds, value) than which no other is both faster and better, by seconds."""
    front: list[tuple[float, float]] = []
    for at, value in sorted(points, key=lambda point: (point[0], point[1] if lower else -point[1])):
        if not front or (value < front[-1][1] if lower else value > front[-1][1]):
            front.append((at, value))
    return front


def curve(table: Table, rows: list[Measured], axes) -> None:
    """Plot the test RMSE after each epoch, one line per row of the table."""
    for (color, marker, dashes), its in zip(STYLES, rows, strict=False):
        epochs = range(1, len(its.curve) + 1)
        style = {"marker": marker, "linestyle": dashes, "markevery": max(1, len(epochs) // 8), "markersize": 5}
        axes.plot(epochs, its.curve, color=color, label=its.row.name, **style)
    lowest = min((min(its.curve) for its in rows), default=0.8)
    axes.set(xlabel="epoch", ylabel=f"test {table.measure.upper()} on {table.dataset}")
    axes.set(ylim=(lowest - 0.005, lowest + 0.1))
    axes.xaxis.get_major_locator().set_params(integer=True)


def against_ratings(curves: dict[str, dict[int, float]], sizes: dict[str, int], title: str, path: Path) -> None:
    """Write a plot of milliseconds an epoch against the number of ratings, a line for each implementation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for (color, marker, dashes), (name, ms) in zip(STYLES, curves.items(), strict=False):
        axes.loglog(list(ms), list(ms.values()), marker=marker, linestyle=dashes, color=color, label=name)
    axes.set(xlabel="ratings", ylabel="ms an epoch")
    top = axes.secondary_xaxis("top")
    top.set_xticks(list(sizes.values()), list(sizes))
    top.tick_params(which="minor", length=0, labelbottom=False, labeltop=False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    figure.suptitle(fill(title, 90), x=0.01, ha="left", fontsize=12)
    with replaced(path) as new:
        figure.savefig(new, dpi=120, format="png")


def _published(its: Measured) -> tuple[str, str]:
    """The face of a published mark, hollow if it was measured under another protocol, and its label."""
    return ("none", f"published: {its.row.protocol}") if its.row.protocol else (PUBLISHED, "published")


def _legend(axes, above: bool) -> None:
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if unique:
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3} if above else {}
        axes.legend(unique.values(), unique.keys(), frameon=False, fontsize=9, **place)
