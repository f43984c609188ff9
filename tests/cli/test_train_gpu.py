"""train --backend cupy tells what a GPU needs: memory, kernels, patience."""

import pytest

from tinyrec.backend import get_backend
from tinyrec.cli import main

FLAGS = ["--backend", "cupy", "--set", "hidden_units=4", "--set", "l2=5", "--epochs", "1"]
COMPILING = "compiling the kernels for this GPU (once)"
on_fake = pytest.mark.parametrize("backend", ["cupy"], indirect=True)


@pytest.fixture
def train(ratings, backend, capsys, monkeypatch, tmp_path):
    """A function (*flags) -> (exit code, stderr) of train on the fake GPU, without kernels on the disk."""
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path / "kernels"))

    def run(*flags):
        code = main(["train", "--dataset", ratings, *FLAGS, *flags])
        return code, capsys.readouterr().err

    return run


@on_fake
def test_it_tells_the_memory_that_is_free(train, backend, monkeypatch):
    code, err = train()
    assert code == 0 and "training takes about 0.00 GB of GPU memory, where 8.59 GB are free\n" in err
    monkeypatch.setattr(get_backend(backend).xp.cuda.Device, "mem_info", (1000, 8 * 2**30))
    assert "where 0.00 GB are free: it may not fit\n" in train()[1]


@on_fake
def test_it_refuses_more_than_is_allowed(train):
    code, err = train("--max-memory", "1e-6")
    assert code == 7 and "more than the 1e-06 allowed" in err and COMPILING not in err


@on_fake
def test_it_says_that_kernels_are_compiled_if_there_are_none(train, tmp_path):
    assert COMPILING in train()[1] and COMPILING not in train("--quiet")[1]
    assert COMPILING in train("--model", "nrp", "--set", "hidden_units=4x3")[1]
    (tmp_path / "kernels").mkdir()
    assert COMPILING in train()[1]
    (tmp_path / "kernels" / "one.cubin").touch()
    assert COMPILING not in train()[1]


@on_fake
def test_it_says_that_lbfgs_is_on_the_host(train):
    assert "L-BFGS is of SciPy" in train("--optimizer", "lbfgs", "--set", "iterations=1")[1]
    assert "SciPy" not in train("--optimizer", "rprop")[1]
