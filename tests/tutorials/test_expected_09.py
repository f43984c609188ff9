"""What the questions of tutorials/09_predict_do_not_regularise.py tell to expect."""

import pytest

from tests.tutorials.variant import run

pytestmark = pytest.mark.expected

NAME = "09_predict_do_not_regularise"
BEFORE_CHECK = "(train_printed, test_printed)"


def test_09_mlp_head():
    rmse = run(
        NAME,
        BEFORE_CHECK,
        (
            '{"head": "dot", "hidden_units": (30, 10)',
            '{"head": "mlp", "head_units": (20, 10), "hidden_units": (30, 10)',
        ),
    )["rmse"]
    assert round(rmse["held out"][1], 2) == 0.95


def test_09_leave_one_out():
    rmse = run(NAME, BEFORE_CHECK, ('("as printed", "held out"):', '("leave one out",):'))["rmse"]
    assert round(rmse["leave one out"][1], 2) == 0.96


@pytest.mark.parametrize(("dropout", "expected"), [(0.9, 0.92), (0.0, 0.96)])
def test_09_features(dropout, expected):
    its = run(NAME, "horror = nrp", ('"dropout": 0.9', f'"dropout": {dropout}'))
    assert round(its["nrp"].score(its["test"])["rmse"], 2) == expected
