"""The gallery: for each tutorial its first picture, or its first paragraph, and its title."""

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
        tutorials = sorted(name for name in app.env.found_docs if re.fullmatch(r"tutorials/\w+", name))
        cards = [card(app, docname, tutorial) for tutorial in tutorials]  # digits come before letters
        place.replace_self(nodes.container("", *cards, classes=["gallery"]))


def card(app, docname, tutorial):
    page = app.env.get_doctree(tutorial)
    lead = nodes.paragraph("", next(page.findall(nodes.paragraph)).astext(), classes=["lead"])
    picture = next((image.deepcopy() for image in page.findall(nodes.image)), lead)
    number = re.match(r"\d*", tutorial.removeprefix("tutorials/"))[0]
    title = nodes.inline("", f"{number} {app.env.titles[tutorial].astext()}".strip())
    link = nodes.reference("", "", title, refuri=app.builder.get_relative_uri(docname, tutorial), internal=True)
    return nodes.container("", picture, nodes.paragraph("", "", link), classes=["card"])


def setup(app):
    app.add_node(gallery)
    app.add_directive("gallery", Gallery)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
