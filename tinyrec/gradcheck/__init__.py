"""Gradient checks: is each hand-written backward the derivative of its forward?

`compare.py` compares gradients with numeric ones, `predictions.py` what a model predicts with what it learns.
`pieces.py` has cases for each layer, loss and model of tinyrec, and `own.py` for a model of your own:
`check_model(model)`, or `python -m tinyrec gradcheck --model FILE.py:NAME`.
"""

from tinyrec.gradcheck.compare import (
    TOLERANCE,
    Case,
    Result,
    central_difference,
    check,
    complex_step,
    explanation,
    passed,
    relative_error,
)
from tinyrec.gradcheck.own import check_function, check_model, is_checkable, own_cases
from tinyrec.gradcheck.pieces import cases, differentiable

__all__ = [
    "TOLERANCE",
    "Case",
    "Result",
    "cases",
    "central_difference",
    "check",
    "check_function",
    "check_model",
    "complex_step",
    "differentiable",
    "explanation",
    "is_checkable",
    "own_cases",
    "passed",
    "relative_error",
]
