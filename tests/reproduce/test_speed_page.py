"""The page "Speed on a CPU" is made of what `bench` wrote, and a newer result of a machine replaces the older one."""

import json
import subprocess
import sys

import pytest

from tinyrec.errors import FileError
from tinyrec.reproduce import speed_page

MACHINE = {"cpu": "Small CPU", "threads": 2, "python": "3.12", "versions": {"numpy": "2.0", "torch": "2.1"}}


def bench(cpu="Small CPU", **parts):
    its = {"version": "0.1", "hidden_units": 500, "backend": "numpy", "machine": MACHINE | {"cpu": cpu}, "ceilings": {}}
    return {**its, "shapes": [], "implicit": [], "pairs": [], "reading": [], "race": None, **parts}


def shape(name, ratings, seconds, **rivals):
    contestants = {"tinyrec": {"seconds": seconds}, **{f"torch {key}": {"seconds": x} for key, x in rivals.items()}}
    contest = {"contestants": contestants, "largest_difference": 3e-6} if rivals else None
    epoch = {"seconds": seconds, "rounds": [seconds] * 7}
    return {"shape": name, "ratings": ratings, "epoch": epoch, "peak_rss_mb": 321.4, "contest": contest}


def runs(*seconds):
    return {"seconds": sorted(seconds)[1], "runs": [{"seconds": x, "curve": [{}] * 9} for x in seconds]}


RACE = {"target": 0.834, "contestants": {"tinyrec": runs(3, 2, 4), "torch float32": runs(9, 8, 7.5)}}
IMPLICIT = {"shape": "ml-1m", "seconds": {"tinyrec": 0.25, "NumPy": 0.5}}
IMPLICIT["rounds"] = {name: [seconds] * 4 for name, seconds in IMPLICIT["seconds"].items()}
STEPS = {
    "shape": "ml-1m",
    "head": "dot",
    "hidden_units": [50, 20],
    "batch_size": 4000,
    "peak_rss_mb": 530.0,
    "contestants": {"tinyrec": {"seconds": 0.4, "rounds": [0.4]}, "torch dense": {"seconds": 0.3, "rounds": [0.3]}},
    "largest_difference": 2e-5,
}
READING = {
    "shape": "9x9x99",
    "file_mb": 134.2,
    "rounds": [{}] * 5,
    "cpu_seconds": {"tinyrec": 2.0, "polars": 1.5},
    "peak_mb": {"tinyrec": 400.0, "polars": 500.0},
}


def kept(folder, *documents):
    for number, document in enumerate(documents):
        path = folder / f"bench-{number}.out"
        path.write_text(json.dumps(document))
        assert speed_page.is_for(path)
        speed_page.keep(path, folder)
    speed_page.write(folder)
    return (folder / "speed.md").read_text("utf-8")


def test_each_kind_of_result_is_shown(tmp_path):
    shapes = [shape("netflix", 10**8, 20.0), shape("ml-1m", 10**6, 0.125, dense=1.0, sparse=0.5)]
    documents = {"shapes": shapes}, {"race": RACE}, {"implicit": [IMPLICIT]}, {"pairs": [STEPS]}, {"reading": [READING]}
    text = kept(tmp_path, *(bench(**its) for its in documents))
    assert text.count("\n## ") == 1
    assert "## Small CPU, 2 threads, backend numpy; tinyrec 0.1, Python 3.12, numpy 2.0, PyTorch 2.1" in text
    lines = [
        "| ml-1m | 1,000,000 | 500 | 125 | 125 | 1,000 | 500 | 8.0 | 4.0 | 321 | 7 |",
        "| netflix | 100,000,000 | 500 | 20,000 |  |  |  |  |  | 321 | 7 |",
        "agree to 3e-06",
        "| tinyrec | 3.00 | 2.00 | 4.00 | 9 | 1.00 | 3 |",
        "| torch float32 | 8.00 | 7.50 | 9.00 | 9 | 2.67 | 3 |",
        "| ml-1m | 500 | NumPy | 500 | 2.00 | 4 |",
        "| ml-1m | dot | 50-20 | 4,000 | tinyrec | 400 | 1.00 | 530 | 1 |",
        "| ml-1m | dot | 50-20 | 4,000 | torch dense | 300 | 0.75 |  | 1 |",
        "agree to 2e-05",
        "| 9x9x99 | 128 | tinyrec | 2.00 | 1.00 | 400 | 1.00 | 5 |",
        "| 9x9x99 | 128 | polars | 1.50 | 0.75 | 500 | 1.25 | 5 |",
    ]
    places = [text.index(line) for line in lines]
    assert places == sorted(places)


def test_a_newer_result_of_the_same_machine_replaces_the_older_one_alone(tmp_path):
    old = bench(shapes=[shape("ml-100k", 10**5, 0.01), shape("ml-1m", 10**6, 0.2)], race=RACE)
    text = kept(tmp_path, old, bench("Other CPU", shapes=[shape("ml-1m", 10**6, 0.3)]))
    assert "| ml-1m | 1,000,000 | 500 | 200 |" in text and "| ml-1m | 1,000,000 | 500 | 300 |" in text
    text = kept(tmp_path, bench(shapes=[shape("ml-1m", 10**6, 0.1)]))
    assert "| ml-1m | 1,000,000 | 500 | 200 |" not in text
    assert all(f"| ml-1m | 1,000,000 | 500 | {ms} |" in text for ms in (100, 300))
    assert "| ml-100k | 100,000 | 500 | 10.0 |" in text and "torch float32" in text


def test_a_race_that_was_not_finished_is_shown(tmp_path):
    lost = {"seconds": None, "runs": [{"seconds": x, "curve": [{}] * 9} for x in (None, None, 8)]}
    text = kept(tmp_path, bench(race={"target": 0.834, "contestants": {**RACE["contestants"], "torch float32": lost}}))
    assert "| torch float32 | not reached | 8.00 | not reached | 9 |  | 3 |" in text


def test_what_would_make_the_page_worse_is_refused(tmp_path):
    beside = shape("ml-1m", 10**6, 0.125, dense=1.0)
    before = kept(tmp_path, bench(shapes=[beside], pairs=[STEPS]))
    other = beside | {"contest": beside["contest"] | {"largest_difference": 1e-3}}
    alone = STEPS | {"contestants": {"tinyrec": STEPS["contestants"]["tinyrec"]}}
    for message, parts in {
        "lacks PyTorch": {"shapes": [shape("ml-1m", 10**6, 0.1)]},
        "lacks PyTorch, which is kept beside the same": {"pairs": [alone]},
        "not the same training": {"shapes": [other]},
    }.items():
        with pytest.raises(FileError, match=message):
            kept(tmp_path, bench(**parts))
    assert kept(tmp_path) == before


def test_other_files_are_not_taken_for_results_of_bench(tmp_path):
    path = tmp_path / "file"
    for document in (
        {"table": "gpu", "cells": []},
        {"seeds": [0]},
        bench() | {"backend": "cupy"},
        bench() | {"backend": "reference"},
    ):
        path.write_text(json.dumps(document))
        assert not speed_page.is_for(path)
    path.write_text(json.dumps(bench()))
    with pytest.raises(FileError, match="no result of bench"):
        speed_page.keep(path, tmp_path)
    path.write_text("{")
    with pytest.raises(FileError):
        speed_page.is_for(path)
    run = subprocess.run([sys.executable, "-m", "tinyrec.reproduce", path], capture_output=True, text=True)
    assert run.returncode == 1 and f"{path} cannot be read" in run.stderr and "Traceback" not in run.stderr
