"""What all tests share: the two backends, and Python in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("tinyrec", deadline=None)  # the first call of a kernel waits for the compiler
hypothesis.settings.load_profile("tinyrec")


@pytest.fixture(scope="session", params=["reference", "numpy"])
def backend(request):
    """The name of each backend in turn: a test that takes it runs once on each."""
    return request.param


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
