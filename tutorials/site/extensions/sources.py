"""Links to files of Python that are no pages, such as tests: to a copy; and links from names to our code."""

from importlib import import_module
from operator import attrgetter

from sphinx.addnodes import download_reference, pending_xref


def link_to_copies(app, doctree):
    """MyST takes each .py for a page, as the tutorials are."""
    for link in list(doctree.findall(pending_xref)):
        target = f"{link['reftarget']}.py"
        if link.get("refdomain") == "doc" and link["reftarget"] not in app.env.found_docs:
            copy = download_reference("", "", *link.children, reftarget=f"/{target}", refdoc=app.env.docname)
            link.replace_self(copy)


def module_of(app, module, name):
    """Where a name is defined, for sphinx.ext.viewcode; else it takes the type dict[str, Array] for one of builtins."""
    try:
        found = getattr(attrgetter(name)(import_module(module)), "__module__", None)
    except AttributeError:  # a field that instances have
        return None
    return module if found == "builtins" else found


def setup(app):
    app.connect("doctree-read", link_to_copies, priority=400)  # before Sphinx collects what is downloaded
    app.connect("viewcode-follow-imported", module_of)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
