"""python -m tinyrec.reproduce: make pages, plots, their list and the table in the README from the kept results."""

from pathlib import Path

from tinyrec.reproduce import pages, run
from tinyrec.reproduce.plots import plot
from tinyrec.reproduce.tables import names, read

if __name__ == "__main__":
    for name in names():
        table = read(name)
        cells = run.read(pages.RESULTS / f"{name}.json")
        if cells:
            rows = pages.measured(table, cells)
            (pages.RESULTS / f"{name}.md").write_text(pages.page(table, rows), "utf-8")
            plot(table, rows, pages.RESULTS / f"{name}.png")
    for text in (pages.RESULTS / "README.md", Path(__file__).parents[2] / "README.md"):
        if text.exists():
            text.write_text(pages.fill(text.read_text("utf-8")), "utf-8")
