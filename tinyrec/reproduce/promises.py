"""The promises of the package: find their tests, in tests/promises, and run them."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tinyrec
from tinyrec import signals
from tinyrec.backend import get_backend
from tinyrec.bench.machine import description
from tinyrec.errors import FileError, UsageError

ROOT = Path(tinyrec.__file__).parents[1]
VERDICTS = {True: "kept", False: "broken", None: "not checked"}

Result = dict[str, Any]  # the fields of a Promise, and kept, figure, seconds, size, environment


@dataclass(frozen=True)
class Promise:
    """A file tests/promises/test_NUMBER_*.py; its docstring is a title and then, as `text`, what is promised."""

    number: int
    title: str
    text: str
    test: str


def read_promises(numbers: Sequence[int] = ()) -> list[Promise]:
    """The promises of these numbers; none given: all.

    FileError: tinyrec was installed without its tests;  UsageError: a number that no promise has
    """
    found = []
    for path in sorted((ROOT / "tests" / "promises").glob("test_[0-9]*.py")):
        title, _, text = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n\n")
        number, test = int(path.stem.split("_")[1]), path.relative_to(ROOT).as_posix()
        found.append(Promise(number, title.rstrip("."), " ".join(text.split()), test))
    if not found:
        cause = f"the tests of the promises come with the source, and are not beside {ROOT / 'tinyrec'}"
        raise FileError(f"{cause}; clone the repository, and run it there")
    if unknown := set(numbers) - {its.number for its in found}:
        known = ", ".join(str(its.number) for its in found)
        raise UsageError(f"there is no promise {min(unknown)}; the promises are {known}")
    return [its for its in found if not numbers or its.number in numbers]


def measure(promises: Sequence[Promise], full: bool = False) -> list[Result]:
    """Run the tests of these promises; full: at their full size. UsageError: pytest is not installed"""
    if importlib.util.find_spec("pytest") is None:
        raise UsageError('--promises needs pytest; install it with: pip install -e ".[test]"')
    flags = ["--continue-on-collection-errors", "-o", "junit_family=xunit1"]  # the one that holds properties
    flags += ["--full"] if full else []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *flags, *(its.test for its in promises)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr, start_new_session=True)  # Ctrl-C is ours
        signals.before_end.append(process.terminate)
        process.wait()
        signals.before_end.remove(process.terminate)
        if not report.exists():
            raise UsageError(f"pytest ended with exit code {process.returncode}, without a report; see what it printed")
        cases = ElementTree.parse(report).findall(".//testcase")
    environment = {"tinyrec": tinyrec.__version__, "backend": get_backend("auto").name, **description()}
    more = {"size": "full" if full else "quick", "environment": environment}
    return [asdict(its) | summary(its, cases) | more for its in promises]


def summary(promise: Promise, cases: Sequence[ElementTree.Element]) -> dict[str, Any]:
    """What the tests of a promise found; kept is None if none of them could run."""
    module = promise.test.removesuffix(".py").replace("/", ".")
    own = [case for case in cases if module in (case.get("classname"), case.get("name"))]  # the latter: of an import
    failed = [case for case in own if case.find("failure") is not None or case.find("error") is not None]
    skipped = [reason.get("message") for case in own for reason in case.findall("skipped")]
    figures = [its.get("value") for case in own for its in case.iter("property") if its.get("name") == "figure"]
    return {
        "kept": False if failed or not own else (None if len(skipped) == len(own) else True),
        "figure": "; ".join([*map(str, figures), *(f"skipped: {reason}" for reason in skipped)]),
        "seconds": round(sum(float(case.get("time", 0)) for case in own), 1),
    }
