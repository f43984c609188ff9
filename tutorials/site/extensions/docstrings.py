"""Docstrings of tinyrec as reStructuredText: prose becomes paragraphs, and what has lines of its own keeps them."""

import re

import tinyrec

NAMED = re.compile(r"[\w.()\[\]*, ]{1,60}: ")  # starts "name: what it is"


def as_rst(docstring):
    """The docstring, plain text with `code`, in reStructuredText."""
    return "\n\n".join(block_as_rst(block) for block in re.split(r"\n\s*\n", docstring.strip("\n")))


def block_as_rst(block):
    """Code, or columns, as they are; equations, shapes and lists of names line by line; a paragraph else."""
    rows = block.split("\n")
    if all(row.startswith("    ") for row in rows) or sum(bool(re.search(r"\S {3,}\S", row)) for row in rows) > 1:
        return "\n    ".join([".. code-block:: text\n", *rows])
    if not any(NAMED.match(row) or re.search(r"->|\S {3,}\S", row) for row in rows):
        return "\n".join(escaped(row.strip()) for row in rows)
    named, lines = any(NAMED.match(row) for row in rows), []
    for row in rows:
        if lines and (row.startswith("    ") or named and not NAMED.match(row)):
            lines[-1] += f" {row.strip()}"  # goes on
        else:
            lines.append(row)
    return "\n".join(f"| {escaped(re.sub(' {3,}', chr(8195), line))}" for line in lines)


def escaped(text):
    """Without markup, but for `code`."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(f"`{part}`" if i % 2 else re.sub(r"([\\*_|`])", r"\\\1", part) for i, part in enumerate(parts))


def process(app, what, name, obj, options, lines):
    lines[:] = as_rst("\n".join(lines)).split("\n")


def skip(app, what, name, obj, skipped, options):
    """Skip what is on the page of `tinyrec`, where it has its shortest name."""
    return True if name in tinyrec.__all__ and not app.env.docname.endswith("/tinyrec") else None


def setup(app):
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
