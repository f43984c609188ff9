"""Starts fast, needs little.

`import tinyrec` loads none of numba, CuPy, matplotlib, pandas, polars, tqdm, requests and joblib; with each of them
absent or broken, a model is trained on arrays, scored and saved. Without numba the kernels are those of NumPy.
"""

import statistics

HEAVY = "numba", "cupy", "matplotlib", "pandas", "polars", "tqdm", "requests", "joblib"
TIME = "import time; t = time.perf_counter(); import sys, tinyrec; print(time.perf_counter() - t, set(sys.modules))"
ABSENT = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(lambda name, *rest: None if name.partition(".")[0] in {} else find(name, *rest))
"""
USE = """
import tempfile, numpy as np, tinyrec as tr
rng = np.random.default_rng(0)
users, items = np.repeat(np.arange(30), 10), np.tile(np.arange(10), 30)
data = tr.load_dataset((users, items, rng.integers(1, 6, 300)))
train, test = tr.split_random(data, 0.1, seed=0)
fitted = tr.AutoRec(hidden_units=2, l2=1.0).fit(train, epochs=3)
fitted.examine(test)
with tempfile.TemporaryDirectory() as folder:
    fitted.save(folder + "/model.npz")
    tr.load(folder + "/model.npz").recommend(3)
tr.BiasedMF(epochs=2).fit(train)
print(fitted.info["backend"])
"""


def test_import_loads_nothing_heavy(figure, run_python):
    runs = [run_python(TIME).split(" ", 1) for _ in range(3)]
    loaded = [name for name in HEAVY if f"'{name}'" in runs[0][1]]
    seconds = statistics.median(float(its) for its, _ in runs)
    figure(f"import in {seconds:.2f} s of CPU, and {len(loaded)} of {len(HEAVY)} loaded")
    assert loaded == []


def test_it_works_without_them(figure, size, run_python, tmp_path):
    groups = size([HEAVY], [HEAVY, *((name,) for name in HEAVY)])
    for number, names in enumerate(groups):
        for name in names:
            (tmp_path / str(number) / name).mkdir(parents=True)
            (tmp_path / str(number) / name / "__init__.py").write_text("raise RuntimeError('broken')")
        absent, broken = run_python(ABSENT.format(names) + USE), run_python(USE, PYTHONPATH=str(tmp_path / str(number)))
        assert absent == broken == ("reference\n" if "numba" in names else "numpy\n")
    figure("trains with all of them absent, or broken" + (", and with each of them" if len(groups) > 1 else ""))
