"""What the questions of tutorials/06_denoising_and_side_information.py tell to expect."""

import pytest

import tinyrec as tr
from tests.tutorials.variant import run
from tinyrec.optim import Adam

pytestmark = pytest.mark.expected

NAME = "06_denoising_and_side_information"


def lowest_rmse(**settings):
    its = run(NAME, "rmse = {}")
    assert its["data"].name == "ml-100k"
    return its["best"](tr.CFN(by="item", hidden_units=200, **settings), Adam(0.001), epochs=20, batch_size=64)


@pytest.mark.parametrize(("l2", "expected"), [(10.0, 0.909), (20.0, 0.922)])
def test_06_masked_ratings_only(l2, expected):
    assert round(lowest_rmse(l2=l2, beta=0.0), 3) == expected


def test_06_a_larger_lambda_without_masking():
    assert round(lowest_rmse(l2=160.0, dropout=0.0, beta=1.0), 3) == 0.933


def test_06_colours_without_masking():
    its = run(NAME, 'print(f"RMSE on the new movies', ("dropout=0.7)", "dropout=0.0)"))
    assert round(its["errors"][1], 2) == 0.87
