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


def test_06_masked_ratings_only():
    assert round(lowest_rmse(l2=20.0, beta=0.0), 3) == 0.0


def test_06_a_larger_lambda_without_masking():
    assert round(lowest_rmse(l2=160.0, dropout=0.0, beta=1.0), 3) == 0.933


def test_06_colours_without_masking():
    world = run(NAME, "print(f\"RMSE on the new movies", ("dropout=0.7)", "dropout=0.0)"), *SKIPPED)
    assert round(world["errors"][1], 2) == 0.87


SKIPPED = [("    models = [tr.CFN", "    continue\n    models = [tr.CFN")]
