"""Trainings on the backends of joblib."""

import json
import os

import joblib
import pytest

from tinyrec.cli import main
from tinyrec.training.parallel import each


def process(_):
    return os.getpid()


@pytest.fixture(scope="module")
def workers():
    """The process ids of the workers of a Dask cluster on this machine."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield set(client.run(os.getpid).values())


@pytest.mark.parametrize("jobs", [2, -1])
def test_dask_runs_each_call_in_a_worker(workers, jobs):
    with joblib.parallel_config(backend="dask"):
        found = dict(each(process, range(6), jobs))
    assert sorted(found) == [0, 1, 2, 3, 4, 5] and set(found.values()) <= workers and os.getpid() not in workers


def test_a_sweep_on_dask_gives_what_one_process_gives(workers, capsys):
    def sweep(*flags):
        tune = ["tune", "--quiet", "--set", "hidden_units=4", "--epochs", "3", "--grid", "l2=5,50", "--json", "-"]
        assert main([*tune, "--deterministic", *flags]) == 0
        rows = json.loads(capsys.readouterr().out)["candidates"]
        assert len(rows) == 2 and all(row.pop("seconds") > 0 for row in rows)
        return rows

    with joblib.parallel_config(backend="dask"):
        found = sweep("--jobs", "2")
    assert found == sweep()
