"""The plots show what they say, and leave out what would mislead."""

import numpy as np
import pytest

from tinyrec.reproduce import pages, plots, tables

figure = pytest.importorskip("matplotlib.figure")


def rows_of(values, published=(), protocol="", **more):
    """Measured rows with these values on each split."""
    rows = []
    for number, on_splits in enumerate(values):
        its = published[number] if published else None
        row = tables.Row(name=f"row {number}", dataset="x", published=its, protocol=protocol, x=number, **more)
        cells = [
            {"task": {"split": split}, "seconds": 2.0 + number, "peak_mb": 100, "scores": {"usual": {"rmse": value}}}
            for split, value in enumerate(on_splits)
        ]
        rows.append(pages.Measured(row, cells))
    return rows


def table_of(rows, **more):
    its = {"name": "t", "title": "A table", "paper": "", "about": "", "dataset": "x", **more}
    return tables.Table(rows=[measured.row for measured in rows], **its)


def drawn(kind, rows, **more):
    axes = figure.Figure().subplots()
    getattr(plots, kind)(table_of(rows, **more), rows, axes)
    return axes


def test_an_outlier_stands_at_the_edge_and_does_not_squeeze_the_rest():
    axes = drawn("bars", rows_of([[0.83, 0.84, 0.85], [0.84, 0.85, 0.86], [0.85, 0.85, 0.85], [2.0, 2.0, 2.0]]))
    assert axes.get_xlim()[1] < 1 and "2.0000" in [text.get_text() for text in axes.texts]


def test_intervals_that_are_usual_here_are_shown_whole():
    rows = rows_of([[0.8, 0.9, 1.0], [0.81, 0.9, 1.0], [0.79, 0.9, 1.0]])
    low, high = drawn("bars", rows).get_xlim()
    assert all(low < its.value - its.interval and its.value + its.interval < high for its in rows)


def test_two_splits_have_no_interval_and_the_title_says_so():
    rows = rows_of([[0.8, 0.9], [0.8, 0.8]])
    assert rows[0].interval is None and pages.titled(table_of(rows), rows) == "A table (2 splits)"
    assert "±" not in pages.markdown(table_of(rows), rows)
    assert drawn("bars", rows).get_legend_handles_labels()[1] == ["ours", "ours"]


def test_rows_without_a_result_of_ours_stay_out(tmp_path):
    rows = [*rows_of([[0.8, 0.8, 0.9]]), *rows_of([[]], published=[0.1])]
    plots.plot(table_of(rows), rows, tmp_path / "t.png")
    assert (tmp_path / "t.png").stat().st_size > 1000
    assert drawn("bars", rows[:1]).get_xlim()[0] > 0.5


def test_a_mark_under_another_protocol_is_hollow_and_says_so():
    rows = rows_of([[0.8, 0.8, 0.9]], published=[0.82], protocol="the best epoch")
    axes = drawn("bars", rows)
    (mark,) = [its for its in axes.lines if its.get_label() == "published: the best epoch"]
    assert mark.get_markerfacecolor() == "none"
    assert "published under another protocol: the best epoch" in pages.explained(table_of(rows), rows)


def test_series_differ_in_more_than_their_colors():
    rows = [its for name in "ab" for its in rows_of([[0.8], [0.7]], series=name)]
    (one, *_), (other, *_) = (container.lines for container in drawn("line", rows, plot="line").containers)
    assert one.get_marker() != other.get_marker() and one.get_linestyle() != other.get_linestyle()


def test_seconds_and_memory_are_bars_from_zero(tmp_path):
    rows = rows_of([[0.8, 0.9], [0.8, 0.9]])
    axes = figure.Figure().subplots()
    plots.amounts("seconds", rows, axes)
    assert sorted(bar.get_width() for bar in axes.patches) == [2.0, 3.0] and axes.get_xlabel() == "seconds"
    plots.plot(table_of(rows, plotted=["seconds", "MB"]), rows, tmp_path / "t.png")


@pytest.mark.parametrize("name", tables.names())
def test_every_column_is_explained(name):
    table = tables.read(name)
    assert all(column.split("@")[0] in pages.QUANTITIES for column in table.columns + table.plotted if column != "rmse")


def test_better_than_is_a_paired_difference():
    """It finds a small difference that two overlapping intervals hide."""
    base = np.array([0.8, 0.9, 1.0])
    rows = rows_of([base, base - [0.010, 0.011, 0.009]])
    better = pages.Measured(tables.Row(name="b", dataset="x", than="row 0"), rows[1].cells)
    assert pages.column(better, "better than", rows).startswith("+0.0100 ± 0.0025 (3 of 3)")
    assert rows[0].interval > 0.1
