"""The fake CuPy against the known behaviour of CuPy; with -m gpu, the real CuPy passes the same tests."""

import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests import fake_cupy

with fake_cupy.installed() as fake:
    pass

F32, F64, I32, I64, BOOL = np.float32, np.float64, np.int32, np.int64, np.bool_


def real_cupy():
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("CuPy finds no GPU")
    return cupy


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.gpu)])
def cp(request):
    return fake if request.param == "fake" else real_cupy()


def arange(cp, *shape, dtype=F32):
    return cp.arange(np.prod(shape), dtype=dtype).reshape(shape)


def after(array, change):
    """The array after `change`, in place."""
    change(array)
    return array


def array(numbers, dtype):
    return np.array(numbers, dtype)


def setitem(index, value):
    return lambda a: a.__setitem__(index, value)


# Common behaviour: (a function of the module cp, the expected device array, host value or error).
SHARED = {
    "np.asarray(device)": (lambda cp: np.asarray(cp.arange(3)), TypeError),
    "np.array(device)": (lambda cp: np.array(cp.arange(3)), TypeError),
    "np.array([device, device])": (lambda cp: np.array([cp.arange(3), cp.arange(3)]), TypeError),
    "host[device]": (lambda cp: np.arange(3)[cp.arange(2)], TypeError),
    "host[:] = device": (lambda cp: setitem(slice(3), cp.arange(3))(np.arange(3)), TypeError),
    "device + host": (lambda cp: cp.arange(3) + np.arange(3), TypeError),
    "host + device": (lambda cp: np.arange(3) + cp.arange(3), TypeError),
    "device += host": (lambda cp: cp.arange(3).__iadd__(np.arange(3)), TypeError),
    "host += device": (lambda cp: np.arange(3).__iadd__(cp.arange(3)), TypeError),
    "device < host": (lambda cp: cp.arange(3) < np.arange(3), TypeError),
    "device - list": (lambda cp: cp.arange(3) - [1, 2, 3], TypeError),
    "np.add(host, device)": (lambda cp: np.add(np.arange(3), cp.arange(3)), TypeError),
    "np.tanh(device, out=host)": (lambda cp: np.tanh(cp.ones(3), out=np.ones(3)), TypeError),
    "cp.tanh(host)": (lambda cp: cp.tanh(np.ones(3)), TypeError),
    "cp.where(host, device, device)": (lambda cp: cp.where(np.ones(3, bool), cp.ones(3), cp.ones(3)), TypeError),
    "cp.concatenate([device, host])": (lambda cp: cp.concatenate([cp.ones(3), np.ones(3)]), TypeError),
    "np.concatenate([device, host])": (lambda cp: np.concatenate([cp.ones(3), np.ones(3)]), TypeError),
    "asarray of text": (lambda cp: cp.asarray(["text"]), ValueError),
    "asarray of objects": (lambda cp: cp.asarray([None]), ValueError),
    "float32 + Python float": (lambda cp: cp.ones(1, F32) + 1.5, array([2.5], F32)),
    "Python float - float32": (lambda cp: 1.5 - cp.ones(1, F32), array([0.5], F32)),
    "float32 * np.float32": (lambda cp: cp.ones(1, F32) * F32(2), array([2], F32)),
    "float32 * np.float64": (lambda cp: cp.ones(1, F32) * F64(2), array([2], F64)),
    "np.float64 * float32": (lambda cp: F64(2) * cp.ones(1, F32), array([2], F64)),
    "float32 * 0-d float64": (lambda cp: cp.ones(1, F32) * cp.ones((), F64), array([1], F64)),
    "int32 / int32": (lambda cp: cp.ones(1, I32) / cp.ones(1, I32), array([1], F64)),
    "int32 + 1": (lambda cp: cp.ones(1, I32) + 1, array([2], I32)),
    "int32 += 0.5": (lambda cp: cp.ones(1, I32).__iadd__(0.5), TypeError),
    "float32 += float64": (lambda cp: cp.ones(1, F32).__iadd__(cp.ones(1)), array([2], F32)),
    "-, abs, **, @": (lambda cp: abs(-arange(cp, 2, 2)) ** 2 @ cp.ones(2, F32), array([1, 13], F32)),
    "comparison": (lambda cp: cp.arange(3) >= 1, array([False, True, True], BOOL)),
    "& and ~": (lambda cp: (cp.arange(3) > 0) & ~(cp.arange(3) > 1), array([False, True, False], BOOL)),
    "0 / 0 without a warning": (lambda cp: cp.zeros(1) / cp.zeros(1), array([np.nan], F64)),
    "1 / 0 without a warning": (lambda cp: cp.ones(1) / 0, array([np.inf], F64)),
    "a sum is an array": (lambda cp: arange(cp, 2, 3).sum(), array(15, F32)),
    "sum over an axis": (lambda cp: cp.sum(arange(cp, 2, 3), axis=0), array([3, 5, 7], F32)),
    "sum, keepdims": (lambda cp: arange(cp, 2, 3).sum(1, keepdims=True), array([[3], [12]], F32)),
    "sum of int32": (lambda cp: cp.ones(3, I32).sum(), array(3, I64)),
    "sum of bool": (lambda cp: cp.ones(3, bool).sum(), array(3, I64)),
    "mean of float32": (lambda cp: arange(cp, 3).mean(), array(1, F32)),
    "max of NaN": (lambda cp: cp.asarray([np.nan, 1.0]).max(), array(np.nan, F64)),
    "maximum of NaN": (lambda cp: cp.maximum(cp.asarray([np.nan]), 1), array([np.nan], F64)),
    "any, all": (lambda cp: cp.any(cp.arange(2)) & ~cp.all(cp.arange(2)), array(True, BOOL)),
    "sign": (lambda cp: cp.sign(cp.asarray([-np.inf, -2, 0, 3])), array([-1, -1, 0, 1], F64)),
    "sign of int32": (lambda cp: cp.sign(cp.asarray([-2, 0, 3], I32)), array([-1, 0, 1], I32)),
    "clip of NaN": (lambda cp: cp.asarray([np.nan, 5]).clip(0, 1), array([np.nan, 1], F64)),
    "clip keeps float32": (lambda cp: cp.clip(arange(cp, 3), 0.5, 1.5), array([0.5, 1, 1.5], F32)),
    "np.tanh(device)": (lambda cp: np.tanh(cp.zeros(1)), array([0], F64)),
    "np.exp(device, out=device)": (lambda cp: after(cp.zeros(1), lambda a: np.exp(a, out=a)), array([1], F64)),
    "np.add(device, 1)": (lambda cp: np.add(cp.zeros(1), 1), array([1], F64)),
    "np.diff(device)": (lambda cp: np.diff(cp.arange(3)), array([1, 1], I64)),
    "np.zeros_like(device)": (lambda cp: np.zeros_like(arange(cp, 2)), array([0, 0], F32)),
    "np.sum(device)": (lambda cp: np.sum(arange(cp, 3)), array(3, F32)),
    "ufuncs have no `where`": (lambda cp: cp.exp(cp.ones(3), where=cp.ones(3, bool)), TypeError),
    "sum has no `initial`": (lambda cp: cp.sum(cp.ones(3), None, None, None, False, 1), TypeError),
    "sum has no `where`": (lambda cp: cp.sum(cp.ones(3), where=cp.ones(3, bool)), TypeError),
    "cumsum, argsort, sort": (
        lambda cp: cp.cumsum(cp.argsort(cp.sort(cp.asarray([3, 1, 2])), kind="stable")),
        array([0, 1, 3], I64),
    ),
    "argsort supports only stable": (lambda cp: cp.argsort(cp.arange(3), kind="quicksort"), ValueError),
    "searchsorted": (lambda cp: cp.searchsorted(cp.arange(3), cp.asarray([1, 5])), array([1, 3], I64)),
    "bincount": (lambda cp: cp.bincount(cp.asarray([0, 2, 2]), minlength=4), array([1, 0, 2, 0], I64)),
    "repeat": (lambda cp: cp.repeat(cp.arange(2), 2), array([0, 0, 1, 1], I64)),
    "repeat by a list": (lambda cp: cp.repeat(cp.arange(2), [2, 1]), array([0, 0, 1], I64)),
    "unique": (lambda cp: cp.unique(cp.asarray([2, 1, 2])), array([1, 2], I64)),
    "flatnonzero": (lambda cp: cp.flatnonzero(cp.asarray([0, 3])), array([1], I64)),
    "where": (lambda cp: cp.where(cp.arange(2) > 0, F32(7), arange(cp, 2)), array([0, 7], F32)),
    "stack": (lambda cp: cp.stack([cp.arange(2), cp.arange(2)], axis=1), array([[0, 0], [1, 1]], I64)),
    "hstack": (lambda cp: cp.hstack([cp.arange(2), cp.arange(1)]), array([0, 1, 0], I64)),
    "vstack": (lambda cp: cp.vstack([cp.arange(2), cp.arange(2)]), array([[0, 1], [0, 1]], I64)),
    "einsum": (lambda cp: cp.einsum("ij,ij->i", arange(cp, 2, 2), arange(cp, 2, 2)), array([1, 13], F32)),
    "append": (lambda cp: cp.append(cp.arange(2), cp.arange(1)), array([0, 1, 0], I64)),
    "take wraps around": (lambda cp: cp.take(cp.arange(3), cp.asarray([4, -4])), array([1, 2], I64)),
    "element": (lambda cp: cp.arange(3)[-1], array(2, I64)),
    "element out of bounds": (lambda cp: cp.arange(3)[3], IndexError),
    "an element is a view": (lambda cp: after(cp.zeros(2), lambda a: a[1].fill(5)), array([0, 5], F64)),
    "slices": (lambda cp: arange(cp, 2, 3)[:, ::-2], array([[2, 0], [5, 3]], F32)),
    "None and ...": (lambda cp: arange(cp, 2, 1)[None, ..., 0], array([[0, 1]], F32)),
    "device index wraps around": (lambda cp: cp.arange(3)[cp.asarray([3, -1, -4])], array([0, 2, 2], I64)),
    "it wraps around on a later axis": (lambda cp: arange(cp, 2, 3)[:, cp.asarray([4])], array([[1], [4]], F32)),
    "it wraps around after ...": (lambda cp: arange(cp, 2, 3, 4)[..., cp.asarray([6])][1, 1], array([18], F32)),
    "two of them wrap around": (lambda cp: arange(cp, 2, 3)[cp.asarray([2]), cp.asarray([-4])], array([2], F32)),
    "it wraps around in an assignment": (
        lambda cp: after(cp.zeros(3), setitem(cp.asarray([4]), 7)),
        array([0, 7, 0], F64),
    ),
    "device index into an empty array": (lambda cp: cp.zeros(0)[cp.asarray([1])], IndexError),
    "device index returns C order": (lambda cp: arange(cp, 2, 3)[:, cp.asarray([0, 2])].flags.c_contiguous, True),
    "mask": (lambda cp: cp.arange(3)[cp.arange(3) != 1], array([0, 2], I64)),
    "mask in an assignment": (lambda cp: after(cp.zeros(3), lambda a: setitem(a == 0, 7)(a)), array([7, 7, 7], F64)),
    "row in an assignment": (lambda cp: after(cp.zeros((2, 2)), setitem(0, cp.ones(2))), array([[1, 1], [0, 0]], F64)),
    "reshape": (lambda cp: cp.arange(4).reshape(2, -1).T.ravel(), array([0, 2, 1, 3], I64)),
    "linspace": (lambda cp: cp.linspace(0, 1, 3), array([0, 0.5, 1], F64)),
    "full_like": (lambda cp: cp.full_like(cp.arange(2), 7), array([7, 7], I64)),
    "astype": (lambda cp: cp.asarray([1.7]).astype(I32), array([1], I32)),
    "astype of NaN does not warn": (lambda cp: cp.asarray([np.nan]).astype(I32).dtype, np.dtype(I32)),
    "real of complex": (lambda cp: cp.asarray([1 + 2j]).real, array([1], F64)),
    "len": (lambda cp: len(arange(cp, 2, 3)), 2),
    "len of 0-d": (lambda cp: len(cp.zeros(())), TypeError),
    "metadata on the host": (
        lambda cp: [getattr(arange(cp, 2, 3), name) for name in ("shape", "size", "ndim", "nbytes", "strides")],
        [(2, 3), 6, 2, 24, (12, 4)],
    ),
    "asarray does not copy": (lambda cp: after(cp.ones(1), lambda a: cp.asarray(a).fill(3)), array([3], F64)),
    "array copies": (lambda cp: after(cp.ones(1), lambda a: cp.array(a).fill(3)), array([1], F64)),
    "ufuncs return C order": (lambda cp: (arange(cp, 2, 3).T + 1).flags.c_contiguous, True),
    "zeros_like preserves the order": (lambda cp: cp.zeros_like(arange(cp, 2, 3).T).flags.c_contiguous, False),
    "asnumpy": (lambda cp: type(cp.asnumpy(cp.arange(3))), np.ndarray),
}

# Where versions of CuPy differ, the fake raises ValueError: (call, version of the change, expected since then, before).
CHANGED = {
    "sign of NaN": (
        lambda cp: cp.sign(cp.asarray([np.nan, -2, 0])),
        (14, 2),
        array([np.nan, -1, 0], F64),
        array([0, -1, 0], F64),
    ),
    "bincount of an empty array": (
        lambda cp: cp.bincount(cp.zeros(0, I64), minlength=4),
        (14, 2),
        array([0, 0, 0, 0], I64),
        ValueError,
    ),
    "repeat by a device array": (
        lambda cp: cp.repeat(cp.arange(2), cp.asarray([2, 1])),
        (14, 1),
        array([0, 0, 1], I64),
        ValueError,
    ),
}

# Where the fake raises TypeError, but CuPy synchronizes, copies, or has undefined behaviour.
STRICTER = {
    "float": lambda a: float(a[0]),
    "int": lambda a: int(a[0]),
    "bool": lambda a: bool(a[0]),
    "complex": lambda a: complex(a[0]),
    "item": lambda a: a[0].item(),
    "tobytes": lambda a: a.tobytes(),
    "tolist": lambda a: a.tolist(),
    "iteration": lambda a: list(a),
    "unpacking": lambda a: (lambda x, y, z: x)(*a),
    "if": lambda a: 1 if a[0] else 2,
    "in": lambda a: 1 in a,
    "max of Python": lambda a: max(a[0], a[1]),
    "format": lambda a: f"{a[0]:.3f}",
    "index by a list": lambda a: a[[0, 1]],
    "index by a host array": lambda a: a[np.arange(2)],
    "index by True": lambda a: a[True],
    "assignment at a host array": lambda a: setitem(np.arange(2), 0)(a),
    "assignment of a host array": lambda a: setitem(slice(None), np.ones(3))(a),
    "assignment of a list": lambda a: setitem(slice(None), [1, 2, 3])(a),
    "device @ host": lambda a: a @ np.ones(3),
    "host @ device": lambda a: np.ones(3) @ a,
    "device - tuple": lambda a: a - (1, 2, 3),
    "np.add.reduce": lambda a: np.add.reduce(a),
    "cp.sum(host)": lambda a: fake.sum(np.ones(3)),
    "cp.dot(device, host)": lambda a: fake.dot(a, np.ones(3)),
    "cp.zeros_like(host)": lambda a: fake.zeros_like(np.ones(3)),
    "cp.take by a list": lambda a: fake.take(a, [0, 1]),
    "cp.full of a device number": lambda a: fake.full(3, a[0]),
    "cp.where with one argument": lambda a: fake.where(a),
}


def version(cp):
    """The first two numbers of the version, as integers."""
    return tuple(map(int, cp.__version__.split(".")[:2]))


def assert_gives(cp, call, expected):
    if isinstance(expected, type) and issubclass(expected, Exception):
        with pytest.raises(expected):
            call(cp)
    elif isinstance(expected, np.ndarray):
        found = call(cp)
        assert isinstance(found, cp.ndarray)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.get(), expected, strict=True)
    else:
        assert call(cp) == expected


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("behaviour", SHARED)
def test_matches_cupy(cp, behaviour):
    assert_gives(cp, *SHARED[behaviour])


@pytest.mark.parametrize("behaviour", CHANGED)
def test_raises_where_versions_of_cupy_differ(cp, behaviour):
    call, changed, since, before = CHANGED[behaviour]
    real = since if version(cp) >= changed else before
    assert_gives(cp, call, ValueError if cp is fake else real)


@pytest.mark.parametrize("behaviour", STRICTER)
def test_is_stricter_than_cupy(behaviour):
    with pytest.raises(TypeError):
        STRICTER[behaviour](fake.arange(3, dtype=F32))


# (an operation on a device array, the numbers of copies to the device and to the host that are counted).
COPIES = {
    "get": (lambda a: a.get(), (0, 1)),
    "asnumpy": (lambda a: fake.asnumpy(a), (0, 1)),
    "asnumpy of a host array": (lambda a: fake.asnumpy(np.ones(2)), (0, 0)),
    "asarray": (lambda a: fake.asarray([1.0]), (1, 0)),
    "array": (lambda a: fake.array(np.ones(2)), (1, 0)),
    "asarray of a device array": (lambda a: fake.asarray(a, F32), (0, 0)),
    "arithmetic": (lambda a: np.tanh(a * 2).sum(), (0, 0)),
    "creation": (lambda a: fake.zeros(3) + fake.arange(3), (0, 0)),
    "index": (lambda a: a[fake.zeros(2, I64)], (0, 0)),
    "mask": (lambda a: a[a > 0], (0, 1)),
    "mask in an assignment": (lambda a: setitem(a > 0, 0)(a), (0, 1)),
    "bincount": (lambda a: fake.bincount(a.astype(I64)), (0, 1)),
    "unique": (lambda a: fake.unique(a), (0, 1)),
    "flatnonzero": (lambda a: fake.flatnonzero(a), (0, 1)),
    "str and repr": (lambda a: f"{a} {a!r}", (0, 0)),
}


@pytest.mark.parametrize("action", COPIES)
def test_copies_and_synchronizations_are_counted(action):
    a = fake.arange(3)
    fake.fake_counts.reset()
    COPIES[action][0](a)
    assert (fake.fake_counts.to_device, fake.fake_counts.to_host) == COPIES[action][1]


def test_any_of_several_writes_to_the_same_element_may_be_the_last():
    a = fake.zeros(1)
    results = {int(after(a, setitem(fake.zeros(50, I64), fake.arange(50))).get()[0]) for _ in range(5)}
    assert len(results) > 1


def test_new_memory_is_not_zero():
    for a in (fake.empty(3), fake.empty_like(fake.zeros(3, I32)), fake.ndarray((2, 2), F32)):
        assert (a != 0).get().all()


def test_the_out_array_is_returned():
    a = fake.ones(3)
    assert fake.exp(a, out=a) is np.exp(a, out=a) is fake.cumsum(a, out=a) is a


def test_cupy_has_all_names_and_parameters_of_the_fake():
    cupy = pytest.importorskip("cupy")
    names = {*fake.FUNCTIONS, *fake.FROM_NUMPY.split(), *fake.__all__} - {"fake_counts"}
    assert [name for name in names if not hasattr(cupy, name)] == []
    for line in fake.functions.SIGNATURES.strip().splitlines():
        name, *parameters = line.split()
        assert list(inspect.signature(getattr(cupy, name)).parameters)[: len(parameters)] == parameters


KERNELS = """
#define ELEMENT (blockIdx.x * (long long)blockDim.x + threadIdx.x)

extern "C" __global__ void saxpy(const REAL *x, REAL *y, REAL a, long long n)
{
    if (ELEMENT < n)
        y[ELEMENT] += a * x[ELEMENT];
}

extern "C" __global__ void __launch_bounds__(256) block_sum(const REAL *x, REAL *sums, int n)
{
    __shared__ REAL parts[256];
    int t = threadIdx.x;
    parts[t] = ELEMENT < n ? x[ELEMENT] : 0;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half)
            parts[t] += parts[t + half];
        __syncthreads();
    }
    if (t == 0)
        sums[blockIdx.x] = parts[0];
}

extern "C" __global__ void warp_sum(const REAL *x, REAL *sums)
{
    REAL sum = x[ELEMENT];
    for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_down_sync(0xffffffff, sum, distance);
    if (threadIdx.x % 32 == 0)
        sums[ELEMENT / 32] = sum;
}

// For each lane: the lane below, the lane above, the same lane of the other half warp, the last of its group of eight.
extern "C" __global__ void shuffles(int *up, int *down, int *other, int *last)
{
    int lane = threadIdx.x;
    up[lane] = __shfl_up_sync(0xffffffff, lane, 1);
    down[lane] = __shfl_down_sync(0xffffffff, lane, 1);
    other[lane] = __shfl_xor_sync(0xffffffff, lane, 16);
    last[lane] = __shfl_sync(0xffffffff, lane, 7, 8);
}

extern "C" __global__ void reverse(REAL *x)
{
    extern __shared__ REAL copy[];
    copy[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = copy[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void where_am_i(int *out)
{
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = 1000 * block + thread;
}

extern "C" __global__ void types(bool a, signed char b, unsigned short c, unsigned d, unsigned long long e, double f,
                                 double *out)
{
    *out = f + a + b + c + d + e;
}

extern "C" __global__ void bounds(const REAL *x, REAL *lower, REAL *upper)
{
    *lower = min(*x, 1.0f);
    *upper = max(*x, (REAL)1);
}

extern "C" __global__ void no_barrier(int *out, int distance)
{
    __shared__ int parts[64];
    int t = threadIdx.x, round = 1 + blockIdx.x;
    parts[t] = round;
    out[ELEMENT] = parts[(t + distance) % 64] - round;
}

extern "C" __global__ void some_at_the_barrier()
{
    if (threadIdx.x < 5)
        __syncthreads();
}

extern "C" __global__ void two_barriers()
{
    if (threadIdx.x < 5)
        __syncthreads();
    else
        __syncthreads();
}

extern "C" __global__ void some_at_the_shuffle(int *out)
{
    if (threadIdx.x != 3)
        *out = __shfl_sync(0xffffffff, 1, 0);
}

extern "C" __global__ void masks_that_differ(int *out)
{
    *out = __shfl_sync(threadIdx.x < 16 ? 0xffffffff : 0xffff0000, 1, 16);
}

extern "C" __global__ void from_outside_the_mask(int *out)
{
    *out = __shfl_sync(threadIdx.x < 16 ? 0x0000ffff : 0xffff0000, 1, 16);
}

extern "C" __global__ void half_a_warp(int *out)
{
    *out = __shfl_sync(0xffffffff, 1, 0);
}
"""


def kernel(cp, name, real="float"):
    if cp is fake and not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    return cp.RawModule(code=KERNELS, options=(f"-DREAL={real}",)).get_function(name)


@pytest.mark.parametrize("dtype", [F32, F64])
def test_saxpy(cp, dtype):
    x, y = cp.arange(1000, dtype=dtype), cp.ones(1000, dtype)
    saxpy = kernel(cp, "saxpy", "float" if dtype is F32 else "double")
    saxpy((4,), (256,), (x, y, dtype(2), np.int64(1000)))
    np.testing.assert_array_equal(y.get(), 1 + 2 * np.arange(1000, dtype=dtype), strict=True)


def test_a_block_sum_in_shared_memory(cp):
    x, sums = cp.arange(700, dtype=F32), cp.zeros(3, F32)
    kernel(cp, "block_sum")((3,), (256,), (x, sums, I32(700)))
    assert sums.get().tolist() == [part.sum() for part in np.split(np.arange(700), [256, 512])]


def test_a_warp_sum_by_shuffles(cp):
    x, sums = cp.arange(128, dtype=F32), cp.zeros(4, F32)
    kernel(cp, "warp_sum")((2,), (64,), (x, sums))
    assert sums.get().tolist() == np.arange(128).reshape(4, 32).sum(1).tolist()


def test_shuffles(cp):
    lanes = np.arange(32)
    outputs = [cp.zeros(32, I32) for _ in range(4)]
    kernel(cp, "shuffles")((1,), (32,), tuple(outputs))
    expected = [np.maximum(lanes - 1, 0), np.minimum(lanes + 1, 31), lanes ^ 16, lanes // 8 * 8 + 7]
    assert [out.get().tolist() for out in outputs] == [lanes.tolist() for lanes in expected]


def test_dynamic_shared_memory(cp):
    x = cp.arange(40, dtype=F32)
    kernel(cp, "reverse")((1,), (40,), (x,), shared_mem=4 * 40)
    assert x.get().tolist() == list(range(39, -1, -1))


def test_three_dimensions(cp):
    out = cp.zeros(2 * 3 * 4 * 5 * 6 * 7, I32)
    kernel(cp, "where_am_i")((2, 3, 4), (5, 6, 7), (out,))
    assert out.get().tolist() == [1000 * block + thread for block in range(24) for thread in range(210)]


def test_types_of_arguments(cp):
    out = cp.zeros((), F64)
    numbers = np.bool_(True), np.int8(-2), np.uint16(2**16 - 1), np.uint32(2**32 - 1), np.uint64(2**50), F64(0.5)
    kernel(cp, "types")((1,), (1,), (*numbers, out))
    assert out.get() == sum(map(float, numbers))


def test_min_and_max_of_a_number_and_nan_return_the_number(cp):
    lower, upper = cp.zeros(1, F32), cp.zeros(1, F32)
    kernel(cp, "bounds")((1,), (1,), (cp.full(1, np.nan, F32), lower, upper))
    assert lower.get() == upper.get() == 1


def test_launches_are_bitwise_reproducible(cp):
    x = cp.asarray(np.random.default_rng(0).standard_normal(256).astype(F32))
    runs = [cp.zeros(1, F32) for _ in range(5)]
    for sums in runs:
        kernel(cp, "block_sum")((1,), (256,), (x, sums, I32(256)))
    assert len({sums.get().tobytes() for sums in runs}) == 1


def test_launches_are_counted():
    fake.fake_counts.reset()
    kernel(fake, "saxpy")((1,), (1,), (fake.ones(1, F32), fake.ones(1, F32), F32(1), I64(1)))
    assert fake.fake_counts == fake.counts.Counts(launches=1)


X = fake.ones((4, 4), F32)
INVALID_ARGUMENTS = {
    "too few": (X, X, F32(1)),
    "too many": (X, X, F32(1), I64(4), I64(4)),
    "array of another type": (X, X.astype(F64), F32(1), I64(4)),
    "host array": (X, X.get(), F32(1), I64(4)),
    "not contiguous": (X, X.T, F32(1), I64(4)),
    "number for an array": (X, F32(1), F32(1), I64(4)),
    "array for a number": (X, X, X, I64(4)),
    "Python float": (X, X, 1.0, I64(4)),
    "Python int": (X, X, F32(1), 4),
    "number of another type": (X, X, F32(1), I32(4)),
    "float for int": (X, X, F32(1), F64(4)),
}


@pytest.mark.parametrize("case", INVALID_ARGUMENTS)
def test_arguments_of_wrong_types_raise(case):
    with pytest.raises(TypeError, match="saxpy"):
        kernel(fake, "saxpy")((1,), (1,), INVALID_ARGUMENTS[case])


@pytest.mark.parametrize(
    ("grid", "block", "shared_mem"),
    [
        (1, (1,), 0),
        ((1,), [1], 0),
        ((), (1,), 0),
        ((0,), (1,), 0),
        ((1.0,), (1,), 0),
        ((1, 65536), (1,), 0),
        ((1,), (1025,), 0),
        ((1,), (32, 33), 0),
        ((1,), (1, 1, 65), 0),
        ((1,), (1,), 48 * 1024 + 1),
    ],
)
def test_launches_beyond_the_limits_of_a_gpu_raise(grid, block, shared_mem):
    with pytest.raises(ValueError):
        kernel(fake, "some_at_the_barrier")(grid, block, (), shared_mem=shared_mem)


@pytest.mark.parametrize(
    ("name", "threads", "message"),
    [
        ("some_at_the_barrier", 8, r"thread 0 waits in line \d+, thread 5 has returned"),
        ("two_barriers", 8, r"thread 0 waits in line \d+, thread 5 waits in line \d+"),
        ("some_at_the_shuffle", 32, r"thread 0 waits in line \d+, thread 3 has returned"),
        ("masks_that_differ", 32, r"thread 0 waits in line \d+, thread 16 has returned"),
        ("from_outside_the_mask", 32, r"thread 0 waits in line \d+, where the masks differ or include missing lanes"),
        ("half_a_warp", 16, r"thread 0 waits in line \d+, where the masks differ or include missing lanes"),
    ],
)
def test_a_deadlock_is_reported(name, threads, message):
    arguments = () if "barrier" in name else (fake.zeros(1, I32),)
    with pytest.raises(RuntimeError, match=message):
        kernel(fake, name)((2,), (threads,), arguments)
    test_a_block_sum_in_shared_memory(fake)  # later launches work


@pytest.mark.parametrize("distance", [1, 63])
def test_a_missing_barrier_changes_the_result(distance):
    out = fake.zeros(64 * 3, I32)
    kernel(fake, "no_barrier")((3,), (64,), (out, I32(distance)))
    first = out.get()
    kernel(fake, "no_barrier")((3,), (64,), (out, I32(distance)))
    assert np.count_nonzero(first) > 3  # the threads at the ends read values of the previous block
    assert np.array_equal(out.get()[64:], first[64:])


def test_a_compile_error_names_the_line(cp):
    source = '\nextern "C" __global__ void wrong(float *x) {\n    *x = unknown;\n}'
    with pytest.raises(cp.cuda.compiler.CompileException, match=r"\b3\b.*error.*unknown"):
        cp.RawModule(code=source).get_function("wrong")((1,), (1,), (cp.zeros(1, F32),))


def test_an_unknown_kernel_name_raises():
    with pytest.raises(RuntimeError, match='the source has no extern "C" __global__ void unknown'):
        kernel(fake, "unknown")


def test_an_option_that_nvrtc_does_not_have_raises():
    with pytest.raises(fake.cuda.compiler.CompileException, match="-ffast-math"):
        fake.RawModule(code=KERNELS, options=("-ffast-math",)).get_function("saxpy")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"fake-cupy-{os.getuid()}"


def test_the_same_source_is_compiled_once(cache, monkeypatch):
    commands = []

    def compile(command, source):
        commands.append(command)
        Path(command[-2]).touch()

    monkeypatch.setattr(fake.kernel, "_compile", compile)
    first, again, other = (fake.kernel.compiled(KERNELS, (f"-DREAL={real}",)) for real in ("float", "float", "double"))
    assert first == again != other
    assert len(commands) == 2
    assert sorted(cache.iterdir()) == sorted([first, other])


def test_a_cache_that_others_can_write_raises(cache):
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(PermissionError, match="other users can access"):
        fake.kernel.compiled(KERNELS, ())


OVERRUN = """
import sys, cupy, numpy as np
source = '''
extern "C" __global__ void global(float *x, int i) { x[i] = 1; }
extern "C" __global__ void shared(float *x, int i) { __shared__ float all[3]; all[i] = 1; *x = all[i]; }
'''
name, i = sys.argv[1:]
cupy.RawModule(code=source).get_function(name)((1,), (1,), (cupy.ones(3, np.float32), np.int32(i)))
print("no error")
"""


@pytest.mark.parametrize(
    ("name", "i", "message"),
    [
        ("global", 2, "no error"),
        ("global", 3, "heap-buffer-overflow"),
        ("global", -1, "heap-buffer-overflow"),
        ("shared", 3, "index 3 out of bounds"),
    ],
)
def test_the_sanitizers_find_an_access_out_of_bounds(sanitizers, name, i, message):
    done = subprocess.run(
        [sys.executable, "-c", OVERRUN, name, str(i)],
        env={**os.environ, **sanitizers, "PYTHONPATH": fake_cupy.FOLDER},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert message in done.stdout + done.stderr
    assert (done.returncode == 0) == (message == "no error")


def test_device_properties(cp):
    properties = cp.cuda.runtime.getDeviceProperties(0)
    assert cp.is_available() and cp.cuda.is_available() and cp.cuda.runtime.getDeviceCount() >= 1
    assert isinstance(properties["name"], bytes) and properties["multiProcessorCount"] >= 1
    assert cp.cuda.Device().compute_capability == f"{properties['major']}{properties['minor']}"
    assert cp.cuda.runtime.driverGetVersion() >= 12000 and cp.cuda.runtime.runtimeGetVersion() >= 12000
    free, total = cp.cuda.Device().mem_info
    assert 0 < free <= total <= properties["totalGlobalMem"]
    assert issubclass(cp.cuda.memory.OutOfMemoryError, MemoryError)


def test_the_memory_pool_can_be_emptied(cp):
    pool = cp.get_default_memory_pool()
    pool.free_all_blocks()
    assert 0 <= pool.used_bytes() <= pool.total_bytes()


def test_events_measure_time(cp):
    start, end = cp.cuda.Event(), cp.cuda.Event()
    for event in (start, end):
        event.record()
        event.synchronize()
    for target in (cp.cuda.Device(), cp.cuda.Stream.null, cp.cuda.get_current_stream()):
        target.synchronize()
    assert 0 <= cp.cuda.get_elapsed_time(start, end) < 1000


def test_the_fake_is_installed_only_inside_the_with_block(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", "the real one")
    with fake_cupy.installed() as cupy:
        assert sys.modules["cupy"] is cupy is fake
    assert sys.modules["cupy"] == "the real one"
    assert fake_cupy.FOLDER not in sys.path
