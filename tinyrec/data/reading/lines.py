"""A text file as a stream of blocks of lines, so that a large file never stands in memory as a whole."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError, FileError

BLOCK = 1 << 18  # characters that are read at once
LONGEST_LINE = 10_000  # characters; a ratings file with a longer line is no ratings file
GZIP_MAGIC = b"\x1f\x8b"


def as_text(stream: Any, encoding: str = "utf-8-sig") -> TextIO:
    """Decode a stream of bytes; any of the three line ends becomes a newline, and a BOM is dropped.

    A byte that does not fit the encoding becomes a lone surrogate, so that the line it stands in can be named later.
    """
    return io.TextIOWrapper(stream, encoding, errors="surrogateescape")


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file, or one that gzip has packed (by its first bytes or its name); FileError where that fails."""
    with _open(path) as file:
        try:
            packed = file.peek(2).startswith(GZIP_MAGIC) or Path(path).suffix == ".gz"
            yield as_text(gzip.GzipFile(fileobj=file) if packed else file)
        except (OSError, EOFError, zlib.error) as problem:
            raise FileError(f"{path} cannot be read to its end ({problem}); copy or download it again") from None


def _open(path: str | os.PathLike[str]) -> io.BufferedReader:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        raise FileError(f"{path} cannot be read ({getattr(problem, 'strerror', problem)}); check the path") from None


def blocks_of_lines(stream: TextIO, name: str) -> Iterator[tuple[Array, list[str]]]:
    """Yield the lines that are not blank, many at a time, with their numbers counted from 1: (m,) int64, m texts."""
    start, rest = 1, ""
    while text := stream.read(BLOCK):
        *lines, rest = (rest + text).split("\n")
        yield from _block(start, lines, name)
        start += len(lines)
        if len(rest) > LONGEST_LINE:
            break
    yield from _block(start, [rest], name)


def _block(start: int, lines: list[str], name: str) -> Iterator[tuple[Array, list[str]]]:
    numbers = np.arange(start, start + len(lines))
    if max(map(len, lines), default=0) > LONGEST_LINE:
        number = start + next(k for k, line in enumerate(lines) if len(line) > LONGEST_LINE)
        raise DataError(f"{name}, line {number}: longer than {LONGEST_LINE} characters; give one rating a line")
    if not all(map(str.strip, lines)):
        numbers = numbers[[not line.isspace() and line != "" for line in lines]]
        lines = [line for line in lines if line.strip()]
    if lines:
        yield numbers, lines
