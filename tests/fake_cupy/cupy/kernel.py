"""Kernels: CUDA C compiled by g++ with shim.h; the arguments must match the types of the parameters exactly.

CuPy does not check them: it passes a Python float as a double and any array as a pointer, whatever the kernel takes.
"""

import ctypes
import functools
import hashlib
import math
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .array import ndarray
from .counts import fake_counts
from .cuda import CompileException

HEADERS = [Path(__file__).with_name(name) for name in ("shim.h", "block.h")]
FLAGS = "-x c++ -std=c++17 -O2 -fPIC -shared -ffp-contract=off"  # no fused multiply-add: the same bits on every machine
# With FAKE_CUPY_SANITIZE=1: red zones around arrays, but not on the stack, as ASan cannot follow switches of fibers.
SANITIZE = "-g -fsanitize=address,undefined -fno-sanitize-recover=all --param asan-stack=0"
IGNORED = ("-std=", "--std=", "-fmad=", "--fmad=", "-lineinfo")  # NVRTC options without a meaning for g++
KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+(?:void\s+|__launch_bounds__\s*\([^)]*\)\s*)+(\w+)\s*\(')
DYNAMIC_SHARED = re.compile(r"extern\s+__shared__\s+(\w[\w\s]*?)\s+(\w+)\s*\[\s*\]")
MAX_GRID, MAX_BLOCK = (2**31 - 1, 65535, 65535), (1024, 1024, 64)  # along x, y and z
MAX_THREADS, MAX_SHARED = 1024, 48 * 1024  # per block; bytes


class RawModule:
    def __init__(self, *, code, options=(), backend="nvrtc", name_expressions=None):
        if not isinstance(options, tuple):
            raise TypeError(f"options must be a tuple, not {type(options)}")
        if name_expressions is not None:
            raise NotImplementedError("the fake does not compile templates")
        self._code, self._options, self._kernels = code, options, {}

    def get_function(self, name):
        if name not in self._kernels:
            self._kernels[name] = Kernel(name, self._library)
        return self._kernels[name]

    @functools.cached_property
    def _library(self):
        return ctypes.PyDLL(str(compiled(self._code, self._options)))


class Kernel:
    """A kernel of a library, which also exports the parameter types: "*f4 i8" for (float *, long long)."""

    def __init__(self, name, library):
        try:
            parameters, self._launch = library[f"{name}_parameters"], library[f"{name}_launch"]
        except AttributeError:
            raise RuntimeError(f'the source has no extern "C" __global__ void {name}') from None
        parameters.restype = self._launch.restype = ctypes.c_char_p
        self._launch.argtypes = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p
        self.name, self._parameters = name, parameters().decode().split()

    def __call__(self, grid, block, args, *, shared_mem=0):
        shape = *_lengths("grid", grid, MAX_GRID), *_lengths("block", block, MAX_BLOCK)
        if math.prod(shape[3:]) > MAX_THREADS or not 0 <= shared_mem <= MAX_SHARED:
            raise ValueError(f"a block of {block} threads with {shared_mem} bytes of shared memory is too large")
        if len(args) != len(self._parameters):
            raise TypeError(f"{self.name} takes {len(self._parameters)} arguments, not {len(args)}")
        packed = b"".join(map(self._bytes, range(len(args)), self._parameters, args))  # `args` keeps structs alive
        fake_counts.launches += 1
        problem = self._launch(struct.pack("6I", *shape), shared_mem, packed)
        if problem:
            raise RuntimeError(f"{self.name} would hang: {problem.decode()}")

    def _bytes(self, number, parameter, argument):
        """An argument as the eight bytes that the kernel receives: an address, also of a struct, or a number."""
        if parameter.startswith("s"):
            if not (isinstance(argument, np.ndarray) and argument.shape == (1,) and argument.dtype.names):
                raise TypeError(
                    f"argument {number} of {self.name} must be a NumPy array of one struct, not {argument!r}"
                )
            if argument.nbytes != int(parameter[1:]):
                raise TypeError(f"the struct of {self.name} has {parameter[1:]} bytes, not {argument.nbytes}")
            return argument.ctypes.data.to_bytes(8, sys.byteorder)
        pointer, dtype = parameter.startswith("*"), np.dtype(parameter.removeprefix("*"))
        if not isinstance(argument, ndarray if pointer else np.generic) or argument.dtype != dtype:
            wanted = f"a {'device array' if pointer else 'NumPy scalar'} of type {dtype}"
            raise TypeError(f"argument {number} of {self.name} must be {wanted}, not {argument!r}")
        if pointer and not argument.flags.c_contiguous:
            raise TypeError(f"argument {number} of {self.name} is not C-contiguous")
        return argument.data.ptr.to_bytes(8, sys.byteorder) if pointer else argument.tobytes().ljust(8, b"\0")


def _lengths(name, lengths, limits):
    """The lengths along x, y and z; ValueError if they are beyond the limits."""
    if not isinstance(lengths, tuple) or not 1 <= len(lengths) <= 3:
        raise ValueError(f"{name} must be a tuple of 1 to 3 numbers, not {lengths!r}")
    for length, limit in zip(lengths, limits[: len(lengths)], strict=True):
        if not isinstance(length, int | np.integer) or not 1 <= length <= limit:
            raise ValueError(f"{name} must be integers from 1 to {limits}, not {lengths}")
    return (*lengths, 1, 1)[:3]


def compiled(code, options):
    """The path of the compiled library; compiled only if no library of exactly this source is cached."""
    source = DYNAMIC_SHARED.sub(r"\1 *\2 = (\1 *)fake::dynamic_shared", code)
    source += "".join(f"\nFAKE_KERNEL({name})" for name in KERNEL.findall(code))
    flags = f"{FLAGS} {SANITIZE}" if os.environ.get("FAKE_CUPY_SANITIZE") == "1" else FLAGS
    command = ["g++", *flags.split(), "-include", str(HEADERS[0]), *_definitions(options)]
    headers = [header.read_text() for header in HEADERS]
    key = hashlib.sha256(repr((command, source, headers)).encode()).hexdigest()
    library = _cache() / f"{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            temporary = Path(folder) / library.name
            _compile([*command, "-o", str(temporary), "-"], source)
            temporary.rename(library)  # atomic: no other process sees a partly written file
    return library


def _definitions(options):
    unknown = [option for option in options if not option.startswith(("-D", *IGNORED))]
    if unknown:
        raise CompileException(f"the fake does not support the options {unknown}")
    return [option for option in options if option.startswith("-D")]


def _compile(command, source):
    environment = {**os.environ, "LC_ALL": "C", "LD_PRELOAD": ""}  # do not sanitize the compiler itself
    done = subprocess.run(command, input=source, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CompileException(done.stderr)


def _cache():
    """A folder that only the user can write, as the libraries in it are executed."""
    folder = Path(tempfile.gettempdir()) / f"fake-cupy-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) != 0o700:
        raise PermissionError(f"other users can access {folder}; remove it")
    return folder
