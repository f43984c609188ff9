"""A page that plays back a training of AutoRec on a matrix that fits on the screen.

`record.py` trains and keeps every number of every epoch, `formulas.py` says of each number which others made it, and
`page.py` writes both, with `page.html`, `page.css` and `page.js`, into one file: `python -m tinyrec playground`.
"""

from tinyrec.playground.formulas import formulas
from tinyrec.playground.page import page
from tinyrec.playground.record import RUNS, Recording, record

__all__ = ["RUNS", "Recording", "formulas", "page", "record"]
