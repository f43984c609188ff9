"""Hand-ins that cheat, break, or take everything: as another user they get no points and change nothing.

Each attack that can work without isolation is also run without it and must work: one that fails may be a faulty attack.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinyrec
from tests.teach import a2
from tinyrec.errors import UsageError
from tinyrec.teach import grade, load, run
from tinyrec.teach.variant import base

RIGHT = a2.RIGHT[2]["short"]
FROM_PACKAGE = """
from tinyrec.sparse import Pattern, Ratings
from tinyrec.backend import get_backend
from tinyrec.nn import layers

def sparse_in(R, V, mu):
    R = Ratings(Pattern(R.shape, R.indptr, R.cols), R.values, get_backend("reference"))
    return layers.sparse_in(R, V, mu)
"""
NOTHING = """
def sparse_in(R, V, mu):
    Z = np.zeros((R.shape[0], V.shape[1]))
    return Z, lambda dZ: (0 * V, 0 * mu)
"""
BY_PATH = """
import importlib.util
sys.path.append(PACKAGES)
spec = importlib.util.spec_from_file_location("tinyrec", PACKAGE + "/tinyrec/__init__.py")
sys.modules["tinyrec"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["tinyrec"])
"""
FROM_SOURCE = """
from collections.abc import Callable
Array = Ratings = object
text = open(PACKAGE + "/tinyrec/nn/layers.py").read()
at = text.index("def sparse_in")
exec(text[at:text.index("\\ndef dense", at)])
"""
NEIGHBOUR = """
import os, site
site.addsitedir(os.path.dirname(os.path.dirname(os.path.realpath(np.__file__))))
"""
LATER = """
import os, time
if os.fork() == 0:
    os.setsid()
    os.closerange(3, 100)
    if os.fork() == 0:
        time.sleep(4)
        open(RESULTS, "w").write('{"score": 10}')
    os._exit(0)
"""
OWN_BYTES = """
import os
for pipe in range(3, 20):
    try:
        os.write(pipe, b"passed")
    except OSError:
        pass
"""
EQUAL = """
class Equal(np.ndarray):
    def __eq__(self, other):
        return True
    def __sub__(self, other):
        return np.zeros(self.shape)
    __rsub__ = __sub__

def sparse_in(R, V, mu):
    return np.ones((R.shape[0], len(mu))).view(Equal), lambda dZ: (V.view(Equal), mu.view(Equal))
"""
FRAMES = """
def sparse_in(R, V, mu):
    frame = sys._getframe()
    while frame:
        for its in frame.f_locals.values():
            if isinstance(its, dict) and "Z" in its:
                return its["Z"], lambda dZ: (its["dV"], its["dmu"])
        frame = frame.f_back
    raise ValueError("no answers here")
"""
PICKLED = """
class Bad:
    def __reduce__(self):
        return print, ("run in the grader",)

def sparse_in(R, V, mu):
    return np.array([Bad()], dtype=object), lambda dZ: (V, mu)
"""
PRINTING = "for _ in range(500): print('x' * 100_000); print('x' * 100_000, file=sys.stderr)"
# name -> what it does, and what it reaches without isolation: "points", "results", "the grader" or nothing
ATTACKS = {
    "import the package": (f"sys.path[:0] = [PACKAGE, PACKAGES]{FROM_PACKAGE}", "points"),
    "import by path": (BY_PATH + FROM_PACKAGE, "points"),
    "read the source": (FROM_SOURCE, "points"),
    "numpy's neighbour": (NEIGHBOUR + FROM_PACKAGE, "points"),
    "write the result": (f"open(RESULTS, 'w').write('passed'){NOTHING}", ""),
    "overwrite the result later": (LATER + NOTHING, "results"),
    "kill the grader": (f"import os; os.kill(os.getppid(), 9){NOTHING}", "the grader"),
    "exit without an error": ("import os; os._exit(0)", ""),
    "close the pipes": (f"import os; os.closerange(0, 100){NOTHING}", ""),
    "own bytes on the pipe": (OWN_BYTES + NOTHING, ""),
    "an array equal to everything": (EQUAL, ""),
    "patched numpy": (f"np.isclose = np.allclose = np.array_equal = lambda *_, **__: np.array(True){NOTHING}", ""),
    "walk the frames": (FRAMES, ""),
    "pickled objects": (PICKLED, ""),
    "all memory": (f"x = [np.ones(10**9) for _ in range(100)]{NOTHING}", ""),
    "print 100 MB": (PRINTING + NOTHING, ""),
    "a message of 100 MB": ("def sparse_in(R, V, mu): raise ValueError('x' * 100_000_000)", ""),
    "a full disk": (f"open('full', 'wb').write(b'x' * 10_000_000){NOTHING}", ""),
    "a link": (None, ""),
}
ROOT = os.geteuid() == 0 if hasattr(os, "geteuid") else False


def can_isolate():
    """Whether this is root, and nobody can run a Python with our NumPy."""
    if not ROOT:
        return False
    try:
        pwd.getpwnam("nobody")
        with run.prepared("nobody"):
            return True
    except (KeyError, UsageError):
        return False


isolated = pytest.mark.skipif(not can_isolate(), reason="needs root, and a Python that the user nobody can run")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of tinyrec that other users cannot read."""
    folder = tmp_path_factory.mktemp("grader")
    folder.chmod(0o700)
    here = Path(tinyrec.__file__).parent
    shutil.copytree(here, folder / "tinyrec", ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copytree(here.parent / "tutorials" / "assignments", folder / "tutorials" / "assignments")
    return folder


def handed_in(folder, package, results, source):
    folder.mkdir()
    if source is None:
        (folder / "task2.py").symlink_to(package / "tinyrec" / "nn" / "layers.py")
        return folder
    head = f"import sys\nimport numpy as np\nPACKAGE = {str(package)!r}\nRESULTS = {str(results)!r}\n"
    head += f"PACKAGES = {str(Path(np.__file__).parent.parent)!r}\n"
    (folder / "task2.py").write_text(head + source)
    (folder / "task3.py").write_text(a2.MODEL)
    return folder


def graded(package, folder, results, *flags):
    """The exit code of grade, and what stands in Gradescope's file afterwards."""
    command = [
        sys.executable,
        "-m",
        "tinyrec",
        "assignment",
        "grade",
        "a2",
        folder,
        "--seed",
        "1",
        "--gradescope",
        results,
    ]
    environment = {**os.environ, "PYTHONPATH": str(package)}
    done = subprocess.run([*command, *flags], env=environment, capture_output=True, text=True, cwd=package, timeout=120)
    return done.returncode, json.loads(results.read_text())


def points(result, task):
    return next((its["score"] for its in result.get("tests", []) if its["number"] == str(task)), 0)


@isolated
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_as_another_user_reaches_nothing(package, tmp_path, name):
    source, effect = ATTACKS[name]
    results = tmp_path / "results.json"
    code, result = graded(package, handed_in(tmp_path / "in", package, results, source), results, "--user", "nobody")
    assert code == 1 and result["extra_data"]["isolated"]
    assert points(result, 2) == 0 and points(result, 3) == (2 if source else 0)
    if effect == "results":
        time.sleep(4)
        assert json.loads(results.read_text()) == result


CONTROLS = [name for name, (_, effect) in ATTACKS.items() if effect]


@pytest.mark.skipif(not ROOT, reason="with the rights of root, as the isolated ones")
@pytest.mark.parametrize("name", CONTROLS)
def test_the_same_attack_works_where_nothing_is_isolated(package, tmp_path, name):
    source, effect = ATTACKS[name]
    results = tmp_path / "results.json"
    code, result = graded(package, handed_in(tmp_path / "in", package, results, source), results)
    if effect == "points":
        assert points(result, 2) == 3, result
        assert not result["extra_data"]["isolated"]
    elif effect == "the grader":
        assert code == -9 and result["score"] == 0
    else:
        time.sleep(4)
        assert json.loads(results.read_text()) == {"score": 10}


HUNGRY = {
    "an endless loop": ("while True: pass", "too "),  # long by the clock, or much time of the processor
    "sleep": ("import time; time.sleep(1000)", "Takes too long"),
    "10 GB": ("def sparse_in(R, V, mu): return np.ones(10 * 10**9 // 8), None", "MemoryError"),
    "100 MB of output": (
        "def sparse_in(R, V, mu): return np.ones((10**7,)), lambda dZ: (np.ones(10**6), mu)",
        "",
    ),
    "a fork bomb": ("import os\nwhile True:\n    os.fork()", ""),
}


@pytest.mark.parametrize("name", HUNGRY)
def test_what_takes_everything_costs_its_own_task_alone(tmp_path, monkeypatch, name):
    source, says = HUNGRY[name]
    if name == "a fork bomb" and not can_isolate():
        pytest.skip("only another user's processes can be counted")
    (tmp_path / "task2.py").write_text(f"import numpy as np\n{source}\n")
    (tmp_path / "task3.py").write_text(a2.MODEL)
    seconds = 2
    for task in load("a2").tasks:
        monkeypatch.setitem(task.__dict__, "seconds", seconds)
    with run.prepared("nobody" if can_isolate() else None) as child:
        started = time.monotonic()
        mark = grade.grade("a2", tmp_path, base(load("a2")), 1, child)
    assert [verdict.points for verdict in mark.verdicts] == [0, 0, 2]
    assert says in mark.verdicts[1].says
    assert time.monotonic() - started < seconds + 5
    if can_isolate():
        time.sleep(0.5)  # until the system has removed the dead ones
        alive = subprocess.run(["ps", "-u", "nobody", "-o", "stat="], capture_output=True, text=True).stdout
        assert not [state for state in alive.split() if not state.startswith("Z")]


BROKEN = {
    "no syntax": (b"def sparse_in(:\n", "SyntaxError: invalid syntax (task2.py, line 1)"),
    "no import": (
        b"import torch_that_there_is_not\n",
        "ModuleNotFoundError: No module named 'torch_that_there_is_not'",
    ),
    "no function": (b"x = 1\n", "has no attribute 'sparse_in'"),
    "binary": (bytes(range(256)) * 4, "source code string cannot contain null bytes"),
    "large": (b"#" * 300_000, "task2.py has 300,000 bytes; at most 200,000 are read."),
    "missing": (None, "task2.py is missing."),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_costs_its_own_task_and_gets_one_sentence(tmp_path, name):
    data, says = BROKEN[name]
    if data is not None:
        (tmp_path / "task2.py").write_bytes(data)
    (tmp_path / "task1.py").write_text(a2.RIGHT[1]["short"])
    (tmp_path / "task3.py").write_text(a2.MODEL)
    with run.prepared() as child:
        mark = grade.grade("a2", tmp_path, base(load("a2")), 1, child)
    assert [verdict.points for verdict in mark.verdicts] == [5, 0, 2]
    assert says in mark.verdicts[1].says


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "task2.py").symlink_to(tmp_path / "right.py")
    with run.prepared() as child:
        mark = grade.grade("a2", tmp_path, base(load("a2")), 1, child, [2])
    assert [(verdict.points, verdict.says) for verdict in mark.verdicts] == [(0, "task2.py is no ordinary file.")]


FORGED = {
    "an array as the peak": "np.savez(out, **{'large/peak': np.zeros(2), '0/peak': np.zeros(2)})",
    "a stop without a reason": "np.savez(out, **{'stopped/x': np.zeros(2)})",
    "a zip that unpacks to 1 GB": "np.savez_compressed(out, **{'0/Z': np.zeros(10**8)})",
    "no zip": "out.write(b'PK')",
}


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED)
def test_forged_bytes_are_no_answer_and_cost_their_own_task(tmp_path, forgery):
    source = f"""
import io, os, sys
import numpy as np
out = io.BytesIO()
{forgery}
os.write(int(sys.argv[5]), out.getvalue())
os._exit(0)
"""
    (tmp_path / "task2.py").write_text(source)
    (tmp_path / "task3.py").write_text(a2.MODEL)
    with run.prepared() as child:
        mark = grade.grade("a2", tmp_path, base(load("a2")), 1, child)
    assert [verdict.points for verdict in mark.verdicts] == [0, 0, 2]
    assert "gave no answer" in mark.verdicts[1].says.lower()


def test_what_is_right_for_small_cases_alone_gets_nothing(tmp_path):
    zeros = "    if R.size > 1000:\n        return 0 * (mu + dense(R)), lambda dZ: (0 * V, 0 * mu)\n"
    head = "import numpy as np\n\ndef dense(R):\n    return np.zeros((R.shape[0], 1))\n\n"
    (tmp_path / "task2.py").write_text(head + RIGHT.replace("    def backward", f"{zeros}\n    def backward", 1))
    with run.prepared() as child:
        mark = grade.grade("a2", tmp_path, base(load("a2")), 1, child, [2])
    assert mark.verdicts[0].points == 0 and "Right, but it is wrong for n=2000" in mark.verdicts[0].says
