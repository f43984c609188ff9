import contextlib
import hashlib
import http.server
import io
import socket
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from tinyrec.cli import main
from tinyrec.data import DATASETS, load_dataset
from tinyrec.data.sets import checksums, fetch
from tinyrec.errors import FileError

CONTENT = b"not a zip file, but its content is not read here" * 1000


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, no TINYREC_DATA, and the checksum of CONTENT."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(fetch, "_cache_folder", lambda: folder)
    monkeypatch.delenv("TINYREC_DATA", raising=False)
    monkeypatch.delenv("TINYREC_OFFLINE", raising=False)
    monkeypatch.setitem(fetch.MD5, "ml-1m", hashlib.md5(CONTENT).hexdigest())
    monkeypatch.delitem(checksums.SHA256, "ml-1m")
    return folder


@pytest.fixture
def server(monkeypatch):
    """A loopback server that records requests and sends server.answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests.append(self.path)
            status, headers, body = self.server.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            step = 1 if self.server.pause else len(body) or 1
            with contextlib.suppress(OSError):  # the reader has left
                for at in range(0, len(body), step):
                    self.wfile.write(body[at : at + step])
                    time.sleep(self.server.pause)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.answer, server.pause = [], (200, {}, CONTENT), 0
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(fetch, "URL", f"http://127.0.0.1:{server.server_port}/{{name}}.zip")
    yield server
    server.shutdown()
    server.server_close()


def files(folder):
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_a_download_is_kept_and_not_repeated(cache, server):
    assert fetch.locate("ml-1m") == cache / "ml-1m.zip" == fetch.locate("ml-1m")
    assert (cache / "ml-1m.zip").read_bytes() == CONTENT
    assert server.requests == ["/ml-1m.zip"] and files(cache) == ["ml-1m.zip"]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, CONTENT[:-1]),
        (200, {}, CONTENT + b"!"),
        (200, {}, b""),
        (200, {"Content-Length": str(len(CONTENT))}, CONTENT[:100]),
        (404, {}, b"not here"),
        (500, {}, CONTENT),
        (302, {"Location": "/elsewhere.zip"}, b""),
    ],
)
def test_a_failed_or_altered_download_leaves_nothing(cache, server, answer):
    server.answer = answer
    with pytest.raises(FileError, match="ml-1m.zip could not be downloaded .* set TINYREC_DATA"):
        fetch.locate("ml-1m")
    assert files(cache) == [] and server.requests == ["/ml-1m.zip"]


def test_a_download_with_the_right_md5_but_another_member_is_refused(cache, server, monkeypatch):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ml-1m/users.dat", "altered")
    server.answer = (200, {}, file.getvalue())
    monkeypatch.setitem(fetch.MD5, "ml-1m", hashlib.md5(file.getvalue()).hexdigest())
    monkeypatch.setitem(checksums.SHA256, "ml-1m", {"users.dat": hashlib.sha256(b"published").hexdigest()})
    with pytest.raises(FileError, match="could not be downloaded .its checksum is wrong"):
        fetch.locate("ml-1m")
    assert files(cache) == []
    cache.joinpath("ml-1m.zip").write_bytes(file.getvalue())
    assert fetch.find("ml-1m") is None
    monkeypatch.setitem(checksums.SHA256, "ml-1m", {"users.dat": hashlib.sha256(b"altered").hexdigest()})
    assert fetch.find("ml-1m") == fetch.locate("ml-1m") == cache / "ml-1m.zip"


def test_without_a_server_the_download_fails(cache, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        monkeypatch.setattr(fetch, "URL", f"http://127.0.0.1:{taken.getsockname()[1]}/{{name}}.zip")
        with pytest.raises(FileError, match="could not be downloaded"):
            fetch.locate("ml-1m")
    assert files(cache) == []


def test_an_altered_file_in_the_cache_is_replaced(cache, server):
    cache.mkdir()
    (cache / "ml-1m.zip").write_bytes(b"altered")
    assert fetch.locate("ml-1m").read_bytes() == CONTENT


def test_tinyrec_data_comes_first_and_its_checksum_is_not_checked(cache, server, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path))
    assert fetch.locate("ml-1m") == cache / "ml-1m.zip"  # not in the folder
    (tmp_path / "ml-1m.zip").write_bytes(b"mine")
    assert fetch.locate("ml-1m") == tmp_path / "ml-1m.zip"
    assert len(server.requests) == 1


def test_tinyrec_data_must_be_a_folder(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileError, match="nowhere.* not a folder"):
        load_dataset("ml-1m")


def test_offline_opens_no_socket(cache, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TINYREC_OFFLINE", "1")
    with pytest.raises(FileError, match="ml-1m.zip was not found, and TINYREC_OFFLINE is set; .*TINYREC_DATA"):
        load_dataset("ml-1m")
    cache.mkdir()
    (cache / "ml-1m.zip").write_bytes(CONTENT)
    assert fetch.locate("ml-1m") == cache / "ml-1m.zip"


def test_requests_is_imported_for_downloads_only(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "requests", None)  # importing it fails
    cache.mkdir()
    (cache / "ml-1m.zip").write_bytes(CONTENT)
    assert main(["data", "list"]) == 0 and str(cache / "ml-1m.zip") in capsys.readouterr().out
    assert fetch.locate("ml-1m") == cache / "ml-1m.zip"
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path))
    (tmp_path / "ml-10m.zip").write_bytes(CONTENT)
    assert fetch.locate("ml-10m") == tmp_path / "ml-10m.zip"


def test_import_and_data_list_load_neither_requests_nor_tqdm(run_python, tmp_path):
    code = "import sys, tinyrec.cli; tinyrec.cli.main(['data', 'list']); print({'requests', 'tqdm'} & set(sys.modules))"
    assert run_python(code, XDG_CACHE_HOME=str(tmp_path)).endswith("\nset()\n")


def test_a_download_without_end_is_refused_at_the_bound(cache, server, monkeypatch):
    monkeypatch.setattr(fetch, "LARGEST", 10_000)
    with pytest.raises(FileError, match="larger than 0 MiB"):
        fetch.locate("ml-1m")
    assert files(cache) == []


def test_a_server_that_sends_a_byte_now_and_then_is_left_in_time(cache, server, monkeypatch):
    monkeypatch.setattr(fetch, "LONGEST", 0.5)
    server.pause, started = 0.1, time.monotonic()
    with pytest.raises(FileError, match="took longer than 0.5 seconds"):
        fetch.locate("ml-1m")
    assert time.monotonic() - started < 2 and files(cache) == []


def test_what_a_killed_download_left_is_removed_by_the_next(cache, server, run_python):
    server.pause = 0.1
    code = [
        "import os, pathlib, threading",
        "from tinyrec.data.sets import fetch",
        f"fetch.URL, fetch._cache_folder = {fetch.URL!r}, lambda: pathlib.Path({str(cache)!r})",
        "threading.Thread(target=fetch.locate, args=('ml-1m',), daemon=True).start()",
        f"while not list(pathlib.Path({str(cache)!r}).glob('*.tmp')): pass",
        "os.kill(os.getpid(), 9)",
    ]
    with pytest.raises(AssertionError):
        run_python("\n".join(code), TINYREC_DATA="")
    assert [name.endswith(".tmp") for name in files(cache)] == [True]
    server.pause = 0
    assert fetch.locate("ml-1m").read_bytes() == CONTENT and files(cache) == ["ml-1m.zip"]


@pytest.mark.parametrize("value, offline", [("1", True), ("yes", True), ("0", False), ("", False)])
def test_values_of_tinyrec_offline(monkeypatch, value, offline):
    monkeypatch.setenv("TINYREC_OFFLINE", value)
    assert fetch.offline() is offline


def test_concurrent_downloads(cache, server):
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(fetch.locate, ["ml-1m"] * 8))
    assert paths == [cache / "ml-1m.zip"] * 8
    assert (cache / "ml-1m.zip").read_bytes() == CONTENT and files(cache) == ["ml-1m.zip"]


@pytest.mark.parametrize("offline", ["0", "1"])
@pytest.mark.parametrize("name", ["lastfm", "delicious"])
def test_without_a_checksum_neither_download_nor_cache_is_used(cache, server, tmp_path, monkeypatch, name, offline):
    monkeypatch.setenv("TINYREC_OFFLINE", offline)
    file = f"hetrec2011-{name}-2k.zip"
    cache.mkdir()
    (cache / file).write_bytes(CONTENT)
    with pytest.raises(FileError, match=f"{file} was not found, and its checksum .* download http.*/{file} and set"):
        fetch.locate(name)
    assert server.requests == []
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path))
    (tmp_path / file).write_bytes(b"mine")
    assert fetch.locate(name) == tmp_path / file


def test_the_real_urls_are_https_and_pinned_by_checksum():
    assert fetch.URL.startswith("https://files.grouplens.org/")
    assert fetch.url("ml-1m") == "https://files.grouplens.org/datasets/movielens/ml-1m.zip"
    assert fetch.url("lastfm") == "https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip"
    unknown = {name for name, md5 in fetch.MD5.items() if md5 is None}  # published for none of these
    assert unknown == {"ml-latest", "ml-latest-small", "lastfm", "delicious"}
    assert all(len(md5) == 32 for md5 in fetch.MD5.values() if md5)
    assert set(fetch.MD5) == set(DATASETS) - {"synthetic"}
