"""Run a hand-in in a child process: arrays in, arrays out, with limits on time, memory, files and processes.

The child gets the cases of one task and knows no answer. As another user (`user`), with an interpreter and a copy of
NumPy that this user may read, it can neither read the package nor touch the grader. As the same user, it can do both:
that is enough for a student's own machine.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

try:
    import pwd
    import resource  # here, since the child's user may not be able to read the standard library of this interpreter
except ImportError:  # Windows
    pwd = resource = None  # type: ignore[assignment]

from tinyrec.backend import Array
from tinyrec.errors import UsageError
from tinyrec.teach.assignment import Case, Outputs
from tinyrec.teach.variant import Variant

HERE = Path(__file__).parent
FOLDERS = {"numpy": ("numpy", "numpy.libs"), "numba": ("numba", "llvmlite")}  # of the packages that a child may have
FILE_BYTES, PROCESSES, ANSWER_BYTES = 1 << 20, 64, 64 << 20
KILL = "import os, signal; os.kill(-1, signal.SIGKILL)"  # all processes that this user may signal
PYTHONS = "/usr/bin/python3", "/usr/local/bin/python3"
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "NUMBA_NUM_THREADS": "4",
    "NUMBA_THREADING_LAYER": "workqueue",  # numba's own, which is everywhere
    "NUMBA_CACHE_DIR": ".",  # the child's own folder, for functions compiled with cache=True
}


@dataclass(frozen=True)
class Answer:
    """What the student's function made of a case: outputs, or an error; and what else the child noticed.

    changed: an input that it changed;  differs: an output that a second call did not repeat;  peak: bytes
    """

    outputs: Outputs = field(default_factory=dict)
    error: str = ""
    changed: str = ""
    differs: str = ""
    peak: int = 0


@dataclass(frozen=True)
class Child:
    """How children are started: the interpreter, the folder with all packages, and the user; None: who runs this."""

    python: str
    numpy_at: Path
    user: str | None = None


@contextlib.contextmanager
def alone(user: str) -> Iterator[None]:
    """One grader at a time, as each ends all processes of the user after a hand-in; another one waits."""
    import fcntl  # not on Windows, where no other user can be chosen

    folder = platformdirs.user_cache_path("tinyrec")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"grader-{user}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def prepared(user: str | None = None, python: str | None = None, needs: Sequence[str] = ()) -> Iterator[Child]:
    """A Child, with NumPy and the packages of an assignment's `needs` in a folder of its own.

    UsageError: no such user or interpreter, one that cannot run, or a package that is not installed
    """
    packages = ["numpy", *needs]
    folders = [its for package in packages for its in folders_of(package)]
    with tempfile.TemporaryDirectory(prefix="tinyrec-numpy-") as folder, contextlib.ExitStack() as stack:
        copied = Path(folder)
        if user is None:
            for its in folders:
                (copied / its.name).symlink_to(its)
            yield Child(python or sys.executable, copied)
            return
        check_user(user)
        stack.enter_context(alone(user))
        copied.chmod(0o755)
        for its in folders:
            shutil.copytree(its, copied / its.name, ignore=shutil.ignore_patterns("tests", "*.pyi"))
        subprocess.run(["chmod", "-R", "a+rX", copied], check=True)
        candidates = [python] if python else [sys.executable, *PYTHONS]
        for candidate in candidates:
            child = Child(str(candidate), copied, user)
            if runs(child, packages):
                yield child
                return
        raise UsageError(
            f"{user} can run none of {', '.join(map(str, candidates))} with this {' and '.join(packages)}; "
            f"name a Python {sys.version_info.major}.{sys.version_info.minor} that this user can run with --python"
        )


def folders_of(package: str) -> list[Path]:
    """The installed folders of a package, such as numpy and numpy.libs. UsageError: it is not installed"""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(f"this assignment needs {package}, which is not installed; install it: pip install {package}")
    at = Path(spec.origin).parent.parent
    return [at / name for name in FOLDERS[package] if (at / name).exists()]


def check_user(user: str) -> None:
    """UsageError: there is no such user, it is root, or we may not start processes of others"""
    try:
        number = pwd.getpwnam(user).pw_uid
    except KeyError:
        raise UsageError(f"there is no user {user}; make one, or leave --user out") from None
    if os.geteuid() != 0:
        raise UsageError(f"only root can run a hand-in as {user}; leave --user out, or run this as root")
    if number == 0:
        raise UsageError("root can read everything; name a user without rights with --user")


def options(user: str | None) -> dict[str, Any]:
    """Popen's arguments for a child of this user."""
    who: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    return {"env": ENVIRONMENT, "start_new_session": True, **who}


def runs(child: Child, packages: Sequence[str]) -> bool:
    loads = f"import sys; sys.path.insert(0, sys.argv[1]); import {', '.join(packages)}"
    command = [child.python, "-I", "-S", "-c", loads]
    try:
        done = subprocess.run([*command, str(child.numpy_at)], capture_output=True, cwd="/", **options(child.user))
    except OSError:
        return False
    return done.returncode == 0


def can_read_package(child: Child) -> bool:
    """Whether this child could read the answers in the package's own files."""
    if child.user is None:
        return True
    command = [child.python, "-I", "-S", "-c", "import sys; open(sys.argv[1])", str(HERE / "assignment.py")]
    return subprocess.run(command, capture_output=True, cwd="/", **options(child.user)).returncode == 0


def answers(
    child: Child,
    tree: Path,
    task: int,
    cases: Sequence[Case],
    large: Case | None,
    variant: Variant,
    seconds: float,
    megabytes: int = 1024,
) -> list[Answer]:
    """What the hand-in in `tree` answers to each case of a task, and to the large one, if there is one.

    One child runs all cases, and another one the large case, after a small one for which numba compiles. If a child
    ends without an answer, too late, or with one that is too large, this error is that of each of its cases.
    """
    found: list[Answer] = []
    small = {str(number): case for number, case in enumerate(cases)}
    for some in (small, {"0": cases[0], "large": large}) if large else (small,):
        sent = {f"{key}/{name}": its for key, case in some.items() for name, its in case.items()}
        sent |= {f"variant/{axis}": np.array(option) for axis, option in variant.items()}
        got, problem = exchange(child, tree, task, packed(sent), seconds, megabytes)
        if "stopped" in got:
            problem = str(got["stopped"].get("error", "gave no answer"))
        nothing = {"error": np.array(problem or "gave no answer")}
        found += [
            answer(nothing if problem else got.get(key, nothing)) for key in some if key == "large" or some is small
        ]
    return found


def answer(its: Outputs) -> Answer:
    """What a child says of a case: whatever it says, it is an Answer."""
    said = {name: str(its[name])[:600] for name in ("error", "changed", "differs") if name in its}
    peak = its.get("peak", np.array(0))
    if peak.shape != () or peak.dtype.kind not in "iu":
        return Answer(error="gave no answer")
    outputs = {name: array for name, array in its.items() if name not in (*said, "peak")}
    return Answer(peak=int(peak), outputs=outputs, **said)


def packed(arrays: dict[str, Array]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def unpacked(data: bytes) -> dict[str, Outputs]:
    """case -> name -> array. ValueError: these bytes are no such file"""
    found: dict[str, Outputs] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > ANSWER_BYTES:
            raise ValueError("it would take too much memory")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        for key in arrays.files:
            case, _, name = key.partition("/")
            found.setdefault(case, {})[name] = arrays[key]
    return found


def exchange(
    child: Child, tree: Path, task: int, data: bytes, seconds: float, megabytes: int
) -> tuple[dict[str, Outputs], str]:
    """Send the cases to a new child and read its answers: (answers, what went wrong)."""
    read_in, write_in = os.pipe()
    read_out, write_out = os.pipe()
    with tempfile.TemporaryDirectory(prefix="tinyrec-child-") as folder, (HERE / "worker.py").open("rb") as worker:
        if child.user:
            shutil.chown(folder, child.user)
        process = subprocess.Popen(
            [child.python, "-I", "-S", "-B", "-", tree, child.numpy_at, str(task), str(read_in), str(write_out)],
            stdin=worker,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            pass_fds=(read_in, write_out),
            preexec_fn=(lambda: limit(seconds, megabytes, child.user is not None)) if resource else None,
            **options(child.user),
        )
        os.close(read_in)
        os.close(write_out)
        try:
            got, problem = talk(write_in, read_out, data, time.monotonic() + seconds)
        finally:
            end(process, child)
            if child.user:
                subprocess.run(["rm", "-rf", "--", *Path(folder).iterdir()], check=False, capture_output=True)
    if problem:
        return {}, problem
    try:
        return unpacked(got), ""
    except Exception:  # whatever a hand-in wrote instead of an answer
        return {}, f"gave no answer{died(process.returncode)}"


def died(code: int) -> str:
    """Why a child is gone, as far as its exit code tells."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return ": it was stopped, for it took too much time or memory"
    return f": it ended with signal {-code}" if code < 0 else ""


def talk(write_in: int, read_out: int, data: bytes, deadline: float) -> tuple[bytes, str]:
    """Write the cases, read the answer until the child closes its end: (answer, what went wrong)."""
    os.set_blocking(write_in, False)
    got, left = bytearray(), memoryview(data)
    writing = [write_in]
    try:
        while True:
            remaining = deadline - time.monotonic()
            can_read, can_write, _ = select.select([read_out], writing, [], max(remaining, 0))
            if not can_read and not can_write:
                return b"", "takes too long: it was stopped"
            if can_write:
                try:
                    left = left[os.write(write_in, left) :]
                except BrokenPipeError:
                    left = left[:0]
                if not left:
                    os.close(writing.pop())
            if can_read:
                part = os.read(read_out, 1 << 16)
                if not part:
                    return bytes(got), ""
                got += part
                if len(got) > ANSWER_BYTES:
                    return b"", "returns too much: it was stopped"
    finally:
        for pipe in (*writing, read_out):
            os.close(pipe)


def limit(seconds: float, megabytes: int, other_user: bool) -> None:
    """In the child, before it starts: the limits of its process, and of its user's processes."""
    with contextlib.suppress(ValueError):  # macOS does not take it
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if other_user:
        resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES,) * 2)


def end(process: subprocess.Popen, child: Child) -> None:
    """Kill the child and what it started: its session, and, as another user, everything of this user."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if child.user:
        subprocess.run([child.python, "-I", "-S", "-c", KILL], cwd="/", capture_output=True, **options(child.user))
    process.wait()
