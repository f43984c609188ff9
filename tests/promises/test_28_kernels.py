"""Kernels compile and compute.

Every CUDA kernel compiles for the GPU architectures from 2018 to 2025 without a driver and without a warning. The same
source, compiled for the CPU, trains with every optimizer to what NumPy does, under the address and undefined-behaviour
sanitizers (at the full size). An epoch of AutoRec reads from the GPU once. `--backend cupy` without a GPU ends with
exit code 4.
"""

import pytest

from tests.backend import test_gpu, test_kernels_cu
from tests.conftest import load_gpu_backend
from tests.fake_cupy import FOLDER
from tinyrec.optim import RProp
from tinyrec.training.loop import begin, fit


@pytest.fixture
def compiler(tmp_path):
    for kind in (test_kernels_cu.Nvrtc, test_kernels_cu.Nvcc):
        try:
            return kind(tmp_path)
        except pytest.skip.Exception:
            continue
    pytest.skip("neither NVRTC nor nvcc is installed; pip install nvidia-cuda-nvrtc")


def test_they_compile(figure, size, compiler):
    wanted = size((90,), test_kernels_cu.ARCHITECTURES)
    known = [number for number in wanted if number in compiler.architectures()]
    for variant in test_kernels_cu.VARIANTS:
        assert compiler.compile(test_kernels_cu.SOURCE, *variant, known) == ""
    figure(f"compiled by {type(compiler).__name__} for {', '.join(f'sm_{number}' for number in known)}")
    assert known


def test_they_train_as_numpy_does(figure, size):
    load_gpu_backend(real=False)
    ways = list(test_gpu.OPTIMIZERS.values())[: size(2, None)]
    for optimizer, batch_size in ways:
        test_gpu.assert_same_params("cupy", test_gpu.MODEL, test_gpu.R, optimizer, batch_size)
    S = test_gpu.R.to("cupy")
    epochs = fit(test_gpu.MODEL, S, RProp(), epochs=2, start=begin(test_gpu.MODEL, S, RProp()))
    to_host, to_device = test_gpu.copies("cupy", epochs)
    figure(f"{len(ways)} optimizers within 1e-12 of NumPy; {to_host} read from the GPU in an epoch, {to_device} writes")
    assert (to_host, to_device) == (1, 0)


def test_the_sanitizers_find_nothing(figure, size, run_python, request):
    if size(False, True):
        sanitized = run_python(test_gpu.SANITIZED, PYTHONPATH=FOLDER, **request.getfixturevalue("sanitizers"))
        figure("no error under sanitizers")
        assert sanitized == run_python(test_gpu.SANITIZED, PYTHONPATH=FOLDER)


def test_without_a_gpu_it_is_one_line(run_python, tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('not installed')")
    code = "from tinyrec.cli import main; print(main(['train', '--backend', 'cupy', '--quiet']))"
    assert run_python(code, PYTHONPATH=str(tmp_path)) == "4\n"
