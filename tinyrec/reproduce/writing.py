"""Write the page of a table, and its plot."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tinyrec.files import write_text
from tinyrec.reproduce import gpu_page, pages
from tinyrec.reproduce.pages import Measured
from tinyrec.reproduce.tables import Table


def write(table: Table, rows: list[Measured], folder: Path) -> bool:
    """Write NAME.md and, if there is something to draw and matplotlib to draw it, NAME.png; return whether it is."""
    extras = gpu_page.read_extras(folder) if table.backend else None
    plotted = importlib.util.find_spec("matplotlib") is not None and (extras is None or len(extras.shapes) > 1)
    if plotted:
        from tinyrec.reproduce import plots  # matplotlib is optional

        path = folder / f"{table.name}.png"
        if extras:
            plots.against_ratings(gpu_page.curves(extras), gpu_page.sizes(extras), gpu_page.caption(extras), path)
        else:
            plots.plot(table, rows, path)
    write_text(folder / f"{table.name}.md", page(table, rows, folder, plotted))
    return plotted


def page(table: Table, rows: list[Measured], folder: Path, plotted: bool = True) -> str:
    """Return the text of NAME.md."""
    if table.backend:
        return gpu_page.page(table, rows, gpu_page.read_extras(folder), plotted)
    return pages.page(table, rows, plotted)
