"""Who may import whom: the order in which the code can be read, from the ground up."""

import ast
from pathlib import Path

import pytest

import tinyrec

# Each room of tinyrec, and the rooms that it may import: all of them stand further up.
MAY_IMPORT = {
    "errors": "",
    "signals": "errors",
    "files": "errors signals",
    "checks": "errors",
    "backend": "errors",
    "sparse": "errors backend",
    "shard": "errors backend sparse",
    "nn": "backend sparse",
    "optim": "errors checks backend",
    "models": "errors checks backend sparse nn",
    "data": "errors files checks backend sparse",
    "evaluation": "errors checks backend sparse data",
    "recommenders": "errors files checks backend sparse models data evaluation",
    "parts": "errors backend sparse shard data recommenders",
    "training": "errors checks backend sparse shard nn optim models data evaluation recommenders parts",
    "baselines": "errors checks backend sparse nn optim models data evaluation recommenders training",
    "gradcheck": "errors checks backend sparse nn models baselines",
    "testing": "errors backend sparse models data evaluation recommenders",
    "__init__": "errors signals backend data evaluation models recommenders training baselines",
}
MAY_IMPORT["teach"] = " ".join(MAY_IMPORT)
MAY_IMPORT["bench"] = " ".join(MAY_IMPORT)
MAY_IMPORT["reproduce"] = " ".join(MAY_IMPORT)
MAY_IMPORT["playground"] = "backend sparse nn optim models training gradcheck"
MAY_IMPORT["cli"] = " ".join(MAY_IMPORT)
MAY_IMPORT["__main__"] = "signals cli"

UPWARDS = {"models/base.py": {"training"}}  # inside a method, so that it reads well: model.fit(data)
FOREIGN = {  # these are imported nowhere else
    "numba": {"backend/cpu.py", "teach/calls/a5.py"},
    "cupy": {"backend/gpu.py"},
    "torch": {"bench/pair_rivals.py", "bench/rivals.py"},
    "scipy.optimize": {"optim/lbfgs.py"},
    "matplotlib": {"cli/plot.py", "reproduce/plots.py"},
    "tqdm": {"training/bar.py"},
    "requests": {"data/sets/fetch.py"},
    "joblib": {"training/parallel.py"},
    "mpi4py": {"shard.py"},
    "threadpoolctl": {"backend/threads.py", "data/features/embedding.py"},
    "pandas": {"data/dataset.py", "reproduce/peers.py"},
    "polars": {
        "bench/reading.py",
        "cli/table_file.py",
        "data/dataset.py",
        "data/reading/fields.py",
        "data/reading/frames.py",
        "data/reading/id_column.py",
        "data/reading/readers.py",
        "data/reading/source.py",
        "data/reading/table.py",
        "data/reading/times.py",
        "data/sets/members.py",
    },
    "pickle": {"testing/copies.py"},  # of what it has just fitted
    "marshal": set(),
    "shelve": set(),
}
ROOT = Path(tinyrec.__file__).parent
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in ROOT.rglob("*.py")}


def imported(node):
    """The full names of what is imported somewhere below this node, except for the type checker alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide where they lead"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def rooms_imported(tree):
    for name in imported(tree):
        package, _, rest = f"{name}.".partition(".")
        if package == "tinyrec":
            room = rest.split(".")[0]
            yield room if room in MAY_IMPORT else "__init__"


@pytest.mark.parametrize("file", sorted(TREES))
def test_a_file_imports_only_what_its_room_may(file):
    room = file.split("/")[0].removesuffix(".py")
    allowed = {room, *MAY_IMPORT[room].split(), *UPWARDS.get(file, ())}
    assert set(rooms_imported(TREES[file])) <= allowed


def test_the_table_itself_goes_only_upwards():
    above = set()
    for room, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= above
        above.add(room)


@pytest.mark.parametrize("package", FOREIGN)
def test_a_foreign_package_is_imported_only_where_it_belongs(package):
    users = {
        file for file, tree in TREES.items() if any(f"{name}.".startswith(f"{package}.") for name in imported(tree))
    }
    assert users == FOREIGN[package]


@pytest.mark.parametrize("file", sorted(TREES))
def test_nothing_executes_text_or_pickles(file):
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"eval", "exec", "compile", "__import__"}
            assert all(ast.unparse(option.value) == "False" for option in node.keywords if option.arg == "allow_pickle")


def test_import_tinyrec_loads_nothing_heavy(run_python):
    heavy = "{'numba', 'scipy.optimize', 'matplotlib', 'pandas', 'polars', 'tqdm', 'requests', 'tinyrec.cli'}"
    assert run_python(f"import sys, tinyrec; print({heavy} & set(sys.modules))") == "set()\n"
