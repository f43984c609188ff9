"""Duplicates are never summed.

A pair that is rated twice is an error with its rows, or its last or mean rating, as was chosen; so a plain dict has it.
"""

import numpy as np
import pytest

import tinyrec as tr
from tests.strategies import as_dict
from tinyrec.errors import DataError


def test_a_plain_dict_agrees(figure, size):
    rng, n = np.random.default_rng(0), size(200, 1000)
    for _ in range(n):
        m = int(rng.integers(2, 40))
        users, items, ratings = rng.integers(0, 4, m), rng.integers(0, 5, m), rng.integers(1, 6, m).astype(float)
        expected = {}
        for user, item, rating in zip(users.tolist(), items.tolist(), ratings.tolist(), strict=True):
            expected.setdefault((user, item), []).append(rating)
        last, mean = (tr.Dataset.from_triples(users, items, ratings, duplicates=how) for how in ("last", "mean"))
        assert as_dict(last) == {pair: its[-1] for pair, its in expected.items()}
        assert as_dict(mean) == pytest.approx({pair: sum(its) / len(its) for pair, its in expected.items()})
        if len(expected) < m:
            with pytest.raises(DataError, match="again") as problem:
                tr.Dataset.from_triples(users, items, ratings)
            assert len(problem.value.rows) == m - len(expected)
    figure(f"{n} of {n} data sets as in a plain dict")
