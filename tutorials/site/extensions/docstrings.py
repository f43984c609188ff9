"""Docstrings of tinyrec as reStructuredText: prose, lists of names, and what is set in columns stays as it is."""

import re

import tinyrec

NAMED = re.compile(r"^[\w.()\[\], ]{1,60}: ")  # starts "name: what it is"


def as_rst(lines):
    """The lines of a docstring, in plain text with `code`, as lines of reStructuredText."""
    out = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        rows = block.split("\n")
        if re.search(r"\S {3,}\S|^ {4}", block, re.MULTILINE) or "->" in block:
            indented = all(row.startswith("    ") for row in rows)
            out += ["::", "", *(row if indented else f"    {row}" for row in rows), ""]
        elif any(NAMED.match(row) for row in rows):
            items = []
            for row in rows:
                if NAMED.match(row) or not items:
                    items.append(row)
                else:
                    items[-1] += f" {row.strip()}"
            out += [*(f"| {escaped(item)}" for item in items), ""]
        else:
            out += [*(escaped(row.strip()) for row in rows), ""]
    return out


def escaped(text):
    """Without markup, but for `code`."""
    pieces = re.split(r"(`[^`]+`)", text)
    return "".join(f"`{piece}`" if i % 2 else re.sub(r"([\\*_|`])", r"\\\1", piece) for i, piece in enumerate(pieces))


def process(app, what, name, obj, options, lines):
    lines[:] = as_rst(lines)


def documented_under_tinyrec(app, what, name, obj, skip, options):
    """Skip what is on the page of `tinyrec`, where it has its shortest name."""
    return True if name in tinyrec.__all__ and not app.env.docname.endswith("/tinyrec") else None


def setup(app):
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-skip-member", documented_under_tinyrec)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
