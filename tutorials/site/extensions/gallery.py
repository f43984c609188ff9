"""The gallery: for each tutorial its title, its first sentences, and its first picture."""

import re

from docutils import nodes
from docutils.parsers.rst import Directive


class gallery(nodes.General, nodes.Element):
    """Where the cards go, once all tutorials have run."""


class Gallery(Directive):
    def run(self):
        return [gallery()]


def fill(app, doctree, docname):
    for place in doctree.findall(gallery):
        tutorials = [name for name in app.env.found_docs if re.fullmatch(r"tutorials/\w+", name)]
        place.replace_self(nodes.container("", *(card(app, docname, name) for name in in_order(tutorials)), classes=["gallery"]))


def in_order(names):
    """Numbered ones first."""
    return sorted(names, key=lambda name: (not name.split("/")[-1][0].isdigit(), name))


def card(app, docname, name):
    page = app.env.get_doctree(name)
    picture = next(iter(page.findall(nodes.image)), None)
    number = re.match(r"\d*", name.split("/")[-1])[0]
    title = f"{number} {app.env.titles[name].astext()}".strip()
    uri = app.builder.get_relative_uri(docname, name)
    link = nodes.reference("", "", nodes.inline("", title), refuri=uri, internal=True)
    return nodes.container("", *([picture.deepcopy()] if picture else []), nodes.paragraph("", "", link), classes=["card"])


def setup(app):
    app.add_node(gallery)
    app.add_directive("gallery", Gallery)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
