"""Each tutorial as a notebook, beside its script in _sources; templates/page.html links to both."""

from pathlib import Path

import jupytext


def write_notebooks(app, problem):
    if problem is None and app.builder.format == "html":
        for script in Path(app.outdir, "_sources", "tutorials").glob("*.py"):
            jupytext.write(jupytext.read(script, fmt="py:percent"), script.with_suffix(".ipynb"))


def setup(app):
    app.connect("build-finished", write_notebooks, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
