"""Open a file, find the layout of its text, and read tables of text: the one door of all files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinyrec.backend import Array
from tinyrec.data.reading.fields import BLANKS, split_block, text_error
from tinyrec.data.reading.kinds import START, TABLES, ZIP, refuse_document, refuse_foreign
from tinyrec.data.reading.layout import Layout, find_layout
from tinyrec.data.reading.stream import PATH, Folder, blocks_of_lines, count_lines, open_bytes
from tinyrec.data.validation import BadLines
from tinyrec.errors import DataError

TEXTS = (".csv", ".tsv", ".txt", ".dat", ".data", ".inter", ".json", ".jsonl", ".ndjson")
NO_TABLE = re.compile(r"readme|license|__macosx|/\._|^\._")
NO_DATA = {  # how the first line of a text begins, what it is, and what to do
    "sep=": ("tells Excel the delimiter", "remove it, and give the delimiter with sep (--sep)"),
    "#": ("is a comment", "remove it"),
    "%%MatrixMarket": ("begins a Matrix Market file", "read it with scipy.io.mmread, and give the matrix"),
    "version https://git-lfs": ("begins a pointer of Git LFS", "fetch the file itself with git lfs pull"),
}
SAMPLE = 1000  # lines that are looked at to find the layout

Block = tuple[int, bytes]  # the number of its first line, and the lines


@contextmanager
def open_table_file(path: PATH) -> Iterator[tuple[Any, str, str]]:
    """Open a file, or the only table in a zip or folder: a stream, its kind (text, json, parquet, arrow), its name."""
    path = Path(path)
    with open_bytes(path) if not path.is_dir() else nullcontext() as stream:
        start = stream.read(START) if stream else b""
        if not stream or start.startswith(ZIP):
            folder = Folder(path)
            member = _only_table(folder)
            with folder.open(member) as inner:
                start = inner.read(START)
                yield _Peeked(start, inner), _kind(start, member), f"{path.name}/{member}"
        else:
            yield _Peeked(start, stream), _kind(start, path.name), path.name


def _kind(start: bytes, name: str) -> str:
    refuse_foreign(start, name)
    kind = next((kind for magic, kind in TABLES.items() if start.startswith(magic)), "text")
    return "json" if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else kind


def _only_table(folder: Folder) -> str:
    names = folder.names
    if any(name.startswith("xl/") for name in names):
        raise DataError(f"{folder.path} is an Excel workbook, not a file of ratings; save the sheet as CSV")
    if "header.json" in names:
        raise DataError(f"{folder.path} is a model file of tinyrec, not a file of ratings; give the ratings")
    if names and all(name.endswith(".npy") for name in names):
        raise DataError(f"{folder.path} is an archive of NumPy arrays; load it with numpy.load, and give the arrays")
    tables = [name for name in names if name.lower().endswith(TEXTS) and not NO_TABLE.search(name.lower())]
    if len(tables) != 1:
        listed = ", ".join((tables or names)[:5]) + (", ..." if len(tables or names) > 5 else "")
        cause = f"{folder.path} holds {len(tables) or 'no'} tables ({listed or 'nothing'}), not one"
        cure = "give the file with the ratings"
        raise DataError(f"{cause}; {cure if folder.path.is_dir() else f'unpack it, and {cure}'}")
    return tables[0]


class _Peeked:
    """A stream whose first bytes were read already."""

    def __init__(self, start: bytes, stream: Any):
        self.start, self.stream = start, stream

    def read(self, size: int) -> bytes:
        start, self.start = self.start[:size], self.start[size:]
        return start + self.stream.read(max(size - len(start), 0))


def open_table(
    stream: BinaryIO, name: str, encoding: str | None = None, layout: Layout | None = None, **options: Any
) -> tuple[Layout, Iterator[Block]]:
    """The layout of a stream of text, and its blocks of lines after the header.

    layout: if it is known;  options: of `find_layout`
    """
    number = 1
    blocks = blocks_of_lines(stream, name, encoding)
    if not isinstance(getattr(stream, "stream", stream), BufferedReader):
        blocks = _ahead(blocks)  # unpacking is worth a thread, reading a plain file is not
    for block in blocks:
        if not block.strip():
            number += count_lines(block)
            continue
        start = block.rfind(b"\n", 0, len(block) - len(block.lstrip())) + 1  # after blank lines
        number += count_lines(block[:start])
        if layout and layout.header and block[start : start + 1].isdigit():
            raise DataError(f"{name} has no header in its first line; download it again")
        layout = layout or _find(block[start:], number, name, options)
        after = block.find(b"\n", start) + 1 if layout.header else start
        return layout, _numbered(number + layout.header, block[after:], blocks)
    raise DataError(f"{name} is empty; give a file with lines")


def _ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, each read and unpacked while the one before is split."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def _find(block: bytes, number: int, name: str, options: dict[str, Any]) -> Layout:
    lines = block[: 1 << 20].decode("utf-8", "surrogateescape").split("\n")[:SAMPLE]
    lines = [line.removesuffix("\r") for line in lines if line.strip()]
    refuse_document(lines[0], name)
    for start, (what, cure) in NO_DATA.items():
        if lines[0].lower().startswith(start.lower()):
            raise DataError(f"{name}, line {number} {what}; {cure}")
    if error := text_error(lines[0]):
        raise DataError(f"{name}, line {number}: {'; '.join(error)}")
    try:
        return find_layout(lines, **options)
    except DataError as problem:
        raise DataError(f"{name}, line {number}: {problem}") from None


def _numbered(number: int, block: bytes, rest: Iterator[bytes]) -> Iterator[Block]:
    if block:
        yield number, block
        number += count_lines(block)
    for block in rest:
        yield number, block
        number += count_lines(block)


def read_texts(stream: Any, name: str, encoding: str | None = None, **options: Any) -> tuple[Array, dict[str, Any]]:
    """Line numbers (m,), and all columns of a table by name, as polars Series of stripped text; "" for nothing.

    Without a header, the names are "0", "1", ...;  options: layout, or those of `find_layout`
    DataError: invalid lines
    """
    import polars as pl

    layout, blocks = open_table(stream, name, encoding, **options)
    parts: list[tuple[Array, list[Any]]] = []
    bad = BadLines()
    for start, block in blocks:
        numbers, columns = split_block(block, start, layout, range(layout.width), bad)
        parts.append((numbers, [column.fill_null("").str.strip_chars(BLANKS) for column in columns]))
    bad.refuse(name)
    if not parts:
        raise DataError(f"{name} has a header, and no line below it; give a file with lines")
    names = layout.names or tuple(map(str, range(layout.width)))
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        raise DataError(f"{name} has two columns {twice!r} in its header; give each a name of its own")
    columns = [pl.concat(its) for its in zip(*(columns for _, columns in parts), strict=True)]
    return np.concatenate([numbers for numbers, _ in parts]), dict(zip(names, columns, strict=True))
