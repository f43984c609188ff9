"""python -m tinyrec.reproduce: make pages, plots, their list and the table in the README from the kept results."""

from pathlib import Path

from tinyrec.files import write_text
from tinyrec.reproduce import pages, promise_page, run
from tinyrec.reproduce.plots import plot
from tinyrec.reproduce.tables import names, read

if __name__ == "__main__":
    for name in names():
        table = read(name)
        cells = run.read(pages.RESULTS / f"{name}.json")
        if cells:
            rows = pages.measured(table, cells)
            write_text(pages.RESULTS / f"{name}.md", pages.page(table, rows))
            plot(table, rows, pages.RESULTS / f"{name}.png")
    promise_page.keep([], pages.RESULTS)
    for text in (pages.RESULTS / "README.md", Path(__file__).parents[2] / "README.md"):
        if text.exists():
            write_text(text, pages.fill(text.read_text("utf-8")))
