"""Find the zip file of a MovieLens data set: in your folder, in the user's cache, or on the server of GroupLens."""

from __future__ import annotations

import os
from pathlib import Path

from tinyrec.errors import FileError

URL = "https://files.grouplens.org/datasets/movielens/{name}.zip"
MD5 = {  # as GroupLens publishes them, in NAME.zip.md5 beside each file
    "ml-100k": "0e33842e24a9c977be4e0107933c0723",
    "ml-1m": "c4d9eecfca2ab87c1945afe126590906",
    "ml-10m": "ce571fd55effeba0271552578f2648bd",
}
SECONDS = 30  # without an answer from the server


def locate(name: str) -> Path:
    """Return the path of NAME.zip, downloaded if need be.

    Looked for in the folder TINYREC_DATA (any file of that name), then in the user's cache (its checksum must match).
    With TINYREC_OFFLINE=1 nothing is downloaded. FileError: nowhere to be found, or the download failed.
    """
    return find(name) or _download(name)


def find(name: str) -> Path | None:
    """The path of NAME.zip if it is on this machine."""
    return _in_own_folder(name) or _in_cache(name)


def offline() -> bool:
    return os.environ.get("TINYREC_OFFLINE", "") not in ("", "0")


def _in_own_folder(name: str) -> Path | None:
    setting = os.environ.get("TINYREC_DATA", "")
    if not setting:
        return None
    if not Path(setting).is_dir():
        raise FileError(f"TINYREC_DATA is {setting!r}, which is no folder; set it to one, or unset it")
    path = Path(setting, f"{name}.zip")
    return path if path.is_file() else None


def _in_cache(name: str) -> Path | None:
    import pooch

    path = Path(pooch.os_cache("tinyrec"), f"{name}.zip")
    return path if path.is_file() and pooch.file_hash(str(path), alg="md5") == MD5[name] else None


def _download(name: str) -> Path:
    import pooch

    url, folder = URL.format(name=name), Path(pooch.os_cache("tinyrec"))
    by_hand = f"download {url} yourself and set TINYREC_DATA to the folder it is in"
    if offline():
        raise FileError(f"{name}.zip is not here and TINYREC_OFFLINE is set; {by_hand}")
    try:  # pooch loads to a temporary name, checks, and renames; a redirect, to http perhaps, fails the check
        server = pooch.HTTPDownloader(timeout=SECONDS, allow_redirects=False)
        return Path(pooch.retrieve(url, f"md5:{MD5[name]}", f"{name}.zip", folder, downloader=server))
    except (OSError, ValueError) as problem:
        cause = "its checksum is wrong" if isinstance(problem, ValueError) else type(problem).__name__
        raise FileError(f"{name}.zip could not be downloaded ({cause}); {by_hand}") from None
