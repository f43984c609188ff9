"""What of the site can be checked without building it: that it has a page for each room, and how it judges links."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tinyrec

SITE = Path(__file__).parents[1] / "tutorials" / "site"
NOT_FOR_IMPORT = {"tinyrec.cli", "tinyrec.teach"}  # commands, and what they are made of


@pytest.fixture
def extension(monkeypatch):
    """An extension of the site, by name."""
    monkeypatch.syspath_prepend(SITE / "extensions")
    return importlib.import_module


def test_each_room_with_public_names_has_a_page():
    on_pages = set(re.findall(r"automodule:: (\S+)", "".join(page.read_text() for page in SITE.glob("api/*.md"))))
    rooms = {f"tinyrec.{room.name}" for room in pkgutil.iter_modules(tinyrec.__path__) if room.ispkg}
    public = {room for room in rooms if hasattr(importlib.import_module(room), "__all__")}
    assert {"tinyrec", *public} - NOT_FOR_IMPORT <= on_pages


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<a href="b.html#here">', None),
        ('<a href="https://doi.org/10.1145/2740908.2742726">', None),
        ('<a href="c.html">', "a.html links to c.html, which is not there"),
        ('<a href="b.html#there">', "a.html links to b.html#there, where nothing has this id"),
        ('<a href="#there">', "a.html links to #there, where nothing has this id"),
        ('<img src="plot.png">', "a.html links to plot.png, which is not there"),
        ('<script src="https://cdn.jsdelivr.net/x.js">', "a.html loads https://cdn.jsdelivr.net/x.js"),
        ('<link rel="stylesheet" href="//fonts.net/x.css">', "a.html loads //fonts.net/x.css"),
    ],
)
def test_broken_links_and_loads_from_elsewhere_are_found(extension, tmp_path, html, problem):
    (tmp_path / "a.html").write_text(html)
    (tmp_path / "b.html").write_text('<p id="here">')
    assert list(extension("links").problems(tmp_path)) == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("docstring", "rst"),
    [
        ("Draw `n` cells, of R_ij.\nAgain.", "Draw ``n`` cells, of R\\_ij.\nAgain."),
        ("z = R V + mu      (eq. 1)", "| z = R V + mu\u2003(eq. 1)"),
        ("R (n, d)\n->  Z (n, k)", "| R (n, d)\n| ->  Z (n, k)"),
        ("k: of units\n    in all\nd: of rows", "| k: of units in all\n| d: of rows"),
        ("    a = 1\n    b = 2", ".. code-block:: text\n\n        a = 1\n        b = 2"),
        ("one    1\nfour   4", ".. code-block:: text\n\n    one    1\n    four   4"),
    ],
)
def test_docstrings_keep_the_lines_that_they_have(extension, docstring, rst):
    assert extension("docstrings").as_rst(docstring) == rst
