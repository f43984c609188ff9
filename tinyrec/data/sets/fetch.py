"""Find the zip file of a known data set: in TINYREC_DATA, in the user's cache, or on the GroupLens server."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from tinyrec.data.sets.checksums import altered
from tinyrec.errors import FileError
from tinyrec.files import replaced

URL = "https://files.grouplens.org/datasets/{folder}/{name}.zip"
HETREC = {"lastfm": "hetrec2011-lastfm-2k", "delicious": "hetrec2011-delicious-2k"}  # file names
MD5: dict[str, str | None] = {  # published by GroupLens in NAME.zip.md5
    "ml-100k": "0e33842e24a9c977be4e0107933c0723",
    "ml-1m": "c4d9eecfca2ab87c1945afe126590906",
    "ml-10m": "ce571fd55effeba0271552578f2648bd",
    "ml-20m": "cd245b17a1ae2cc31bb14903e1204af3",
    "ml-25m": "6b51fb2759a8657d3bfcbfc42b592ada",
    "ml-32m": "d472be332d4daa821edc399621853b57",
    "ml-latest": None,  # changes, so it is not downloaded
    "ml-latest-small": None,
    "lastfm": None,  # not published
    "delicious": None,
}
TIMEOUT = 30  # seconds without an answer
LONGEST = 3600  # seconds for all of it
LARGEST = 300 * 2**20  # bytes; the largest, ml-25m, has 262 million
BLOCK = 2**16  # bytes


def locate(name: str) -> Path:
    """Return the path of the zip file; download it if necessary.

    Search the folder TINYREC_DATA (without checking the checksum), then the user's cache (the checksums must match).
    With TINYREC_OFFLINE=1 nothing is downloaded. FileError: not found, or the download failed
    """
    if found := find(name):
        return found
    file, md5 = file_name(name), MD5[name]
    if md5 is None:
        raise FileError(f"{file} was not found, and its checksum is not known; {manual_download(name)}")
    if offline():
        raise FileError(f"{file} was not found, and TINYREC_OFFLINE is set; {manual_download(name)}")
    folder = _cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FileError(f"cannot make {folder}: {problem.strerror}; {manual_download(name)}") from None
    try:
        with replaced(folder / file) as new, new.open("wb") as out:
            digest = hashlib.md5(usedforsecurity=False)
            for block in _download(url(name)):
                digest.update(block)
                out.write(block)
            out.flush()
            if digest.hexdigest() != md5 or altered(new, name):
                raise Failed("its checksum is wrong")
    except Failed as problem:
        raise FileError(f"{file} could not be downloaded ({problem}); {manual_download(name)}") from None
    return folder / file


class Failed(Exception):
    """A download that failed."""


def _download(address: str) -> Iterator[bytes]:
    """The file at this address, block by block. Failed: it is not there, too large, or not complete in time

    A thread receives the blocks, so that a server which sends a byte now and then cannot hold us longer than LONGEST.
    """
    received: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(address, received.put), daemon=True).start()
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            block = received.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise Failed(f"it took longer than {LONGEST} seconds") from None
        if isinstance(block, Failed):
            raise block
        if isinstance(block, Exception):
            raise Failed(type(block).__name__)
        if not block:
            return
        yield block


def _receive(address: str, put: Callable[[bytes | Exception], None]) -> None:
    """Put each block of the file at this address, then b"", or else what went wrong."""
    try:
        import requests  # slow

        size, deadline = 0, time.monotonic() + LONGEST
        with requests.get(address, stream=True, timeout=TIMEOUT, allow_redirects=False) as answer:
            if answer.status_code != 200:  # also a redirect, as to http
                raise Failed(f"the server answered {answer.status_code}")
            for block in answer.raw.stream(BLOCK, decode_content=False):
                size += len(block)
                if size > LARGEST:
                    raise Failed(f"it is larger than {LARGEST // 2**20} MiB")
                if time.monotonic() > deadline:
                    return
                put(block)
        put(b"")
    except Exception as problem:
        put(problem)


def find(name: str) -> Path | None:
    """Return the path of the zip file if it is on this machine, else None."""
    if folder := os.environ.get("TINYREC_DATA"):
        if not Path(folder).is_dir():
            raise FileError(f"TINYREC_DATA is {folder!r}, which is not a folder; set it to a folder or unset it")
        own = Path(folder, file_name(name))
        if own.is_file():
            return own
    cached = _cache_folder() / file_name(name)
    if not cached.is_file():
        return None
    with cached.open("rb") as file:
        is_published = hashlib.file_digest(file, "md5").hexdigest() == MD5[name] and not altered(cached, name)
    return cached if is_published else None


def file_name(name: str) -> str:
    return f"{HETREC.get(name, name)}.zip"


def url(name: str) -> str:
    return URL.format(folder="hetrec2011" if name in HETREC else "movielens", name=HETREC.get(name, name))


def manual_download(name: str) -> str:
    """Return how to get the file without an automatic download."""
    return f"download {url(name)} and set TINYREC_DATA to its folder"


def offline() -> bool:
    return os.environ.get("TINYREC_OFFLINE", "") not in ("", "0")


def _cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("tinyrec"))
