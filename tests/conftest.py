"""What all tests share: the backends, and Python in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from tests import fake_cupy
from tests.strategies import CARD
from tinyrec.backend import get_backend
from tinyrec.errors import BackendError

hypothesis.settings.register_profile("tinyrec", deadline=None)  # the first call of a kernel waits for the compiler
hypothesis.settings.load_profile("tinyrec")


@pytest.fixture(scope="session", params=["reference", "numpy", "cupy", CARD])
def backend(request):
    """The name of each backend in turn: a test that takes it runs once on each, on "cupy" with a stand-in for a card.

    With -m gpu, the same tests run on a real card.
    """
    if request.param in ("reference", "numpy"):
        return request.param
    load_gpu_backend(real=request.param == "card")
    return "cupy"


def load_gpu_backend(real):
    """Make `get_backend("cupy")` that of the real CuPy or of the stand-in, and leave no other trace of the latter.

    So "auto" does not find it: CuPy cannot be imported by then, but the backend holds on to it.
    """
    forget_gpu_backend()
    if real:
        pytest.importorskip("cupy")
        try:
            get_backend("cupy")
        except BackendError as problem:
            pytest.skip(str(problem))
        return
    if not shutil.which("g++"):
        pytest.skip("the stand-in for CuPy compiles the kernels with g++, which is not installed")
    with fake_cupy.installed():
        get_backend("cupy")


def forget_gpu_backend():
    sys.modules.pop("tinyrec.backend.gpu", None)
    get_backend.cache_clear()


@pytest.fixture(scope="session")
def run_python():
    """A function (code, **environment) -> what the code prints in a new interpreter, where a warning is an error.

    folder: where it looks for tinyrec first
    """

    def run(code, folder=Path(__file__).parents[1], **environment):
        command = [sys.executable, "-W", "error", "-c", code]
        env = {**os.environ, **environment}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
