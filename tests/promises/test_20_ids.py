"""Ids survive.

Texts, also with leading zeros or beyond ASCII, and integers up to 2**63 - 1 go through a file, a training and a model
file unchanged; larger integers stay exact as text; "196" and 196 are never confused. The memory does not depend on the
value of an id: ten rows with ids near 10**18 take less than 20 MB.
"""

import tracemalloc

import numpy as np
import polars as pl
import pytest

import tinyrec as tr
from tinyrec.errors import DataError

KINDS = {
    "integers": lambda rng: rng.integers(-(2**63), 2**63, 12),
    "beyond 2**53": lambda rng: 2**53 + np.arange(12),
    "leading zeros": lambda rng: [f"{k:0{k % 5 + 2}d}" for k in rng.permutation(12)],
    "unicode": lambda rng: [f"{chr(rng.integers(0x4E00, 0x9FFF))}é{k}" for k in range(12)],
    "beyond 2**63": lambda rng: [str(2**63 + int(k)) for k in rng.permutation(12)],
}


def test_round_trip(figure, size, tmp_path):
    rng, n, same = np.random.default_rng(0), size(20, 200), 0
    for number in range(n):
        make = KINDS[list(KINDS)[number % len(KINDS)]]
        users, items = make(rng), make(rng)
        rows, cols = np.divmod(rng.permutation(144)[:60], 12)
        wanted = sorted((users[row], items[col]) for row, col in zip(rows, cols, strict=True))
        columns = {
            "user": [users[row] for row in rows],
            "item": [items[col] for col in cols],
            "rating": [3.0, 4.0] * 30,
        }
        pl.DataFrame(columns).write_csv(tmp_path / "ratings.csv")
        data = tr.load_dataset(tmp_path / "ratings.csv")
        tr.Bias().fit(data).save(tmp_path / "model.npz")
        for its in (data, tr.load(tmp_path / "model.npz").data):
            same += sorted((user, item) for user, item, _ in its) == wanted
    figure(f"{same} of {2 * n} data sets and model files with the same ids")
    assert same == 2 * n


def test_text_and_integers_are_not_confused():
    fitted = tr.Bias().fit(tr.load_dataset((["196", "7"], ["1", "2"], [3.0, 4.0])))
    with pytest.raises(DataError, match="ids are"):
        fitted.predict([196], [1])


def test_memory(figure, tmp_path):
    (tmp_path / "ratings.csv").write_text(
        "user,item,rating\n" + "".join(f"{10**18 + k},{10**18 - k},3\n" for k in range(10))
    )
    tr.load_dataset(tmp_path / "ratings.csv")
    tracemalloc.start()
    tr.AutoRec(hidden_units=2, l2=1.0).fit(tr.load_dataset(tmp_path / "ratings.csv"), epochs=1, backend="reference")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    figure(f"ids near 10**18: {peak / 1e6:.1f} MB")
    assert peak < 20e6
