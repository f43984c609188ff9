"""Read members straight out of a zip file, by exact name and up to a size limit; nothing is extracted."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tinyrec.data.reading.lines import as_text
from tinyrec.errors import FileError, TinyrecError

# What the zipfile module raises when a file is damaged, encrypted, or of a kind it does not know.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, IndexError, struct.error)


@contextmanager
def open_member(path: str | os.PathLike[str], member: str, most: int, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Open one member of the zip file at `path` as text; most: the bytes it may have when unpacked.

    FileError: no zip file, no such member or two of them, encrypted, too large, or damaged (at any time while reading)
    """
    try:
        with zipfile.ZipFile(path) as archive:
            info = _find(archive, path, member)
            if info.file_size > most:
                raise FileError(f"{member} in {path} unpacks to {info.file_size} bytes, above the limit of {most}")
            # A size that lies does no harm: zipfile stops at the declared size, and then the checksum is wrong.
            with archive.open(info) as stream:
                yield as_text(stream, encoding)
    except TinyrecError:
        raise
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; check the path") from None
    except DAMAGE as problem:
        raise FileError(f"{member} in {path} cannot be read ({problem}); copy or download the file again") from None


def _find(archive: zipfile.ZipFile, path: str | os.PathLike[str], member: str) -> zipfile.ZipInfo:
    found = [info for info in archive.infolist() if info.filename == member]
    if len(found) != 1:
        raise FileError(f"{path} has {len(found)} members {member}, not one; download the official file again")
    if found[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileError(f"{member} in {path} is packed in an unusual way; download the official file again")
    return found[0]
