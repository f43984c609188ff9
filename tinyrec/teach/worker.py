"""The child that runs a student's function. It needs NumPy alone, is given as text on stdin, and knows no answer.

It gets the folder of the hand-in, that of NumPy, the number of the task, two pipes, and whether to count memory. From
the first pipe it reads the cases, into the second it writes the outputs, both as .npz. An error of one case costs that
case alone.
"""

import io
import sys


def main(tree, numpy_at, task, read_from, write_to):
    sys.path[:0] = [tree, numpy_at]
    import numpy as np

    with open(int(read_from), "rb") as pipe:
        sent = np.load(io.BytesIO(pipe.read()), allow_pickle=False)
    cases = {}
    for key in sent.files:
        case, _, name = key.partition("/")
        cases.setdefault(case, {})[name] = sent[key]
    answers = {}
    variant = {name: str(option) for name, option in cases.pop("variant", {}).items()}
    try:
        function, passes = load(task, variant)
    except BaseException as problem:
        answers["stopped/error"] = np.array(describe(problem, tree))
        cases = {}
    for number, case in cases.items():
        for name, its in run(function, passes, case, variant, number == "large", tree).items():
            answers[f"{number}/{name}"] = its
    out = io.BytesIO()
    np.savez(out, **answers)
    with open(int(write_to), "wb") as pipe:
        pipe.write(out.getvalue())


def load(task, variant):
    """The student's module of the task, and the given function that passes a case to it."""
    import importlib

    calls = importlib.import_module("calls")
    module = importlib.import_module(f"task{task}")
    return module, getattr(calls, f"task{task}")


def run(module, passes, case, variant, count_memory, tree):
    """The outputs of a case, or the error; or which input changed, or which output a second call does not repeat."""
    import tracemalloc

    import numpy as np

    kept = {name: its.copy() for name, its in case.items()}
    try:
        if count_memory:
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
        outputs = arrays(passes(module, case, variant))
        if count_memory:
            if not tracemalloc.is_tracing():
                raise RuntimeError("tracemalloc, which counts the memory, was stopped")
            outputs["peak"] = np.array(tracemalloc.get_traced_memory()[1] - before)
            tracemalloc.stop()
            return outputs
        changed = [name for name in case if not same(case[name], kept[name])]
        if changed:
            outputs["changed"] = np.array(changed[0])
            return outputs
        again = arrays(passes(module, kept, variant))
        differs = [name for name in outputs if not same(outputs[name], again.get(name))]
        if differs:
            outputs["differs"] = np.array(differs[0])
        return outputs
    except BaseException as problem:
        return {"error": np.array(describe(problem, tree))}


def arrays(outputs):
    import numpy as np

    found = {}
    for name, its in outputs.items():
        its = np.asarray(its)
        if its.dtype.kind not in "biufcU":
            raise TypeError(f"{name} is no array of numbers, but {type(outputs[name]).__name__}")
        found[name] = its
    return found


def same(a, b):
    import numpy as np

    return (
        b is not None
        and a.shape == b.shape
        and a.dtype == b.dtype
        and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    )


def describe(problem, tree):
    """The kind of the error, its text, and the last line of the student's that it passed."""
    import traceback

    text = " ".join(str(problem).split())[:300]
    if isinstance(problem, TypeError) and "NoneType" in text:
        text += ": does your function return what is asked?"
    if isinstance(problem, NotImplementedError) and (not text or text.startswith("task ")):  # numba raises others
        return "not written yet"
    said = f"{type(problem).__name__}: {text}" if text else type(problem).__name__
    if isinstance(problem, SyntaxError) and problem.filename:
        return f"{said.rpartition(' (')[0] or said} ({problem.filename.rpartition('/')[2]}, line {problem.lineno})"
    for frame in reversed(traceback.extract_tb(problem.__traceback__)):
        name = frame.filename.rpartition("/")[2]
        if frame.filename.startswith(tree) and name.startswith("task"):
            return f"{said} ({name}, line {frame.lineno}: {(frame.line or '')[:80]})"
    return said


if __name__ == "__main__":
    main(*sys.argv[1:])
