"""Would the tests notice? Plant small bugs in the core, one at a time, and run the tests that should catch each.

    python tests/mutants.py --n 60 --seed 0 --jobs 2

A mutant swaps an operator, drops a term or a statement, moves a constant, an axis or a bound by one, or turns a
condition round. It is caught if a test fails or hangs. A survivor is a missing test, or a change that changes nothing.
Not mutated: default settings, types, and what is said in errors. It works on a copy, and is no part of the test run.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import numpy as np

ROOT = Path(__file__).parents[1]
SECONDS = 180  # a mutant that takes longer hangs
OBJECTIVES, GRADIENTS = "tests/models/test_objectives.py", "tests/gradcheck/test_gradcheck.py"
PAIRS = ["tests/models/test_pair_objectives.py", "tests/models/test_nrp.py", "tests/models/test_hybrids.py"]
TESTS = {  # by the start of a module's path: what should notice, the fastest first
    "models/": [*PAIRS, OBJECTIVES, GRADIENTS],
    "models/autorec": [OBJECTIVES, "tests/models/test_autorec.py"],
    "models/base": [OBJECTIVES, "tests/models", "tests/recommenders/test_fold_in.py", "tests/training/test_train.py"],
    "models/cfn": [OBJECTIVES, "tests/models/test_cfn.py", "tests/recommenders/test_fold_in.py"],
    "models/deep_autorec": [OBJECTIVES, "tests/models/test_deep_autorec.py", "tests/models/test_pretraining.py"],
    "models/implicit_ncae": [OBJECTIVES, "tests/models/test_ncae.py"],
    "models/ncae": [OBJECTIVES, "tests/models/test_ncae.py", "tests/recommenders/test_fold_in.py"],
    "models/stages": [OBJECTIVES, "tests/models/test_ncae.py", "tests/models/test_pretraining.py"],
    "nn": ["tests/nn", OBJECTIVES, GRADIENTS, "tests/models/test_ncae.py", "tests/models/test_cfn.py", *PAIRS],
    "optim": ["tests/optim", "tests/training/test_loop.py"],
    "training/loop": ["tests/training/test_loop.py"],
}
SKIPPED = "annotation", "returns", "decorator_list", "op", "ops", "defaults", "kw_defaults"  # fields of a node
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def changed(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in place of this node by mistake."""

    def but(**fields):
        return type(node)(**({name: getattr(node, name) for name in node._fields} | fields))

    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        yield but(op=SWAPS[type(node.op)]())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        yield node.left
    if isinstance(node, ast.AugAssign | ast.Expr):
        yield ast.Pass()
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield but(ops=[SWAPS[type(node.ops[0])](), *node.ops[1:]])
    if isinstance(node, ast.keyword) and node.arg == "axis" and isinstance(node.value, ast.Constant):
        yield but(value=ast.Constant(1 - node.value.value))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        yield but(value=not node.value if isinstance(node.value, bool) else node.value + 1)
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if isinstance(node, ast.If | ast.IfExp):
        yield but(test=ast.UnaryOp(ast.Not(), node.test))


def places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """(parent, field, index) of each node that may be mutated."""
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or field in SKIPPED:
                continue
            if isinstance(child, ast.Raise | ast.JoinedStr | ast.Assert | ast.Import | ast.ImportFrom):
                continue
            if isinstance(node, ast.ClassDef | ast.Module) and isinstance(child, ast.AnnAssign | ast.Assign | ast.If):
                continue  # settings
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # docstrings
            if isinstance(child, ast.FunctionDef) and child.name in ("__repr__", "__getattr__"):
                continue
            yield node, field, index
            yield from places(child)


def mutants(path: Path) -> Iterator[tuple[str, str]]:
    """(what was changed, the source with the change) for each mutant of a file."""
    source = path.read_text("utf-8")
    for number, (parent, field, index) in enumerate(places(ast.parse(source))):
        old = getattr(parent, field) if index is None else getattr(parent, field)[index]
        for new in changed(old):
            tree = ast.parse(source)
            parent, *_ = next(at for i, at in enumerate(places(tree)) if i == number)
            if index is None:
                setattr(parent, field, copy.deepcopy(new))
            else:
                getattr(parent, field)[index] = copy.deepcopy(new)
            text = ast.unparse(ast.fix_missing_locations(tree))
            line, shown = getattr(old, "lineno", parent), [ast.unparse(its).split("\n")[0] for its in (old, new)]
            yield f"{path.relative_to(ROOT)}:{line}: {shown[0]}  ->  {shown[1]}", text


def tests_of(path: Path) -> list[str]:
    module = path.relative_to(ROOT / "tinyrec").with_suffix("").as_posix()
    return next(tests for start, tests in sorted(TESTS.items(), reverse=True) if module.startswith(start))


def is_caught(folder: Path, path: Path, text: str | None) -> tuple[bool, float]:
    """Whether the tests fail in this copy of the repository with this text of the file, and the seconds they took."""
    place = folder / path.relative_to(ROOT)
    started, right = time.perf_counter(), place.read_text("utf-8")
    place.write_text(right if text is None else text, "utf-8")
    flags = ["-x", "-q", "-p", "no:cacheprovider", "-k", "not cupy and not catches"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        command = [sys.executable, "-m", "pytest", *flags, *tests_of(path)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS)
        return done.returncode != 0, time.perf_counter() - started
    except subprocess.TimeoutExpired:
        return True, SECONDS
    finally:
        place.write_text(right, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=60, help="how many mutants are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried side by side")
    parser.add_argument("--of", default="", help="only of files whose path contains this")
    args = parser.parse_args()
    rooms = [ROOT / "tinyrec" / room for room in ("models", "nn", "optim")]
    files = [path for room in rooms for path in sorted(room.glob("[a-z]*.py"))] + [ROOT / "tinyrec/training/loop.py"]
    every = [(path, *its) for path in files if args.of in path.as_posix() for its in mutants(path)]
    drawn = [every[i] for i in np.random.default_rng(args.seed).permutation(len(every))[: args.n]]
    free: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(args.jobs) as pool:
        for job in range(args.jobs):
            for room in ("tinyrec", "tests", "pyproject.toml", "README.md"):
                copies = shutil.copytree if (ROOT / room).is_dir() else shutil.copy
                (Path(temporary) / str(job)).mkdir(exist_ok=True)
                copies(ROOT / room, Path(temporary) / str(job) / room)
            free.put(Path(temporary) / str(job))

        def trial(mutant):
            folder = free.get()
            try:
                return mutant[1], *is_caught(folder, mutant[0], mutant[2])
            finally:
                free.put(folder)

        ways = {tuple(tests_of(path)): (path, "tests without a mutant", None) for path, *_ in drawn}
        if any(caught for _, caught, _ in pool.map(trial, ways.values())):
            sys.exit("the tests fail without any mutant; repair them first")
        survivors = []
        for what, caught, seconds in pool.map(trial, drawn):
            print(f"{'caught' if caught else 'SURVIVED':8} {seconds:4.0f} s  {what}", flush=True)
            survivors += [] if caught else [what]
    print(f"{len(drawn) - len(survivors)} of {len(drawn)} mutants caught, drawn from {len(every)}; survivors:")
    print(*survivors, sep="\n")


if __name__ == "__main__":
    main()
