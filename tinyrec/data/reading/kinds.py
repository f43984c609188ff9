"""Recognise what a file is by its first bytes; a file that cannot hold ratings is refused with the way out."""

from __future__ import annotations

from tinyrec.errors import DataError

START = 64  # how many bytes are needed
COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
TABLES = {b"PAR1": "parquet", b"ARROW1": "arrow"}
ZIP = b"PK\x03\x04", b"PK\x05\x06"  # the second begins an empty one
EXPORT = "open it with the program that wrote it and save the ratings as CSV"
FOREIGN = {  # the first bytes, what such a file is, and how to go on
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", EXPORT),
    b"BZh": ("compressed by bzip2", "unpack it with bunzip2"),
    b"\xfd7zXZ": ("compressed by xz", "unpack it with unxz"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"\x93NUMPY": ("a NumPy array", "load it with numpy.load and give the array to load_dataset"),
    b"\x89HDF": ("an HDF5 file", EXPORT),
    b"SQLite format 3": ("an SQLite data base", "export the table of ratings as CSV"),
    b"%PDF": ("a PDF document", EXPORT),
    b"RDX": ("an R data file", "write the ratings with write.csv"),
    **{
        bytes([0x80, version]): ("a Python pickle, which could run code", "save the ratings as CSV or Parquet")
        for version in range(2, 6)
    },
}


def refuse_foreign(start: bytes, name: str) -> None:
    """DataError: the file that starts with these bytes is not of a kind that is read"""
    for magic, (what, cure) in FOREIGN.items():
        if start.startswith(magic):
            raise DataError(f"{name} is {what}, not a file of ratings; {cure}")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!", b"<?xml", b"<html")):
        raise DataError(f"{name} is HTML or XML, not a file of ratings; check the download, or save the table as CSV")


def refuse_document(line: str, name: str) -> None:
    """DataError: the file begins like a JSON document, which is no list of lines"""
    if line.lstrip().startswith(("[", "{")):
        cure = "write one object a line (JSON lines), or save it as CSV"
        raise DataError(f"{name} is a JSON document, not a file of ratings; {cure}")
