"""The fake cupy.ndarray: NumPy memory in the role of GPU memory; rejects what CuPy rejects."""

from operator import attrgetter
from types import SimpleNamespace

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .counts import fake_counts

FUNCTIONS = {}  # name -> function of the module cupy; filled by functions.py and rules.py
DTYPES = "?bhilqBHILQefdFD"  # the type codes that CuPy supports
METADATA = ["dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides"]  # kept on the host
SYNCHRONIZING = ["__bool__", "__int__", "__float__", "__complex__", "__iter__", "item", "tobytes", "tolist"]
WRITE_ORDER = np.random.default_rng(0)  # on a GPU, any of several writes to the same element may be the last


class ndarray(NDArrayOperatorsMixin):  # the mixin passes operators to __array_ufunc__ as ufuncs
    __slots__ = ("_memory",)
    __array_priority__ = 100
    __imatmul__ = None  # CuPy has no @=

    def __init__(self, shape, dtype=float):
        self._memory = poisoned(np.empty(shape, dtype))

    def __array__(self, dtype=None):  # without `copy`, as in CuPy: np.array(a) warns first
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """NumPy's ufuncs run on the device, as in CuPy: np.tanh(a) is cupy.tanh(a)."""
        if method != "__call__" or ufunc.__name__ not in FUNCTIONS:
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return FUNCTIONS[ufunc.__name__](*inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        """So do NumPy's other functions: np.diff(a) is cupy.diff(a)."""
        if function.__module__ != "numpy" or function.__name__ not in FUNCTIONS:
            return NotImplemented
        return FUNCTIONS[function.__name__](*args, **kwargs)

    def get(self, stream=None):
        fake_counts.to_host += 1
        return self._memory.copy()

    def __getitem__(self, index):
        index = _for_numpy(index, self.shape)
        found = self._memory[index]
        return on_device(np.array(found, order="C") if _has_array(index) else found)

    def __setitem__(self, index, value):
        index, value = _for_numpy(index, self.shape), for_numpy(value)
        with np.errstate(all="ignore"):
            if not _has_array(index):
                self._memory[index] = value
                return
            positions = np.arange(self.size).reshape(self.shape)[index]
            values = np.empty_like(positions, self.dtype)
            values[...] = value
        order = WRITE_ORDER.permutation(positions.size)
        self._memory.flat[positions.ravel()[order]] = values.ravel()[order]

    def __len__(self):
        return len(self._memory)

    def __repr__(self):
        return f"<{self.dtype} array {self.shape} on the fake device>"  # showing the values would copy them to the host

    data = property(lambda self: SimpleNamespace(ptr=self._memory.__array_interface__["data"][0]))
    T = property(lambda self: on_device(self._memory.T))
    real = property(lambda self: on_device(self._memory.real))
    imag = property(lambda self: on_device(self._memory.imag))

    def reshape(self, *shape):
        return on_device(self._memory.reshape(*shape))

    def transpose(self, *axes):
        return on_device(self._memory.transpose(*axes))

    def astype(self, dtype, *, copy=True):
        if not copy and self.dtype == dtype:
            return self
        with np.errstate(all="ignore"):
            return on_device(self._memory.astype(dtype))

    def copy(self):
        return on_device(self._memory.copy())

    def fill(self, value):
        self._memory.fill(for_numpy(value))


def _reject(name):
    def rejected(self, *_):
        raise TypeError(f"{name} would synchronize and copy to the host; call .get() if this is intended")

    return rejected


for name in SYNCHRONIZING:
    setattr(ndarray, name, _reject(name))
for name in METADATA:
    setattr(ndarray, name, property(attrgetter(f"_memory.{name}")))


def on_device(memory):
    """A device array that shares the memory of this NumPy array."""
    if memory.dtype.char not in DTYPES:
        raise ValueError(f"Unsupported dtype {memory.dtype}")
    array = object.__new__(ndarray)
    array._memory = memory
    return array


def for_numpy(argument):
    """The argument to pass to NumPy: the memory of a device array, or a number or shape; TypeError for a host array."""
    if isinstance(argument, ndarray):
        return argument._memory
    if isinstance(argument, np.ndarray | list):
        raise TypeError(f"Unsupported type {type(argument)}")
    return argument


def poisoned(memory):
    """Fill with NaN or 99, as new memory on a GPU is seldom zero."""
    memory.fill(np.nan if memory.dtype.kind in "fc" else 99)
    return memory


def _for_numpy(index, shape):
    """The index as a tuple for NumPy. Integers in index arrays wrap around, silently, as in CuPy."""
    parts = index if isinstance(index, tuple) else (index,)
    if not any(part is Ellipsis for part in parts):
        parts += (Ellipsis,)  # a single element is a 0-d view, as in CuPy
    axis, axes_left = 0, len(shape) - sum(map(_axes, parts))
    result = []
    for part in parts:
        result.append(_wrapped(part._memory, shape[axis:]) if isinstance(part, ndarray) else part)
        axis += axes_left if part is Ellipsis else _axes(part)
    return tuple(result)


def _axes(part):
    """The number of axes that this part of an index consumes."""
    if isinstance(part, ndarray):
        return part.ndim if part.dtype.kind == "b" else 1
    if part is None or part is Ellipsis:
        return 0
    if isinstance(part, slice | int | np.integer) and not isinstance(part, bool):
        return 1
    raise TypeError(f"Unsupported type {type(part)} in an index")


def _wrapped(memory, lengths):
    if memory.dtype.kind == "b":
        fake_counts.to_host += 1  # CuPy synchronizes to count the true elements
        return memory
    return np.asarray(memory % lengths[0]) if lengths and lengths[0] else memory


def _has_array(index):
    return any(isinstance(part, np.ndarray) for part in index)
