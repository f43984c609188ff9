"""Docstrings of tinyrec as reStructuredText: prose becomes paragraphs, and what has lines of its own keeps them."""

import re
from itertools import pairwise

import tinyrec

NAMED = re.compile(r"[\w.()\[\]*, ]{1,60}: ")  # starts "name: what it is"
WIDTH = 110  # a longer line of a docstring would not fit; at least 4 of 120 columns are its indentation


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
    lines = []
    for before, row in pairwise(["", *rows]):
        full = len(before) + len(row.split()[0]) > WIDTH
        if before and not NAMED.match(row) and (row.startswith("    ") or full):
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


def short(app, what, name, obj, options, signature, returned):
    """Names of types as they are written; of those within others, Sphinx gives its own way to hold them."""
    return tuple(text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in (signature, returned))


def skip(app, what, name, obj, skipped, options):
    """Skip what is on the page of `tinyrec`, where it has its shortest name."""
    return True if name in tinyrec.__all__ and not app.env.docname.endswith("/tinyrec") else None


def setup(app):
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", short)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
