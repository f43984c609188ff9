"""After the build: each local link leads to a file and a heading that exist, and no page loads from elsewhere."""

import logging
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}


class Page(HTMLParser):
    """What a page has (ids), links to, and loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id"))
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if LOADS.get(tag) in values:
            self.loads.add(values[LOADS[tag]])


def problems(folder):
    """One sentence for each broken link, and for each file that a page loads from elsewhere."""
    pages = {path: Page(path.read_text("utf-8")) for path in folder.resolve().rglob("*.html")}
    for path, page in pages.items():
        where = path.relative_to(folder.resolve())
        for url in sorted(page.links | page.loads):
            parts = urlsplit(url)
            if parts.scheme == "data" or ((parts.netloc or parts.scheme) and url not in page.loads):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if parts.netloc or parts.scheme:
                yield f"{where} loads {url}"
            elif not target.is_file():
                yield f"{where} links to {url}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                yield f"{where} links to {url}, where nothing has this id"
    for style in folder.rglob("*.css"):
        if "url(http" in (text := style.read_text("utf-8")) or "url(//" in text or "@import" in text:
            yield f"{style.relative_to(folder)} loads from elsewhere"


def check(app, problem):
    if problem is None and app.builder.format == "html":
        for sentence in problems(app.outdir):
            logging.getLogger("sphinx.links").warning(sentence)


def setup(app):
    app.connect("build-finished", check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
