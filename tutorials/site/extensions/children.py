"""The pages below a README.md, which is also read in the repository, and so has no toctree of its own."""

CHILDREN = {
    "tinyrec/reproduce/results/README": "/tinyrec/reproduce/results/[!R]*",
    "tutorials/assignments/README": "/tutorials/assignments/[!R]*",
}


def add_children(app, docname, source):
    if docname in CHILDREN:
        source[0] += f"\n```{{toctree}}\n:hidden:\n:glob:\n{CHILDREN[docname]}\n```\n"


def setup(app):
    app.connect("source-read", add_children)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
