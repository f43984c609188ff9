"""A wrong resume is refused.

A checkpoint of other data, another model, seed, optimizer, batch size or setting is never continued: exit code 2, and
one sentence that names each field that differs.
"""

import pytest

import tinyrec as tr
from tinyrec.cli import main

FLAGS = {
    "--dataset": "one.csv",
    "--seed": "0",
    "--by": "item",
    "--epochs": "3",
    "--optimizer": "adam",
    "--batch-size": "8",
}
CHANGES = {
    "data": {"--dataset": "other.csv"},
    "scale": {"--scale": "0 5"},
    "seed": {"--seed": "1"},
    "by": {"--by": "user"},
    "optimizer": {"--optimizer": "rmsprop"},
    "batch_size": {"--batch-size": "4"},
    "l2": {"--set": "l2=2"},
    "hidden_units": {"--set": "hidden_units=3"},
    "activation": {"--set": "activation=tanh"},
    "center": {"--set": "center=true"},
    "dropout": {"--set": "dropout=0.5"},
    "alpha": {"--model": "cfn"},
    "deterministic": {"--deterministic": ""},
}


def train(*more, **changed):
    flags = [word for name, value in {**FLAGS, **changed}.items() for word in (name, *value.split())]
    settings = ["--set", "l2=1", "--set", "hidden_units=2"]
    return main(["train", "--backend", "reference", "--quiet", "--checkpoint", "c", *settings, *flags, *more])


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("one.csv", 1), ("other.csv", 2)):
        tr.make_synthetic(30, 20, 300, seed=seed).to_polars().write_csv(name)
    assert train() == 0
    before = (tmp_path / "c" / "checkpoint.npz").read_bytes()
    capsys.readouterr()
    yield tmp_path
    assert (tmp_path / "c" / "checkpoint.npz").read_bytes() == before


def test_each_field_that_differs_is_named(figure, folder, capsys):
    refused = 0
    for name, flags in CHANGES.items():
        code, said = train("--resume", **flags), capsys.readouterr().err
        assert code == 2 and f"{name} (was" in said and len(said.splitlines()) == 1, (name, said)
        refused += 1
    figure(f"{refused} of {len(CHANGES)} changed trainings refused with the field named")
