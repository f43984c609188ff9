"""The fake of CuPy, and how to make `import cupy` find it for a while."""

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path

FOLDER = str(Path(__file__).parent)
_modules = {}  # those of the fake, once it was loaded: every `with` gets the same


@contextmanager
def installed():
    """Yield the fake as the module cupy; afterwards, what was cupy before is so again."""
    before = _take_out()
    sys.modules.update(_modules)
    sys.path.insert(0, FOLDER)
    try:
        yield importlib.import_module("cupy")
    finally:
        sys.path.remove(FOLDER)
        _modules.update(_take_out())
        sys.modules.update(before)


def _take_out():
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "cupy"}
