"""Downloads are what they claim.

Addresses are https, and files are pinned by the checksums that GroupLens publishes. What is altered, shortened,
redirected or refused leaves no file behind; an altered file in the cache is replaced, also by twenty at once.
TINYREC_OFFLINE=1 opens no socket.
"""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.data.test_fetch import CONTENT, files
from tinyrec.data.sets import fetch
from tinyrec.errors import FileError

BAD = [
    (200, {}, CONTENT[:-1]),
    (200, {}, CONTENT + b"!"),
    (200, {}, CONTENT[:-1] + b"!"),
    (200, {}, b""),
    (200, {"Content-Length": str(len(CONTENT))}, CONTENT[:100]),
    (302, {"Location": "/ml-1m.zip"}, b""),
    (404, {}, b""),
    (500, {}, CONTENT),
]


def test_bad_downloads_are_refused_and_removed(figure, cache, server, monkeypatch):
    refused = 0
    for server.answer in BAD:
        with pytest.raises(FileError, match="could not be downloaded"):
            fetch.locate("ml-1m")
        refused += files(cache) == []
    figure(f"{refused} of {len(BAD)} bad downloads refused and removed")
    assert refused == len(BAD)


def test_an_altered_file_is_replaced_by_all_at_once(figure, size, cache, server):
    rounds = size(5, 50)
    cache.mkdir()
    for _ in range(rounds):
        (cache / "ml-1m.zip").write_bytes(b"altered")
        with ThreadPoolExecutor(20) as pool:
            assert {path.read_bytes() for path in pool.map(fetch.locate, ["ml-1m"] * 20)} == {CONTENT}
    figure(f"20 at once, {rounds} times: 0 damaged")
    assert files(cache) == ["ml-1m.zip"]


def test_offline_opens_no_socket(cache, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    monkeypatch.setenv("TINYREC_OFFLINE", "1")
    with pytest.raises(FileError, match="TINYREC_OFFLINE is set"):
        fetch.locate("ml-1m")


def test_addresses_are_https_and_pinned():
    assert all(fetch.url(name).startswith("https://") for name in fetch.MD5)
    assert all(len(md5) == 32 for name, md5 in fetch.MD5.items() if md5)
