"""Find the zip file of a known data set: in TINYREC_DATA, in the user's cache, or on the GroupLens server."""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path

import platformdirs  # a dependency of pooch, which uses the same cache folder

from tinyrec.errors import FileError

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
TIMEOUT = 30  # seconds


def locate(name: str) -> Path:
    """Return the path of the zip file; download it if necessary.

    Search the folder TINYREC_DATA (without checking the checksum), then the user's cache (the checksum must match).
    With TINYREC_OFFLINE=1 nothing is downloaded. FileError: not found, or the download failed
    """
    if found := find(name):
        return found
    file, md5 = file_name(name), MD5[name]
    if md5 is None:
        raise FileError(f"{file} was not found, and its checksum is not known; {manual_download(name)}")
    if offline():
        raise FileError(f"{file} was not found, and TINYREC_OFFLINE is set; {manual_download(name)}")
    with warnings.catch_warnings(action="ignore"):  # pooch imports tqdm.auto, which may warn in a notebook
        import pooch
    try:  # pooch downloads to a temporary file and renames it after the check; redirects, as to http, are not followed
        server = pooch.HTTPDownloader(timeout=TIMEOUT, allow_redirects=False)
        return Path(pooch.retrieve(url(name), f"md5:{md5}", file, _cache_folder(), downloader=server))
    except (OSError, ValueError) as problem:
        cause = "its checksum is wrong" if isinstance(problem, ValueError) else type(problem).__name__
        raise FileError(f"{file} could not be downloaded ({cause}); {manual_download(name)}") from None


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
        return cached if hashlib.file_digest(file, "md5").hexdigest() == MD5[name] else None


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
