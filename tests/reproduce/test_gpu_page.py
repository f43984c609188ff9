"""The page "On a GPU" is made of what a GPU measured, and takes nothing else for it."""

import json
import shutil

import numpy as np
import pytest

from tests.conftest import load_gpu_backend
from tests.reproduce.test_reproduce import TABLE
from tinyrec.cli import main
from tinyrec.errors import FileError, UsageError
from tinyrec.reproduce import gpu_page, pages, run, tables, writing
from tinyrec.reproduce.cell import run_cell

GPU = {"name": "Small GPU", "memory_gb": 8.0, "driver": "1.2", "cuda_of_driver": "13.0", "cuda": "13.2", "cupy": "14.0"}
VERSIONS = {"numpy": "2.0", "numba": "0.6", "torch": "2.1"}
MACHINE = {"cpu": "CPU", "threads": 4, "python": "3.12", "versions": VERSIONS, "gpu": GPU}


def cell(row, value, split=0):
    """A made-up cell, one of a mini-batch taking 8 ms an epoch, one of the full batch 2 ms."""
    task = run.task_of(row, split)
    members = [
        {"epochs": its["epochs"], "parameters": 5, "epoch_seconds": 0.008 if its["batch_size"] else 0.002}
        for its in task["trainings"]
    ]
    environment = {"tinyrec": "0.1", "backend": "cupy", **MACHINE}
    scores = {"usual": {row.measure: value}}
    return {"task": task, "scores": scores, "members": members, "seconds": 1.5, "environment": environment}


def shape(name, ratings, seconds, rivals):
    product = {"seconds": seconds / 8, "gflops": 100.0, "gb_per_s": 1.0, "flops": 100, "bytes": 10**6}
    update = {"seconds": seconds / 8, "gflops": 0.0, "gb_per_s": 1.0, "flops": 0, "bytes": int(seconds * 1e11)}
    contestants = {
        its: {"seconds": x * seconds, "losses": [100.0, *[100 * (1 + off)] * 9, *[100 * (1 + 100 * off)] * 2]}
        for its, x in {"tinyrec": 1, **rivals}.items()
        for off in [{"torch sparse": 3e-6, "torch dense TF32": 7e-4}.get(its, 0)]
    }
    contest = {"contestants": contestants}
    return {
        "shape": name,
        "ratings": ratings,
        "epoch": {"seconds": seconds},
        "gpu_peak_mb": 223.4,
        "parts": {"R V": product, "RProp": update},
        "contest": contest if rivals else None,
    }


def bench(*shapes, **more):
    ceilings = {"gemm_gflops": 1000.0, "memory_gb_per_s": 1000.0}
    its = {"version": "0.1", "hidden_units": 500, "backend": "cupy", "machine": MACHINE, "ceilings": ceilings}
    return {**its, "shapes": list(shapes), **more}


def in_file(folder, document):
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def cells():
    return [cell(row, 0.8) for row in tables.read("gpu").rows]


def test_each_training_of_the_table_is_kept_from_a_cpu_too():
    for row in tables.read("gpu").rows:
        task, asked = run.task_of(row, 0), {(row.score, row.measure)}
        found = [its for its in gpu_page.cells_of_cpus() if run.serves(its, task, asked)]
        values = {its["scores"][row.score][row.measure] for its in found}
        assert len(values) == 1, row.name


def test_what_is_measured_is_kept_and_shown(tmp_path, results, cells):
    table = tables.read("gpu")
    (tmp_path / "out").mkdir()
    run.write(tmp_path / "out" / "gpu.json", table, cells)
    small = bench(shape("ml-1m", 10**6, 0.002, {"torch sparse": 1.25, "torch dense": 3, "torch dense TF32": 2}))
    large = bench(shape("netflix", 10**8, 0.2, {}))
    seeds = {"seeds": [0, 1], "cupy": [0.81, 0.82], "numpy": [0.8, 0.823]}
    files = [in_file(tmp_path / "out", its) for its in (large, small, seeds)]
    gpu_page.keep([tmp_path / "out" / "gpu.json", *files], results)
    kept = run.read(results / "gpu.json")
    assert kept == cells
    plotted = writing.write(table, pages.measured(table, kept), results)
    text = (results / "gpu.md").read_text("utf-8")
    assert plotted == (results / "gpu.png").exists() == ("(gpu.png)" in text)

    first = table.rows[0]
    on_cpu = next(
        its["scores"]["usual"]["rmse"]
        for its in gpu_page.cells_of_cpus()
        if run.serves(its, run.task_of(first, 0), {("usual", "rmse")})
    )
    line = f"| {first.name} | ml-1m | 8.00 | 15 | 1.50 | RMSE | 0.8000 | {on_cpu:.4f} | {0.8 - on_cpu:+.4f} |"
    assert line in text and "NDCG@100 | 0.8000" in text
    assert "takes 4.0 times as long" in text
    assert "| ml-1m | 1,000,000 | 2.00 | 2.00 | 2.50 | 4.00 | 6.00 | 1.25 | 223 |" in text
    assert "| netflix | 100,000,000 | 200 |  |  |  |  |  | 223 |" in text
    assert text.index("| ml-1m | 1,000,000") < text.index("| netflix | 100,000,000")
    assert (
        "| ml-1m | R V | 0.250 | 100 | 10% | 2.00 | 8,000 | 800% | caches |" in text
    )  # 1e6 * 500 * 4 bytes in 0.25 ms
    assert "| ml-1m | RProp | 0.250 |  |  | 0.200 | 800 | 80% | memory |" in text
    assert (
        "The losses of the first 10 epochs agree to 3e-06, with TF32 to 7e-04. Of all 12, they agree to 3e-04" in text
    )
    differences = np.subtract(seeds["cupy"], seeds["numpy"])
    assert f"{differences.mean():+.5f} in the mean, and the largest is +0.01000" in text
    assert "* Small GPU (8 GB, driver 1.2, CUDA 13.2, CuPy 14.0), CPU, 4 threads, backend cupy; tinyrec 0.1," in text


def test_the_table_alone_makes_a_page_without_the_rest(results, cells):
    table = tables.read("gpu")
    assert not writing.write(table, pages.measured(table, cells), results)
    text = (results / "gpu.md").read_text("utf-8")
    assert "PyTorch" not in text and "seeds" not in text and "png" not in text and "Small GPU" in text


def test_a_shape_measured_again_replaces_the_older_one_alone(tmp_path, results):
    old = bench(shape("ml-100k", 10**5, 0.001, {}), shape("ml-1m", 10**6, 0.003, {}))
    for its in (old, bench(shape("ml-1m", 10**6, 0.002, {}))):
        gpu_page.keep([in_file(tmp_path, its)], results)
    kept = gpu_page.read_extras(results)
    assert [(its["shape"], its["epoch"]["seconds"]) for its, _ in kept.shapes] == [("ml-100k", 0.001), ("ml-1m", 0.002)]
    assert gpu_page.curves(kept) == {"tinyrec": {10**5: 1.0, 10**6: 2.0}}
    gpu_page.keep([in_file(tmp_path, bench(shape("ml-100k", 10**5, 0.001, {})))], results)
    assert len(gpu_page.read_extras(results).benches) == 2


def test_what_no_gpu_measured_is_not_kept(tmp_path, results, cells):
    numpy = bench(shape("ml-1m", 10**6, 0.1, {}), backend="numpy")
    uneven = {"seeds": [0, 1], "cupy": [0.8], "numpy": [0.8, 0.8]}
    for its in cells:
        its["environment"]["backend"] = "numpy"
    table = {"table": "gpu", "cells": cells}
    for document in (numpy, bench(), uneven, table, {"table": "ml-1m", "cells": []}, []):
        with pytest.raises(FileError):
            gpu_page.keep([in_file(tmp_path, document)], results)
    assert not list(results.iterdir())
    assert all(not its.cells for its in pages.measured(tables.read("gpu"), cells))


@pytest.fixture
def table(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    text = (
        TABLE.replace("epochs = 12", "epochs = 1")
        .replace("epochs = 2", "epochs = 1")
        .replace("splits = 2", "splits = 1")
    )
    (tmp_path / "tables" / "gpu.toml").write_text('backend = "cupy"\n' + text)
    (tmp_path / "tables" / "small.toml").write_text(text)
    monkeypatch.setattr(tables, "FOLDER", tmp_path / "tables")
    return tables.read("gpu")


def test_a_cpus_cells_are_not_taken_for_a_gpus_nor_the_other_way_round(table, tmp_path):
    run.run(tables.read("small"), tmp_path, backend="reference")
    (tmp_path / "gpu.json").write_bytes((tmp_path / "small.json").read_bytes())
    with pytest.raises(UsageError, match="gpu is measured on a GPU only; add --backend cupy"):
        run.run(table, tmp_path, backend="numpy")
    load_gpu_backend(real=False)
    run.run(table, tmp_path, backend="cupy")
    kept = run.read(tmp_path / "gpu.json")
    assert [its["environment"]["backend"] for its in kept] == ["cupy"] * 2
    assert all(its["environment"]["gpu"]["name"] == "Fake GPU" for its in kept)
    assert "Fake GPU" in (text := writing.page(table, pages.measured(table, kept), tmp_path))
    assert "| trained | synthetic |" in text
    shutil.move(tmp_path / "small.json", tmp_path / "small.kept")
    run.run(tables.read("small"), tmp_path, splits=1, backend="reference")
    assert {its["environment"]["backend"] for its in run.read(tmp_path / "small.json")} == {"reference"}


def test_the_seconds_of_an_epoch_are_kept():
    train = {"model": "deep-autorec", "epochs": 2, "set": {"hidden_units": [3, 2, 3], "l2": 9.0, "pretrain": 2}}
    row = tables.Row(name="x", dataset="synthetic", train=train)
    its = run_cell(("x", run.task_of(row, 0), "reference"))
    assert 0 < its["members"][0]["epoch_seconds"] < its["seconds"] and "gpu" not in its["environment"]
    baseline = tables.Row(name="x", dataset="synthetic", train={"model": "bias"})
    assert "epoch_seconds" not in run_cell(("x", run.task_of(baseline, 0), "reference"))["members"][0]


def test_the_command_line_measures_and_says_each_measure(table, tmp_path, capsys):
    load_gpu_backend(real=False)
    assert main(["reproduce", "gpu", "--backend", "cupy", "--out", str(tmp_path / "out")]) == 0
    assert "trained, split 0: RMSE" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"gpu.json", "gpu.md"}


def test_a_list_of_pages_names_tables_alone(tmp_path):
    text = "<!-- pages of gpu -->\n<!-- end of pages -->"
    assert pages.fill(text, tmp_path) == text
    for name in ("gpu.md", "gpu-bench.json", "gpu-seeds.json", "gpu-notes.md"):
        (tmp_path / name).write_text("{}")
    assert pages.fill(text, tmp_path) == text.replace("-->\n", "-->\n* [On a GPU](gpu.md)\n")
