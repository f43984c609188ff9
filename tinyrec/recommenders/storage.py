"""One file of named arrays with a JSON header: an .npz without pickle, written completely or not at all.

Nothing in such a file is ever executed, and no array is allocated before its shape, dtype and size have been checked.
"""

from __future__ import annotations

import json
import math
import zipfile
from os import PathLike
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError, FileError
from tinyrec.files import replaced

HEADER = "header.json"
LARGEST_HEADER = 256 * 2**20
FORMAT = 3
KINDS = "fiubU"  # kinds of dtype that are allowed: numbers, bool and text, but no objects


def write(path: str | PathLike, kind: str, header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write a file of header and arrays. DataError: an array has another dtype than those that can be stored"""
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    if unfit := [name for name, array in arrays.items() if array.dtype.kind not in KINDS]:
        raise DataError(f"{unfit[0]} has dtype {arrays[unfit[0]].dtype}; convert it to numbers or text")
    header = {"tinyrec": kind, "format": FORMAT, "arrays": shapes, **header}
    text = json.dumps(header, default=lambda number: number.item())  # for NumPy's numbers
    with replaced(path) as new, open(new, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(HEADER, text)
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def read(path: str | PathLike, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `write` wrote: (header, arrays). FileError: missing, damaged, not ours, or of another version."""
    try:
        with zipfile.ZipFile(path) as archive:
            header = _read_header(archive, path, kind)
            return header, {name: _read_array(archive, name, *known) for name, known in header.pop("arrays").items()}
    except (FileError, MemoryError):
        raise
    except OSError as problem:
        raise FileError(f"cannot read {path}: {problem.strerror or problem}; check the path") from None
    except Exception as problem:  # damaged bytes make zipfile, zlib, json and NumPy raise exceptions of many kinds
        raise FileError(f"{path} is damaged or no {kind} of tinyrec ({problem}); write it again") from None


def _read_header(archive, path, kind):
    if HEADER not in archive.namelist():
        raise FileError(f"{path} is no {kind} of tinyrec: it has no {HEADER}; give the path of a {kind}")
    if archive.getinfo(HEADER).file_size > LARGEST_HEADER:
        raise ValueError("its header is too large")
    header = json.loads(archive.read(HEADER))
    if header["tinyrec"] != kind:
        raise FileError(f"{path} is a {header['tinyrec']} of tinyrec, but a {kind} is needed here; give another path")
    if header["format"] != FORMAT:
        versions = f"format {header['format']}, and this tinyrec reads format {FORMAT}"
        raise FileError(f"{path} has {versions}; use the tinyrec that wrote it")
    return header


def _read_array(archive, name, dtype, shape):
    """One array; its dtype, shape and size are compared with the header's before it is allocated."""
    dtype, shape = np.dtype(dtype), tuple(shape)
    if dtype.kind not in KINDS or not all(isinstance(length, int) and length >= 0 for length in shape):
        raise ValueError(f"array {name} has dtype {dtype} and shape {shape}")
    info = archive.getinfo(name + ".npy")
    size = math.prod(shape) * dtype.itemsize
    if info.compress_type != zipfile.ZIP_STORED or not size <= info.file_size <= size + 1024:
        raise ValueError(f"array {name} does not have the size of its shape")
    with archive.open(info) as member:  # read_array allocates what the array's own header says
        np.lib.format.read_magic(member)
        own_shape, _, own_dtype = np.lib.format.read_array_header_1_0(member, max_header_size=1024)
    if own_dtype != dtype or own_shape != shape:
        raise ValueError(f"array {name} is {own_dtype} {own_shape}, not {dtype} {shape}")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False, max_header_size=1024)
