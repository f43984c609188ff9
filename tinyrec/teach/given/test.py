"""Try your files on the examples that came with them: python test.py. It needs NumPy, and what README.md says."""

import importlib
import json
import sys
import traceback
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
try:
    import calls
except ModuleNotFoundError as problem:  # such as numba, where an assignment needs it
    sys.exit(f"{problem.name} is not installed; install it: pip install {problem.name}")


def main():
    variant = json.loads((HERE / "assignment.json").read_text("utf-8"))["variant"]
    with np.load(HERE / "examples.npz") as examples:
        arrays = dict(examples)
    right = True
    for task in sorted({int(key.split("/")[0]) for key in arrays}):
        inputs = {key.split("/")[2]: its for key, its in arrays.items() if key.startswith(f"{task}/in/")}
        expected = {key.split("/")[2]: its for key, its in arrays.items() if key.startswith(f"{task}/out/")}
        problem = wrong(task, inputs, expected, variant)
        print(f"task {task}: {problem or 'the example is right'}")
        right = right and not problem
    print("Then, in this folder: python -m tinyrec assignment check")
    return 0 if right else 1


def wrong(task, inputs, expected, variant):
    try:
        outputs = getattr(calls, f"task{task}")(importlib.import_module(f"task{task}"), inputs, variant)
    except NotImplementedError:
        return "not written yet"
    except Exception:
        return traceback.format_exc(limit=-1)
    for name, its in expected.items():
        got = np.asarray(outputs[name])
        if got.shape != its.shape:
            return f"{name} has the shape {got.shape}, should have {its.shape}"
        if not (np.array_equal(got, its) if its.dtype.kind == "U" else np.allclose(got, its, rtol=1e-7, atol=1e-9)):
            at = tuple(np.argwhere(~np.isclose(got, its, rtol=1e-7, atol=1e-9))[0])
            return f"{name}[{', '.join(map(str, at))}] is {got[at]:.6g}, should be {its[at]:.6g}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
