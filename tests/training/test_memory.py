import os
import re
import subprocess
import sys

import numpy as np
import polars
import pytest

import tinyrec as tr
from tests.strategies import GPU
from tinyrec.errors import OutOfMemory
from tinyrec.optim import LBFGS, SGD, Adam, RProp
from tinyrec.training.memory import array_bytes, check_memory, free_gpu_bytes, present_bytes, training_bytes

FLAGS = [
    "--set hidden_units=1500",
    "--set hidden_units=1500 --by user",
    "--set hidden_units=1500 --optimizer adam",
    "--set hidden_units=300 --optimizer lbfgs --set iterations=12",
    "--model deep-autorec --set hidden_units=1000x100x1000 --set pretrain=2",
    "--model cfn --set hidden_units=1500 --batch-size 0",
    "--model ncae --set hidden_units=800x800 --set pretrain_epochs=1",
    "--model ncae --feedback implicit --set hidden_units=1000 --batch-size 0",
]


def told_and_taken(flags, backend="numpy", dataset="synthetic"):
    """The memory in GB that `train` tells with these flags, and the most that its process takes."""
    code = "import sys; from tinyrec.cli.main import main; main(sys.argv[1:]); print(open('/proc/self/status').read())"
    train = [
        "train",
        "--dataset",
        str(dataset),
        "--backend",
        backend,
        "--epochs",
        "2",
        "--set",
        "l2=50",
        *flags.split(),
    ]
    command = [sys.executable, "-c", code, *train]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    (told,) = re.findall(r"training takes about ([\d.]+) GB of memory", done.stderr)
    return float(told), int(re.search(r"VmHWM:\s+(\d+) kB", done.stdout).group(1)) * 1024 / 1e9


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system does not tell what a process takes")
@pytest.mark.parametrize("backend", ["numpy", "reference"])
@pytest.mark.parametrize("flags", FLAGS)
def test_the_memory_that_train_tells_is_within_a_quarter_of_what_it_takes(flags, backend):
    told, taken = told_and_taken(flags, backend)
    assert 0.75 * taken <= told <= 1.25 * taken


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system does not tell what a process takes")
@pytest.mark.parametrize("flags", ["--set hidden_units=200", "--set hidden_units=10 --optimizer adam"])
def test_memory_of_many_ratings_and_few_units_is_told(flags, tmp_path):
    rng = np.random.default_rng(0)
    cells = np.unique(rng.integers(0, 4000 * 4000, 1_500_000))
    table = polars.DataFrame({"user": cells // 4000, "item": cells % 4000, "rating": rng.integers(1, 6, len(cells))})
    table.write_parquet(tmp_path / "ratings.parquet")
    told, taken = told_and_taken(flags, dataset=tmp_path / "ratings.parquet")
    assert 0.75 * taken <= told <= 1.25 * taken


def test_arrays_are_counted_once():
    data = tr.make_synthetic(50, 60, 500)
    once = array_bytes(data)
    assert array_bytes(data, data, {"again": data}) == once and once > data.ratings.values.nbytes + 8 * (50 + 60)


def test_memory_grows_with_what_it_depends_on():
    model = tr.AutoRec(hidden_units=10, l2=1.0)
    plain = training_bytes(model, (50, 60), 1000, RProp())
    assert plain < training_bytes(model, (50, 60), 2000, RProp())
    assert plain < training_bytes(model, (500, 60), 1000, RProp())
    assert plain < training_bytes(tr.AutoRec(hidden_units=20, l2=1.0), (50, 60), 1000, RProp())
    assert (
        plain < training_bytes(model, (50, 60), 1000, LBFGS(memory=5)) < training_bytes(model, (50, 60), 1000, LBFGS())
    )
    assert training_bytes(model, (50, 60), 1000, SGD()) < training_bytes(model, (50, 60), 1000, Adam())
    assert training_bytes(model, (50, 60), 1000, SGD(), 10) < training_bytes(model, (50, 60), 1000, SGD())
    assert plain < training_bytes(tr.CFN(hidden_units=10, l2=1.0), (50, 60), 1000, RProp(), q=99)


def test_the_vectors_of_lbfgs_are_not_in_the_memory_of_a_gpu():
    model = tr.AutoRec(hidden_units=10, l2=1.0)
    few, many = (training_bytes(model, (50, 60), 1000, LBFGS(memory=m), backend="cupy") for m in (1, 100))
    assert few == many < training_bytes(model, (50, 60), 1000, LBFGS(memory=1), backend="reference")


@pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
def test_the_free_memory_of_a_gpu_is_a_plausible_number_of_bytes(backend):
    assert 1e7 < free_gpu_bytes(backend) < 1e13


def test_a_model_without_hidden_units_has_an_estimate():
    class Biases(tr.Autoencoder):
        def shapes(self, d, q=0):
            return {"b": (d,)}

    assert training_bytes(Biases(l2=1.0), (50, 60), 1000, Adam()) > 0


def test_what_is_present_is_a_plausible_number_of_bytes():
    assert 10e6 < present_bytes() < 100e9


def test_more_than_the_limit_is_refused_and_no_limit_is_none():
    check_memory(10**9, 1.0)
    check_memory(10**18, None)
    with pytest.raises(OutOfMemory, match=r"about 1\.10 GB, more than the 1 allowed; use fewer hidden units"):
        check_memory(11 * 10**8, 1.0)
