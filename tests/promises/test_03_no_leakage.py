"""No leakage.

A test part that holds any pair that was trained on is refused by score and by rank, with their exact number, instead of
being scored; and what is held out does not change a bit of what is trained.
"""

import re

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.errors import DataError


def test_what_was_trained_on_is_never_scored(figure, size):
    data, rng = tr.make_synthetic(60, 40, 900, seed=0), np.random.default_rng(0)
    held_out = rng.random(len(data)) < 0.3
    train, rounds, scored = data.select(~held_out), size(100, 1000), 0
    fitted = tr.AutoRec(hidden_units=4, l2=5.0).fit(train, epochs=5, backend="reference")
    for _ in range(rounds):
        leaked = rng.choice(np.flatnonzero(~held_out), rng.integers(1, 6), replace=False)
        others = rng.choice(np.flatnonzero(held_out), 20, replace=False)
        for use in (fitted.score, fitted.rank):
            with pytest.raises(DataError, match="trained on") as refusal:
                use(data.select(np.sort([*leaked, *others])))
            scored += int(re.match(r"\d+", str(refusal.value))[0]) != len(leaked)
    figure(f"{rounds} test parts with 1 to 5 pairs from training: {scored} scored")
    assert scored == 0 and fitted.examine(data.select(held_out))[0]["n"] == held_out.sum()


def test_what_is_held_out_changes_no_bit(figure):
    """The same training part, with and without a test part beside it."""
    train, _ = tr.split_random(tr.make_synthetic(60, 40, 900, seed=0), 0.3, seed=0)
    R = train.ratings
    alone = tr.Dataset.from_cells(train.users, train.items, R.rows, R.cols, R.values, scale=train.scale)
    first, second = (tr.AutoRec(hidden_units=4).fit(its, epochs=5, backend="reference") for its in (train, alone))
    changed = [name for name, w in first.params.items() if w.tobytes() != second.params[name].tobytes()]
    figure(f"{len(changed)} parameters changed by what is held out")
    assert changed == []
