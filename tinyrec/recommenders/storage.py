"""One file of named arrays with a JSON header: an .npz without pickle, written completely or not at all.

Nothing in such a file is ever executed, and no array is allocated before its shape, dtype and size have been checked.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from os import PathLike
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError, FileError
from tinyrec.files import replaced
from tinyrec.recommenders.contents import brief

HEADER = "header.json"
LARGEST_PART = 2**20  # bytes
FORMAT = 3
KINDS = "fiubU"  # kinds of dtype that are allowed: numbers, bool and text, but no objects


class Bounded(io.FileIO):
    """A file that is read in small parts, so that a zip directory larger than any of ours is not read."""

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size if size is not None and 0 <= size <= LARGEST_PART else LARGEST_PART + 1)
        if len(part) > LARGEST_PART:
            raise ValueError("its directory is too large")
        return part


def write(path: str | PathLike, kind: str, header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write a file of header and arrays.

    DataError: an array has another dtype than those that can be stored, or the header is longer than can be read
    """
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    if unfit := [name for name, array in arrays.items() if array.dtype.kind not in KINDS]:
        raise DataError(f"{unfit[0]} has dtype {arrays[unfit[0]].dtype}; convert it to numbers or text")
    header = {"tinyrec": kind, "format": FORMAT, "arrays": shapes, **header}
    text = json.dumps(header, default=lambda number: number.item()).encode()  # for NumPy's numbers
    if bytes_of(text) > largest_header(len(text) + sum(array.nbytes for array in arrays.values())):
        raise DataError(f"the history of this {kind} is too long to be stored; train for fewer epochs")
    with replaced(path) as new, open(new, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(HEADER, text)
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def read(path: str | PathLike, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `write` wrote: (header, arrays). FileError: missing, damaged, not ours, or of another version."""
    try:
        with Bounded(path) as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            header = _read_header(archive, path, kind, size)
            return header, _read_arrays(archive, header.pop("arrays"), size)
    except (FileError, MemoryError):
        raise
    except OSError as problem:
        raise FileError(f"cannot read {path}: {problem.strerror or problem}; check the path") from None
    except Exception as problem:  # damaged bytes make zipfile, zlib, json and NumPy raise exceptions of many kinds
        raise FileError(f"{path} is damaged or no {kind} of tinyrec ({brief(problem)}); write it again") from None


def largest_header(size: int) -> int:
    """How many bytes the header of a file of `size` bytes may take in memory."""
    return 48 * 2**20 + size


def bytes_of(text: bytes) -> int:
    """At most how many bytes JSON takes while it is parsed: the text, twice, and what is made of it."""
    wide = 1 if text.isascii() else 4
    per = {b"{": 184, b"[": 88, b":": 34, b",": 40}  # Python's objects: a dict, a list, an entry, an element
    return (2 + wide) * len(text) + sum(text.count(mark) * size for mark, size in per.items())


def _read_header(archive, path, kind, size):
    if HEADER not in archive.namelist():
        raise FileError(f"{path} is no {kind} of tinyrec: it has no {HEADER}; give the path of a {kind}")
    text = _stored(archive, HEADER, size, largest_header(size))
    if bytes_of(text) > largest_header(size):
        raise ValueError("its header is too large")
    header = json.loads(text)
    if header["tinyrec"] != kind:
        raise FileError(f"{path} is {_named(header['tinyrec'])}, but a {kind} is needed here; give another path")
    if header["format"] != FORMAT:
        versions = f"format {header['format']!r:.20}, and this tinyrec reads format {FORMAT}"
        raise FileError(f"{path} has {versions}; use the tinyrec that wrote it")
    del header["tinyrec"], header["format"]
    return header


def _named(kind):
    return f"a {kind} of tinyrec" if kind in ("model", "checkpoint") else "of another kind"


def _stored(archive, name, size, most):
    """The bytes of a member that is not compressed, of at most so many bytes, in a file of `size` bytes."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > min(size, most):
        raise ValueError(f"{name} is compressed or too large")
    with archive.open(info) as member:
        return b"".join(iter(lambda: member.read(LARGEST_PART), b""))


def _read_arrays(archive, known, size):
    """The arrays, none of which is allocated before dtypes, shapes and sizes were compared with the file of `size`."""
    infos = {}
    for name, (dtype, shape) in known.items():
        dtype, shape = np.dtype(dtype), tuple(shape)
        if dtype.kind not in KINDS or not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError(f"array {name:.60} has another dtype or shape")
        info = archive.getinfo(name + ".npy")
        nbytes = math.prod(shape) * dtype.itemsize
        if info.compress_type != zipfile.ZIP_STORED or not nbytes <= info.file_size <= nbytes + 1024:
            raise ValueError(f"array {name:.60} does not have the size of its shape")
        infos[name] = info, dtype, shape
    if sum(info.file_size for info, _, _ in infos.values()) > size or len(archive.namelist()) != len(infos) + 1:
        raise ValueError("its arrays are not those of its header")
    return {name: _read_array(archive, name, *own) for name, own in infos.items()}


def _read_array(archive, name, info, dtype, shape):
    with archive.open(info) as member:  # read_array allocates what the array's own header says
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"array {name:.60} has another version")
        own_shape, by_column, own_dtype = np.lib.format.read_array_header_1_0(member, max_header_size=1024)
    if own_dtype != dtype or own_shape != shape or (by_column and len(shape) > 1):
        raise ValueError(f"array {name:.60} is not what the header says")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False, max_header_size=1024)
