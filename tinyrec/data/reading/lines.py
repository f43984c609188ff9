"""Read a text file in blocks of lines, so that a large file is never in memory as a whole."""

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

BLOCK_SIZE = 1 << 18  # characters per read
MAX_LINE_LENGTH = 10_000  # characters; a file with a longer line is not a ratings file
GZIP_MAGIC = b"\x1f\x8b"


def as_text(stream: Any, encoding: str = "utf-8-sig") -> TextIO:
    """Decode a stream of bytes; all three kinds of line ends become a newline, and a BOM is dropped.

    An invalid byte becomes a lone surrogate, so that a later error can give the number of its line.
    """
    return io.TextIOWrapper(stream, encoding, errors="surrogateescape")


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a plain or gzip text file; gzip is detected by the first bytes or the name.  FileError: cannot be read"""
    with _open(path) as file:
        try:
            is_gzip = file.peek(2).startswith(GZIP_MAGIC) or Path(path).suffix == ".gz"
            yield as_text(gzip.GzipFile(fileobj=file) if is_gzip else file)
        except (OSError, EOFError, zlib.error) as problem:
            raise FileError(f"{path} cannot be read to its end ({problem}); copy or download it again") from None


def _open(path: str | os.PathLike[str]) -> io.BufferedReader:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        raise FileError(f"{path} cannot be read ({getattr(problem, 'strerror', problem)}); check the path") from None


def blocks_of_lines(stream: TextIO, name: str) -> Iterator[tuple[Array, list[str]]]:
    """Yield blocks of non-blank lines with their line numbers, from 1: numbers (m,) int64, m lines."""
    start, rest = 1, ""
    while text := stream.read(BLOCK_SIZE):
        *lines, rest = (rest + text).split("\n")
        yield from _block(start, lines, name)
        start += len(lines)
        if len(rest) > MAX_LINE_LENGTH:
            break
    yield from _block(start, [rest], name)


def _block(start: int, lines: list[str], name: str) -> Iterator[tuple[Array, list[str]]]:
    numbers = np.arange(start, start + len(lines))
    if max(map(len, lines), default=0) > MAX_LINE_LENGTH:
        number = start + next(k for k, line in enumerate(lines) if len(line) > MAX_LINE_LENGTH)
        raise DataError(f"{name}, line {number}: longer than {MAX_LINE_LENGTH} characters; give one rating per line")
    if not all(map(str.strip, lines)):
        numbers = numbers[[not line.isspace() and line != "" for line in lines]]
        lines = [line for line in lines if line.strip()]
    if lines:
        yield numbers, lines
