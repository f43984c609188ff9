"""Read a file in blocks of whole lines, so that neither a large file nor a bomb is ever in memory as a whole."""

from __future__ import annotations

import codecs
import gzip
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from tinyrec.data.reading.kinds import COMPRESSED, START
from tinyrec.errors import DataError, FileError, TinyrecError, UsageError

BLOCK_SIZE = 1 << 22  # bytes per read
MAX_LINE = 1 << 20  # bytes; a file with a longer line is not a file of ratings
FREE, MAX_RATIO = 1 << 25, 100  # a file may unpack to this many bytes, and above that to this many times its size
PATH = str | os.PathLike[str]
# What the readers of compressed files raise for damaged, encrypted or unsupported ones.
DAMAGED: Any = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError, IndexError, struct.error)


class Folder:
    """The members of a zip file or of a folder, by path."""

    def __init__(self, path: PATH):
        self.path = Path(path)
        if self.path.is_dir():
            found = (file for file in self.path.rglob("*") if file.is_file())
            self.names = [file.relative_to(self.path).as_posix() for file in found]
        else:
            with _explained(str(path)), zipfile.ZipFile(path) as archive:
                self.names = archive.namelist()

    def find(self, member: str) -> str | None:
        """The full name of a member, given without the folder that it may be in; None: there is none, or several"""
        found = [name for name in self.names if name == member or name.endswith(f"/{member}")]
        return found[0] if len(found) == 1 else None

    @contextmanager
    def open(self, member: str) -> Iterator[BinaryIO]:
        """FileError: it is missing, there twice, encrypted, damaged, or suspiciously well compressed"""
        name = self.find(member)
        if not name:
            raise FileError(f"{self.path} has no member {member}, or several; download the official file again")
        if self.path.is_dir():
            with open_bytes(self.path / name) as stream:
                yield stream
            return
        with _explained(f"{member} in {self.path}"), zipfile.ZipFile(self.path) as archive:
            info = archive.getinfo(name)
            check_ratio(f"{member} in {self.path}", info.file_size, info.compress_size)
            with archive.open(info) as stream:  # zipfile stops at the declared size, and checks the sum
                yield stream  # type: ignore[misc]


@contextmanager
def open_bytes(path: PATH) -> Iterator[BinaryIO]:
    """Open a plain, gzip or zstd file, which its first bytes tell.  FileError: it cannot be read"""
    try:
        file = open(path, "rb")  # noqa: SIM115
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        raise FileError(f"{path} cannot be read ({getattr(problem, 'strerror', problem)}); check the path") from None
    with _explained(str(path)), file:
        start = file.read(START)
        file.seek(0)
        kind = next((kind for magic, kind in COMPRESSED.items() if start.startswith(magic)), None)
        if kind is None and Path(path).suffix in (".gz", ".zst") and start:
            raise OSError(f"its first bytes are not those of a {Path(path).suffix} file")
        yield _Unpacked(file, kind, str(path)) if kind else file  # type: ignore[misc]


class _Unpacked:
    """A stream of gzip or zstd, which refuses to unpack to far more than its size."""

    def __init__(self, file: BinaryIO, kind: str, name: str):
        self.file, self.name, self.size = file, name, 0
        self.stream: Any = gzip.GzipFile(fileobj=file)
        if kind == "zstd":
            self.stream = zstd.ZstdFile(file)

    def read(self, size: int) -> bytes:
        try:
            block = self.stream.read(size)
        except zstd.ZstdError as problem:
            raise OSError(str(problem)) from None
        self.size += len(block)
        check_ratio(self.name, self.size, self.file.tell())
        return block


def check_ratio(name: str, size: int, packed: int) -> None:
    """FileError: `packed` bytes unpack to so many that they were made to fill the memory"""
    if size > FREE and size > MAX_RATIO * packed:
        cause = f"{name} unpacks to more than {MAX_RATIO} times its size, which no file of ratings does"
        raise FileError(f"{cause}; unpack it yourself if you trust it")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except TinyrecError:
        raise
    except FileNotFoundError:
        raise FileError(f"{name} does not exist; check the path") from None
    except DAMAGED as problem:
        raise FileError(f"{name} cannot be read to its end ({problem}); copy or download it again") from None


def blocks_of_lines(stream: BinaryIO, name: str, encoding: str | None = None) -> Iterator[bytes]:
    """Yield blocks of whole lines in UTF-8, without a byte-order mark; each line ends with a newline.

    encoding: of the file; None: UTF-16 if it begins with its mark, else UTF-8
    A line break in quotes does not end a block, if no quote before it is wrong
    DataError: a line of more than MAX_LINE bytes, or another encoding
    UsageError: an encoding that Python does not know
    """
    try:
        is_utf8 = encoding is None or codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
    except LookupError:
        raise UsageError(f"{encoding!r} is no encoding; give one such as latin-1") from None
    decoder = None if is_utf8 else codecs.getincrementaldecoder(str(encoding))()
    rest, number, only_returns = b"", 1, None
    while block := stream.read(BLOCK_SIZE):
        is_first = only_returns is None
        if is_first and encoding is None and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding, decoder = "utf-16", codecs.getincrementaldecoder("utf-16")()
        if decoder:
            try:
                block = decoder.decode(block).encode()
            except UnicodeError as problem:
                raise DataError(f"{name} is not in {encoding} ({problem}); give its encoding (--encoding)") from None
        if is_first:
            block = block.removeprefix(codecs.BOM_UTF8)
            only_returns = b"\r" in block and b"\n" not in block  # as old Macintosh programs wrote lines
        block = rest + (block.replace(b"\r", b"\n") if only_returns else block)
        end = _last_end(block)
        if len(block) - end > MAX_LINE:
            end = block.rfind(b"\n") + 1  # a quote that is never closed, or does not quote
        if len(block) - end > MAX_LINE:
            number += count_lines(block[:end])
            raise DataError(f"{name}, line {number}: longer than {MAX_LINE:,} bytes; give one rating a line")
        if end:
            number += count_lines(block[:end])
            yield block[:end]
        rest = block[end:]
    if rest:
        yield rest if rest.endswith(b"\n") else rest + b"\n"


def count_lines(block: bytes) -> int:
    return count(block, "\n")


def count(block: bytes, character: str) -> int:
    """How often an ASCII character occurs; bytes.count is several times as slow for frequent ones."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord(character)))


def _last_end(block: bytes) -> int:
    """The end of the last line that ends outside quotes; 0: there is none."""
    end = block.rfind(b"\n") + 1
    is_open = block.count(b'"', 0, end) % 2 if b'"' in block else 0
    while is_open and end:
        before = block.rfind(b"\n", 0, end - 1) + 1
        is_open = (is_open + block.count(b'"', before, end)) % 2
        end = before
    return end
