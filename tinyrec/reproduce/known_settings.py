"""Good settings for known data sets, so that they need not be searched for again.

We chose them on validation parts (a tenth of the training part) of random 90/10 splits. RProp: seeds 0 and 1 of ml-1m
and seeds 0 to 2 of ml-100k, with three to five values of l2. Centring was chosen on seed 0, by comparing one or two
settings with and without it. The number of epochs is about the mean of the best ones. Adam: seed 0 of ml-1m, with eight
or more settings of l2, dropout, learning rate and epochs. NRP: seed 0 of ml-100k, an 80/10/10 split, with the features
of users and items.

The test parts were not completely unseen. The range of l2 came from earlier experiments on other splits of the same
ratings, and we had seen the test parts of those splits. Also, about a tenth of the validation part of one random split
is in the test part of another split; the rest is in its training part. With `--valid 0.1`, `train` chooses the
settings again on each split.
"""

from __future__ import annotations

from typing import Any

ADAM = {"optimizer": "adam", "batch_size": 128}
ADAM_DECAY = {"beta1": 0.7, "beta2": 0.9, "linear_decay": True}
NRP_DOT = {"head": "dot", "activation": "tanh", "hidden_units": (300, 100, 60), "linear_decay": True}
ADAM_AUTOREC = {**ADAM_DECAY, "learning_rate": 0.004, "center": False}

# (data set, model, by) -> the other arguments of `TrainingConfig.from_names`
ALONE: dict[tuple[str, str, str], dict[str, Any]] = {
    ("ml-100k", "autorec", "item"): {"epochs": 62, "set": {"l2": 160.0, "center": False}},
    ("ml-100k", "autorec", "user"): {"epochs": 65, "set": {"l2": 120.0, "center": True}},
    ("ml-100k", "nrp", "user"): {"epochs": 15, "batch_size": 2000, "set": NRP_DOT},
    ("ml-1m", "autorec", "item"): {"epochs": 95, "set": {"l2": 250.0, "center": False}},
    ("ml-1m", "autorec", "user"): {"epochs": 56, "set": {"l2": 250.0, "center": True}},
    ("ml-1m", "deep-autorec", "item"): {
        **ADAM,
        "epochs": 40,
        "set": {**ADAM_AUTOREC, "l2": 150.0, "dropout": 0.5, "pretrain": 20},
    },
    ("ml-1m", "cfn", "item"): {**ADAM, "epochs": 40, "set": {**ADAM_DECAY, "l2": 90.0, "learning_rate": 0.0005}},
    ("ml-1m", "cfn", "user"): {**ADAM, "epochs": 20, "set": {**ADAM_DECAY, "l2": 60.0, "learning_rate": 0.003}},
    ("ml-1m", "ncae", "item"): {
        **ADAM,
        "epochs": 40,
        "set": {**ADAM_DECAY, "l2": 0.4, "learning_rate": 0.002, "balance": 0.0},
    },
}

# data set -> the members of an average, and their weights. We had the predictions of fourteen models for the validation
# part of seed 0. Of all sets of four autoencoders, we took the one whose weighted sum had the lowest RMSE there, with
# weights by least squares on four of five folds at a time; and then the weights by least squares on all of it.
AVERAGE: dict[str, list[dict[str, Any]]] = {
    "ml-1m": [
        {"model": "deep-autorec", **ALONE["ml-1m", "deep-autorec", "item"], "weight": 0.42},
        {
            **ADAM,
            "epochs": 40,
            "set": {**ADAM_AUTOREC, "l2": 150.0, "dropout": 0.5, "hidden_units": 1000},
            "weight": 0.34,
        },
        {"model": "cfn", **ALONE["ml-1m", "cfn", "item"], "weight": 0.13},
        {**ADAM, "epochs": 30, "by": "user", "set": {**ADAM_AUTOREC, "l2": 100.0, "dropout": 0.5}, "weight": 0.15},
    ],
}
