"""How each task is called: a case, as arrays, in the form of your course; the outputs in one form for all courses.

Your function runs compiled, with one thread and with several. It also runs as plain Python, where `Pretended` takes the
iterations of prange in another order, fills what np.empty gives with nan, and finds an index outside an array.
"""

import time
import types

import numba
import numpy as np

PAIRS = 9  # of measurements, of which the fastest counts
CHUNK = 4000  # cells that the yardstick takes at a time


def task1(its, c, variant):
    order, cells = np.arange(len(c["cols"])), (c["indptr"], c["cols"])
    if variant["storage"] == "by columns":
        order, cells = by_columns(c)
    H, W = c["H"], c["W"]
    times = np.resize(np.array([1, -2, 0.5, 4], H.dtype), len(order))  # exact, so that no bit is lost by dividing
    values = (times,) if variant["values"] == "times values" else ()

    def back(y):
        y = y / times if values else y
        return y[np.argsort(order)]

    def yardstick(some):
        return H[c["rows"][some]] * W[c["cols"][some]]

    return outputs(its, "sddmm", (*cells, *values, H, W), c, back, yardstick)


def by_columns(c):
    """The number of each cell if they go column by column; and the cells so: indptr (d + 1,), rows (p,)."""
    order = np.argsort(c["cols"], kind="stable")
    indptr = np.searchsorted(c["cols"][order], np.arange(c["shape"][1] + 1))
    return order, (indptr.astype(np.int64), c["rows"][order].astype(np.int32))


def task2(its, c, variant):
    counts = np.maximum(np.diff(c["indptr"]), 1)[:, None].astype(c["r"].dtype)

    def back(y):
        return y * counts if variant["row"] == "mean" and y.shape[:1] == counts.shape[:1] else y

    def yardstick(some):
        return c["r"][some, None] * c["X"][c["cols"][some]]

    return outputs(its, "spmm", (c["indptr"], c["cols"], c["r"], c["X"]), c, back, yardstick)


def task3(its, c, variant):
    flipped = variant["dense"] == "units x rows"
    X = np.ascontiguousarray(c["Y"].T) if flipped else c["Y"]
    arguments = (c["indptr"], c["cols"], c["r"], X, int(c["shape"][1]))
    return outputs(its, "spmm_transposed", arguments, c, np.transpose if flipped else np.asarray)


def outputs(its, name, arguments, c, back, yardstick=None):
    function = getattr(its, name)
    if "timed" in c:
        multiple = ratio(lambda: function(*arguments), yardstick, len(c["cols"]))
        y = function(*arguments)
        return {"ratio": multiple, "y": back(y), "dtype": str(y.dtype)}
    pretended = Pretended(its)
    slow = pretended.call(name, arguments)  # first, since numba reads outside an array without a word
    numba.set_num_threads(1)
    y = function(*arguments)
    if not isinstance(y, np.ndarray):
        raise TypeError(f"{name} must return an array, not {type(y).__name__}")
    unset = slow is not None and slow.shape == y.shape and np.isnan(slow).any()
    found = {"y": back(slow if unset else y), "dtype": str(y.dtype)}
    if "many" in c:
        numba.set_num_threads(min(4, numba.config.NUMBA_NUM_THREADS))
        again = function(*arguments)
        numba.set_num_threads(1)
        others = [pretended.call(name, arguments, *how) for how in ((1, True), (3, False))]
        same = [np.array_equal(y, again), *(np.array_equal(slow, other) for other in others if slow is not None)]
        found |= {"same_bits": int(unset or all(same)), "parallel": int(pretended.parallel())}
    return found


def ratio(call, yardstick, p):
    """The seconds of a call as a multiple of those that NumPy takes to gather and multiply the same numbers.

    The fastest of several pairs: a busy machine makes some slower, and none faster. CPU seconds would not do: where
    they are limited, the system counts them in steps of milliseconds.
    """
    numba.set_num_threads(1)
    call()
    seconds = np.zeros((PAIRS, 2))
    for pair in seconds:
        for number, work in enumerate((call, lambda: [yardstick(slice(at, at + CHUNK)) for at in range(0, p, CHUNK)])):
            begin = time.perf_counter()
            work()
            pair[number] = time.perf_counter() - begin
    ours, numpys = seconds.min(axis=0)
    return ours / max(numpys, 1e-9)


class Pretended:
    """The functions of a module, run by Python itself, as if there were threads."""

    def __init__(self, its):
        self.threads, self.shuffled, self.thread, self.loops = 1, False, 0, 0
        self.compiled = [a for a in vars(its).values() if hasattr(a, "py_func")]
        self.names = {}
        threads = {"get_num_threads": lambda: self.threads, "get_thread_id": lambda: self.thread}
        self.numba = Instead(numba, {"prange": self.prange, **threads})
        self.numpy = Instead(np, {"empty": empty, "empty_like": empty_like})
        for key, a in vars(its).items():
            self.names[key] = self.instead_of(a, vars(its))

    def instead_of(self, a, names):
        for instead in (self.numba, self.numpy):
            if a is instead.module:
                return instead
            for key, other in instead.others.items():
                if a is getattr(instead.module, key, None):
                    return other
        function = getattr(a, "py_func", a)
        if isinstance(function, types.FunctionType) and function.__globals__ is names:
            parts = function.__code__, self.names, function.__name__, function.__defaults__, function.__closure__
            return types.FunctionType(*parts)
        return a

    def call(self, name, arguments, threads=1, shuffled=False):
        """What the function returns; None: it cannot run as plain Python."""
        self.threads, self.shuffled, self.thread = threads, shuffled, 0
        try:
            with np.errstate(all="ignore"):
                return np.asarray(self.names[name](*arguments))
        except (IndexError, NotImplementedError):
            raise
        except Exception:
            return None

    def prange(self, *bounds):
        numbers = range(*bounds)
        self.loops += 1
        order = np.arange(len(numbers))
        for number in np.random.default_rng(0).permutation(order) if self.shuffled else order:
            self.thread = int(number) * self.threads // len(numbers)
            yield numbers[number]
        self.thread = 0

    def parallel(self):
        """Whether a loop was a prange, in a module that compiles something with parallel=True."""
        return self.loops and any(its.targetoptions.get("parallel") for its in self.compiled)


def empty(shape, dtype=float, **_):
    return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 0, dtype)


def empty_like(a, dtype=None, shape=None, **_):
    return empty(a.shape if shape is None else shape, dtype or a.dtype)


class Instead:
    """A module some of whose functions are others."""

    def __init__(self, module, others):
        self.module, self.others = module, others

    def __getattr__(self, name):
        return self.others[name] if name in self.others else getattr(self.module, name)
