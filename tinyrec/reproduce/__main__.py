"""python -m tinyrec.reproduce [FILE ...]: make pages, plots, and what they fill in elsewhere, from the kept results.

FILE: what a GPU measured, to be kept first; then only its page is made. See `gpu_page.keep`.
"""

import sys
from pathlib import Path

from tinyrec.errors import FileError
from tinyrec.files import write_text
from tinyrec.reproduce import gpu_page, pages, promise_page, run
from tinyrec.reproduce.tables import names, read
from tinyrec.reproduce.writing import write

if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    try:
        gpu_page.keep(files, pages.RESULTS)
    except FileError as problem:
        sys.exit(str(problem))
    for name in [gpu_page.NAME] if files else names():
        table = read(name)
        cells = run.read(pages.RESULTS / f"{name}.json")
        if cells or (table.backend and gpu_page.read_extras(pages.RESULTS).benches):
            write(table, pages.measured(table, cells), pages.RESULTS)
    if not files:
        promise_page.keep([], pages.RESULTS)
    for text in (pages.RESULTS / "README.md", Path(__file__).parents[2] / "README.md"):
        if text.exists():
            write_text(text, pages.fill(text.read_text("utf-8")))
