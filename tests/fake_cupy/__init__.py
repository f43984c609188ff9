"""A fake CuPy for tests without a GPU, and a context manager that makes `import cupy` find it."""

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path

FOLDER = str(Path(__file__).parent)
_modules = {}  # the loaded modules of the fake, so that every `with` yields the same module


@contextmanager
def installed():
    """Yield the fake as the module cupy; afterwards, restore the previous modules."""
    before = _remove()
    sys.modules.update(_modules)
    sys.path.insert(0, FOLDER)
    try:
        yield importlib.import_module("cupy")
    finally:
        sys.path.remove(FOLDER)
        _modules.update(_remove())
        sys.modules.update(before)


def _remove():
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "cupy"}
