"""kernels.cu compiles for all common GPU architectures, with NVRTC, as in CuPy, and with nvcc. Needs no GPU."""

import ctypes
import ctypes.util
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

SOURCE = (resources.files("tinyrec.backend") / "kernels.cu").read_text(encoding="utf-8")
VARIANTS = [(real, width) for real in ("float", "double") for width in (1, 2, 4)]  # of REAL and WIDTH
CONSTANTS = "-DBLOCK=256", "-DARRAYS=8"
ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)  # Turing (2018) to Blackwell (2025), server and desktop
ARRAYS = {"REAL *", "const REAL *", "float *", "double *", "int *", "const int *", "const long long *"}
NUMBERS = {
    "Arrays",
    "REAL",
    "float",
    "int",
    "long long",
    "unsigned long long",
}  # gpu.py passes a NumPy scalar of exactly this type


class CompileError(Exception):
    """The source does not compile; the message is the compiler's log."""


class Nvrtc:
    """The compiler that CuPy uses, from a wheel nvidia-cuda-nvrtc(-cu12) or an installed CUDA toolkit."""

    def __init__(self, folder):
        wheels = [path for place in sys.path for path in Path(place).glob("nvidia/*/lib/libnvrtc.so.*")]
        toolkits = [*Path("/usr/local").glob("cuda*/lib64/libnvrtc.so"), ctypes.util.find_library("nvrtc")]
        path = next(filter(None, [*wheels, *toolkits]), None)
        if path is None:
            pytest.skip("NVRTC is not installed; pip install nvidia-cuda-nvrtc")
        for needed in Path(path).parent.glob("libnvrtc-builtins.so.*"):  # NVRTC does not find it by itself
            ctypes.CDLL(str(needed))
        self.library = ctypes.CDLL(str(path))

    def architectures(self):
        count = ctypes.c_int()
        self.library.nvrtcGetNumSupportedArchs(ctypes.byref(count))
        numbers = (ctypes.c_int * count.value)()
        self.library.nvrtcGetSupportedArchs(numbers)
        return list(numbers)

    def compile(self, source, real, width, architectures):
        definitions = f"-DREAL={real}", f"-DWIDTH={width}", *CONSTANTS
        return "".join(self._log(source, f"--gpu-architecture=sm_{n}", *definitions) for n in architectures)

    def _log(self, source, *options):
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
        arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        status = self.library.nvrtcCompileProgram(program, len(options), arguments)
        self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.library.nvrtcGetProgramLog(program, log)
        self.library.nvrtcDestroyProgram(ctypes.byref(program))
        if status:
            raise CompileError(log.value.decode())
        return log.value.decode()


class Nvcc:
    """The compiler of the CUDA toolkit."""

    def __init__(self, folder):
        self.folder = folder
        if not shutil.which("nvcc"):
            pytest.skip("nvcc is not installed; install the CUDA toolkit")

    def architectures(self):
        return [int(number) for number in re.findall(r"compute_(\d+)\b", self._run("--list-gpu-arch").stdout)]

    def compile(self, source, real, width, architectures):
        (self.folder / "kernels.cu").write_text(source, encoding="utf-8")
        targets = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in architectures]
        done = self._run(
            "-fatbin", f"-DREAL={real}", f"-DWIDTH={width}", *CONSTANTS, *targets, "-o", "kernels.fatbin", "kernels.cu"
        )
        if done.returncode:
            raise CompileError(done.stderr)
        return done.stderr

    def _run(self, *arguments):
        return subprocess.run(["nvcc", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=600)


@pytest.fixture(params=[Nvrtc, Nvcc])
def compiler(request, tmp_path):
    """Its compile(source, real, width, architectures) returns the warnings, or "", or raises CompileError."""
    return request.param(tmp_path)


@pytest.mark.parametrize("real, width", VARIANTS)
def test_the_kernels_compile_for_all_architectures_without_warnings(compiler, real, width):
    known = [number for number in ARCHITECTURES if number in compiler.architectures()]  # an old compiler lacks new ones
    assert 90 in known
    assert compiler.compile(SOURCE, real, width, known) == ""


def test_a_warning_is_reported(compiler):
    assert "warning" in compiler.compile(SOURCE + "__device__ void f() { int never_used; }", "float", 2, [90])


@pytest.mark.parametrize("wrong", ["undeclared[row]", "row[indptr", "indptr.row"])
def test_an_error_in_the_source_is_reported(compiler, wrong):
    with pytest.raises(CompileError, match=r"kernels.cu\(\d+\): error"):
        compiler.compile(SOURCE.replace("indptr[row]", wrong, 1), "float", 2, [90])


def test_kernels_take_only_arrays_and_numbers():
    kernels = re.findall(r"__global__ void (?:__launch_bounds__\(.*?\)\s+)?(\w+)\((.*?)\)\s*\{", SOURCE, re.DOTALL)
    assert len(kernels) == SOURCE.count("__global__") == SOURCE.count('extern "C"') > 0
    for name, parameters in kernels:
        types = {" ".join(re.sub(r"\w+$", "", parameter).split()) for parameter in parameters.split(",")}
        assert types <= ARRAYS | NUMBERS, name


@pytest.mark.parametrize("word", ["#include", "template", r"atomic(?!Inc\b)"])  # it counts blocks, and adds no numbers
def test_the_kernels_are_plain_cuda_c(word):
    assert not re.search(word, SOURCE)
