"""doctor --gpu: on the fake CuPy, and with -m gpu on a real GPU."""

import json
import math
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.strategies import GPU
from tinyrec.backend import get_backend
from tinyrec.bench import machine
from tinyrec.cli import gpu, main

on_gpu = pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
on_fake = pytest.mark.parametrize("backend", ["cupy"], indirect=True)


@pytest.fixture
def small(monkeypatch):
    """Make the checks small, so that they take seconds on the fake CuPy."""
    sizes = {"WIDTHS": (1, 3, 33), "ROWS": 12, "COLS": 90, "SHAPE": "60x90x1500", "HIDDEN_UNITS": 3, "ROUNDS": 2}
    for name, size in sizes.items():
        monkeypatch.setattr(gpu, name, size)


def doctor(capsys, code, *flags):
    """Run doctor --gpu, which must exit with this code, and return its output and its errors."""
    assert main(["doctor", "--gpu", *flags]) == code
    return capsys.readouterr()


@on_gpu
def test_a_gpu_that_works_agrees_with_the_cpu(backend, small, capsys):
    result = json.loads(doctor(capsys, 0, "--json", "-").out)
    assert result["problems"] == []
    assert {"gpu", "memory", "driver", "cuda_runtime", "cupy", "compute_capability", "numpy"} <= result.keys()
    found = {row["kernel"]: row["differences"] for row in result["kernels"] if row["dtype"] == "float32"}
    assert found.keys() == {"spmm", "sddmm", "take", *gpu.UPDATES}
    assert all([*its] == ["1", "3", "33"] for its in found.values())
    assert 0 < max(found["spmm"].values()) < 1e-5  # rounding
    assert result["fits"].keys() == gpu.FITS.keys() and max(result["fits"].values()) > 0
    assert result["ms_per_epoch"].keys() == {"cupy", "numpy"} and min(result["ms_per_epoch"].values()) > 0
    assert result["first_epoch_seconds"] > 0


@on_fake
def test_the_text_is_for_a_report(backend, small, capsys):
    out, err = doctor(capsys, 0)
    for line in ("gpu                   Fake GPU", "compute_capability    90", "driver_supports_cuda  13.2"):
        assert line in out
    assert "kernel   dtype    k = 1  k = 3  k = 33" in out
    assert "60x90x1500, float32, RProp: " in out and " ms (cupy), " in out and " ms (numpy)" in out
    assert out.endswith("\nthe GPU agrees with the CPU\n")
    assert err.splitlines() == ["checking: speed", "checking: kernels", "checking: fit"]


@on_fake
@pytest.mark.parametrize("wrong", [lambda out: 1.001 * out, lambda out: math.nan * out])
def test_a_wrong_kernel_is_named(backend, small, capsys, monkeypatch, wrong):
    b = get_backend("cupy")
    monkeypatch.setattr("tinyrec.cli.doctor.the_gpu", lambda: replace(b, sddmm=lambda *its: wrong(b.sddmm(*its))))
    problems = json.loads(doctor(capsys, 4, "--json", "-").out)["problems"]
    assert len(problems) == 6 and all(" sddmm in float" in problem for problem in problems)
    assert "WRONG kernels: sddmm in float32 with k = 33 differs by " in doctor(capsys, 4).out


@on_fake
def test_a_check_that_fails_is_told_and_the_others_are_made(backend, small, capsys, monkeypatch):
    def spmm(*_):
        raise RuntimeError("no such kernel")

    broken = replace(get_backend("cupy"), spmm=spmm)
    monkeypatch.setattr("tinyrec.cli.doctor.the_gpu", lambda: broken)
    out, _ = doctor(capsys, 4)
    assert "WRONG kernels: RuntimeError: no such kernel" in out
    assert "Fake GPU" in out and "loss and parameters" in out and " ms (cupy)" in out
    with pytest.raises(RuntimeError):
        main(["doctor", "--gpu", "--debug"])


@pytest.mark.parametrize("difference", [1e-3, math.nan])
def test_a_fit_that_differs_is_named(difference):
    (problem,) = gpu.disagreements({"fits": {"rprop": 1e-12, "adam": difference}})
    assert problem == f"fit: adam differs by {difference:.0e}, more than 1e-09"


def test_without_a_gpu_one_line_says_why(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "tinyrec.backend.gpu", raising=False)
    get_backend.cache_clear()
    out, err = doctor(capsys, 4)
    assert out == "" and err.startswith("tinyrec: CuPy cannot be used here (") and err.count("\n") == 1


def test_packages_that_conflict_are_named(capsys, monkeypatch):
    both = [SimpleNamespace(name=name) for name in ("cupy-cuda13x", "cupy-cuda12x")]
    monkeypatch.setattr("importlib.metadata.distributions", lambda: both)
    assert "cupy-cuda12x and cupy-cuda13x conflict with each other" in doctor(capsys, 4).err


def test_promises_are_checked_alone(capsys):
    assert main(["doctor", "--gpu", "--promises", "1"]) == 2


@pytest.mark.parametrize(
    ("lines", "version"), [("echo 580.159.04; echo 580.159.04", "580.159.04"), ("echo failed; exit 9", None)]
)
def test_nvidia_smi_tells_the_version_of_the_driver(tmp_path, monkeypatch, lines, version):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.driver_version() == version


def test_without_nvidia_smi_the_driver_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.driver_version() is None


def test_versions_of_cuda_are_numbers():
    assert [machine.cuda_version(number) for number in (12090, 13000, 13020)] == ["12.9", "13.0", "13.2"]
