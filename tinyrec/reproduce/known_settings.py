"""Settings that are known to be good, so that nobody has to search again.

Chosen by us on validation parts (a tenth of the training part) of random 90/10 splits. RProp: seeds 0 and 1 of ml-1m,
0 to 2 of ml-100k, three to five values of l2; raw or centred by comparing one or two of each on seed 0; the number of
epochs is about the mean of the best ones. Adam: seed 0 of ml-1m, eight or more settings of l2, dropout, rate and
epochs.

How blind that is: the range of l2 came from earlier looks at other splits of the same ratings, and of these we had seen
the test parts. And the validation part of one random split is, for the most part, in the training part of another, but
a tenth of it is in its test part. With `--valid 0.1`, `train` chooses anew on each split.
"""

from __future__ import annotations

from typing import Any

ADAM = {"optimizer": "adam", "batch_size": 128}
QUICK = {"beta1": 0.7, "beta2": 0.9, "linear_decay": True}
FALLING = {**QUICK, "learning_rate": 0.004, "center": False}

# (data set, model, by) -> the rest of what `tinyrec.reproduce.config.Spec.of` takes
ALONE: dict[tuple[str, str, str], dict[str, Any]] = {
    ("ml-100k", "autorec", "item"): {"epochs": 62, "set": {"l2": 160.0, "center": False}},
    ("ml-100k", "autorec", "user"): {"epochs": 65, "set": {"l2": 120.0, "center": True}},
    ("ml-1m", "autorec", "item"): {"epochs": 95, "set": {"l2": 250.0, "center": False}},
    ("ml-1m", "autorec", "user"): {"epochs": 56, "set": {"l2": 250.0, "center": True}},
    ("ml-1m", "deep-autorec", "item"): {
        **ADAM,
        "epochs": 40,
        "set": {**FALLING, "l2": 150.0, "dropout": 0.5, "pretrain": 20},
    },
    ("ml-1m", "cfn", "item"): {**ADAM, "epochs": 40, "set": {**QUICK, "l2": 90.0, "learning_rate": 0.0005}},
    ("ml-1m", "cfn", "user"): {**ADAM, "epochs": 20, "set": {**QUICK, "l2": 60.0, "learning_rate": 0.003}},
    ("ml-1m", "ncae", "item"): {
        **ADAM,
        "epochs": 40,
        "set": {**QUICK, "l2": 0.4, "learning_rate": 0.002, "balance": 0.0},
    },
}

# data set -> the members of an average: of all sets of four among some forty models whose predictions of the validation
# part of seed 0 we had, these (with a deep one of l2 150, rate 0.002 and 30 epochs) had the best mean
AVERAGE: dict[str, list[dict[str, Any]]] = {
    "ml-1m": [
        {"model": "deep-autorec", **ALONE["ml-1m", "deep-autorec", "item"]},
        {**ADAM, "epochs": 40, "set": {**FALLING, "l2": 150.0, "dropout": 0.5, "hidden_units": 1000}},
        {**ADAM, "epochs": 30, "set": {**FALLING, "l2": 100.0, "dropout": 0.7}},
        {**ADAM, "epochs": 30, "by": "user", "set": {**FALLING, "l2": 100.0, "dropout": 0.5}},
    ],
}
