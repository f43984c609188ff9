"""Fixtures for all tests: the backends, and a new Python process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from tests import fake_cupy
from tests.strategies import GPU
from tinyrec.backend import get_backend
from tinyrec.errors import BackendError

hypothesis.settings.register_profile("tinyrec", deadline=None)  # the first call of a kernel compiles it
hypothesis.settings.load_profile("tinyrec")


def pytest_addoption(parser):
    parser.addoption(
        "--full", action="store_true", help="the promises at their full size: pytest tests/promises --full"
    )


def pytest_collection_modifyitems(items):
    """Skip the numbers that tutorials tell their readers to expect: they take minutes, and are for a release."""
    if os.environ.get("TINYREC_EXPECTED") != "1":
        skip = pytest.mark.skip(reason="set TINYREC_EXPECTED=1 to check the numbers that tutorials tell to expect")
        for item in items:
            if item.get_closest_marker("expected"):
                item.add_marker(skip)


@pytest.fixture(scope="session", params=["reference", "numpy", "cupy", GPU])
def backend(request):
    """The name of each backend: a test with this fixture runs once per backend, for "cupy" on the fake CuPy.

    With -m gpu, the same tests run on a real GPU.
    """
    if request.param in ("reference", "numpy"):
        return request.param
    load_gpu_backend(real=request.param == "gpu")
    return "cupy"


def load_gpu_backend(real):
    """Make `get_backend("cupy")` use the real CuPy or the fake one.

    "auto" does not find the fake: it can be imported only while the backend is loaded, which keeps a reference to it.
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
        pytest.skip("the fake CuPy compiles the kernels with g++, which is not installed")
    with fake_cupy.installed():
        get_backend("cupy")


def forget_gpu_backend():
    sys.modules.pop("tinyrec.backend.gpu", None)
    get_backend.cache_clear()


@pytest.fixture(scope="session")
def sanitizers():
    """The environment variables under which the kernels of the fake CuPy run with the sanitizers of g++."""
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    library = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(library):
        pytest.skip("g++ has no libasan.so")
    return {"FAKE_CUPY_SANITIZE": "1", "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}


@pytest.fixture(scope="session")
def run_python():
    """A function (code, **environment) -> stdout of the code in a new interpreter, where warnings are errors.

    folder: the working directory, from which tinyrec is imported first
    """

    def run(code, folder=Path(__file__).parents[1], **environment):
        command = [sys.executable, "-W", "error", "-c", code]
        env = {**os.environ, **environment}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
