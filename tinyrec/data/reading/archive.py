"""Read members of a zip file by exact name, up to a size limit, without extracting them to disk."""

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

# What the zipfile module raises for damaged, encrypted or unsupported files.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, IndexError, struct.error)


@contextmanager
def open_member(path: str | os.PathLike[str], member: str, max_bytes: int, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Open one member of the zip file at `path` as text; max_bytes: limit of its unpacked size.

    FileError: not a zip file, or the member is missing, duplicate, encrypted, too large, or damaged
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if info.filename == member]
            if len(found) != 1:
                raise FileError(f"{path} has {len(found)} members {member}, not one; download the official file again")
            info = found[0]
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FileError(f"{member} in {path} has an unsupported compression; download the official file again")
            if info.file_size > max_bytes:
                cause = f"{member} in {path} unpacks to {info.file_size} bytes, above the limit of {max_bytes}"
                raise FileError(f"{cause}; download the official file again")
            # A wrong declared size is safe: zipfile stops reading there, and then the checksum does not match.
            with archive.open(info) as stream:
                yield as_text(stream, encoding)
    except TinyrecError:
        raise
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; check the path") from None
    except ZIP_ERRORS as problem:
        raise FileError(f"{member} in {path} cannot be read ({problem}); copy or download the file again") from None
