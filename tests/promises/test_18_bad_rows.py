"""Bad rows are counted exactly.

A file with bad lines is refused, with the numbers of the first five and of all of them, as a plain count has it; with
--bad-rows skip, the others are read, and a note says the same.
"""

import numpy as np

from tests.data.test_readers import BAD
from tinyrec.data import load_dataset
from tinyrec.errors import DataError

OPTIONS = {"scale": (1, 5), "columns": [0, 1, 2], "header": False}
KEPT_OUT = '"1,2,3', "1,2,9", "1\0,2,3"  # skip refuses open quotes, ratings off the scale and NUL bytes
BROKEN = [line for line in BAD if line not in KEPT_OUT]


def refusal(path):
    """What is said of the file; "": it was read."""
    try:
        load_dataset(path, **OPTIONS)
        return ""
    except DataError as problem:
        return str(problem)


def test_a_plain_count_agrees(figure, size, tmp_path):
    rng, path, agree, n = np.random.default_rng(0), tmp_path / "ratings.csv", 0, size(200, 1000)
    for number in range(n):
        some = BROKEN if number % 2 else BAD
        lines = [
            some[rng.integers(len(some))] if rng.random() < 0.3 else f"{k},5,3" for k in range(rng.integers(1, 30))
        ]
        bad = [at for at, line in enumerate(lines, start=2) if line in BAD]
        path.write_text("\n".join(["0,0,1", *lines]), "utf-8")
        listed = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        wanted = [f"line {bad[0]}: "] if bad else []
        wanted += [f"({len(bad)} bad lines in all: {listed})"] if len(bad) > 1 else []
        said = refusal(path)
        is_right = all(part in said for part in wanted) if bad else said == ""
        if some is BROKEN:
            data = load_dataset(path, **OPTIONS, bad_rows="skip")
            note = f"bad rows left out: {len(bad)}, in line{'s' if len(bad) > 1 else ''} {listed}"
            is_right &= data.ratings.size == 1 + len(lines) - len(bad)
            is_right &= any(its.startswith(note) for its in data.notes) if bad else True
        agree += is_right
    figure(f"{agree} of {n} files counted as by hand")
    assert agree == n
