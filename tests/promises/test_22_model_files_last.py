"""Model files last.

What is saved and loaded predicts with the same bits, for every model. The files that every version of the format is
kept with are read, predict what they did when they were written, and a kept checkpoint is continued. A newer format is
refused with both numbers.
"""

import numpy as np
import pytest

import tinyrec as tr
from tests.promises.models import MODELS, fitted
from tests.recommenders import test_golden as golden
from tests.recommenders.test_model_file import with_header
from tinyrec.errors import FileError
from tinyrec.testing.case import predict_all


def test_they_come_back_with_the_same_bits(figure, tmp_path):
    data, path, same = tr.make_synthetic(40, 30, 500, seed=0), tmp_path / "model.npz", 0
    for model in MODELS:
        its = fitted(model, data, backend="reference")
        its.save(path)
        same += np.array_equal(predict_all(its), predict_all(tr.load(path, backend="reference")))
    with_header(path, format=99)
    with pytest.raises(FileError, match=r"has format 99, and this tinyrec reads format \d+; use"):
        tr.load(path)
    figure(f"{same} of {len(MODELS)} models predict the same bits")
    assert same == len(MODELS)


def test_kept_files_are_read(figure):
    for path in golden.FILES:
        golden.test_a_golden_model_file_predicts_what_it_predicted(path)
    for folder in golden.FORMATS:
        golden.test_a_golden_checkpoint_is_continued(folder)
    figure(f"{len(golden.FILES)} kept files, and {len(golden.FORMATS)} kept checkpoint, are as they were")
    assert len(golden.FILES) > 20
