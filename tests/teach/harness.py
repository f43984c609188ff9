"""Run a hand-in's text against a task without a child process, many times."""

import functools
import importlib.util
import os
import sys
import tempfile
import types
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyrec.teach import judge, load, worker
from tinyrec.teach.assignment import Mistake
from tinyrec.teach.run import answer
from tinyrec.teach.starter import build
from tinyrec.teach.variant import base

SEEDS = int(os.environ.get("TINYREC_TEACH_SEEDS", "1"))  # 200 to measure how often a mistake is told


@dataclass(frozen=True)
class Wrong:
    """A right source text with `old` replaced by `new`; told: a part of the sentence of the mistake that must be told.

    told "": it is told in another way (a shape, an error, memory), and no known mistake may be told
    """

    old: str
    new: str
    told: str = ""
    of: str = "short"  # the name of the right answer that is edited
    more: tuple[tuple[str, str], ...] = ()

    def also(self, old, new):
        return replace(self, more=(*self.more, (old, new)))

    def source(self, right):
        text = right[self.of]
        for old, new in ((self.old, self.new), *self.more):
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {self.of}"
            text = text.replace(old, new)
        return text


@functools.cache
def given(name):
    """The modules that a starter brings along."""
    folder = Path(tempfile.mkdtemp())
    for path, data in build(name, base(load(name))).items():
        if path.endswith(".py") and not path.startswith("task"):
            (folder / path).write_bytes(data)
    modules = {}
    for path in sorted(
        folder.glob("*.py"), key=lambda path: (path.stem == "calls", path.stem)
    ):  # it imports the others
        spec = importlib.util.spec_from_file_location(path.stem, path)
        modules[path.stem] = importlib.util.module_from_spec(spec)
        with importing(modules):
            spec.loader.exec_module(modules[path.stem])
    return modules


class importing:
    """Let `import ratings` find these modules, and put back afterwards what was there."""

    def __init__(self, modules):
        self.modules, self.before = modules, {}

    def __enter__(self):
        self.before = {name: sys.modules.get(name) for name in self.modules}
        sys.modules.update(self.modules)

    def __exit__(self, *_):
        for name, its in self.before.items():
            if its is None:
                del sys.modules[name]
            else:
                sys.modules[name] = its


@functools.lru_cache(maxsize=SEEDS + 64)
def asked(name, task, seed):
    """The task with its answers kept, since many hand-ins get the same cases; the cases and the large one."""
    its, rng = load(name).tasks[task - 1], np.random.default_rng(seed)
    cases, large = its.cases(rng), its.large(rng) if its.large else None
    kept = {id(case): its.answer(case) for case in cases}
    mistakes = tuple(Mistake(mistake.says, remember(mistake.answer, cases)) for mistake in its.mistakes)
    if large and its.forward is None:
        kept[id(large)] = its.answer(large)
    return replace(its, answer=lambda case: kept[id(case)], mistakes=mistakes), cases, large


def remember(answer, cases):
    kept = {}
    for case in cases:
        try:
            with np.errstate(all="ignore"):
                kept[id(case)] = answer(case)
        except Exception as problem:
            kept[id(case)] = problem

    def again(case):
        if isinstance(kept[id(case)], Exception):
            raise kept[id(case)]
        return kept[id(case)]

    return again


@functools.lru_cache(maxsize=8)
def module_of(name, task, source):
    """A hand-in, kept so that what numba compiles is compiled once for many seeds."""
    module = types.ModuleType(f"task{task}")
    exec(source, module.__dict__)  # noqa: S102 - our own texts
    return module


def verdict(name, task, source, seed=0, variant=None, memory=True):
    """The verdict on this text of a task, as `assignment check` gives it."""
    its, cases, large = asked(name, task, seed)
    variant = variant or base(load(name))
    modules = given(name)
    with importing(modules):
        module = module_of(name, task, source)
        passes = getattr(modules["calls"], f"task{task}")
        everything = [(case, False) for case in cases] + ([(large, True)] if large and memory else [])
        with np.errstate(all="ignore"):
            got = [
                answer(
                    worker.run(module, passes, {key: a.copy() for key, a in case.items()}, variant, is_large, "task")
                )
                for case, is_large in everything
            ]
    return judge.judge(task, its, cases, got, large if memory else None)
