"""Files that are written completely or not at all, and folders that one process at a time writes to.

A file belongs to the process that holds the lock on it (flock), which ends with the process, however that ends: unlike
its number, a lock cannot be mistaken for that of another process, be it on another machine or in another container.
Where the system has no such locks, names are still unique, but what a killed process left is not removed.
"""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from tinyrec.errors import FileError
from tinyrec.signals import before_end

LOCK = "writing.lock"  # in a folder that is claimed; it names the process
ATTEMPTS = 100

unfinished: set[Path] = set()  # the temporary files of this process


@contextlib.contextmanager
def replaced(path: str | PathLike) -> Iterator[Path]:
    """A temporary file beside `path` to write to, which is then renamed to it: a crash leaves the old file intact.

    It is named NAME.PROCESS-RANDOM.tmp. Those that dead processes left for the same path are removed.
    FileError: it cannot be written
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise FileError(f"cannot write {path}: it is no ordinary file; choose another name")
    target, new, owner = Path(os.path.realpath(path)), None, None  # a link stays one
    try:
        remove_abandoned(target)
        new, owner = _temporary(target)
        yield new
        os.fsync(owner)
        os.replace(new, target)
    except FileError:
        raise
    except OSError as problem:
        raise FileError(f"cannot write {path}: {problem.strerror or problem}; choose another place") from None
    finally:
        if new is not None and owner is not None:
            _remove(new)  # it is still there if anything went wrong
            unfinished.discard(new)
            os.close(owner)


def write_text(path: str | PathLike, text: str) -> None:
    """Write text in UTF-8, and what cannot be encoded as an escape of JSON. FileError: it cannot be written"""
    with replaced(path) as new:
        new.write_text(text, "utf-8", "backslashreplace")


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files that dead processes left for `path`."""
    for name in glob.glob(f"{glob.escape(path.name)}.*-*.tmp", root_dir=path.parent):
        other = path.with_name(name)
        with contextlib.suppress(OSError):
            owner = os.open(other, os.O_RDWR)
            try:
                if _lock(owner):
                    _remove(other)
            finally:
                os.close(owner)


@contextlib.contextmanager
def claimed(folder: str | PathLike) -> Iterator[None]:
    """Make the folder, and be the only process that claims it.

    FileError: another process has claimed it, or it cannot be made
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        owner = _claim(folder / LOCK)
    except FileError:
        raise
    except OSError as problem:
        raise FileError(f"cannot make {folder}: {problem.strerror}; choose another folder") from None
    try:
        yield
    finally:
        _remove(folder / LOCK)
        os.close(owner)


def _temporary(path: Path) -> tuple[Path, int]:
    """A new file beside `path` that belongs to this process, and its descriptor."""
    for _ in range(ATTEMPTS):
        new = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        unfinished.add(new)
        try:
            owner = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError:
            unfinished.discard(new)
            raise
        if _lock(owner) is not False and os.fstat(owner).st_nlink:
            return new, owner
        os.close(owner)  # another process took it for abandoned before it was locked
        unfinished.discard(new)
    raise OSError("no temporary file can be made beside it")


def _claim(path: Path) -> int:
    """The descriptor of the lock file at `path`, which names this process. FileError: another process has it"""
    for _ in range(ATTEMPTS):
        owner = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if _lock(owner) is False:
            who = os.read(owner, 20).decode("ascii", "replace")
            os.close(owner)
            raise FileError(f"{path.parent} is written to by process {who}; wait for its end, or choose another folder")
        if os.fstat(owner).st_nlink:
            os.truncate(owner, 0)
            os.write(owner, str(os.getpid()).encode())
            return owner
        os.close(owner)  # its owner removed it before it was locked here
    raise OSError("no lock can be made in it")


def _lock(owner: int) -> bool | None:
    """Whether the file is locked for this process now; None: there are no locks here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:  # this file system has none
        return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _remove_unfinished() -> None:
    for new in list(unfinished):
        _remove(new)


before_end.append(_remove_unfinished)
