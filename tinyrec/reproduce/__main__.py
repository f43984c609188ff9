"""python -m tinyrec.reproduce [FILE ...]: make pages, plots, and what they fill in elsewhere, from the kept results.

FILE: a result to keep first, of a GPU, see `gpu_page.keep`, or of `bench --json FILE` on a CPU; then only its page is
made.
"""

import sys
from pathlib import Path

from tinyrec.errors import FileError
from tinyrec.files import write_text
from tinyrec.reproduce import gpu_page, pages, promise_page, run, speed_page
from tinyrec.reproduce.tables import names, read
from tinyrec.reproduce.writing import write

if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    try:
        of_cpu = list(filter(speed_page.is_for, files))
        of_gpu = [path for path in files if path not in of_cpu]
        gpu_page.keep(of_gpu, pages.RESULTS)
        for path in of_cpu:
            speed_page.keep(path, pages.RESULTS)
        speed_page.write(pages.RESULTS)
    except FileError as problem:
        sys.exit(str(problem))
    for name in [gpu_page.NAME] * bool(of_gpu) if files else names():
        table = read(name)
        cells = run.read(pages.RESULTS / f"{name}.json")
        if cells or (table.backend and gpu_page.read_extras(pages.RESULTS).benches):
            write(table, pages.measured(table, cells), pages.RESULTS)
    if not files:
        promise_page.keep([], pages.RESULTS)
    for text in (pages.RESULTS / "README.md", Path(__file__).parents[2] / "README.md"):
        if text.exists():
            write_text(text, pages.fill(text.read_text("utf-8")))
