"""bench: synthetic ratings resemble real ones, operations are counted correctly, and PyTorch trains the same."""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.strategies import GPU, as_dense
from tinyrec.backend import get_backend
from tinyrec.bench import machine, race, shapes
from tinyrec.bench.contest import OURS, SAME, TF32, contest, largest_difference
from tinyrec.bench.measure import Case, measure, parts, summarize
from tinyrec.bench.pairs import sized, steps
from tinyrec.bench.shapes import SHAPES, Shape, draw, find_shape, inclusion_probabilities, weibull_quantiles
from tinyrec.cli import bench
from tinyrec.data import make_synthetic
from tinyrec.errors import UsageError
from tinyrec.models import AutoRec
from tinyrec.optim import Adam, RProp
from tinyrec.training.loop import begin

TINY = "200x150x6000"
on_gpu = pytest.mark.parametrize("backend", ["cupy", GPU], indirect=True)
on_fake = pytest.mark.parametrize("backend", ["cupy"], indirect=True)
LARGEST = {  # most ratings of a user and of an item in the real data
    "ml-100k": (737, 583),
    "ml-1m": (2_314, 3_428),
    "ml-10m": (7_359, 34_864),
    "netflix": (17_653, 232_944),
}


def run(*flags):
    parser = argparse.ArgumentParser()
    bench.add_to(parser.add_subparsers())
    args = parser.parse_args(["bench", "--quiet", *flags])
    return args.run(args)


# Synthetic ratings


@pytest.mark.parametrize("name", ["ml-100k", "ml-1m", TINY])
def test_a_drawn_shape_has_its_size_and_distinct_cells(name):
    shape, R = find_shape(name), draw(find_shape(name), seed=3)
    assert R.shape == (shape.users, shape.items) and R.size == shape.ratings == R.pattern.indptr[-1]
    assert (R.pattern.indptr.dtype, R.cols.dtype, R.values.dtype) == (np.int64, np.int32, np.float32)
    cells = R.rows.astype(np.int64) * shape.items + R.cols
    assert (np.diff(cells) > 0).all() and R.cols.min() >= 0 and R.cols.max() < shape.items
    assert np.diff(R.pattern.indptr).min() >= shapes.MIN_PER_USER and set(R.values) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("name", SHAPES)
def test_the_largest_counts_of_a_user_and_an_item_are_close_to_the_real_data(name):
    shape, rng = SHAPES[name], np.random.default_rng(0)
    counts, n_users = np.unique(shapes.ratings_per_user(shape, rng), return_counts=True)
    popularity = weibull_quantiles(shape.items, shape.item_skew)
    expected = sum(n * inclusion_probabilities(popularity, c)[0] for c, n in zip(counts, n_users, strict=True))
    for ours, real in zip((counts.max(), expected), LARGEST[name], strict=True):
        assert 1 / 1.2 < ours / real < 1.2


def test_item_counts_agree_with_their_expectation():
    shape = SHAPES["ml-100k"]
    R = draw(shape)
    popularity, counts = weibull_quantiles(shape.items, shape.item_skew), np.diff(R.pattern.indptr)
    expected = sum(inclusion_probabilities(popularity, c) for c in counts)
    drawn = np.sort(np.bincount(R.cols, minlength=shape.items))[::-1]
    np.testing.assert_allclose(drawn[:20].mean(), expected[:20].mean(), rtol=0.05)


def test_the_seed_determines_the_cells():
    one, same, other = (draw(find_shape(TINY), seed) for seed in (1, 1, 2))
    assert (one.cols == same.cols).all() and (one.values == same.values).all()
    assert (one.cols != other.cols).any()


def test_inclusion_probabilities_are_proportional_to_popularity_up_to_1():
    np.testing.assert_allclose(inclusion_probabilities(np.array([8.0, 4.0, 2.0, 2.0]), 2), [1, 0.5, 0.25, 0.25])
    np.testing.assert_allclose(inclusion_probabilities(np.array([3.0, 2.0, 1.0]), 3), [1, 1, 1])


@pytest.mark.parametrize("name, message", [
    ("ml1m", "choose one of ml-100k, ml-1m, ml-10m, netflix, or USERSxITEMSxRATINGS"),
    ("10x10x50", "too few; give 20 per user"),
    ("0x5x4", "too few"),
])  # fmt: skip
def test_invalid_shapes_raise(name, message):
    with pytest.raises(UsageError, match=message):
        find_shape(name)


def test_a_user_cannot_rate_more_items_than_exist():
    with pytest.raises(UsageError, match="of 50 items; choose fewer"):
        draw(Shape(60, 50, 1500))


# Measurements


def tiny_problem(backend="reference", **settings):
    R = draw(find_shape(TINY)).T.to(backend)
    model = AutoRec(hidden_units=5, l2=30.0, **settings)
    return model, R, begin(model, R, RProp())


def test_operations_and_bytes_agree_with_a_count_by_hand():
    model, R, start = tiny_problem()
    *products, update = parts(model, R, RProp(), start.params, start.state)
    for part in products:  # 6000 cells: value and column; H (150, 5) and V (200, 5)
        assert part.flops == 2 * 6000 * 5 and part.bytes == 6000 * (4 + 4) + (150 + 200) * 5 * 4
    assert (update.flops, update.bytes) == (0, 7 * 4 * (2 * 200 * 5 + 200 + 5))


def test_the_parts_compute_what_their_names_say():
    model, R, start = tiny_problem()
    V, W = start.params["V"], start.params["W"]
    H, (r, _) = model.encode(start.params, R), as_dense(R)
    run_part = {part.name: part.run for part in parts(model, R, RProp(), start.params, start.state)}
    assert list(run_part) == ["R V", "H Wᵀ at the cells", "E W", "Eᵀ H", "Rᵀ dZ", "RProp"]
    np.testing.assert_allclose(run_part["R V"](), r @ V, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run_part["H Wᵀ at the cells"](), (H @ W.T)[R.rows, R.cols], rtol=1e-4, atol=1e-5)
    assert [run_part[name]().shape for name in ("E W", "Eᵀ H", "Rᵀ dZ")] == [(150, 5), (200, 5), (200, 5)]
    before = V.copy()
    run_part["RProp"]()
    assert not np.array_equal(V, before)


def test_summarize_takes_the_median():
    result = summarize([3.0, 1.0, 2.0], flops=4 * 10**9, moved=10**9)
    rates = {"gflops": 2.0, "gb_per_s": 0.5}
    assert result == {"seconds": 2.0, "flops": 4 * 10**9, "bytes": 10**9, "rounds": [3.0, 1.0, 2.0]} | rates


def test_measure_returns_all_results():
    result = measure(Case(TINY, hidden_units=3, rounds=2, backend="reference", seed=0))
    assert (result["users"], result["items"], result["ratings"]) == (200, 150, 6000)
    assert result["epoch"]["flops"] == 5 * 2 * 6000 * 3 and len(result["epoch"]["rounds"]) == 2
    assert result["ns_per_rating"] == pytest.approx(result["epoch"]["seconds"] / 6000 * 1e9)
    assert result["peak_rss_mb"] > 10 and result["top10_seconds"] > 0 and result["contest"] is None


@pytest.fixture
def small_sizes(monkeypatch):
    """Fast estimates of the peak rates."""
    monkeypatch.setattr(machine, "GEMM_SIZE", dict.fromkeys(("cpu", "gpu"), 16))
    monkeypatch.setattr(machine, "MEMORY_SIZE", dict.fromkeys(("cpu", "gpu"), 400_000))
    monkeypatch.setattr(machine, "SPILL", 4000)


def test_peak_rates_are_positive(small_sizes):
    assert all(rate > 0 for rate in machine.ceilings("reference").values())


@on_gpu
def test_peak_rates_of_a_gpu(backend, small_sizes):
    assert all(rate > 0 for rate in machine.ceilings(backend).values())


@on_fake
def test_work_on_a_gpu_is_timed_by_its_events_and_the_launching_before_it_is_not(backend, monkeypatch):
    events = iter([3.0, 3.5])  # of the GPU's clock, at the start and the end
    cuda = get_backend(backend).xp.cuda
    monkeypatch.setattr(cuda.Event, "record", lambda self: setattr(self, "time", next(events)))
    filled = []
    seconds_of = machine.stopwatch(get_backend(backend))
    monkeypatch.setattr(type(get_backend(backend).xp.empty(1)), "fill", lambda self, value: filled.append(self.nbytes))
    assert seconds_of(lambda: filled.append("work")) == 0.5
    assert filled == [*[machine.SPILL] * 5, "work"] and sum(filled[:-1]) > 2**29


def test_work_on_a_cpu_is_timed_by_the_clock():
    assert 0.02 < machine.stopwatch(get_backend("reference"))(lambda: time.sleep(0.02)) < 2


@on_fake
def test_times_on_a_gpu_begin_when_it_is_idle_and_end_when_it_is_done(backend, monkeypatch):
    happened = []
    cuda = get_backend(backend).xp.cuda
    monkeypatch.setattr(cuda.Device, "synchronize", lambda self: happened.append("idle"))
    machine.timed(lambda: happened.append("work"), get_backend(backend))
    assert happened == ["idle", "work", "idle"]


@on_fake
def test_a_gpu_is_described(backend, monkeypatch):
    monkeypatch.setattr(machine, "driver_version", lambda: "580.1")
    described = machine.description(backend)
    its = {"name": "Fake GPU", "memory_gb": pytest.approx(8.59, abs=0.01), "driver": "580.1"}
    versions = {"cuda_of_driver": "13.2", "cuda": "13.0", "cupy": get_backend(backend).xp.__version__}
    assert described["gpu"] == its | versions and described["cpu"]
    assert "gpu" not in machine.description("numpy")


def test_without_nvidia_smi_the_driver_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.driver_version() is None


def test_a_killed_process_is_a_memory_error():
    with pytest.raises(MemoryError, match="killed"):
        machine.in_own_process(signal.raise_signal, signal.SIGKILL)


def test_in_own_process_starts_a_new_process():
    assert machine.in_own_process(os.getpid) != os.getpid()


PARENT = """
import os, time
from tinyrec.bench.machine import in_own_process
from tests.bench.test_bench import fall_asleep
if __name__ == "__main__":
    in_own_process(fall_asleep)
"""


def fall_asleep():
    print("asleep", flush=True)
    time.sleep(60)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_process_ends_with_its_parent(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    command, environment = [sys.executable, str(tmp_path / "parent.py")], {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout.readline() == b"asleep\n"
        parent.kill()
        started = time.monotonic()
        parent.stdout.read()  # returns when the child has closed it, too
        assert time.monotonic() - started < 20


# The command


@pytest.fixture
def in_this_process(monkeypatch, small_sizes):
    """Measure without new processes and with fast estimates of the peak rates."""
    monkeypatch.setattr(bench, "in_own_process", lambda function, *args: function(*args))


def test_the_table_fits_100_columns_and_the_json_has_every_round(in_this_process, capsys, tmp_path):
    flags = ["--hidden-units", "4", "--rounds", "2", "--json", str(tmp_path / "bench.json")]
    assert run("--shape", TINY, "--shape", "300x200x8000", *flags) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[1:])) <= 100 and len(lines) == 1 + 1 + 1 + 2 * 8 + 1 + 1 + 2
    result = json.loads((tmp_path / "bench.json").read_text())
    assert [shape["ratings"] for shape in result["shapes"]] == [6000, 8000]
    assert all(len(part["rounds"]) == 2 for shape in result["shapes"] for part in shape["parts"].values())
    assert result["machine"]["versions"]["numpy"] == np.__version__ and result["machine"]["threads"] >= 1
    assert (result["hidden_units"], result["seed"], result["race"]) == (4, 0, None)


def test_each_shape_is_measured_in_a_new_process(capsys):
    assert run("--shape", TINY, "--hidden-units", "2", "--rounds", "1") == 0
    assert "the whole epoch" in capsys.readouterr().out


def test_the_plot_is_a_png_file(in_this_process, tmp_path):
    path = tmp_path / "bench.png"
    assert run("--shape", TINY, "--hidden-units", "2", "--rounds", "1", "--plot", str(path)) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("flags", [["--against", "torch"], ["--race"]])
def test_without_torch_the_error_says_what_to_install(monkeypatch, flags):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r'PyTorch is not installed; install it with: pip install "tinyrec\[bench\]"'):
        run(*flags)


@on_fake
@pytest.mark.parametrize("flags", [["--implicit"], ["--pairs", "--against", "torch"]])
def test_work_on_the_cpu_is_not_compared_with_tinyrec_on_a_gpu(rivals, backend, flags):
    with pytest.raises(UsageError, match="would run on the CPU, and tinyrec on the GPU; choose --backend numpy"):
        run("--backend", backend, *flags)


@on_fake
@pytest.mark.parametrize("flags", [["--against", "torch"], ["--race"]])
def test_pytorch_without_cuda_is_not_compared_with_tinyrec_on_a_gpu(rivals, backend, monkeypatch, flags):
    monkeypatch.setattr(rivals.torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="PyTorch .* cannot use this GPU; install it for CUDA, see pytorch.org, or"):
        run("--backend", backend, *flags)


@on_fake
def test_products_in_tf32_are_refused(backend, monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    with pytest.raises(UsageError, match="CUPY_TF32 is set"):
        run("--backend", backend)


@on_fake
def test_the_first_line_names_the_gpu(in_this_process, backend, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(machine, "driver_version", lambda: None)
    path, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    flags = ["--shape", TINY, "--hidden-units", "4", "--rounds", "2", "--json", str(path), "--plot", str(plot)]
    assert run("--backend", backend, *flags) == 0
    lines = capsys.readouterr().out.splitlines()
    name = f"Fake GPU (9 GB, driver for CUDA 13.2, CUDA 13.0, CuPy {get_backend(backend).xp.__version__})"
    assert lines[0].startswith(f"{name}, backend: cupy; peak rates: ")
    assert any("MB of GPU" in line for line in lines) and max(map(len, lines[1:])) <= 100
    (shape,) = json.loads(path.read_text())["shapes"]
    assert shape["gpu_peak_mb"] is not None and plot.exists()


@pytest.mark.parametrize("number, width, digits, text", [
    (45.6, 8, 1, "    45.6"),
    (2.4312, 8, 1, "    2.43"),
    (0.024312, 8, 1, "  0.0243"),
    (0.0024312, 7, 3, "0.00243"),
    (1e-9, 7, 3, "0.00000"),
    (0, 8, 1, "     0.0"),
    (12345.6, 9, 0, "    12346"),
])  # fmt: skip
def test_three_digits_are_printed(number, width, digits, text):
    assert bench.decimal(number, width, digits) == text


def test_an_unknown_shape_raises_before_any_measurement(in_this_process):
    with pytest.raises(UsageError, match="unknown shape"):
        run("--shape", "ml-1m", "--shape", "ml-2m")


# Against PyTorch


@pytest.fixture(scope="module")
def rivals():
    pytest.importorskip("torch")
    from tinyrec.bench import rivals

    return rivals


@on_fake
def test_pytorch_trains_the_same_as_the_gpu(rivals, backend, capsys, monkeypatch):
    emptied, work = [], rivals.at_precision
    precisions = []

    def at_precision(precision, epochs):
        def noted():
            for loss in epochs:
                precisions.append((precision, rivals.torch.get_float32_matmul_precision()))
                yield loss

        return work(precision, noted())

    monkeypatch.setattr(rivals, "at_precision", at_precision)
    monkeypatch.setattr(rivals.torch.cuda, "empty_cache", lambda: emptied.append(1))
    model, R, _ = tiny_problem(backend)
    result = contest(model, R, RProp(), rounds=2, seed=0, device="cpu")
    assert list(result["contestants"]) == [OURS, "torch dense", TF32, "torch sparse"]
    assert result["largest_difference"] < SAME and result["tf32_difference"] < SAME  # a CPU has no TF32
    assert precisions.count(("high", "high")) == 4 and precisions.count(("highest", "highest")) == 8
    assert len(precisions) == 12 and len(emptied) == 8 and rivals.torch.get_float32_matmul_precision() == "highest"
    shape = {"shape": TINY, "items": 150, "contest": result}
    assert bench.remark(shape).endswith(f", with TF32 by {result['tf32_difference']:.0e}")


@pytest.mark.parametrize("backend", [GPU], indirect=True)
def test_pytorch_trains_the_same_on_the_gpu(rivals, backend):
    if not rivals.torch.cuda.is_available():
        pytest.skip("PyTorch cannot use this GPU")
    model, R, _ = tiny_problem(backend)
    result = contest(model, R, RProp(), rounds=2, seed=0)
    assert list(result["contestants"]) == [OURS, "torch dense", TF32, "torch sparse"]
    assert result["largest_difference"] < SAME and result["torch_device"] == "cuda"


def test_the_device_of_pytorch_is_ours(rivals, monkeypatch):
    monkeypatch.setattr(rivals.torch.cuda, "is_available", lambda: True)
    backend = get_backend("reference")
    assert (rivals.device_of(backend), rivals.device_of(replace(backend, name="cupy"))) == ("cpu", "cuda")


@pytest.mark.parametrize("batch_cells", [2**26, 200 * 40])
def test_pytorch_trains_the_same(rivals, monkeypatch, batch_cells):
    monkeypatch.setattr(rivals, "BATCH_CELLS", batch_cells)
    model, R, _ = tiny_problem()
    result = contest(model, R, RProp(), rounds=4, seed=0)
    assert list(result["contestants"]) == [OURS, "torch dense", "torch sparse"]
    assert result["largest_difference"] < SAME and result["dense_batch_size"] == min(150, batch_cells // 200)
    losses = result["contestants"][OURS]["losses"]
    assert len(losses) == 8 and losses[-1] < losses[0]


def test_large_shapes_are_not_trained_dense(rivals, monkeypatch):
    monkeypatch.setattr(rivals, "MAX_DENSE_CELLS", 100)
    model, R, _ = tiny_problem()
    assert list(contest(model, R, RProp(), rounds=1, seed=0)["contestants"]) == [OURS, "torch sparse"]


def test_different_training_is_reported(rivals, in_this_process, monkeypatch, capsys):
    monkeypatch.setattr(rivals, "dense", lambda R, l2, *rest: rivals.sparse(R, 100 * l2, *rest))
    assert run("--shape", TINY, "--hidden-units", "2", "--rounds", "1", "--against", "torch") == 1
    assert "MORE THAN 1e-04: not the same training" in capsys.readouterr().out


def test_the_largest_difference_is_relative_to_the_first():
    losses = [[100.0, 10.0], [101.0, 10.0], [100.0, 9.5]]
    assert largest_difference(losses) == pytest.approx(0.05) and largest_difference(losses, 1) == pytest.approx(0.01)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_adam_reduces_the_loss(rivals, dtype):
    dtype = getattr(rivals.torch, dtype)
    assert dtype in rivals.DTYPES
    R = tiny_problem()[1]
    k, model = 10, AutoRec(hidden_units=10, l2=0.0)
    adam = Adam(learning_rate=0.005, beta1=0.5, beta2=0.9, linear_decay=True)
    nets = list(rivals.adam(R, model, adam, epochs=20, batch_size=32, seed=0, dtype=dtype))
    trained = rivals.params_of(nets[-1], R.backend)
    before, after = (
        model.loss_and_grads(params, R)[0] for params in (model.init(R, np.random.default_rng(0)), trained)
    )
    assert after < before / 2
    assert {name: w.shape for name, w in trained.items()} == {"V": (200, k), "mu": (k,), "W": (200, k), "b": (200,)}


def test_training_ends_at_the_target_or_after_all_epochs():
    result = race.train_to_target(iter([0.9, 0.85, 0.83, 0.82]), float, get_backend("reference"))
    assert [row["rmse"] for row in result["curve"]] == [0.9, 0.85, 0.83]
    assert result["seconds"] == result["curve"][-1]["seconds"] > 0
    assert race.train_to_target(iter([0.9, 0.85]), float, get_backend("reference"))["seconds"] == math.inf


@pytest.mark.parametrize("backend", ["reference", "cupy", GPU], indirect=True)
def test_a_race_trains_both(rivals, backend, monkeypatch):
    monkeypatch.setattr(race, "load_dataset", lambda name: make_synthetic(60, 40, 900, seed=3))
    monkeypatch.setattr(race, "BATCH_SIZE", 10)
    monkeypatch.setattr(race, "TARGET", -1)
    if not rivals.torch.cuda.is_available():
        monkeypatch.setattr(rivals, "device_of", lambda backend: "cpu")
    result = race.race(2, backend)
    ours, theirs = result["contestants"]
    assert ours == OURS and theirs in ("torch float32", "torch bfloat16")
    for name in (ours, theirs):
        for each in result["contestants"][name]["runs"]:
            curve = [row["rmse"] for row in each["curve"]]
            assert len(curve) == race.EPOCHS and each["seconds"] == math.inf and curve[-1] <= max(curve[:2]) < 5


def test_reading_is_compared_with_polars_alone(in_this_process, monkeypatch, capsys):
    monkeypatch.setattr("tinyrec.bench.reading.in_own_process", lambda function, *args: function(*args))
    flags = ["--reading", "--shape", "50x60x1200", "--rounds", "2", "--backend", "reference"]
    assert run(*flags, "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    (its,) = result["reading"]
    assert set(its["cpu_seconds"]) == set(its["peak_mb"]) and len(its["rounds"]) == 2 and its["file_mb"] > 0.01
    assert its["cpu_seconds_ratio"] > 0 and not result["shapes"]
    assert run(*flags) == 0 and "x the CPU and" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--reading times nothing else"):
        run("--reading", "--implicit")


def test_the_implicit_loss_is_compared_with_dense_numpy(in_this_process, capsys):
    flags = ["--implicit", "--shape", TINY, "--rounds", "2", "--hidden-units", "4", "--backend", "reference"]
    assert run(*flags, "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    (comparison,) = result["implicit"]
    assert result["shapes"] == [] and comparison["largest_difference"] < 1e-4
    assert all(len(rounds) == 2 for rounds in comparison["rounds"].values()) and comparison["ratio"] > 0
    with pytest.raises(UsageError, match="--implicit compares with NumPy; leave --against and --race out"):
        run("--implicit", "--against", "torch")
    with pytest.raises(UsageError, match="--plot draws the seconds per epoch"):
        run("--implicit", "--plot", "x.png")


def test_steps_of_nrp_are_timed_without_pytorch(in_this_process, monkeypatch, capsys):
    monkeypatch.setattr("tinyrec.bench.pairs.in_own_process", lambda function, *args: function(*args))
    flags = ["--pairs", "--shape", TINY, "--rounds", "2", "--hidden-units", "5", "--backend", "reference"]
    assert run(*flags, "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    assert [its["head"] for its in result["pairs"]] == ["mlp", "dot"] and result["shapes"] == []
    for its in result["pairs"]:
        assert list(its["contestants"]) == [OURS] and its["peak_rss_mb"] > 10
        assert its["steps_per_epoch"] == 10 and its["hidden_units"] == [10, 5, 3, 1]  # a batch is at most a tenth
    with pytest.raises(UsageError, match="--pairs times nothing else"):
        run("--pairs", "--reading")
    with pytest.raises(UsageError, match="--plot draws the seconds per epoch"):
        run("--pairs", "--plot", "x.png")


def test_nrp_has_the_sizes_of_the_paper():
    model = sized(500, "mlp")
    assert (model.hidden_units, model.head_units) == ((1000, 500, 300, 100), (500, 200, 100, 50))


@pytest.mark.parametrize("head", ["mlp", "dot"])
def test_pytorch_trains_nrp_the_same(rivals, head):
    result = steps(Case(TINY, 10, rounds=8, backend="reference", seed=0, against="torch"), head)
    assert list(result["contestants"]) == [OURS, "torch dense", "torch sparse"]
    losses = result["contestants"][OURS]["losses"]
    assert result["largest_difference"] < SAME and len(losses) == 16  # beyond the first epoch
    assert len(set(losses)) == 16


def test_another_training_of_nrp_is_reported(rivals, in_this_process, monkeypatch, capsys):
    from tinyrec.bench import pair_rivals

    dense = pair_rivals.dense
    monkeypatch.setattr("tinyrec.bench.pairs.in_own_process", lambda function, *args: function(*args))
    monkeypatch.setattr(pair_rivals, "dense", lambda model, *rest: dense(replace(model, l2=1.0), *rest))
    assert run("--pairs", "--shape", TINY, "--hidden-units", "5", "--rounds", "1", "--against", "torch") == 1
    assert "MORE THAN 1e-04: not the same training" in capsys.readouterr().out
